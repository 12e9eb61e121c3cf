"""What goes to one socket, in order: the conversation's log by `seq`, and passing frames.

The log is the truth. What is at hand is sent from memory; any gap is read from the store. Passing
frames (typing, step, delta) are bounded and dropped when the socket is slow.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Sequence

from konstruct_gateway.chat import entries as log_entries
from konstruct_gateway.chat.frames import Frame, accepted, encode
from konstruct_store.errors import RetryLater
from konstruct_store.log import LogEntry

Read = Callable[[int], Awaitable[Sequence[LogEntry]]]
Send = Callable[[str], Awaitable[None]]

_MOST_PASSING = 512
_MOST_AT_HAND = 64
_MOST_OWN = 256
_AWAITING_SECONDS = 5.0
_RETRY_SECONDS = 1.0


class Outgoing:
    """The queue of one socket. `read` returns the next page of the log after a `seq`."""

    def __init__(
        self,
        *,
        read: Read,
        send: Send,
        agent: str,
        stopped: str,
        link: Callable[[str], str],
        idle_seconds: float,
    ) -> None:
        self._read = read
        self._send = send
        self._agent = agent
        self._stopped = stopped
        self._link = link
        self._idle_seconds = idle_seconds
        self._cursor = 0
        self._newest = 0
        self._at_hand: dict[int, LogEntry] = {}
        self._passing: deque[Frame] = deque(maxlen=_MOST_PASSING)
        self._own: OrderedDict[str, bool] = OrderedDict()
        self._ended: deque[str] = deque(maxlen=16)
        self._awaiting = False
        self._wake = asyncio.Event()
        self._order = asyncio.Lock()

    def start_after(self, seq: int) -> None:
        """Begin after `seq`: the client has seen everything up to it."""
        self._cursor = seq

    def own(self, client_id: str) -> None:
        """Answer what this socket says under this id with `accepted`, not with `said`."""
        self._own[client_id] = False
        if len(self._own) > _MOST_OWN:
            self._own.popitem(last=False)

    def disown(self, client_id: str) -> None:
        """Forget an id: it was not taken after all."""
        self._own.pop(client_id, None)

    async def accept(self, client_id: str, seq: int) -> None:
        """Acknowledge a durable message, after everything with a lower `seq`.

        Otherwise a client that remembers the highest `seq` would never ask for what lies between.
        """
        self._newest = max(self._newest, seq)
        async with self._order:
            try:
                if self._cursor < seq - 1:
                    await self._drain()
            except RetryLater:
                # The writer goes on with it, and acknowledges on its way.
                self._wake.set()
                return
            if not self._own.get(client_id, False):
                await self._acknowledge(client_id, seq)
                self._cursor = max(self._cursor, seq)

    def await_answer(self) -> None:
        """Expect an answer: look into the log more often, should a hint be lost."""
        self._awaiting = True

    def log_grew(self, seq: int, entries: Sequence[LogEntry]) -> None:
        """Send the log up to `seq`, soon."""
        self._newest = max(self._newest, seq)
        for entry in entries:
            if entry.seq > self._cursor and len(self._at_hand) < _MOST_AT_HAND:
                self._at_hand[entry.seq] = entry
        self._wake.set()

    def show(self, frame: Frame) -> None:
        """Show something for a while."""
        self._passing.append(frame)
        self._wake.set()

    async def catch_up(self) -> None:
        """Send everything after the cursor. Raises RetryLater."""
        async with self._order:
            await self._catch_up()

    async def _catch_up(self) -> None:
        while True:
            page = await self._read(self._cursor)
            if not page:
                break
            for entry in page:
                await self._send_entry(entry)
        self._newest = max(self._newest, self._cursor)

    async def run(self) -> None:
        """Send what comes, until cancelled or the socket is gone."""
        while True:
            seconds = _AWAITING_SECONDS if self._awaiting else self._idle_seconds
            looked = False
            try:
                async with asyncio.timeout(seconds):
                    await self._wake.wait()
            except TimeoutError:
                looked = True
            self._wake.clear()
            try:
                await self._flush(look=looked)
            except RetryLater:
                await asyncio.sleep(_RETRY_SECONDS)
                self._wake.set()

    async def _flush(self, *, look: bool) -> None:
        async with self._order:
            if look:
                await self._catch_up()
            await self._flush_passing()
            await self._drain()
            await self._flush_passing()

    async def _drain(self) -> None:
        while self._cursor < self._newest:
            entry = self._at_hand.pop(self._cursor + 1, None)
            if entry is not None:
                await self._send_entry(entry)
                continue
            before = self._cursor
            await self._catch_up()
            if self._cursor == before:
                self._newest = before

    async def _flush_passing(self) -> None:
        while self._passing:
            frame = self._passing.popleft()
            if frame.get("turn") not in self._ended:
                await self._send(encode(frame))

    async def _send_entry(self, entry: LogEntry) -> None:
        self._at_hand.pop(entry.seq, None)
        if entry.seq <= self._cursor:
            return
        frame = log_entries.frame_of(
            entry, agent=self._agent, stopped=self._stopped, link=self._link
        )
        if frame is not None and frame["type"] == "said" and frame["id"] in self._own:
            if not self._own[frame["id"]]:
                await self._acknowledge(frame["id"], entry.seq)
        elif frame is not None:
            await self._send(encode(frame))
        self._cursor = entry.seq
        if frame is not None and frame["type"] in {"ask", "reply", "notice"}:
            self._awaiting = False
            if "turn" in frame:
                self._ended.append(frame["turn"])

    async def _acknowledge(self, client_id: str, seq: int) -> None:
        self._own[client_id] = True
        await self._send(encode(accepted(client_id, seq)))
