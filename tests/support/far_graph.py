"""The far end of WhatsApp: a real HTTP Graph API, and its statuses posted back to us.

`FarGraph` enforces bearer tokens, shapes, the pair limit, a number's throughput, the 24-hour
window, media types, sizes and lifetimes; it can take any call and then lose the answer. Its ledger
is what people see in the end; each entry says which statuses were told of it. Statuses come signed,
in the order and with the delays of `telling`, and are repeated until they are taken.
Facts: https://developers.facebook.com/documentation/business-messaging/whatsapp
"""

import asyncio
import base64
import itertools
import time
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from konstruct_channels.whatsapp import signing
from support.far_graph_account import Account, add_account_routes
from support.far_graph_files import Files
from support.far_graph_rules import Document, words_of, wrong_message
from support.far_troubles import Trouble
from support.serving import served
from support.whatsapp_events import ACCOUNT_ID, APP_SECRET, PHONE_NUMBER_ID, WhatsAppEvents, packed

TOKEN = "EAAgenuine"


@dataclass
class Number:
    """A business number. `webhook` is where its statuses go; empty: nobody is told."""

    phone_number_id: str = PHONE_NUMBER_ID
    account_id: str = ACCOUNT_ID
    token: str = TOKEN
    secret: str = APP_SECRET
    webhook: str = ""
    revoked: bool = False
    #: An error code for every message; 0: none.
    refuses: int = 0
    health: Document = field(default_factory=lambda: {"can_send_message": "AVAILABLE"})


@dataclass
class Told:
    """A status, `after` so many seconds; `over` replaces fields of it."""

    status: str
    after: float = 0.0
    over: Document = field(default_factory=dict)


@dataclass
class Sent:
    """A message that Meta took. `said` are the statuses whose delivery was answered with 200."""

    wamid: str
    number: Number
    person: str
    body: Document
    at: float
    said: list[str] = field(default_factory=list)
    posted: list[str] = field(default_factory=list)
    """Statuses that were posted at all, whatever was answered."""
    lost: bool = False
    """Whether its answer was lost."""

    @property
    def text(self) -> str:
        return words_of(self.body)

    @property
    def kind(self) -> str:
        return str(self.body["type"])

    @property
    def mark(self) -> str:
        return str(self.body.get("biz_opaque_callback_data", ""))


def everything(_sent: Sent) -> Sequence[Told]:
    """Tell all three statuses at once."""
    return (Told("sent"), Told("delivered"), Told("read"))


def nothing(_sent: Sent) -> Sequence[Told]:
    """Tell nothing."""
    return ()


@dataclass
class FarGraph:
    """Meta's side. `troubles` are taken in turn by calls of their kind: messages, media."""

    numbers: list[Number] = field(default_factory=lambda: [Number()])
    telling: Callable[[Sent], Sequence[Told]] = everything
    windows: bool = False
    pair_seconds: float = 6.0
    pair_burst: float = 45.0
    per_second: float = 80.0
    late_seconds: float = 30.0
    clock: Callable[[], float] = time.monotonic
    templates: list[Document] = field(default_factory=list)
    troubles: dict[str, deque[Any]] = field(default_factory=lambda: defaultdict(deque))
    ledger: list[Sent] = field(default_factory=list)
    calls: list[tuple[str, int]] = field(default_factory=list)
    #: How often each of our marks was posted and not refused, whatever became of it.
    posted: Counter[str] = field(default_factory=Counter)
    signs: list[Document] = field(default_factory=list)
    files: Files = field(default_factory=Files)
    account: Account = field(default_factory=Account)
    unseen: int = 0
    """Statuses that nobody took."""
    url: str = ""
    _wrote: dict[tuple[str, str], float] = field(default_factory=dict)
    _left: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))
    _telling: set[asyncio.Task[None]] = field(default_factory=set)
    _http: aiohttp.ClientSession | None = None

    @property
    def texts(self) -> list[str]:
        """What people see, in order."""
        return [one.text for one in self.ledger]

    def wrote(self, person: str, *, seconds_ago: float = 0.0, number: Number | None = None) -> None:
        """Open a person's window: they wrote."""
        self._wrote[(number or self.numbers[0]).phone_number_id, person] = (
            self.clock() - seconds_ago
        )

    async def tell(self, sent: Sent, *told: Told) -> None:
        """Tell statuses of a message now, one after the other."""
        for one in told:
            await self._tell(sent, one)

    async def told_all(self) -> None:
        """Wait until every status on its way was told or given up."""
        while self._telling:
            await asyncio.wait(set(self._telling))

    async def messages(self, request: web.Request) -> web.StreamResponse:
        """Answer POST /{version}/{phone number id}/messages."""
        number = self._number(request)
        if isinstance(number, web.Response):
            return self._answered("messages", number)
        body = await request.json()
        if body.get("status") == "read":
            self.signs.append(body)
            return self._answered("signs", web.json_response({"success": True}))
        trouble = self.troubles["messages"].popleft() if self.troubles["messages"] else None
        mark = str(body.get("biz_opaque_callback_data", ""))
        self.posted[mark] += 1
        if trouble is Trouble.HANG:
            await asyncio.sleep(self.late_seconds)
        if trouble in {Trouble.ERROR_BEFORE, Trouble.DROP_REQUEST, Trouble.HANG}:
            return self._lost(request, trouble)
        code, why = self._refusal(number, body)
        if isinstance(trouble, int):
            code, why = trouble, "by order"
        if code:
            self.posted[mark] -= 1
            return self._answered("messages", _no(code, why))
        sent = self._take(number, body, lost=trouble is not None)
        if trouble in {Trouble.DROP_ANSWER, Trouble.ERROR_AFTER}:
            return self._lost(request, trouble)
        if trouble is Trouble.LATE_ANSWER:
            await asyncio.sleep(self.late_seconds)
        contacts = [{"input": sent.person, "wa_id": sent.person}]
        answer = {
            "messaging_product": "whatsapp",
            "contacts": contacts,
            "messages": [{"id": sent.wamid}],
        }
        return self._answered("messages", web.json_response(answer))

    async def upload(self, request: web.Request) -> web.StreamResponse:
        """Answer POST /{version}/{phone number id}/media."""
        number = self._number(request)
        if isinstance(number, web.Response):
            return self._answered("media", number)
        wrong, media_id = await self.files.take(request, number.token)
        if wrong:
            return self._answered("media", _no(100, wrong))
        if self.troubles["media"] and self.troubles["media"].popleft() is Trouble.DROP_ANSWER:
            return self._lost(request, Trouble.DROP_ANSWER)
        return self._answered("media", web.json_response({"id": media_id}))

    async def read(self, request: web.Request) -> web.StreamResponse:
        """Answer GET /{version}/{id}: a number or a file."""
        number = self._number(request, any_id=True)
        if isinstance(number, web.Response):
            return self._answered("get", number)
        key = request.match_info["id"]
        if key == number.phone_number_id:
            health = {"id": key, "health_status": number.health}
            return self._answered("get", web.json_response(health))
        found = self.files.address(key, self.url)
        answer = _no(100, "no such object") if found is None else web.json_response(found)
        return self._answered("get", answer)

    async def listing(self, request: web.Request) -> web.StreamResponse:
        """Answer GET /{version}/{account id}/message_templates, a page at a time."""
        number = self._number(request, any_id=True)
        if isinstance(number, web.Response):
            return self._answered("templates", number)
        begin, most = int(request.query.get("after", "0")), 2
        page = self.templates[begin : begin + most]
        answer: Document = {"data": page}
        if begin + most < len(self.templates):
            answer["paging"] = {"cursors": {"after": str(begin + most)}, "next": "https://x"}
        return self._answered("templates", web.json_response(answer))

    async def download(self, request: web.Request) -> web.StreamResponse:
        """Answer GET /files/{address}: the bytes, for the bearer, while the address is good."""
        return self._answered("files", await self.files.download(request))

    def number_of(self, request: web.Request) -> Number | web.Response:
        """Return whose token asks, or the refusal."""
        return self._number(request, any_id=True)

    def _number(self, request: web.Request, *, any_id: bool = False) -> Number | web.Response:
        bearer = request.headers.get("Authorization", "")
        found = next((one for one in self.numbers if bearer == f"Bearer {one.token}"), None)
        if found is None or found.revoked:
            return _no(190, "Error validating access token", status=401)
        if not any_id and request.match_info["id"] != found.phone_number_id:
            return _no(100, "Unsupported post request", status=400)
        return found

    def _refusal(self, number: Number, body: Document) -> tuple[int, str]:
        wrong = wrong_message(body)
        if wrong or number.refuses:
            return (100, wrong) if wrong else (number.refuses, "by order")
        person = str(body.get("to") or body.get("recipient"))
        kind = body["type"]
        if "id" in body[kind]:
            wrong = self.files.wrong(kind, body[kind]["id"], number.token)
            if wrong:
                return (131009 if wrong == "no such media" else 131053), wrong
        if kind == "template":
            return self._refused_template(body["template"])
        if self.windows:
            since = self._wrote.get((number.phone_number_id, person))
            if since is None or self.clock() - since > 86_400:
                return 131047, "More than 24 hours have passed"
        return self._too_fast(number, person)

    def _too_fast(self, number: Number, person: str) -> tuple[int, str]:
        whole, pair = (number.phone_number_id, ""), (number.phone_number_id, person)
        if not self._room(whole, self.per_second, self.per_second):
            return 130429, "throughput"
        allowed = self._room(pair, self.pair_burst, 1 / self.pair_seconds)
        return (0, "") if allowed else (131056, "pair")

    def _refused_template(self, content: Document) -> tuple[int, str]:
        wanted = (content["name"], content["language"]["code"])
        found = [one for one in self.templates if (one["name"], one["language"]) == wanted]
        if not found:
            return 132001, "no such template"
        states = {"APPROVED": 0, "PAUSED": 132015, "DISABLED": 132016}
        return states.get(found[0]["status"], 132001), found[0]["status"]

    def _room(self, key: tuple[str, str], most: float, per_second: float) -> bool:
        now = self.clock()
        left, at = self._left.get(key, (most, now))
        left = min(most, left + (now - at) * per_second)
        allowed = left >= 0.95  # a clock's jitter is nobody's haste
        self._left[key] = (left - 1 if allowed else left, now)
        return allowed

    def _take(self, number: Number, body: Document, *, lost: bool) -> Sent:
        person = str(body.get("to") or body.get("recipient"))
        unique = f"{number.phone_number_id}:{next(self._numbers)}"
        wamid = f"wamid.{base64.b64encode(unique.encode()).decode()}"
        sent = Sent(wamid, number, person, body, time.monotonic(), lost=lost)
        self.ledger.append(sent)
        for one in self.telling(sent):
            task = asyncio.create_task(self._tell(sent, one))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)
        return sent

    async def _tell(self, sent: Sent, told: Told) -> None:
        await asyncio.sleep(told.after)
        if not sent.number.webhook or self._http is None:
            return
        known = {"recipient_id": sent.person} if sent.body.get("to") else {}
        one = {
            "id": sent.wamid,
            "status": told.status,
            "timestamp": str(int(time.time())),
            **(known or {"recipient_user_id": sent.person}),
            **({"biz_opaque_callback_data": sent.mark} if sent.mark else {}),
            **(_pricing(sent) if told.status != "failed" else {}),
            **told.over,
        }
        events = WhatsAppEvents(sent.number.phone_number_id, sent.number.account_id)
        body = packed(events.delivery(events.value(statuses=[one])))
        headers = {"Content-Type": "application/json", **signing.sign(body, sent.number.secret)}
        for pause in (0.0, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0):
            await asyncio.sleep(pause)
            sent.posted.append(told.status)
            try:
                async with self._http.post(
                    sent.number.webhook, data=body, headers=headers
                ) as answer:
                    if answer.status == 200:
                        sent.said.append(told.status)
                        return
            except (aiohttp.ClientError, OSError, TimeoutError):
                continue
        self.unseen += 1

    def _lost(self, request: web.Request, trouble: Trouble) -> web.StreamResponse:
        if trouble in {Trouble.ERROR_BEFORE, Trouble.ERROR_AFTER}:
            return self._answered("messages", web.Response(text="<html>oops</html>", status=500))
        self.calls.append(("messages", 0))
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    def _answered(self, name: str, answer: web.Response) -> web.Response:
        self.calls.append((name, answer.status))
        return answer


def failed(code: int, details: str = "", *, after: float = 0.0) -> Told:
    """Return the status of a message that could not be delivered."""
    error = {"code": code, "title": "t", "message": "m", "error_data": {"details": details}}
    return Told("failed", after, {"errors": [error]})


def _pricing(sent: Sent) -> Document:
    category = "utility" if sent.kind == "template" else "service"
    billable = sent.kind == "template"
    kind = "regular" if billable else "free_customer_service"
    pricing = {
        "billable": billable,
        "pricing_model": "PMP",
        "type": kind,
        "category": category,
    }
    return {"pricing": pricing}


def _no(code: int, details: str, *, status: int = 400) -> web.Response:
    error = {
        "message": f"(#{code}) {details}",
        "type": "OAuthException",
        "code": code,
        "error_data": {"messaging_product": "whatsapp", "details": details},
        "fbtrace_id": "Az8or2yhqkZfEZ",
    }
    return web.json_response({"error": error}, status=status)


@asynccontextmanager
async def far_graph(far: FarGraph | None = None) -> AsyncIterator[FarGraph]:
    """Serve the Graph API on a loopback port; `url` is the setting KONSTRUCT_WHATSAPP_API_URL."""
    far = far or FarGraph()
    app = web.Application(client_max_size=200 * 2**20)
    app.router.add_post("/{version}/{id}/messages", far.messages)
    app.router.add_post("/{version}/{id}/media", far.upload)
    app.router.add_get("/{version}/{id}/message_templates", far.listing)
    app.router.add_get("/files/{address}", far.download)
    add_account_routes(app, far)
    app.router.add_get("/{version}/{id}", far.read)
    async with (
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=64),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=30),
        ) as http,
        served(app) as url,
    ):
        far.url, far._http = f"{url}/", http
        try:
            yield far
        finally:
            for task in list(far._telling):
                task.cancel()
            await asyncio.gather(*far._telling, return_exceptions=True)
            far._http = None
