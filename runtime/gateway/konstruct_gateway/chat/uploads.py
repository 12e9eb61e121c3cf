"""`POST /chat/{tenant}/{connection}/files`: a person's file, in pieces, on its way to a message.

The caller shows a ticket or a visitor's resume credential as a bearer token, which no page of
another origin can do for somebody: there is no cookie to ride on.
"""

import asyncio
import base64
import binascii
import contextlib
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import unquote

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from konstruct_channels.webchat.spec import FilesPolicy
from konstruct_gateway.chat import access
from konstruct_gateway.chat.access import Place
from konstruct_gateway.chat.entries import described
from konstruct_gateway.chat.services import ChatServices
from konstruct_gateway.edge import answers
from konstruct_gateway.edge.bodies import bearer
from konstruct_gateway.edge.rates import Counts, Rates
from konstruct_gateway.errors import (
    BadRequest,
    Forbidden,
    GatewayError,
    Overloaded,
    TooFast,
    TooLarge,
    Unauthorised,
    Unavailable,
)
from konstruct_gateway.media.files import Arriving, Files
from konstruct_media import errors as media_errors
from konstruct_media.kinds import plain_type
from konstruct_messages.credentials import ChatCredential, CredentialUse, verify
from konstruct_messages.errors import ExpiredCredential, MessagesError
from konstruct_messages.inbound import Attachment
from konstruct_messages.names import safe_name
from konstruct_store.errors import RetryLater

_MINUTE = 60.0
_LINGER_BYTES = 4 * 1024 * 1024
_LINGER_SECONDS = 2.0
_PREFLIGHT_SECONDS = "600"
_HEADERS = "authorization, content-type, content-digest, konstruct-file-name"
_LONGEST_NAME = 4096
_DIGEST = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/]{43}=):\s*(?:,|$)")


@dataclass
class Uploads:
    """The endpoint. `busy` caps what one tenant uploads at once; rates are per person."""

    services: ChatServices
    files: Files
    busy: Counts
    _rates: dict[int, Rates] = field(default_factory=dict)

    async def preflight(self, request: Request) -> Response:
        """Answer a browser that asks whether a page may send a file."""
        place = await access.reach_place(
            self.services.view, request.path_params["tenant"], request.path_params["connection"]
        )
        self._check_origin(request, place)
        headers = {
            **_cors(request),
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": _HEADERS,
            "Access-Control-Max-Age": _PREFLIGHT_SECONDS,
        }
        return Response(status_code=204, headers=headers)

    async def upload(self, request: Request) -> Response:
        """Keep a file; answer `{key, name, mediaType, sizeBytes, url}` for a message of its person.

        Raises GatewayError before anything is known of the caller; later errors carry the CORS
        headers that let the page read them.
        """
        names = request.path_params
        place = await access.reach_place(self.services.view, names["tenant"], names["connection"])
        self._check_origin(request, place)
        try:
            attachment = await self._take(request, place)
        except GatewayError as error:
            self.services.metrics.refused.labels("files", error.code).inc()
            refusal = answers.of_exception(error) or Response(status_code=error.status)
            await _let_finish(request)
            refusal.headers.update({**_cors(request), "Connection": "close"})
            return refusal
        self.services.metrics.files.labels("WebChat", "Stored").inc()
        body = described(attachment, self.files.link_of(place.tenant.tenant_id))
        headers = {**_cors(request), "Cache-Control": "no-store"}
        return JSONResponse(body, status_code=201, headers=headers)

    async def _take(self, request: Request, place: Place) -> Attachment:
        person = self._person(request, place)
        config = place.config
        if config.files is FilesPolicy.DENIED or not self.files.kept:
            raise Forbidden("This chat takes no files.")
        declared_type = plain_type(request.headers.get("content-type", ""))
        declared_size = _length(request)
        if declared_size is not None and declared_size > config.largest_file_bytes:
            raise TooLarge(f"At most {config.largest_file_bytes} bytes are taken.")
        arriving = Arriving(
            name=_name(request),
            pieces=_body(request),
            most=config.largest_file_bytes,
            declared_type=declared_type,
            declared_size=declared_size,
            sha256=_checksum(request),
            allowed=config.takes,
        )
        with self._room(place, person):
            return await self._keep(place, person, arriving)

    async def _keep(self, place: Place, person: ChatCredential, arriving: Arriving) -> Attachment:
        try:
            return await self.files.take_upload(
                place.tenant.tenant_id, place.connection_id, person.person_key, arriving
            )
        except media_errors.TooLarge as error:
            raise TooLarge(str(error)) from error
        except media_errors.MediaRefused as error:
            raise BadRequest(str(error)) from error
        except (media_errors.MediaAway, RetryLater) as error:
            raise Unavailable("The file could not be kept now.") from error
        except ClientDisconnect as error:
            raise BadRequest("The file broke off.") from error

    def _person(self, request: Request, place: Place) -> ChatCredential:
        """Return who uploads. Raises Unauthorised."""
        shown = bearer(request)
        for use in (CredentialUse.TICKET, CredentialUse.RESUME):
            try:
                known = verify(
                    shown, self.services.settings.chat_key_bytes, use=use, now=datetime.now(UTC)
                )
            except ExpiredCredential:
                raise Unauthorised("The ticket has expired; take a new one.") from None
            except MessagesError:
                continue
            if (known.tenant_id, known.connection) == (place.tenant.tenant_id, place.connection):
                return known
        raise Unauthorised("A ticket of this chat, or a visitor's credential, is needed.")

    @contextmanager
    def _room(self, place: Place, person: ChatCredential) -> Iterator[None]:
        """Hold a place among the tenant's uploads. Raises TooFast and Overloaded."""
        per_minute = place.config.files_per_minute
        rates = self._rates.setdefault(
            per_minute, Rates(per_second=per_minute / _MINUTE, burst=per_minute)
        )
        tenant_id = str(place.tenant.tenant_id)
        if not rates.take(f"{tenant_id}/{person.person_key}"):
            raise TooFast("That were many files at once; wait a moment.")
        if not self.busy.take(tenant_id):
            raise Overloaded("This tenant has too many files on their way.")
        try:
            yield
        finally:
            self.busy.give(tenant_id)

    def _check_origin(self, request: Request, place: Place) -> None:
        origin, host = request.headers.get("origin"), request.headers.get("host", "")
        public_url = self.services.settings.public_url
        if not access.origin_allowed(origin, place, public_url, host=host):
            self.services.metrics.refused.labels("origin", "forbidden").inc()
            raise Forbidden(
                "Pages of this origin may not open this chat; add it to webChat.allowedOrigins."
            )


def _cors(request: Request) -> Mapping[str, str]:
    origin = request.headers.get("origin")
    if origin is None:
        return {"Vary": "Origin"}
    return {"Vary": "Origin", "Access-Control-Allow-Origin": origin}


def _length(request: Request) -> int | None:
    """Return the declared length; None where the body comes in chunks."""
    declared = request.headers.get("content-length", "")
    return int(declared) if declared.isascii() and declared.isdecimal() else None


def _name(request: Request) -> str:
    """Return the file's name: percent-encoded UTF-8, because headers carry nothing else."""
    raw = request.headers.get("konstruct-file-name", "")[:_LONGEST_NAME]
    return safe_name(unquote(raw, errors="replace"))


def _checksum(request: Request) -> str:
    """Return the SHA-256 of `Content-Digest` (RFC 9530) in hexadecimal; empty where none is given.

    Raises BadRequest for a digest that is not read: to pass over it would be to lie.
    """
    header = request.headers.get("content-digest", "")
    if not header:
        return ""
    found = _DIGEST.search(header)
    if found is None:
        raise BadRequest("Content-Digest is read as sha-256=:base64:.")
    try:
        return base64.b64decode(found[1], validate=True).hex()
    except binascii.Error:
        raise BadRequest("Content-Digest is read as sha-256=:base64:.") from None


async def _let_finish(request: Request) -> None:
    """Read some of what is left of a refused body: a browser reads no answer while it sends.

    The rest is cut off with the connection.
    """
    left = _LINGER_BYTES
    with contextlib.suppress(ClientDisconnect, TimeoutError, RuntimeError, HTTPException):
        async with asyncio.timeout(_LINGER_SECONDS):
            async for piece in request.stream():
                left -= len(piece)
                if left <= 0:
                    return


async def _body(request: Request) -> AsyncIterator[bytes]:
    """Yield the body as it comes."""
    async for piece in request.stream():
        if piece:
            yield piece
