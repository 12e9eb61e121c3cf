"""Telling everybody who should know: sockets here, and the other replicas."""

import asyncio
from collections.abc import Callable, Sequence
from uuid import UUID

from konstruct_gateway.background.later import Later
from konstruct_gateway.chat.frames import Frame
from konstruct_gateway.chat.hub import Hub
from konstruct_gateway.hints import Hint
from konstruct_gateway.replicas import Replicas
from konstruct_gateway.work.waiting import Waiting
from konstruct_store.log import LogEntry


class Telling:
    """Passes hints on. Nothing here awaits, and nothing here can fail a caller."""

    def __init__(
        self,
        hub: Hub,
        waiting: Waiting,
        replicas: Replicas,
        later: Later,
        *,
        queued: asyncio.Event,
    ) -> None:
        """Take the parts that are told; `queued` is set for the sender."""
        self._queued = queued
        self._hub = hub
        self._waiting = waiting
        self._replicas = replicas
        self._later = later
        self._listeners: list[Callable[[Hint], None]] = []

    def listen(self, heard: Callable[[Hint], None]) -> None:
        """Call `heard` with every hint about a conversation, of this replica or another."""
        self._listeners.append(heard)

    def tell(self, hint: Hint, entries: Sequence[LogEntry] = ()) -> None:
        """Tell the sockets here and every other replica."""
        self._here(hint, entries)
        self._replicas.publish(hint)
        if hint.queued:
            self._queued.set()

    def due(self, tenant_id: UUID) -> None:
        """Tell the other replicas that the tenant has something to claim."""
        if not self._replicas.alone:
            self._replicas.publish(Hint(kind="Due", tenant_id=tenant_id))

    def queued(self) -> None:
        """Let the sender here look at once: something was queued."""
        self._queued.set()

    def told(self, hint: Hint) -> None:
        """Another replica told us."""
        if hint.kind == "Due":
            self._waiting.wake(hint.tenant_id)
        else:
            self._here(hint, ())

    def show(self, tenant_id: UUID, conversation_id: UUID, frame: Frame) -> None:
        """Show something for a while, wherever the conversation is looked at."""
        self.tell(
            Hint(kind="Frame", tenant_id=tenant_id, conversation_id=conversation_id, frame=frame)
        )

    def _here(self, hint: Hint, entries: Sequence[LogEntry]) -> None:
        if hint.ended_turn is not None and hint.conversation_id is not None:
            self._later.answered(hint.conversation_id)
        for heard in self._listeners:
            heard(hint)
        self._hub.pass_on(hint, entries)
