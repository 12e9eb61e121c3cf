"""A person whose browser does not give up: reconnects, resumes, and sends again what has no answer.

Its ledger is what the oracle of a crash campaign reads: which messages were accepted and in which
order, and every distinct reply in the order of its `seq`.
"""

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

Frame = dict[str, Any]
_PAUSE = 0.2


@dataclass
class Ledger:
    """What one person saw."""

    accepted: dict[str, int] = field(default_factory=dict)
    """The `seq` of each accepted message, by the text's nonce."""
    replies: dict[int, str] = field(default_factory=dict)
    """The text of each reply by its `seq`."""
    notices: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    contradictions: list[str] = field(default_factory=list)
    """Two different entries under one seq, or one message under two."""
    connections: int = 0
    waited: list[float] = field(default_factory=list)
    """How long each message took to be accepted, in seconds."""
    failures: int = 0
    """How often the way to a ready socket failed."""


class FaithfulVisitor:
    """One person with one conversation; `say` returns once the message is accepted."""

    def __init__(
        self, gateway_url: str, connection: str, *, words: Callable[[str], str] | None = None
    ) -> None:
        """`words` makes a message of a nonce, such that its answer names the nonce."""
        self.ledger = Ledger()
        self._words = words or _ask_for
        self._url = gateway_url
        self._connection = connection
        self._resume = ""
        self._conversation = ""
        self._after = 0
        self._unaccepted: dict[str, str] = {}
        self._socket: ClientConnection | None = None
        self._changed = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._live())
        return self

    async def __aexit__(self, *_exception: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def say(self, nonce: str, *, seconds: float = 60.0) -> None:
        """Write a message that carries `nonce` and wait until it is accepted."""
        name = str(uuid.uuid4())
        self._unaccepted[name] = nonce
        if self._socket is not None:
            with contextlib.suppress(WebSocketException, OSError):
                await self._socket.send(_message(name, self._words(nonce)))
        began = time.monotonic()
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(lambda: nonce in self.ledger.accepted)
        self.ledger.waited.append(time.monotonic() - began)

    async def until_answered(self, *, seconds: float) -> None:
        """Wait until every accepted message has been answered; TimeoutError names the rest."""
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(lambda: not self.unanswered())
        except TimeoutError:
            raise TimeoutError(f"never answered: {self.unanswered()}") from None

    def unanswered(self) -> list[str]:
        """Return the accepted nonces that no reply names."""
        said = {word.strip(".,!") for text in self.ledger.replies.values() for word in text.split()}
        return [nonce for nonce in self.ledger.accepted if nonce not in said]

    async def _live(self) -> None:
        while True:
            known = self.ledger.connections
            with contextlib.suppress(
                OSError, WebSocketException, httpx.HTTPError, TimeoutError, _Refused
            ):
                await self._once()
            self.ledger.failures += known == self.ledger.connections
            self._socket = None
            await asyncio.sleep(_PAUSE)

    async def _once(self) -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
            body = {"resume": self._resume} if self._resume else {}
            answer = await client.post(f"{self._url}/chat/{self._connection}/ticket", json=body)
            if answer.status_code != 200:
                raise _Refused(answer.text)
            given = answer.json()
        self._resume = given.get("resume") or self._resume
        address = self._url.replace("http", "ws", 1) + f"/chat/{self._connection}/ws"
        async with connect(address, proxy=None, open_timeout=5) as socket:
            auth: Frame = {"type": "auth", "ticket": given["ticket"]}
            if self._conversation:
                auth |= {"conversation": self._conversation, "after": self._after}
            await socket.send(json.dumps(auth))
            ready = json.loads(await asyncio.wait_for(socket.recv(), 5))
            if ready.get("type") != "ready":
                raise _Refused(str(ready))
            self._conversation = ready["conversation"]
            self.ledger.connections += 1
            for name, nonce in list(self._unaccepted.items()):
                await socket.send(_message(name, self._words(nonce)))
            self._socket = socket
            async for raw in socket:
                frame = json.loads(raw)
                async with self._changed:
                    self._note(frame)
                    self._changed.notify_all()
                if frame["type"] == "error":  # not stored, and nothing else will say so: again
                    await asyncio.sleep(_PAUSE)
                    for name, nonce in list(self._unaccepted.items()):
                        await socket.send(_message(name, self._words(nonce)))

    def _note(self, frame: Frame) -> None:
        kind = frame.get("type")
        if isinstance(frame.get("seq"), int):
            self._after = max(self._after, frame["seq"])
        if kind in {"accepted", "said"} and frame["id"] in self._unaccepted:
            nonce = self._unaccepted.pop(frame["id"])
            self._once_only(self.ledger.accepted, nonce, frame["seq"])
        elif kind == "reply":
            self._once_only(self.ledger.replies, frame["seq"], frame["text"])
        elif kind == "notice":
            self.ledger.notices.append(frame.get("code", ""))
        elif kind == "error":
            self.ledger.errors.append(frame.get("code", ""))

    def _once_only(self, known: dict[Any, Any], key: Any, value: Any) -> None:
        if known.setdefault(key, value) != value:
            self.ledger.contradictions.append(f"{key}: {known[key]!r} and {value!r}")


class _Refused(Exception):
    """The gateway said no for now."""


def _ask_for(nonce: str) -> str:
    return f"please answer nonce:{nonce}"


def _message(name: str, text: str) -> str:
    return json.dumps({"type": "message", "id": name, "text": text})
