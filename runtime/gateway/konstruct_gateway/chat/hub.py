"""Who hears what: the sockets of this replica by conversation."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar
from uuid import UUID

from konstruct_gateway.chat.frames import Frame
from konstruct_gateway.hints import Hint
from konstruct_store.log import LogEntry

_Key = TypeVar("_Key")

_MOST_LIVE_TURNS = 10_000
_LONGEST_LIVE_TEXT = 65_536


class Listener(Protocol):
    """One socket."""

    @property
    def room(self) -> tuple[UUID, str]:
        """Connection id and conversation key."""
        ...

    def bind(self, conversation_id: UUID) -> None:
        """Learn the id that the store gave the conversation."""
        ...

    def log_grew(self, seq: int, entries: Sequence[LogEntry]) -> None:
        """Learn that the log reached `seq`; `entries` are what is at hand of it."""
        ...

    def show(self, frame: Frame) -> None:
        """Show something for a while; it may be dropped."""
        ...

    async def move(self) -> None:
        """Tell the client to connect anew: this replica goes down."""
        ...


@dataclass
class _LiveTurn:
    typing: Frame
    attempt: int = 0
    text: list[str] = field(default_factory=list)
    characters: int = 0
    whole: bool = True


class Hub:
    """Joins sockets to conversations and passes hints to them. No I/O, nothing awaits."""

    def __init__(self) -> None:
        self._rooms: dict[tuple[UUID, str], set[Listener]] = {}
        self._by_id: dict[UUID, set[Listener]] = {}
        self._live: OrderedDict[UUID, _LiveTurn] = OrderedDict()

    @property
    def listeners(self) -> set[Listener]:
        """All sockets of this replica."""
        return {one for room in self._rooms.values() for one in room}

    def join(self, listener: Listener, conversation_id: UUID | None) -> None:
        """Let a socket hear its conversation; what is in the making is shown at once."""
        self._rooms.setdefault(listener.room, set()).add(listener)
        if conversation_id is not None:
            self._bind(listener, conversation_id)

    def leave(self, listener: Listener, conversation_id: UUID | None) -> None:
        """Let a socket hear nothing more."""
        _discard(self._rooms, listener.room, listener)
        if conversation_id is not None:
            _discard(self._by_id, conversation_id, listener)

    def pass_on(self, hint: Hint, entries: Sequence[LogEntry] = ()) -> None:
        """Tell the sockets that a hint is for."""
        conversation_id = hint.conversation_id
        if conversation_id is None:
            return
        if hint.connection_id is not None:
            for listener in self._rooms.get((hint.connection_id, hint.conversation_key), ()):
                self._bind(listener, conversation_id)
        if hint.ended_turn is not None:
            self._live.pop(conversation_id, None)
        if hint.kind == "Frame":
            self._remember(conversation_id, hint.frame)
        for listener in self._by_id.get(conversation_id, ()):
            if hint.kind == "Frame":
                listener.show(hint.frame)
            elif hint.kind == "Log":
                listener.log_grew(hint.seq, entries)

    def show_live(self, listener: Listener, conversation_id: UUID) -> None:
        """Show a socket that came late what is in the making."""
        live = self._live.get(conversation_id)
        if live is None:
            return
        listener.show(live.typing)
        if live.text and live.whole:
            turn = live.typing["turn"]
            text = "".join(live.text)
            shown = {"turn": turn, "attempt": live.attempt, "offset": 0, "text": text}
            listener.show({"type": "delta", **shown})

    def _bind(self, listener: Listener, conversation_id: UUID) -> None:
        members = self._by_id.setdefault(conversation_id, set())
        if listener not in members:
            members.add(listener)
            listener.bind(conversation_id)

    def _remember(self, conversation_id: UUID, frame: Frame) -> None:
        match frame.get("type"):
            case "typing":
                self._live[conversation_id] = _LiveTurn(frame)
                self._live.move_to_end(conversation_id)
                if len(self._live) > _MOST_LIVE_TURNS:
                    self._live.popitem(last=False)
            case "delta":
                live = self._live.get(conversation_id)
                if live is not None and live.typing["turn"] == frame["turn"]:
                    _append(live, frame)


def _append(live: _LiveTurn, frame: Frame) -> None:
    """Add a delta to what a turn has said so far; a gap makes the text useless to latecomers."""
    if frame["attempt"] > live.attempt:
        live.attempt, live.text, live.characters, live.whole = frame["attempt"], [], 0, True
    fits = live.characters + len(frame["text"]) <= _LONGEST_LIVE_TEXT
    live.whole = live.whole and fits and frame["offset"] == live.characters
    if live.whole:
        live.text.append(frame["text"])
        live.characters += len(frame["text"])


def _discard(index: dict[_Key, set[Listener]], key: _Key, listener: Listener) -> None:
    members = index.get(key)
    if members is not None:
        members.discard(listener)
        if not members:
            del index[key]
