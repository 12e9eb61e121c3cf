"""The registry API as the operator uses it: one session per leadership, ordered pushes."""

import asyncio
from typing import Final, Literal
from uuid import UUID

import httpx
import structlog
from pydantic import ValidationError

from konstruct_operator.errors import RegistryRefused, RetryLater
from konstruct_registry.snapshot import TenantSnapshot
from konstruct_registry.wire import (
    Demand,
    Push,
    Refusal,
    RefusalReason,
    SessionOpened,
    StoredTenant,
    StoredTenants,
    Tombstone,
)

_BASE: Final = "/internal/registry"
_REFUSALS: Final = {httpx.codes.CONFLICT, httpx.codes.GONE}
DEMAND_WAIT_SECONDS: Final = 20

log = structlog.get_logger(__name__)


class Registry:
    """The gateway's registry as seen by one leader.

    Pushes go one at a time, each with the next sequence number, so that the order in which the
    gateway sees them is the order in which they were made. `known` holds the digest of each tenant
    the gateway has, as far as this session knows.
    """

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._lock = asyncio.Lock()
        self._session = 0
        self._sequence = 0
        self.known: dict[UUID, StoredTenant] = {}
        self.reachable = True
        self.stale = asyncio.Event()

    @classmethod
    def connect(cls, *, url: str, token: str) -> "Registry":
        """Return a client of the gateway whose internal port is at `url`."""
        return cls(
            httpx.AsyncClient(
                base_url=url,
                headers={"Authorization": f"Bearer {token}"},
                timeout=httpx.Timeout(20, connect=3),
                trust_env=False,  # the gateway is in the operator's own cluster
            )
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    def has(self, snapshot: TenantSnapshot, digest: str) -> bool:
        """Return whether the gateway has exactly this state of the tenant."""
        stored = self.known.get(snapshot.tenant_id)
        return stored is not None and (stored.digest, stored.uid, stored.name) == (
            digest,
            snapshot.uid,
            snapshot.name,
        )

    def knows(self, tenant_id: UUID) -> bool:
        """Return whether the gateway has any state of the tenant."""
        return tenant_id in self.known

    async def open(self) -> None:
        """Open a session unless there is one: from now on an older leader's pushes are refused."""
        async with self._lock:
            await self._ensure_session()

    async def refresh(self) -> None:
        """Read what the gateway has, so that whatever it lost shows as a difference."""
        answer = await self._send("GET", "/tenants")
        stored = StoredTenants.model_validate_json(answer.content)
        self.known = {one.tenant_id: one for one in stored.tenants}

    async def push(self, snapshot: TenantSnapshot, digest: str) -> None:
        """Publish one whole tenant. Raises RegistryRefused or RetryLater."""
        async with self._lock:
            await self._ensure_session()
            body = Push(
                session=self._session,
                sequence=self._next(),
                digest=digest,
                snapshot=snapshot,
            )
            path = f"/tenants/{snapshot.tenant_id}"
            await self._ordered("PUT", path, body.model_dump_json(by_alias=True))
        self.known[snapshot.tenant_id] = StoredTenant(
            tenant_id=snapshot.tenant_id, name=snapshot.name, uid=snapshot.uid, digest=digest
        )

    async def bury(
        self, tenant_id: UUID, *, name: str, uid: str, on_delete: Literal["Keep", "Erase"]
    ) -> None:
        """Hand over the order that the tenant is gone; returning means that it was accepted."""
        async with self._lock:
            await self._ensure_session()
            body = Tombstone(
                session=self._session,
                sequence=self._next(),
                name=name,
                uid=uid,
                on_delete=on_delete,
            )
            path = f"/tenants/{tenant_id}/tombstone"
            await self._ordered("POST", path, body.model_dump_json(by_alias=True))
        self.known.pop(tenant_id, None)

    async def demand(self, version: str) -> Demand:
        """Wait for a list of wanted tenants that is not `version`, or return the same one again."""
        answer = await self._send(
            "GET", "/demand", query={"version": version, "waitSeconds": str(DEMAND_WAIT_SECONDS)}
        )
        return Demand.model_validate_json(answer.content)

    async def _ensure_session(self) -> None:
        if self._session:
            return
        answer = await self._send("POST", "/sessions")
        session = SessionOpened.model_validate_json(answer.content).session
        await self.refresh()
        self._session, self._sequence = session, 0
        log.info("registry_session_opened", session=session)

    def _next(self) -> int:
        self._sequence += 1
        return self._sequence

    async def _ordered(self, method: str, path: str, body: str) -> None:
        try:
            await self._send(method, path, body=body)
        except RegistryRefused as refusal:
            if refusal.reason is RefusalReason.UNKNOWN_SESSION:
                self._session = 0
                raise RetryLater("The gateway forgot our session (restored database).") from refusal
            if refusal.reason is RefusalReason.STALE_SEQUENCE:
                raise RetryLater("The gateway saw a later push first.") from refusal
            if refusal.reason is RefusalReason.STALE_SESSION:
                self.stale.set()
            raise

    async def _send(
        self, method: str, path: str, *, body: str = "", query: dict[str, str] | None = None
    ) -> httpx.Response:
        try:
            answer = await self._client.request(
                method,
                f"{_BASE}{path}",
                content=body or None,
                params=query,
                headers={"Content-Type": "application/json"} if body else None,
                timeout=httpx.Timeout(DEMAND_WAIT_SECONDS + 15, connect=3),
            )
        except httpx.HTTPError as error:
            self.reachable = False
            raise RetryLater(f"The gateway did not answer: {error!r}") from error
        if answer.status_code in _REFUSALS:
            self.reachable = True
            try:
                refusal = Refusal.model_validate_json(answer.content)
            except ValidationError as error:
                raise RetryLater(f"The gateway answered {answer.status_code}.") from error
            raise RegistryRefused(refusal.reason, refusal.message)
        if answer.is_error:
            self.reachable = False
            raise RetryLater(f"The gateway answered {answer.status_code} to {method} {path}.")
        self.reachable = True
        return answer
