"""The desk: people of the tenant, whom the portal vouches for, take conversations over.

A page of the portal brings a desk ticket, signed with the key that gateway and portal share, as
every chat does. So the portal needs no right to write messages, and no other way to the gateway.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Literal
from uuid import UUID

import pydantic_core
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from konstruct_gateway.chat import access
from konstruct_gateway.chat.services import ChatServices
from konstruct_gateway.edge.bodies import bearer
from konstruct_gateway.errors import BadRequest, Forbidden, NotFound, TooFast, Unauthorised
from konstruct_gateway.hints import Hint
from konstruct_messages.credentials import ChatCredential, CredentialUse, verify
from konstruct_messages.errors import MessagesError
from konstruct_messages.identity import PORTAL_CONNECTION
from konstruct_messages.turns import ConversationMode
from konstruct_registry.snapshot import TenantSnapshot
from konstruct_store import people, settle
from konstruct_store.log import LogEntry

_LONGEST = 8000


class Wish(BaseModel):
    """What somebody at the desk does with a conversation. `id` is the client's own, for `write`."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    action: Literal["take", "write", "return"]
    id: Annotated[str, StringConstraints(min_length=1, max_length=128)] | None = None
    text: Annotated[str, StringConstraints(max_length=_LONGEST, strip_whitespace=True)] = ""


class Desk:
    """The endpoint behind a conversation's page."""

    def __init__(self, services: ChatServices, sends: Callable[[UUID, UUID], bool]) -> None:
        """Take `sends`: whether a connection of a tenant hands replies to a vendor."""
        self._services = services
        self._sends = sends

    async def act(self, request: Request) -> Response:
        """Do what the ticket's holder wishes; answer the conversation's mode and last seq.

        Raises Unauthorised, Forbidden, NotFound, BadRequest, and the store's Refused (409) when the
        agent has the conversation that is written into.
        """
        services = self._services
        tenant, who = desk_caller(services, request)
        wish = _wish(await request.body())
        conversation_id = _conversation(request.path_params["conversation"])
        entry = await self._do(tenant, conversation_id, who, wish)
        if entry is not None:
            hint = Hint(
                kind="Log",
                tenant_id=tenant.tenant_id,
                conversation_id=conversation_id,
                seq=entry.seq,
                queued=wish.action == "write",
            )
            services.reception.telling.tell(hint, (entry,))
        mode = ConversationMode.AGENT if wish.action == "return" else ConversationMode.HUMAN
        body = {"mode": mode.value, "seq": entry.seq if entry is not None else None}
        return JSONResponse(body, headers={"Cache-Control": "no-store"})

    async def _do(
        self, tenant: TenantSnapshot, conversation_id: UUID, who: ChatCredential, wish: Wish
    ) -> LogEntry | None:
        store, tenant_id = self._services.store, tenant.tenant_id
        if wish.action == "write":
            if not wish.text or wish.id is None:
                raise BadRequest("A reply has an id and a text.")
            entry, _new = await people.write_as_human(
                store,
                tenant_id,
                conversation_id,
                client_id=wish.id,
                name=who.display_name,
                text=wish.text,
                actor=who.person_key,
                sends=partial(self._sends, tenant_id),
            )
            return entry
        mode = ConversationMode.HUMAN if wish.action == "take" else ConversationMode.AGENT
        return await settle.set_mode(store, tenant_id, conversation_id, mode, actor=who.person_key)


def desk_caller(services: ChatServices, request: Request) -> tuple[TenantSnapshot, ChatCredential]:
    """Return for which tenant somebody comes from a page of the portal, and who it is.

    Raises Forbidden, Unauthorised, NotFound and TooFast.
    """
    tenant = services.view.tenant(request.path_params["tenant"])
    place = access.find_place(services.view, tenant.name, PORTAL_CONNECTION)
    origin, host = request.headers.get("origin"), request.headers.get("host", "")
    if not access.origin_allowed(origin, place, services.settings.public_url, host=host):
        raise Forbidden("Only pages of the portal come to the desk.")
    who = _who(services, request, tenant)
    if not services.message_rate.take(f"{tenant.tenant_id}/{who.person_key}"):
        raise TooFast("That was a lot at once. Please wait a moment.")
    return tenant, who


def _who(services: ChatServices, request: Request, tenant: TenantSnapshot) -> ChatCredential:
    try:
        credential = verify(
            bearer(request),
            services.settings.chat_key_bytes,
            use=CredentialUse.DESK,
            now=datetime.now(UTC),
        )
    except MessagesError:
        raise Unauthorised("A desk ticket is needed; ask the portal for a new one.") from None
    if credential.tenant_id != tenant.tenant_id:
        raise Forbidden("The ticket is for another tenant.")
    return credential


def _wish(body: bytes) -> Wish:
    try:
        return Wish.model_validate(pydantic_core.from_json(body))
    except (ValueError, ValidationError):
        raise BadRequest("The body is a JSON object with action, id and text.") from None


def _conversation(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound("There is no such conversation.") from None
