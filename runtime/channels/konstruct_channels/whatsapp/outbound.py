"""WhatsApp's outbound half: the Cloud API over HTTP, and nothing of it retried here.

A message has no key that would make sending it twice one sending, and Meta cannot be asked what it
took. Each carries our delivery's id, which its statuses echo: a status settles what a lost answer
left open, and without one nothing is sent again (see `docs/delivery.md`).
https://developers.facebook.com/documentation/business-messaging/whatsapp/reference
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

import aiohttp

from konstruct_channels.checks import Finding
from konstruct_channels.errors import (
    ChannelError,
    ContentRefused,
    CredentialsRefused,
    SendLater,
    SendRefused,
    SendUnclear,
    SendUnknown,
    VendorNotAsked,
)
from konstruct_channels.fetching import Located
from konstruct_channels.inbound import Learnt
from konstruct_channels.live import Place, Sign
from konstruct_channels.outbound import Outgoing, OutgoingFile
from konstruct_channels.whatsapp import answers, bodies, costs, media, templates
from konstruct_channels.whatsapp.fields import identifier, listed
from konstruct_channels.whatsapp.format import render
from konstruct_channels.whatsapp.pace import Pace
from konstruct_channels.whatsapp.probing import probe
from konstruct_channels.whatsapp.spec import SPEC, WhatsAppConfig
from konstruct_messages.templates import Template
from konstruct_messages.translations import choose_language, load_catalogues

VERSION = "v24.0"
"""Of the Graph API; Meta keeps each for two years."""

VERDICT_SECONDS = 15.0
"""How long a status that names a message is waited for after its answer was lost."""

_CALL_SECONDS = 8.0
_UPLOAD_SECONDS = 20.0
_CONNECT_SECONDS = 5.0
_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=_CONNECT_SECONDS)
"""What has no connection by then certainly brought Meta nothing; the rest is timed by hand."""
_TRIES_BEFORE_UNKNOWN = 2
_MOST_PAGES = 20
_UPLOADED = "media:"
_OK = range(200, 300)


@asynccontextmanager
async def open_outbound(api_url: str) -> AsyncIterator["WhatsAppOutbound"]:
    """Yield the outbound half, talking to the Graph API at `api_url`."""
    async with aiohttp.ClientSession() as session:
        yield WhatsAppOutbound(
            session,
            api_url if api_url.endswith("/") else f"{api_url}/",
            verdict_seconds=VERDICT_SECONDS,
        )


class WhatsAppOutbound:
    """Sends messages, files and signs. It remembers how fast Meta lets a number talk."""

    sign_seconds = 25.0
    """Meta shows that somebody types for 25 seconds, or until an answer comes."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        api_url: str,
        *,
        pace: Pace | None = None,
        call_seconds: float = _CALL_SECONDS,
        verdict_seconds: float = VERDICT_SECONDS,
    ) -> None:
        self._session = session
        self._api_url = api_url
        self._pace = pace or Pace()
        self._call_seconds = call_seconds
        self._verdict_seconds = verdict_seconds
        self._catalogues = load_catalogues("konstruct_channels")

    async def send(
        self, outgoing: Outgoing, *, config: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> str:
        """Post it once; return WhatsApp's id of the last message."""
        if outgoing.in_doubt:
            if outgoing.attempt <= _TRIES_BEFORE_UNKNOWN:
                # A status that names the earlier attempt settles it meanwhile.
                pause = self._verdict_seconds / 2
                raise SendUnclear("no status names it yet", after_seconds=pause)
            raise VendorNotAsked("the answer was lost, and no status names the message")
        call = self._caller(config, credentials)
        posts = await self._posts(call, outgoing)
        sent = ""
        for body in posts:
            try:
                sent = await call.post(body, outgoing.conversation_key)
            except ChannelError as error:
                if sent:
                    raise SendUnknown(f"a part of it was sent, then: {error}") from error
                raise
        return sent

    async def sign(
        self,
        place: Place,
        sign: Sign,
        words: str,  # noqa: ARG002 - WhatsApp shows no words
        *,
        config: Mapping[str, Any],
        credentials: Mapping[str, str],
    ) -> None:
        """Show that somebody types; the person's message is read with it. It ends by itself."""
        if sign is not Sign.WORKING or not place.message_key:
            return
        try:
            call = self._caller(config, credentials)
            await call.ask("POST", f"{call.number}/messages", body=bodies.typing(place.message_key))
        except ChannelError:
            return

    async def check(self, *, config: Mapping[str, Any], credentials: Mapping[str, str]) -> Learnt:
        """Ask Meta about the number with the connection's token."""
        try:
            call = self._caller(config, credentials)
            answer = await call.ask("GET", call.number, query={"fields": "id,health_status"})
        except SendRefused as refused:
            return answers.token_refused(str(refused))
        except ChannelError as error:
            return answers.not_reached(str(error))
        return answers.number_tried(answer)

    async def examine(
        self, *, config: Mapping[str, Any], credentials: Mapping[str, str], webhook_url: str
    ) -> list[Finding]:
        """Ask Meta about the token, the app, the account, the number and the templates."""

        async def get(path: str, query: Mapping[str, str], *, token: str) -> Mapping[str, Any]:
            call = self._caller(config, {"accessToken": token})
            return await call.ask("GET", path, query=query)

        return await probe(
            get,
            partial(self.templates, config=config, credentials=credentials),
            config=config,
            credentials=credentials,
            webhook_url=webhook_url,
            now=datetime.now(UTC),
        )

    async def locate(
        self, key: str, *, config: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> Located:
        """Ask Meta where a file is: each address lasts five minutes."""
        call = self._caller(config, credentials)
        try:
            answer = await call.ask("GET", key, query={"phone_number_id": call.number})
        except CredentialsRefused:
            raise
        except SendRefused as refused:
            raise SendRefused(f"the file is not to be had: {refused}") from refused
        token = credentials.get("accessToken", "")
        return media.located(answer, token=token, api_url=self._api_url)

    def reopening(self, *, config: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the template that asks a person to write again."""
        return templates.reopening(_config(config))

    async def templates(
        self, *, config: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> tuple[Template, ...]:
        """Ask Meta for the templates of the connection's account."""
        call = self._caller(config, credentials)
        account = _config(config).business_account_id
        query = {"fields": templates.FIELDS, "limit": "100"}
        found: list[Template] = []
        for _ in range(_MOST_PAGES):
            answer = await call.ask("GET", f"{account}/message_templates", query=query)
            found += templates.listed_in(answer)
            after = templates.next_page(answer)
            if not after:
                break
            query["after"] = after
        return tuple(found)

    def price(
        self, conversation_key: str, category: str, *, config: Mapping[str, Any]
    ) -> int | None:
        """Return what the connection says that a message costs."""
        return costs.price(_config(config), conversation_key, category)

    async def _posts(self, call: "_Caller", outgoing: Outgoing) -> list[bodies.Body]:
        """Return what is to be posted: one message, unless its text is too long for one."""
        key, mark = outgoing.conversation_key, outgoing.delivery_id
        if outgoing.template is not None:
            return [bodies.template(key, outgoing.template, mark=mark)]
        if outgoing.file is not None:
            kind = media.kind_of(outgoing.file.media_type, outgoing.file.size_bytes)
            if kind:
                media_id = await self._uploaded(call, outgoing, outgoing.file)
                name = outgoing.file.name
                return [bodies.file(key, media_id, kind=kind, name=name, caption="", mark=mark)]
        said = outgoing.text
        limit = SPEC.limits.outbound_text_characters
        if outgoing.choices and outgoing.ask_id is not None:
            pieces = render(said, limit=limit)
            translate = self._catalogues[choose_language(outgoing.language)].gettext
            asked = bodies.question(
                key,
                pieces[0] if len(pieces) == 1 else "",
                outgoing.choices,
                outgoing.ask_id,
                mark=mark,
                choose=translate("Choose"),
            )
            if asked is not None:
                return [bodies.quoting(asked, outgoing.answers)]
            said = bodies.numbered(said, outgoing.choices)
        pieces = render(said, limit=limit)
        if not pieces:
            raise ContentRefused("the reply is blank")
        first, *rest = [bodies.text(key, one, mark=mark) for one in pieces]
        return [bodies.quoting(first, outgoing.answers), *rest]

    async def _uploaded(self, call: "_Caller", outgoing: Outgoing, file: OutgoingFile) -> str:
        """Return the id of the file at Meta; nobody sees it before a message names it."""
        if outgoing.noted.startswith(_UPLOADED):
            return outgoing.noted.removeprefix(_UPLOADED)
        data = await file.read()
        try:
            media_id = await call.upload(file.name, media.sent_as(file.media_type), data)
        except SendUnclear as unclear:
            raise SendLater(f"the upload: {unclear}", after_seconds=2.0, grows=True) from unclear
        await outgoing.note(f"{_UPLOADED}{media_id}")
        return media_id

    def _caller(self, config: Mapping[str, Any], credentials: Mapping[str, str]) -> "_Caller":
        token = credentials.get("accessToken", "")
        if not token:
            raise CredentialsRefused("the Secret has no accessToken")
        number = _config(config).phone_number_id
        base = f"{self._api_url}{VERSION}/"
        return _Caller(self._session, base, token, number, self._pace, self._call_seconds)


class _Caller:
    """Calls the Graph API for one number, and says in our words what went wrong."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base: str,
        token: str,
        number: str,
        pace: Pace,
        seconds: float,
    ) -> None:
        self._session = session
        self._base = base
        self._headers = {"Authorization": f"Bearer {token}"}
        self._pace = pace
        self._seconds = seconds
        self.number = number

    async def post(self, body: bodies.Body, person: str) -> str:
        """Post one message to a person; return its id."""
        self._pace.take_turn(self.number, person)
        answer = await self.ask("POST", f"{self.number}/messages", body=body)
        sent = next(
            (found for one in listed(answer.get("messages")) if (found := identifier(one, "id"))),
            "",
        )
        if not sent:
            raise SendUnclear("WhatsApp names no message", after_seconds=1.0)
        return sent

    async def upload(self, name: str, media_type: str, data: bytes) -> str:
        """Upload a file; return its id, which is good for 30 days."""
        form = aiohttp.FormData()
        form.add_field("messaging_product", "whatsapp")
        form.add_field("type", media_type)
        form.add_field("file", data, filename=name or "file", content_type=media_type)
        answer = await self.ask("POST", f"{self.number}/media", form=form, seconds=_UPLOAD_SECONDS)
        found = identifier(answer, "id")
        if not found:
            raise SendLater("WhatsApp names no file", after_seconds=2.0, grows=True)
        return found

    async def ask(
        self,
        method: str,
        path: str,
        *,
        body: bodies.Body | None = None,
        form: aiohttp.FormData | None = None,
        query: Mapping[str, str] | None = None,
        seconds: float | None = None,
    ) -> Mapping[str, Any]:
        """Call once and return the answer. Raises ChannelError."""
        try:
            async with (
                asyncio.timeout(_CONNECT_SECONDS + (seconds or self._seconds)),
                self._session.request(
                    method,
                    f"{self._base}{path}",
                    json=body,
                    data=form,
                    params=query,
                    headers=self._headers,
                    allow_redirects=False,
                    timeout=_TIMEOUT,
                ) as answer,
            ):
                data = _object(await answer.read())
                status = answer.status
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise SendLater(
                "WhatsApp cannot be reached", after_seconds=2.0, whole_connection=True
            ) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise SendUnclear(type(error).__name__, after_seconds=1.0) from error
        if status in _OK and data is not None:
            return data
        if status in _OK:
            raise SendUnclear("the answer cannot be read", after_seconds=1.0)
        raise answers.problem(status, data or {})


def _config(config: Mapping[str, Any]) -> WhatsAppConfig:
    try:
        return WhatsAppConfig.model_validate(config)
    except ValueError as error:
        raise SendRefused("the connection's block whatsApp cannot be read") from error


def _object(body: bytes) -> Mapping[str, Any] | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
