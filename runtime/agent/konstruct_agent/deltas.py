"""Deltas of one attempt: bounded, lossy, never in the way of the answer.

What arrives faster than it can be sent is joined into one line; what does not fit is dropped, and
the offset shows the gap. The recorded reply replaces everything.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import structlog

from konstruct_agent.errors import AgentError
from konstruct_agent.work import WorkClient
from konstruct_messages.replies import Delta
from konstruct_messages.turns import ClaimedTurn

_log = structlog.get_logger(__name__)

_MOST_PENDING = 64 * 1024
# Faster than a person sees; each line costs every program on its way.
_PAUSE_SECONDS = 0.025


class DeltaSender:
    """Sends one attempt's deltas in one chunked request, opened with the first of them."""

    def __init__(self, work: WorkClient, turn: ClaimedTurn) -> None:
        self._work = work
        self._turn = turn
        self._pending = ""
        self._pending_offset = 0
        self._offset = 0
        self._more = asyncio.Event()
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def restart(self) -> None:
        """Begin a new text: the next delta has offset 0."""
        self._flush_position(0)

    def add(self, text: str) -> None:
        """Queue a piece of the reply in the making; never waits."""
        if self._closing.is_set():
            return
        if len(self._pending) + len(text) > _MOST_PENDING:
            self._offset += len(text)
            return
        if self._pending and self._pending_offset + len(self._pending) != self._offset:
            self._pending, self._pending_offset = "", self._offset  # a gap: the older part goes
        if not self._pending:
            self._pending_offset = self._offset
        self._pending += text
        self._offset += len(text)
        self._more.set()
        if self._task is None:
            self._task = asyncio.create_task(self._send())

    def finish(self) -> None:
        """Take nothing more and let the request end by itself; `close` waits for it."""
        self._closing.set()
        self._more.set()

    async def close(self) -> None:
        """End the request; waits at most a second for what is still pending."""
        self.finish()
        if self._task is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await asyncio.shield(self._task)
            if not self._task.done():
                self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _flush_position(self, offset: int) -> None:
        self._offset = offset
        self._pending, self._pending_offset = "", offset

    async def _send(self) -> None:
        try:
            await self._work.send_deltas(self._turn, self._lines())
        except AgentError as error:
            self._closing.set()
            _log.info("deltas_ended", turn_id=str(self._turn.turn_id), reason=str(error))

    async def _lines(self) -> AsyncIterator[bytes]:
        while True:
            await self._more.wait()
            self._more.clear()
            if self._pending:
                delta = Delta(
                    attempt=self._turn.attempt, offset=self._pending_offset, text=self._pending
                )
                self._pending = ""
                yield delta.model_dump_json().encode() + b"\n"
            if self._closing.is_set():
                if not self._pending:
                    return
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PAUSE_SECONDS):
                    await self._closing.wait()
