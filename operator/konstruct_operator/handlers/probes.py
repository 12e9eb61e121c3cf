"""/healthz, /readyz and /metrics, as small as HTTP can be."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from konstruct_operator.reconcile.metrics import Metrics

_LONGEST_REQUEST = 8192


class Probes:
    """What the kubelet and Prometheus ask for; `alive` and `ready` return '' or what is wrong."""

    def __init__(
        self, metrics: Metrics, *, alive: Callable[[], str], ready: Callable[[], str]
    ) -> None:
        self._metrics = metrics
        self._alive = alive
        self._ready = ready

    @contextlib.asynccontextmanager
    async def serve(self, host: str, port: int) -> AsyncIterator[int]:
        """Serve while the context lasts; yields the port."""
        server = await asyncio.start_server(self._handle, host, port, limit=_LONGEST_REQUEST)
        async with server:
            yield int(server.sockets[0].getsockname()[1])

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(5):
                request = await reader.readuntil(b"\r\n\r\n")
                path = request.split(b" ", 2)[1].split(b"?")[0].decode("ascii", "replace")
                status, body, kind = self._answer(path)
                head = (
                    f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n"
                    f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
                )
                writer.write(head.encode() + body)
                await writer.drain()
        except (OSError, TimeoutError, IndexError, asyncio.IncompleteReadError, ValueError):
            return
        except asyncio.LimitOverrunError:
            return
        finally:
            writer.close()

    def _answer(self, path: str) -> tuple[str, bytes, str]:
        plain = "text/plain; charset=utf-8"
        if path == "/metrics":
            return "200 OK", self._metrics.text(), "text/plain; version=0.0.4; charset=utf-8"
        if path not in {"/healthz", "/readyz"}:
            return "404 Not Found", b"not found\n", plain
        problem = self._alive() if path == "/healthz" else self._ready()
        if problem:
            return "503 Service Unavailable", f"{problem}\n".encode(), plain
        return "200 OK", b"ok\n", plain
