"""A proxy for plain sockets: each connection is two pumps, and ends when one of them does."""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, Self

from support.campaigns.trap import AFTER, BEFORE, Sprung, Trap

ENDS = (asyncio.IncompleteReadError, ConnectionError, OSError)
FRAME = "frame"


class SocketProxy:
    """Between clients and a port. By itself it calls every piece of bytes a boundary."""

    def __init__(self, trap: Trap, hop: str, port: int) -> None:
        self._trap = trap
        self._hop = hop
        self._far_port = port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    @property
    def url(self) -> str:
        """The base URL of what speaks HTTP behind it."""
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_exception: object) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def pumps(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        far_reader: asyncio.StreamReader,
        far_writer: asyncio.StreamWriter,
    ) -> tuple[Coroutine[Any, Any, None], Coroutine[Any, Any, None]]:
        """Return what passes bytes there and back."""
        return self._pump(reader, far_writer, BEFORE), self._pump(far_reader, writer, AFTER)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, side: str
    ) -> None:
        with contextlib.suppress(*ENDS, Sprung):
            while data := await reader.read(65_536):
                await self._trap.passes(self._hop, FRAME, side)
                writer.write(data)
                await writer.drain()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        writers = [writer]
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._far_port)
            writers.append(far_writer)
            both = await self.pumps(reader, writer, far_reader, far_writer)
            pumping = [asyncio.create_task(one) for one in both]
            try:
                await asyncio.wait(pumping, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumping:
                    pump.cancel()
                await asyncio.gather(*pumping, return_exceptions=True)
        except (*ENDS, asyncio.CancelledError):
            pass  # the client is gone, or the proxy is
        finally:
            self._tasks.discard(task)
            for one in writers:
                with contextlib.suppress(*ENDS, RuntimeError):
                    one.transport.abort()
