import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from konstruct_gateway.chat import frames
from konstruct_gateway.chat.hub import Hub
from konstruct_gateway.chat.outgoing import Outgoing
from konstruct_gateway.hints import Hint
from konstruct_messages.replies import LogKind
from konstruct_store.errors import RetryLater
from konstruct_store.log import LogEntry

TURN = UUID(int=7)


def entry(seq: int, kind: LogKind = LogKind.SAID, **payload: Any) -> LogEntry:
    known = {"id": f"m-{seq}", "text": f"text {seq}"} | payload
    turn = TURN if kind is LogKind.REPLY else None
    return LogEntry(seq, kind, known, datetime(2026, 1, 1, tzinfo=UTC), turn)


@dataclass
class Wire:
    """A log, and what was sent to a socket."""

    log: list[LogEntry] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)
    reads: int = 0
    failures: int = 0
    slow: asyncio.Event | None = None

    async def read(self, after: int) -> Sequence[LogEntry]:
        self.reads += 1
        if self.failures:
            self.failures -= 1
            raise RetryLater("not now")
        return [one for one in self.log if one.seq > after][:2]

    async def send(self, raw: str) -> None:
        if self.slow is not None:
            await self.slow.wait()
        self.sent.append(json.loads(raw))

    @property
    def seqs(self) -> list[int]:
        return [frame["seq"] for frame in self.sent if "seq" in frame]


@asynccontextmanager
async def socket(wire: Wire, *, idle_seconds: float = 30) -> AsyncIterator[Outgoing]:
    outgoing = Outgoing(
        read=wire.read,
        send=wire.send,
        agent="Ana",
        stopped="Stopped.",
        link=lambda key: f"/files/{key}",
        idle_seconds=idle_seconds,
    )
    task = asyncio.create_task(outgoing.run())
    try:
        yield outgoing
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def settle() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def test_what_is_at_hand_is_sent_without_reading() -> None:
    wire = Wire()
    async with socket(wire) as outgoing:
        for seq in (1, 2, 3):
            outgoing.log_grew(seq, [entry(seq)])
        await settle()
    assert wire.seqs == [1, 2, 3]
    assert wire.reads == 0


async def test_a_gap_is_read_and_nothing_is_sent_twice() -> None:
    wire = Wire(log=[entry(seq) for seq in range(1, 8)])
    async with socket(wire) as outgoing:
        outgoing.log_grew(7, [entry(7)])
        outgoing.log_grew(5, [entry(5)])
        await settle()
        outgoing.log_grew(7, [entry(7)])
        await settle()
    assert wire.seqs == [1, 2, 3, 4, 5, 6, 7]


async def test_a_message_is_acknowledged_after_everything_before_it() -> None:
    wire = Wire(log=[entry(1), entry(2), entry(3)])
    async with socket(wire) as outgoing:
        outgoing.own("m-3")
        await outgoing.accept("m-3", 3)
        outgoing.log_grew(3, [])
        await settle()
        # The same id comes again: the same acknowledgement, and nothing else.
        outgoing.own("m-3")
        await outgoing.accept("m-3", 3)
    assert [frame["type"] for frame in wire.sent] == ["said", "said", "accepted", "accepted"]
    assert wire.seqs == [1, 2, 3, 3]


async def test_an_acknowledgement_whose_gap_cannot_be_read_now_comes_later() -> None:
    wire = Wire(log=[entry(1), entry(2)], failures=1)
    async with socket(wire) as outgoing:
        outgoing.own("m-2")
        await outgoing.accept("m-2", 2)
        await settle()
    assert [frame["type"] for frame in wire.sent] == ["said", "accepted"]


async def test_a_lost_hint_is_made_good_by_looking() -> None:
    wire = Wire(log=[entry(1)])
    async with socket(wire, idle_seconds=0.01):
        await asyncio.sleep(0.05)
    assert wire.seqs == [1]


async def test_deltas_after_the_reply_are_dropped_and_before_it_they_come_first() -> None:
    wire = Wire()
    delta = frames.delta(str(TURN), 1, 0, "hel")
    async with socket(wire) as outgoing:
        outgoing.show(delta)
        outgoing.log_grew(1, [entry(1, LogKind.REPLY)])
        await settle()
        outgoing.show(delta)
        await settle()
    assert [frame["type"] for frame in wire.sent] == ["delta", "reply"]


async def test_a_slow_socket_loses_deltas_and_never_a_reply() -> None:
    wire = Wire(slow=asyncio.Event())
    async with socket(wire) as outgoing:
        for offset in range(5000):
            outgoing.show(frames.delta(str(TURN), 1, offset, "x"))
        outgoing.log_grew(1, [entry(1, LogKind.REPLY)])
        await settle()
        assert wire.slow is not None
        wire.slow.set()
        await asyncio.sleep(0.05)
    deltas = [frame for frame in wire.sent if frame["type"] == "delta"]
    assert len(deltas) <= 600
    assert wire.sent[-1]["type"] == "reply" or "reply" in {one["type"] for one in wire.sent}


@dataclass(eq=False)
class Ear:
    """A listener that writes down what it hears."""

    room: tuple[UUID, str]
    bound: UUID | None = None
    heard: list[Any] = field(default_factory=list)

    def bind(self, conversation_id: UUID) -> None:
        self.bound = conversation_id

    def log_grew(self, seq: int, entries: Sequence[LogEntry]) -> None:
        self.heard.append(seq)

    def show(self, frame: frames.Frame) -> None:
        self.heard.append((frame["type"], frame.get("text")))

    async def move(self) -> None:
        self.heard.append("move")


def test_a_socket_that_came_before_its_conversation_had_an_id_hears_it() -> None:
    hub, connection, conversation, tenant = Hub(), uuid4(), uuid4(), uuid4()
    early, other = Ear((connection, "c-1")), Ear((connection, "c-2"))
    for ear in (early, other):
        hub.join(ear, None)
    first = Hint(
        kind="Log",
        tenant_id=tenant,
        conversation_id=conversation,
        connection_id=connection,
        conversation_key="c-1",
        seq=1,
    )
    hub.pass_on(first)
    hub.pass_on(Hint(kind="Log", tenant_id=tenant, conversation_id=conversation, seq=2))
    assert early.bound == conversation
    assert early.heard == [1, 2]
    assert other.heard == []
    hub.leave(early, conversation)
    hub.pass_on(first)
    assert early.heard == [1, 2]
    assert hub.listeners == {other}


def test_a_socket_that_comes_late_sees_what_is_in_the_making() -> None:
    hub, conversation, tenant = Hub(), uuid4(), uuid4()

    def show(frame: frames.Frame) -> None:
        hub.pass_on(Hint(kind="Frame", tenant_id=tenant, conversation_id=conversation, frame=frame))

    show(frames.typing(str(TURN), "Ana"))
    show(frames.delta(str(TURN), 1, 0, "old"))
    show(frames.delta(str(TURN), 2, 0, "It is "))
    show(frames.delta(str(TURN), 2, 6, "ten."))
    late = Ear((uuid4(), "c-1"))
    hub.join(late, conversation)
    hub.show_live(late, conversation)
    assert late.heard == [("typing", None), ("delta", "It is ten.")]
    show(frames.delta(str(TURN), 2, 99, "a gap"))
    after_gap = Ear((uuid4(), "c-1"))
    hub.show_live(after_gap, conversation)
    assert after_gap.heard == [("typing", None)]
    hub.pass_on(
        Hint(kind="Log", tenant_id=tenant, conversation_id=conversation, seq=2, ended_turn=TURN)
    )
    too_late = Ear((uuid4(), "c-1"))
    hub.show_live(too_late, conversation)
    assert too_late.heard == []
