"""The operator's API: sessions, whole tenants, tombstones, and the demand that comes back."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from starlette.responses import JSONResponse

from konstruct_gateway.errors import BadRequest
from konstruct_gateway.registry.demand import DemandBoard
from konstruct_gateway.registry.view import RegistryView
from konstruct_registry.wire import (
    Demand,
    Push,
    Refusal,
    RefusalReason,
    SessionOpened,
    StoredTenants,
    Tombstone,
)
from konstruct_store import registry as stored
from konstruct_store.errors import (
    Refused,
    StaleSequence,
    StaleSession,
    TenantIdErased,
    TenantIdTaken,
    UnknownSession,
)
from konstruct_store.store import Store

_REFUSALS: dict[type[Refused], tuple[int, RefusalReason]] = {
    UnknownSession: (409, RefusalReason.UNKNOWN_SESSION),
    StaleSession: (409, RefusalReason.STALE_SESSION),
    StaleSequence: (409, RefusalReason.STALE_SEQUENCE),
    TenantIdTaken: (409, RefusalReason.TENANT_ID_TAKEN),
    TenantIdErased: (410, RefusalReason.TENANT_ID_ERASED),
}


def routes(store: Store, view: RegistryView, board: DemandBoard) -> APIRouter:
    """Return the registry API; whoever comes here is the operator."""
    router = APIRouter(prefix="/internal/registry", tags=["registry"])

    @router.post("/sessions", status_code=201)
    async def open_session() -> SessionOpened:
        """Open the session of a new leader; pushes of older ones are refused from now on."""
        return SessionOpened(session=await stored.open_session(store))

    @router.get("/tenants")
    async def stored_tenants() -> StoredTenants:
        """Return what is stored of each tenant, for the operator to find what differs."""
        return StoredTenants(tenants=tuple(await stored.stored_tenants(store)))

    @router.put("/tenants/{tenant_id}", status_code=204, responses=_refusal_responses())
    async def put_tenant(tenant_id: UUID, push: Push) -> Response:
        """Store one whole tenant; it is in effect on this replica when this answers."""
        if push.snapshot.tenant_id != tenant_id:
            raise BadRequest("The snapshot is of another tenant than the address.")
        try:
            await stored.put_tenant(store, push)
        except Refused as refused:
            return _refusal(refused)
        await view.refresh()
        board.changed()
        return Response(status_code=204)

    @router.post("/tenants/{tenant_id}/tombstone", status_code=202, responses=_refusal_responses())
    async def bury_tenant(tenant_id: UUID, tombstone: Tombstone) -> Response:
        """Accept durably that the tenant is gone; erasing goes on after the answer."""
        try:
            await stored.bury_tenant(store, tenant_id, tombstone)
        except Refused as refused:
            return _refusal(refused)
        await view.refresh()
        board.changed()
        return Response(status_code=202)

    @router.get("/demand")
    async def demand(
        version: Annotated[str, Query(max_length=128)] = "",
        wait_seconds: Annotated[float, Query(alias="waitSeconds", ge=0, le=30)] = 0.0,
    ) -> Demand:
        """Return who is wanted awake and what was learnt, once it is not `version` any more."""
        return await board.wait(version, seconds=wait_seconds)

    return router


def _refusal(refused: Refused) -> JSONResponse:
    for kind, (status, reason) in _REFUSALS.items():
        if isinstance(refused, kind):
            body = Refusal(reason=reason, message=str(refused) or (kind.__doc__ or ""))
            return JSONResponse(body.model_dump(mode="json", by_alias=True), status_code=status)
    raise refused


def _refusal_responses() -> dict[int | str, dict[str, object]]:
    return {409: {"model": Refusal}, 410: {"model": Refusal}}
