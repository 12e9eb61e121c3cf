"""The public addresses of web chat: the visitor's ticket and the socket."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated
from uuid import uuid4

import pydantic_core
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.websockets import WebSocket

from konstruct_gateway.chat import access
from konstruct_gateway.chat.access import Place
from konstruct_gateway.chat.services import ChatServices
from konstruct_gateway.chat.session import Session
from konstruct_gateway.edge import answers
from konstruct_gateway.edge.bodies import address
from konstruct_gateway.errors import BadRequest, Forbidden, GatewayError, TooFast
from konstruct_messages.credentials import (
    RESUME_LIFETIME,
    TICKET_LIFETIME,
    ChatCredential,
    CredentialUse,
    sign,
    verify,
)
from konstruct_messages.errors import MessagesError
from konstruct_store.errors import RetryLater

_PREFLIGHT_SECONDS = "600"


class TicketRequest(BaseModel):
    """Body of `POST /chat/{tenant}/{connection}/ticket`; all of it is optional."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    resume: Annotated[str, StringConstraints(max_length=4096)] | None = None
    name: Annotated[str, StringConstraints(max_length=128)] | None = None
    language: Annotated[str, StringConstraints(max_length=35)] | None = None


class ChatRoutes:
    """The endpoints; `main` mounts them."""

    def __init__(self, services: ChatServices) -> None:
        self._services = services

    async def preflight(self, request: Request) -> Response:
        """Answer a browser that asks whether a page may take a ticket."""
        place = await self._place(request)
        self._check_origin(request, place)
        headers = {
            **self._cors(request),
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": "content-type",
            "Access-Control-Max-Age": _PREFLIGHT_SECONDS,
        }
        return Response(status_code=204, headers=headers)

    async def ticket(self, request: Request) -> Response:
        """Give a visitor a ticket for one socket, and a credential to come back as the same."""
        place = await self._place(request)
        self._check_origin(request, place)
        try:
            self._check_visitor(request, place)
            wanted = _wanted(await request.body())
        except GatewayError as error:
            refusal = answers.of_exception(error) or Response(status_code=error.status)
            refusal.headers.update(self._cors(request))
            return refusal
        now = datetime.now(UTC)
        visitor = self._visitor(place, wanted, request, now)
        key = self._services.settings.chat_key_bytes
        ticket = visitor.model_copy(
            update={"use": CredentialUse.TICKET, "expires_at": now + TICKET_LIFETIME}
        )
        body = {
            "ticket": sign(ticket, key),
            "expiresAt": ticket.expires_at.isoformat(),
            "resume": sign(visitor, key),
        }
        return JSONResponse(body, headers={**self._cors(request), "Cache-Control": "no-store"})

    async def socket(self, socket: WebSocket) -> None:
        """Serve one person's socket."""
        try:
            place = await self._place(socket)
            self._check_origin(socket, place)
        except (GatewayError, RetryLater) as error:
            refusal = answers.of_exception(error) or Response(status_code=503)
            await socket.send_denial_response(refusal)
            return
        caller = address(socket)
        if not self._services.addresses.take(caller):
            await socket.send_denial_response(answers.error(429, "too_fast", "Too many sockets."))
            return
        try:
            if not self._services.sockets.take("all"):
                full = answers.error(503, "full", "Too many sockets.", retry_after_seconds=5)
                await socket.send_denial_response(full)
                return
            try:
                with self._services.metrics.sockets.track_inprogress():
                    await socket.accept()
                    await Session(self._services, socket, place, caller).run()
            finally:
                self._services.sockets.give("all")
        finally:
            self._services.addresses.give(caller)

    async def _place(self, connection: HTTPConnection) -> Place:
        names = connection.path_params
        return await access.reach_place(self._services.view, names["tenant"], names["connection"])

    def _check_origin(self, connection: HTTPConnection, place: Place) -> None:
        origin = connection.headers.get("origin")
        host = connection.headers.get("host", "")
        public_url = self._services.settings.public_url
        if not access.origin_allowed(origin, place, public_url, host=host):
            self._services.metrics.refused.labels("origin", "forbidden").inc()
            raise Forbidden(
                "Pages of this origin may not open this chat; add it to webChat.allowedOrigins."
            )

    def _check_visitor(self, request: Request, place: Place) -> None:
        if not place.takes_visitors:
            raise Forbidden("This chat takes no visitors; log in to the portal.")
        if not self._services.ticket_rate.take(address(request)):
            self._services.metrics.refused.labels("ticket", "too_fast").inc()
            raise TooFast("Too many tickets for this address; wait a moment.")

    def _visitor(
        self, place: Place, wanted: TicketRequest, request: Request, now: datetime
    ) -> ChatCredential:
        """Return the credential of a visitor who comes back, or of a new one."""
        known = self._resumed(place, wanted.resume, now)
        language = wanted.language or (known.language if known else "") or _accepted(request)
        return ChatCredential(
            use=CredentialUse.RESUME,
            tenant_id=place.tenant.tenant_id,
            connection=place.connection,
            person_key=known.person_key if known else f"{access.VISITOR}{uuid4().hex}",
            display_name=wanted.name or (known.display_name if known else ""),
            language=language,
            expires_at=now + RESUME_LIFETIME,
        )

    def _resumed(self, place: Place, resume: str | None, now: datetime) -> ChatCredential | None:
        """Return who a resume credential is; nobody when it is old, forged or from elsewhere."""
        if not resume:
            return None
        try:
            known = verify(
                resume, self._services.settings.chat_key_bytes, use=CredentialUse.RESUME, now=now
            )
        except MessagesError:
            self._services.metrics.refused.labels("resume", "unusable").inc()
            return None
        here = (place.tenant.tenant_id, place.connection)
        return known if (known.tenant_id, known.connection) == here else None

    def _cors(self, request: Request) -> Mapping[str, str]:
        origin = request.headers.get("origin")
        if origin is None:
            return {"Vary": "Origin"}
        return {"Vary": "Origin", "Access-Control-Allow-Origin": origin}


def _wanted(body: bytes) -> TicketRequest:
    if not body.strip():
        return TicketRequest()
    try:
        return TicketRequest.model_validate(pydantic_core.from_json(body))
    except (ValueError, ValidationError):
        raise BadRequest("The body is a JSON object with resume, name, language.") from None


def _accepted(request: Request) -> str:
    """Return the first language a browser asks for, if it looks like one."""
    tag = request.headers.get("accept-language", "").split(",", 1)[0].split(";", 1)[0].strip()
    plain = tag.replace("-", "").isalnum() and tag.isascii()
    return tag if plain and len(tag) <= 35 else ""  # noqa: PLR2004 - RFC 5646's longest in use
