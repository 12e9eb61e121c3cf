"""A reply in the making: NDJSON lines of one chunked request, shown and forgotten."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

from pydantic import ValidationError

from konstruct_gateway.chat import frames
from konstruct_gateway.telling import Telling
from konstruct_gateway.work.drafting import Drafting
from konstruct_messages.replies import Delta

_LONGEST_LINE = 65_536
_MOST_CHARACTERS = 1_048_576


@dataclass
class DeltaFlow:
    """One attempt's deltas. What is malformed or too much is dropped; a turn never fails by it."""

    telling: Telling
    tenant_id: UUID
    conversation_id: UUID
    turn_id: UUID
    attempt: int
    drafting: Drafting | None = None
    """What shows the reply where sockets do not."""
    shown: int = 0
    dropped: int = 0

    async def pass_on(self, chunks: AsyncIterator[bytes]) -> None:
        """Read until the agent ends the request, showing what comes. Raises what `chunks` does."""
        whole = False
        try:
            await self._read(chunks)
            whole = self.dropped == 0
        finally:
            if self.drafting is not None:
                self.drafting.end(whole=whole)

    async def _read(self, chunks: AsyncIterator[bytes]) -> None:
        rest = b""
        async for chunk in chunks:
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._line(line)
            if len(rest) > _LONGEST_LINE:
                self.dropped += 1
                rest = b""
        self._line(rest)

    def _line(self, line: bytes) -> None:
        if not line.strip():
            return
        try:
            delta = Delta.model_validate_json(line)
        except ValidationError:
            self.dropped += 1
            return
        if not delta.text or self.shown + len(delta.text) > _MOST_CHARACTERS:
            self.dropped += 1
            return
        self.shown += len(delta.text)
        if self.drafting is not None:
            self.drafting.hear(delta.offset, delta.text)
        frame = frames.delta(str(self.turn_id), self.attempt, delta.offset, delta.text)
        self.telling.show(self.tenant_id, self.conversation_id, frame)
