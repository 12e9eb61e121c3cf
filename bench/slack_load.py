"""Signed Slack events over HTTP, open loop: sent when they are due, whatever the answers do."""

import asyncio
import contextlib
import hashlib
import hmac
import itertools
import json
import random
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

SIGNING_SECRET = "sample-signing-secret-not-real"  # noqa: S105 - plainly fake, both ends are here
APP, TEAM = "A0KONSTRUCT", "T0ACME"
LATE_SECONDS = 3.0
"""Slack's patience with an acknowledgement."""

Deliver = Callable[[str], tuple[str, bytes]]
"""Makes the next delivery to a path: its id and the whole HTTP request."""

_MOST_LINES = 512
_DRAIN_SECONDS = 10.0
_PEOPLE = 50
_numbers = itertools.count(1)


def signed_event(path: str) -> tuple[str, bytes]:
    """Return the id of a new direct message and its delivery as an HTTP request."""
    event_id, number = f"Ev{uuid.uuid4().hex[:20].upper()}", next(_numbers)
    person = f"U{number % _PEOPLE:08d}"
    event = {
        "type": "message",
        "channel_type": "im",
        "channel": f"D{number % _PEOPLE:08d}",
        "user": person,
        "client_msg_id": str(uuid.uuid4()),
        "team": TEAM,
        "text": f"Where is my order? {event_id}",
        "ts": f"{int(time.time())}.{number % 1_000_000:06d}",
        "blocks": [
            {
                "type": "rich_text",
                "block_id": "b1",
                "elements": [
                    {
                        "type": "rich_text_section",
                        "elements": [{"type": "text", "text": f"Where is my order? {event_id}"}],
                    }
                ],
            }
        ],
        "event_ts": f"{int(time.time())}.{number % 1_000_000:06d}",
    }
    body = json.dumps(
        {
            "token": "unused",
            "team_id": TEAM,
            "api_app_id": APP,
            "event": event,
            "type": "event_callback",
            "event_id": event_id,
            "event_time": int(time.time()),
            "authorizations": [
                {
                    "enterprise_id": None,
                    "team_id": TEAM,
                    "user_id": "U0BOT0000",
                    "is_bot": True,
                    "is_enterprise_install": False,
                }
            ],
            "is_ext_shared_channel": False,
            "event_context": "4-sample",
        }
    )
    stamp = str(int(time.time()))
    digest = hmac.new(SIGNING_SECRET.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        "User-Agent: Slackbot 1.0 (+https://api.slack.com/robots)\r\nAccept: */*\r\n"
        f"X-Slack-Request-Timestamp: {stamp}\r\nX-Slack-Signature: v0={digest.hexdigest()}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return event_id, (head + body).encode()


@dataclass
class Outcome:
    """What became of one round's events. Seconds from the moment each was due."""

    latencies: list[float] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    due: dict[str, float] = field(default_factory=dict)
    refused: int = 0
    unanswered: int = 0

    def late(self, patience: float = LATE_SECONDS) -> float:
        """Return the share that a vendor with that many seconds' patience would give up on."""
        late = sum(one > patience for one in self.latencies) + self.refused + self.unanswered
        return late / max(1, len(self.latencies) + self.refused + self.unanswered)


class _Line(asyncio.Protocol):
    """One kept connection with one request on its way. By hand: a client library costs too much."""

    def __init__(self, load: "SlackLoad") -> None:
        self._load = load
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._event = ""
        self._due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def send(self, event: str, request: bytes, due: float) -> None:
        """Write a request; `data_received` tells the load when its answer is whole."""
        assert self._transport is not None
        self._event, self._due, self._buffer = event, due, b""
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Collect the answer."""
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        if len(body) >= length:
            event, self._event = self._event, ""
            self._load.answered(self, event, self._due, good=b" 200 " in head[:16])

    def connection_lost(self, _error: Exception | None) -> None:
        """Tell the load, which counts what was on its way."""
        self._load.lost(self, self._event)

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()


class SlackLoad:
    """The sending side for one server. `deliver` makes what is sent; Slack's events by itself."""

    def __init__(self, port: int, path: str, deliver: Deliver = signed_event) -> None:
        self._port = port
        self._path = path
        self._deliver = deliver
        self._free: deque[_Line] = deque()
        self._lines: set[_Line] = set()
        self._opening: set[asyncio.Task[None]] = set()
        self._waiting: deque[tuple[str, bytes, float]] = deque()
        self._outcome = Outcome()
        self._left = 0

    async def round(self, rate: float, seconds: float, *, seed: int) -> Outcome:
        """Send at Poisson times of `rate` per second; return when all are answered or given up."""
        chance = random.Random(seed)
        outcome = self._outcome = Outcome()
        self._left = int(rate * seconds)
        due = time.monotonic() + 0.2
        for _ in range(self._left):
            due += chance.expovariate(rate)
            event, request = self._deliver(self._path)
            if (pause := due - time.monotonic()) > 0:
                await asyncio.sleep(pause)
            outcome.due[event] = due
            self._send(event, request, due)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                while self._left > 0:  # noqa: ASYNC110 - coarse, and off the measured path
                    await asyncio.sleep(0.02)
        outcome.unanswered = self._left
        if self._left:
            self.close()
        return outcome

    def of(self, deliver: Deliver) -> "SlackLoad":
        """Return a load of the same server with other deliveries."""
        return SlackLoad(self._port, self._path, deliver)

    def close(self) -> None:
        """Close all connections and forget what waits."""
        self._waiting.clear()
        for line in list(self._lines):
            line.close()
        self._free.clear()
        self._lines.clear()

    def answered(self, line: _Line, event: str, due: float, *, good: bool) -> None:
        """Count an answer, and use its connection for what waits."""
        if line not in self._lines:
            return
        self._left -= 1
        if good:
            self._outcome.latencies.append(time.monotonic() - due)
            self._outcome.acknowledged.append(event)
        else:
            self._outcome.refused += 1
        if self._waiting:
            line.send(*self._waiting.popleft())
        else:
            self._free.append(line)

    def lost(self, line: _Line, event: str) -> None:
        """Count what a lost connection leaves unanswered."""
        if line in self._lines:
            self._lines.discard(line)
            with contextlib.suppress(ValueError):
                self._free.remove(line)
            if event:
                self._left -= 1
                self._outcome.refused += 1

    def _send(self, event: str, request: bytes, due: float) -> None:
        if self._free:
            # The one used last: as few connections as possible, like a client that keeps them.
            self._free.pop().send(event, request, due)
            return
        self._waiting.append((event, request, due))
        if len(self._lines) + len(self._opening) < _MOST_LINES:
            task = asyncio.create_task(self._open())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, line = await loop.create_connection(lambda: _Line(self), "127.0.0.1", self._port)
        except OSError:
            if self._waiting:
                self._waiting.popleft()
                self._left -= 1
                self._outcome.refused += 1
            return
        self._lines.add(line)
        if self._waiting:
            line.send(*self._waiting.popleft())
        else:
            self._free.append(line)
