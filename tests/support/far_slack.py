"""The far end of a Slack app: a real HTTP Web API, and Slack's own calls to an app.

`FarSlack` enforces bearer tokens, the methods' tiers per workspace, one message a second per
channel, and the rules of `far_slack_messages`; it can take any call and then lose the answer. Its
ledger is what people see in the end, and each message's `history` what they saw on the way.
`SlackCaller` signs events and sends them with Slack's retries.

A new channel's far end needs the same three things: the vendor's refusals, a ledger of what people
see, and troubles that happen after the work was done (`Trouble`); see `far_slack()` for serving it.
Facts: https://docs.slack.dev/apis/web-api/rate-limits and https://docs.slack.dev/apis/events-api
"""

import asyncio
import json
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
from aiohttp import web

from konstruct_channels.slack import signing
from support.far_slack_files import SharedFiles
from support.far_slack_messages import Messages, Posted, Workspace
from support.far_slack_people import People, bot_id
from support.far_slack_rules import LONGEST_TEXT, PINGS
from support.far_troubles import Trouble
from support.serving import served

__all__ = ["LONGEST_TEXT", "PINGS", "FarSlack", "Posted", "SlackCaller", "Workspace"]

TIERS = {
    "agents.sessions.setStatus": 50,
    "assistant.threads.setStatus": 600,
    "assistant.threads.setSuggestedPrompts": 50,
    "auth.test": 600,
    "chat.appendStream": 100,
    "chat.delete": 50,
    "chat.postEphemeral": 100,
    "chat.startStream": 20,
    "chat.stopStream": 20,
    "chat.update": 50,
    "conversations.history": 50,
    "conversations.replies": 50,
    "files.completeUploadExternal": 100,
    "files.getUploadURLExternal": 100,
    "files.info": 100,
    "users.info": 100,
}
SCOPES = (
    "app_mentions:read,assistant:write,channels:history,chat:write,chat:write.customize,"
    "files:read,files:write,groups:history,im:history,mpim:history,users:read"
)


@dataclass
class FarSlack:
    """Slack's side. `troubles` are taken in turn by calls of their method."""

    workspaces: list[Workspace] = field(default_factory=lambda: [Workspace(scopes=SCOPES)])
    #: Seconds between two messages of one channel; Slack's is 1, with short bursts.
    seconds_per_message: float = 1.0
    burst: int = 3
    tiers: dict[str, int] = field(default_factory=lambda: dict(TIERS))
    troubles: dict[str, deque[Trouble | str]] = field(default_factory=lambda: defaultdict(deque))
    late_seconds: float = 30.0
    retry_after: int = 1
    messages: Messages = field(default_factory=Messages)
    people: People = field(default_factory=People)
    calls: list[tuple[str, int]] = field(default_factory=list)
    #: How many calls hang.
    hanging: int = 0
    url: str = ""
    files: SharedFiles = field(init=False)
    _spent: dict[tuple[str, str], deque[float]] = field(default_factory=lambda: defaultdict(deque))
    _buckets: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.files = SharedFiles(self.messages)

    @property
    def ledger(self) -> list[Posted]:
        """The messages that people see, in the order in which they began."""
        return self.messages.ledger

    @property
    def texts(self) -> list[str]:
        """What people see, in order."""
        return [one.text for one in self.ledger]

    def limited(self, method: str = "chat.postMessage") -> int:
        """Return how often a method answered 429."""
        return sum(1 for name, status in self.calls if name == method and status == 429)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one call of the Web API."""
        method = request.match_info["method"]
        workspace = self._workspace(request)
        body = await _arguments(request, method)
        trouble = self.troubles[method].popleft() if self.troubles[method] else None
        if trouble is Trouble.HANG:
            self.hanging += 1
            await asyncio.sleep(self.late_seconds)
        if trouble in {Trouble.DROP_REQUEST, Trouble.ERROR_BEFORE, Trouble.HANG}:
            return self._lost(request, method, trouble)
        refused = self._refusal(workspace, trouble)
        if workspace is None or refused:
            return self._answered(method, {"ok": False, "error": refused})
        if self._too_fast(workspace, method, body):
            headers = {"Retry-After": str(self.retry_after)}
            answer = {"ok": False, "error": "ratelimited"}
            return self._answered(method, answer, status=429, headers=headers)
        answer = self._work(workspace, method, body)
        if trouble in {Trouble.DROP_ANSWER, Trouble.ERROR_AFTER}:
            return self._lost(request, method, trouble)
        if trouble is Trouble.LATE_ANSWER:
            await asyncio.sleep(self.late_seconds)
        return self._answered(method, answer, headers={"X-OAuth-Scopes": workspace.scopes})

    async def fill(self, request: web.Request) -> web.StreamResponse:
        """Take a file's bytes at the place that an upload was given."""
        trouble = self.troubles["upload"].popleft() if self.troubles["upload"] else None
        if trouble is Trouble.ERROR_BEFORE:
            return web.Response(status=500)
        answer = await self.files.fill(request)
        return self._lost(request, "upload", trouble) if trouble is not None else answer

    @staticmethod
    def _refusal(workspace: Workspace | None, trouble: Trouble | str | None) -> str:
        if workspace is None:
            return "invalid_auth"
        if workspace.revoked:
            return "token_revoked"
        return "" if trouble is None or isinstance(trouble, Trouble) else trouble

    def _workspace(self, request: web.Request) -> Workspace | None:
        given = request.headers.get("Authorization", "")
        return next((one for one in self.workspaces if given == f"Bearer {one.token}"), None)

    def _too_fast(self, workspace: Workspace, method: str, body: dict[str, Any]) -> bool:
        now = time.monotonic()
        if method == "chat.postMessage":
            key = (workspace.team, str(body.get("channel")))
            tokens, at = self._buckets.get(key, (float(self.burst), now))
            tokens = min(self.burst, tokens + (now - at) / max(self.seconds_per_message, 1e-6))
            allowed = tokens >= 0.95  # a clock's jitter is nobody's haste
            self._buckets[key] = (tokens - 1 if allowed else tokens, now)
            return not allowed
        spent = self._spent[workspace.team, method]
        while spent and now - spent[0] > 60:
            spent.popleft()
        if len(spent) >= self.tiers.get(method, 20):
            return True
        spent.append(now)
        return False

    def _work(self, workspace: Workspace, method: str, body: dict[str, Any]) -> dict[str, Any]:
        match method:
            case "auth.test":
                return {
                    "ok": True,
                    "team_id": workspace.team,
                    "user_id": workspace.bot,
                    "enterprise_id": workspace.enterprise,
                    "bot_id": bot_id(workspace),
                }
            case "bots.info" | "users.info":
                return self.people.handle(workspace, method, body)
            case _ if method.startswith("files."):
                return self.files.handle(workspace, method, body)
            case _:
                answer = self.messages.handle(workspace, method, body)
                return answer or {"ok": False, "error": "unknown_method"}

    def _lost(
        self, request: web.Request, method: str, trouble: Trouble | str | None
    ) -> web.StreamResponse:
        if trouble in {Trouble.ERROR_BEFORE, Trouble.ERROR_AFTER}:
            return self._answered(method, {}, status=500, text="<html>oops</html>")
        self.calls.append((method, 0))
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    def _answered(
        self,
        method: str,
        answer: dict[str, Any],
        *,
        status: int = 200,
        text: str = "",
        headers: dict[str, str] | None = None,
    ) -> web.StreamResponse:
        self.calls.append((method, status))
        if text:
            return web.Response(text=text, status=status, content_type="text/html")
        return web.json_response(answer, status=status, headers=headers)


async def _arguments(request: web.Request, method: str) -> dict[str, Any]:
    """Return a call's arguments as Slack finds them: reading methods know no JSON."""
    given: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        reading = method.startswith(("bots.", "conversations.", "files.", "users."))
        return given if reading else await request.json()
    form = await request.post()
    return given | {name: value for name, value in form.items() if isinstance(value, str)}


@asynccontextmanager
async def far_slack(far: FarSlack | None = None) -> AsyncIterator[FarSlack]:
    """Serve Slack's Web API on a loopback port; `url` is the setting KONSTRUCT_SLACK_API_URL."""
    far = far or FarSlack()
    app = web.Application()
    app.router.add_route("*", "/api/{method}", far.handle)
    app.router.add_post("/upload/{key}", far.fill)
    async with served(app) as base:
        far.url = f"{base}/api/"
        far.files.base = base
        yield far


@dataclass
class SlackCaller:
    """Slack calling an app: every delivery is signed anew, and repeated until it is taken."""

    client: httpx.AsyncClient
    url: str
    secret: str
    app: str = "A0KONSTRUCT"
    team: str = "T0ACME"
    bot: str = "U0BOT"
    #: Seconds before each retry; Slack's are 0, 60 and 300.
    retries: tuple[float, ...] = (0.0, 0.1, 0.5)
    answers: list[int] = field(default_factory=list)
    #: Whether what it tells of happens in a channel of Slack Connect.
    shared_channel: bool = False

    def envelope(self, event: dict[str, Any], event_id: str) -> bytes:
        """Return the body of an event."""
        content = {
            "token": "deprecated",
            "team_id": self.team,
            "api_app_id": self.app,
            "event": event,
            "type": "event_callback",
            "event_id": event_id,
            "event_time": int(time.time()),
            "is_ext_shared_channel": self.shared_channel,
            "authorizations": [
                {
                    "enterprise_id": None,
                    "team_id": self.team,
                    "user_id": self.bot,
                    "is_bot": True,
                    "is_enterprise_install": False,
                }
            ],
        }
        return json.dumps(content, separators=(",", ":")).encode()

    async def call(self, body: bytes, **headers: str) -> httpx.Response:
        """Deliver once."""
        signed = signing.sign(body, self.secret, now=datetime.now(UTC))
        answer = await self.client.post(
            self.url,
            content=body,
            headers={"Content-Type": "application/json", **signed, **headers},
        )
        self.answers.append(answer.status_code)
        return answer

    async def deliver(self, event: dict[str, Any], event_id: str) -> bool:
        """Deliver as Slack does: up to three retries; True once it was taken."""
        body = self.envelope(event, event_id)
        reason: dict[str, str] = {}
        for number, pause in enumerate((0.0, *self.retries)):
            await asyncio.sleep(pause)
            if number:
                reason |= {"X-Slack-Retry-Num": str(number)}
            try:
                answer = await self.call(body, **reason)
            except httpx.HTTPError:
                reason["X-Slack-Retry-Reason"] = "connection_failed"
                continue
            if answer.is_success:
                return True
            reason["X-Slack-Retry-Reason"] = "http_error"
        return False


def direct(text: str, *, ts: str, user: str = "U0EVA", channel: str = "D0EVA") -> dict[str, Any]:
    """Return the event of a direct message."""
    return {
        "type": "message",
        "channel_type": "im",
        "channel": channel,
        "user": user,
        "text": text,
        "ts": ts,
        "event_ts": ts,
    }


def mention(
    text: str, *, ts: str, channel: str = "C0GENERAL", thread_ts: str = "", bot: str = "U0BOT"
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the two events of one mention in a channel."""
    shared = {
        "channel": channel,
        "user": "U0EVA",
        "text": f"<@{bot}> {text}",
        "ts": ts,
        "event_ts": ts,
    } | ({"thread_ts": thread_ts} if thread_ts else {})
    return (
        {"type": "message", "channel_type": "channel", **shared},
        {"type": "app_mention", **shared},
    )
