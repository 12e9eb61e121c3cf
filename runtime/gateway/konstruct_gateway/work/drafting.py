"""One draft from its first words to its end: what store and vendor learn of it, in which order."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog

from konstruct_channels.errors import ChannelError, SendLater, SendRefused, SendUnclear
from konstruct_channels.live import HOLD_SECONDS, Doing, Draft, DraftWriter, Live, Progress
from konstruct_gateway.edge.metrics import Metrics
from konstruct_messages.turns import Verdict
from konstruct_registry.snapshot import AgentSnapshot
from konstruct_store import drafts, journal
from konstruct_store.drafts import OpenDraft
from konstruct_store.errors import StoreError, TurnLost
from konstruct_store.store import Store

_BEGIN_AFTER_SECONDS = 0.7
"""A reply that is whole sooner is simply sent."""

_STALE_SECONDS = 1.5
_AGAIN_SECONDS = 1.0
_DOUBT_SECONDS = 2.0
_LONGEST_TEXT = 262_144
_MOST_STEPS = 50


@dataclass(frozen=True)
class Way:
    """Where a draft is shown and with what."""

    tenant_id: UUID
    conversation_id: UUID
    conversation_key: str
    live: Live
    channel: str
    config: Mapping[str, Any]
    credentials: Mapping[str, str]
    agent: AgentSnapshot | None


@dataclass(eq=False)
class Drafting:
    """One attempt's draft. Hearing never waits; `write` runs beside it and raises only bugs."""

    store: Store
    metrics: Metrics
    way: Way
    turn_id: UUID
    attempt: int
    turn_token: str
    person_key: str
    released: Callable[[], None]
    """Called when a reply that was recorded meanwhile may be sent."""
    begin_after_seconds: float = _BEGIN_AFTER_SECONDS
    _text: str = ""
    _torn: bool = False
    _doing: list[Doing] = field(default_factory=list)
    _ended: bool = False
    _left: bool = False
    _doubted: bool = False
    _held: bool = False
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, offset: int, text: str) -> None:
        """Learn a delta; at offset 0 the text begins anew, and a gap makes it useless till then."""
        if offset == 0:
            self._text, self._torn = "", False
            self._doing = [Doing(one.text, done=True) for one in self._doing]
        if offset != len(self._text) or len(self._text) + len(text) > _LONGEST_TEXT:
            self._torn = True
        if not self._torn:
            self._text += text
            self._changed.set()

    def does(self, words: str) -> None:
        """Learn what the agent does now; what it did before is done."""
        if words and len(self._doing) < _MOST_STEPS:
            self._doing = [Doing(one.text, done=True) for one in self._doing]
            self._doing.append(Doing(words))
            self._changed.set()

    def end(self, *, whole: bool) -> None:
        """Learn that no more deltas come; not `whole`: the text may lack its end."""
        self._ended = True
        self._left |= not whole
        self._changed.set()

    def look_again(self) -> None:
        """Learn that something happened in the conversation: the turn may be stopped."""
        self._doubted = True
        self._changed.set()

    @property
    def progress(self) -> Progress:
        """What there is to show."""
        return Progress(self._text, tuple(self._doing), ended=self._ended and not self._torn)

    async def write(self) -> None:
        """Show the draft until its end; the store and the vendor may refuse at any time."""
        try:
            await self._begin()
        except (ChannelError, StoreError) as error:
            self._count("Lost")
            structlog.get_logger(__name__).info(
                "draft given up",
                tenant_id=str(self.way.tenant_id),
                turn_id=str(self.turn_id),
                error=type(error).__name__,
            )

    async def _begin(self) -> None:
        await self._wait(None)
        if not self._ended:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.begin_after_seconds):
                    while not self._ended:
                        await self._wait(None)
        while not (self._ended or self._left):
            if not self.progress.text.strip():
                await self._wait(None)
                continue
            asked_at = asyncio.get_running_loop().time()
            opened = await self._open()
            if opened is None:
                # Lost, stopped, or something earlier is still on its way: that comes first.
                await self._wait(_AGAIN_SECONDS, calm=True)
                continue
            writer = self._writer(opened)
            if await self._at_vendor(opened, writer, asked_at):
                await self._follow(opened, writer)
            return

    async def _open(self) -> OpenDraft | None:
        return await drafts.open_draft(
            self.store,
            self.way.tenant_id,
            self.turn_id,
            self.attempt,
            self.turn_token,
            hold_seconds=HOLD_SECONDS,
        )

    def _writer(self, opened: OpenDraft) -> DraftWriter:
        agent = self.way.agent
        draft = Draft(
            delivery_id=opened.delivery_id,
            conversation_key=self.way.conversation_key,
            person_key=self.person_key,
            queued_at=opened.queued_at,
            agent_name=agent.display_name if agent is not None else "",
            avatar=agent.avatar if agent is not None else None,
        )
        return self.way.live.write(draft, config=self.way.config, credentials=self.way.credentials)

    async def _at_vendor(self, opened: OpenDraft, writer: DraftWriter, asked_at: float) -> bool:
        """Begin the draft, or go on with it; False when this attempt shows nothing more."""
        draft_id = ""
        if opened.begun or opened.vendor_id:
            draft_id = await writer.resume(opened.vendor_id)
            self._count("Resumed" if draft_id else "Missing")
        if not draft_id:
            if asyncio.get_running_loop().time() - asked_at > _STALE_SECONDS:
                # The hold would not outlast the call: this process was away for a while.
                self._count("Stale")
                return False
            try:
                draft_id = await writer.begin(self.progress)
                self._count("Begun")
            except (SendRefused, SendLater):
                self._count("Refused")
                await self._note(opened, there=False)
                return False
            except SendUnclear:
                self._count("Unclear")
                draft_id = await writer.resume("")
                if not draft_id:
                    # It may still come: whoever sends the reply asks once more.
                    return False
        return await self._note(opened, vendor_id=draft_id)

    async def _follow(self, opened: OpenDraft, writer: DraftWriter) -> None:
        """Keep the draft up with the text until that ends, is stopped, or the vendor refuses."""
        while not self._left and await self._goes_on():
            progress = self.progress
            try:
                pause = await writer.show(progress, hold=lambda: self._hold(opened))
            except SendLater as later:
                pause = later.after_seconds
            except SendUnclear:
                pause = _DOUBT_SECONDS
            finally:
                await self._release(opened)
            if progress.ended:
                if writer.shows_all:
                    await drafts.note_shown(self.store, opened, progress.text.strip())
                return
            if self._ended and self._torn:
                return
            await self._wait(pause, calm=True)
            if not self._changed.is_set():
                continue

    async def _hold(self, opened: OpenDraft) -> bool:
        self._held = await drafts.hold_draft(self.store, opened, seconds=HOLD_SECONDS)
        return self._held

    async def _release(self, opened: OpenDraft) -> None:
        if self._held:
            self._held = False
            await self._note(opened)

    async def _note(self, opened: OpenDraft, *, vendor_id: str = "", there: bool = True) -> bool:
        noted = await drafts.note_draft(self.store, opened, vendor_id=vendor_id, there=there)
        self.released()
        return noted

    async def _goes_on(self) -> bool:
        """Ask the store whether the turn is still this attempt's, if there is a reason to ask."""
        if not self._doubted:
            return True
        self._doubted = False
        try:
            context = await journal.check_turn(
                self.store, self.way.tenant_id, self.turn_id, self.attempt, self.turn_token
            )
        except TurnLost:
            return False
        return context.verdict is Verdict.CONTINUE

    async def _wait(self, seconds: float | None, *, calm: bool = False) -> None:
        """Wait for something new; `calm`: for so many seconds, unless the draft ends before."""
        loop = asyncio.get_running_loop()
        ends = None if seconds is None else loop.time() + seconds
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(ends):
                while True:
                    await self._changed.wait()
                    self._changed.clear()
                    if not calm or self._ended or self._left or self._doubted:
                        return

    def _count(self, event: str) -> None:
        self.metrics.drafts.labels(self.way.channel, event).inc()
