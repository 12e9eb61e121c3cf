"""An agent's words on the way, said one by one through the work API."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from support.far_agent import FarAgentTurn


@dataclass
class Speech:
    """One attempt's deltas, in one open request."""

    given: FarAgentTurn
    said: str = ""
    _lines: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)

    def say(self, text: str) -> None:
        """Say the next piece."""
        delta = {"attempt": self.given.turn.attempt, "offset": len(self.said), "text": text}
        self.said += text
        self._lines.put_nowait(json.dumps(delta).encode() + b"\n")

    def restart(self) -> None:
        """Begin a new text: the next piece has offset 0."""
        self.said = ""

    async def does(self, words: str) -> None:
        """Say what is being done."""
        (await self.given.work.note(self.given.turn, words)).raise_for_status()

    async def run(self) -> httpx.Response:
        """Keep the request open until the end."""
        work, turn = self.given.work, self.given.turn
        return await work.client.post(
            work.path(turn, "deltas"), content=self._body(), headers=work.fence(turn)
        )

    def end(self) -> None:
        """End the request."""
        self._lines.put_nowait(None)

    async def _body(self) -> AsyncIterator[bytes]:
        while (line := await self._lines.get()) is not None:
            yield line


@asynccontextmanager
async def speaking(given: FarAgentTurn) -> AsyncIterator[Speech]:
    """Open a turn's deltas; they end with the block."""
    speech = Speech(given)
    running = asyncio.create_task(speech.run())
    try:
        yield speech
    finally:
        speech.end()
        await asyncio.gather(running, return_exceptions=True)
