"""What did not arrive, from the portal's page: answer it once more, send it again, or leave it.

It comes with a desk ticket, as every act of the tenant's people does; each act is audited.
"""

from typing import Annotated, Literal
from uuid import UUID

import pydantic_core
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from konstruct_gateway.chat.desk import desk_caller
from konstruct_gateway.chat.services import ChatServices
from konstruct_gateway.errors import BadRequest
from konstruct_messages import identity
from konstruct_registry.snapshot import TenantSnapshot
from konstruct_store import settle, undelivered
from konstruct_store.errors import NotFound
from konstruct_store.undelivered import Seen

_MOST_AT_ONCE = 200
_Ids = Annotated[tuple[UUID, ...], Field(max_length=_MOST_AT_ONCE)]


class SeenDelivery(BaseModel):
    """A delivery as the page shows it; another attempt since then, and nothing is done."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: UUID
    attempt: int


class Wish(BaseModel):
    """What is to be done, and with what; `connection` is a name, for `send_refused`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    action: Literal["replay", "replay_all", "leave_turns", "send", "send_refused", "leave"]
    turns: _Ids = ()
    deliveries: Annotated[tuple[SeenDelivery, ...], Field(max_length=_MOST_AT_ONCE)] = ()
    connection: Annotated[str, Field(max_length=63)] = ""


class Undelivered:
    """The endpoint behind the page of what did not arrive."""

    def __init__(self, services: ChatServices) -> None:
        """Take what every chat works with."""
        self._services = services

    async def act(self, request: Request) -> Response:
        """Do what the ticket's holder wishes; answer the ids of what was done.

        What another did meanwhile is not done again. Raises Unauthorised, Forbidden, TooFast,
        BadRequest and RetryLater.
        """
        tenant, who = desk_caller(self._services, request)
        wish = _wish(await request.body())
        done = await self._do(tenant, wish, who.person_key)
        if done:
            self._tell(tenant.tenant_id, wish)
        body = {"done": [str(one) for one in done]}
        return JSONResponse(body, headers={"Cache-Control": "no-store"})

    async def _do(self, tenant: TenantSnapshot, wish: Wish, actor: str) -> list[UUID]:
        store, tenant_id = self._services.store, tenant.tenant_id
        seen = [Seen(one.id, one.attempt) for one in wish.deliveries]
        match wish.action:
            case "replay":
                return [one for one in wish.turns if await self._replay(tenant_id, one, actor)]
            case "replay_all":
                return list(await undelivered.replay_dead_turns(store, tenant_id, actor=actor))
            case "leave_turns":
                leave = undelivered.leave_dead_turn
                return [
                    one for one in wish.turns if await leave(store, tenant_id, one, actor=actor)
                ]
            case "send":
                return await undelivered.send_again(store, tenant_id, seen, actor=actor)
            case "send_refused":
                connection = identity.connection_id(identity.TenantId(tenant_id), wish.connection)
                return await undelivered.send_refused_again(
                    store, tenant_id, connection, actor=actor
                )
            case _:
                return await undelivered.leave_deliveries(
                    store, tenant_id, [one.delivery_id for one in seen], actor=actor
                )

    async def _replay(self, tenant_id: UUID, turn_id: UUID, actor: str) -> bool:
        try:
            await settle.replay_dead_turn(self._services.store, tenant_id, turn_id, actor=actor)
        except NotFound:
            return False
        return True

    def _tell(self, tenant_id: UUID, wish: Wish) -> None:
        telling = self._services.reception.telling
        if wish.action in {"replay", "replay_all"}:
            self._services.reception.waiting.wake(tenant_id, perhaps_more=True)
            telling.due(tenant_id)
        elif wish.action in {"send", "send_refused"}:
            telling.queued()


def _wish(body: bytes) -> Wish:
    try:
        return Wish.model_validate(pydantic_core.from_json(body))
    except (ValueError, ValidationError):
        raise BadRequest("The body is a JSON object with action, turns and deliveries.") from None
