"""People who do not give up: in web chat over one socket each, in Slack as Slack calls an app."""

import asyncio
import contextlib
import json
import random
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol, Self

import aiohttp

from konstruct_channels.slack import signing
from support.campaigns.ledgers import NONCE, Conversation, words
from support.far_slack import FarSlack, Posted, direct, mention

Frame = dict[str, Any]
_PAUSE = 0.2
_AWAY = (aiohttp.ClientError, OSError, TimeoutError)


class Person(Protocol):
    """Somebody who writes. `conversations` is the ledger."""

    @property
    def conversations(self) -> Sequence[Conversation]:
        """Everything this person took part in."""
        ...

    async def say(self, names: Sequence[str]) -> int:
        """Write messages in one breath; return how many were acknowledged."""
        ...


class WebPerson:
    """One visitor of web chat: reconnects, resumes, and sends again what has no answer."""

    def __init__(self, http: aiohttp.ClientSession, gateway_url: str, connection: str) -> None:
        self.ledger = Conversation(connection)
        self.connections = 0
        self._http = http
        self._chat = f"{gateway_url}/chat/{connection}"
        self._resume = self._conversation = ""
        self._after = 0
        self._waiting: dict[str, str] = {}
        self._replies: dict[int, str] = {}
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def conversations(self) -> Sequence[Conversation]:
        """The one conversation, its replies in the order of their `seq`."""
        self.ledger.replies = [self._replies[seq] for seq in sorted(self._replies)]
        return (self.ledger,)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._live())
        return self

    async def __aexit__(self, *_exception: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def say(self, names: Sequence[str]) -> int:
        """Write messages in one breath and wait until each is accepted."""
        frames = []
        for name in names:
            key = str(uuid.uuid4())
            self._waiting[key] = name
            self.ledger.said_at[name] = time.monotonic()
            frames.append(_message(key, name))
        if self._socket is not None:
            with contextlib.suppress(*_AWAY):
                for frame in frames:
                    await self._socket.send_str(frame)
        while any(name not in self.ledger.accepted for name in names):
            self._changed.clear()
            await self._changed.wait()
        return len(names)

    async def _live(self) -> None:
        while True:
            with contextlib.suppress(*_AWAY, _Refused, ValueError, TypeError):
                await self._once()
            self._socket = None
            await asyncio.sleep(_PAUSE)

    async def _once(self) -> None:
        body = {"resume": self._resume} if self._resume else {}
        timeout = aiohttp.ClientTimeout(total=5)
        async with self._http.post(f"{self._chat}/ticket", json=body, timeout=timeout) as answer:
            if answer.status != 200:
                raise _Refused
            given = await answer.json()
        self._resume = given.get("resume") or self._resume
        async with self._http.ws_connect(f"{self._chat}/ws", max_msg_size=0) as socket:
            auth: Frame = {"type": "auth", "ticket": given["ticket"]}
            if self._conversation:
                auth |= {"conversation": self._conversation, "after": self._after}
            await socket.send_str(json.dumps(auth))
            ready = await socket.receive_json(timeout=5)
            if ready.get("type") != "ready":
                raise _Refused
            self._conversation = ready["conversation"]
            self.connections += 1
            await self._send_again(socket)
            self._socket = socket
            async for message in socket:
                frame = json.loads(message.data)
                self._note(frame)
                if frame["type"] == "error":  # not stored, and nothing else will say so: again
                    await asyncio.sleep(_PAUSE)
                    await self._send_again(socket)

    async def _send_again(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        for key, name in list(self._waiting.items()):
            await socket.send_str(_message(key, name))

    def _note(self, frame: Frame) -> None:
        kind, seq = frame.get("type"), frame.get("seq")
        if isinstance(seq, int):
            self._after = max(self._after, seq)
        if kind in {"accepted", "said"} and frame["id"] in self._waiting:
            name = self._waiting.pop(frame["id"])
            self.ledger.accepted.setdefault(name, time.monotonic())
            self._once_only(self.ledger.order, name, seq)
            self._changed.set()
        elif kind == "reply":
            self._once_only(self._replies, seq, frame["text"])
            for name in NONCE.findall(frame["text"]):
                self.ledger.replied_at.setdefault(name, time.monotonic())

    def _once_only(self, known: dict[Any, Any], key: Any, value: Any) -> None:
        if known.setdefault(key, value) != value:
            self.ledger.contradictions.append(f"{key}: {known[key]!r} and {value!r}")


class _Refused(Exception):
    """The gateway said no for now."""


def _message(key: str, name: str) -> str:
    return json.dumps({"type": "message", "id": key, "text": words(name)})


@dataclass
class SlackEvents:
    """Slack calling an app: signed anew each time, and repeated until it is taken.

    `retries` are the seconds before each; Slack's own are 0, 60 and 300.
    """

    http: aiohttp.ClientSession
    url: str
    secret: str
    app: str = "A0KONSTRUCT"
    team: str = "T0ACME"
    bot: str = "U0BOT"
    retries: tuple[float, ...] = (0.0, 1.0, 5.0)
    seconds: float = 3.0
    statuses: dict[int, int] = field(default_factory=dict)

    def envelope(self, event: dict[str, Any], event_id: str) -> bytes:
        """Return the body of an event."""
        authorization = {
            "enterprise_id": None,
            "team_id": self.team,
            "user_id": self.bot,
            "is_bot": True,
            "is_enterprise_install": False,
        }
        content = {
            "team_id": self.team,
            "api_app_id": self.app,
            "event": event,
            "type": "event_callback",
            "event_id": event_id,
            "event_time": int(time.time()),
            "authorizations": [authorization],
        }
        return json.dumps(content, separators=(",", ":")).encode()

    async def deliver(self, event: dict[str, Any], event_id: str) -> bool:
        """Deliver with retries; True once it was answered with 2xx."""
        body = self.envelope(event, event_id)
        headers: dict[str, str] = {"Content-Type": "application/json"}
        for number, pause in enumerate((0.0, *self.retries)):
            await asyncio.sleep(pause)
            if number:
                headers["X-Slack-Retry-Num"] = str(number)
            if await self._call(body, headers):
                return True
        return False

    async def _call(self, body: bytes, headers: dict[str, str]) -> bool:
        signed = signing.sign(body, self.secret, now=datetime.now(UTC))
        timeout = aiohttp.ClientTimeout(total=self.seconds)
        try:
            async with self.http.post(
                self.url, data=body, headers={**headers, **signed}, timeout=timeout
            ) as answer:
                await answer.read()
                self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
                return answer.status < 300
        except _AWAY:
            self.statuses[0] = self.statuses.get(0, 0) + 1
            return False


@dataclass
class SlackPerson:
    """One person in Slack: in a direct message, or mentioning the agent in a channel.

    In a direct message the next message is written when Slack has delivered the last one or given
    up. Each mention begins a thread, comes as two events, and is one conversation. A delivery that
    was taken comes again now and then.
    """

    events: SlackEvents
    channel: str
    chance: random.Random
    stamp: Callable[[], str]
    mentions: bool = False
    again_share: float = 0.1
    ledgers: dict[str, Conversation] = field(default_factory=dict)
    """The conversations by Slack's thread; a direct message has the thread ''."""

    @property
    def conversations(self) -> Sequence[Conversation]:
        """Every thread this person began."""
        return tuple(self.ledgers.values())

    async def say(self, names: Sequence[str]) -> int:
        """Write messages one after the other; return how many Slack could deliver."""
        return sum([await self._say(name) for name in names])

    async def _say(self, name: str) -> bool:
        at = self.stamp()
        thread = at if self.mentions else ""
        where = f"{self.channel}:{thread}"
        ledger = self.ledgers.setdefault(thread, Conversation(where))
        ledger.said_at[name] = time.monotonic()
        both: tuple[dict[str, Any], ...]
        if self.mentions:
            both = mention(words(name), ts=at, channel=self.channel, bot=self.events.bot)
        else:
            both = (direct(words(name), ts=at, channel=self.channel, user=f"U{self.channel}"),)
        keyed = [(event, f"Ev{name}{number}") for number, event in enumerate(both)]
        taken = await asyncio.gather(*(self.events.deliver(*one) for one in keyed))
        if not any(taken):
            return False
        ledger.accepted[name] = time.monotonic()
        if self.chance.random() < self.again_share:
            await self.events.deliver(*keyed[0])
        return True


class SlackReader:
    """Reads what people see in the far Slack into the ledgers of who wrote there."""

    def __init__(self, far: FarSlack, people: Sequence[SlackPerson]) -> None:
        self._far = far
        self._people = {one.channel: one for one in people}
        self._read = 0

    def look(self) -> None:
        """Note which messages have an answer by now."""
        # A reply may grow while it is written: what is new is read again.
        ledger = self._far.ledger
        for posted in ledger[max(0, self._read - 200) :]:
            conversation = self._of(posted.channel, posted.thread_ts)
            if conversation is None:
                continue
            for name in NONCE.findall(posted.seen):
                conversation.replied_at.setdefault(name, time.monotonic())
        self._read = len(ledger)

    def conclude(self) -> list[str]:
        """Write the final texts into the ledgers; return those that fit no conversation."""
        for person in self._people.values():
            for conversation in person.conversations:
                conversation.replies.clear()
        stray: list[str] = []
        for posted in self._far.ledger:
            owner = self._of(posted.channel, posted.thread_ts)
            (stray if owner is None else owner.replies).append(posted.seen)
        return stray

    def evidence(self) -> list[str]:
        """Say of every message that was answered twice in which posts, with their marks."""
        posts: dict[str, list[Posted]] = {}
        for posted in self._far.ledger:
            for name in NONCE.findall(posted.seen):
                posts.setdefault(name, []).append(posted)
        return [
            f"{name} {one.channel}:{one.thread_ts} at {one.at:.3f}: {one.history} {one.metadata}"
            for name, some in posts.items()
            if len(some) > 1
            for one in some
        ]

    def _of(self, channel: str, thread: str) -> Conversation | None:
        person = self._people.get(channel)
        return None if person is None else person.ledgers.get(thread if person.mentions else "")
