"""HTTP servers inside this process: bound first, served later, stopped in order."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from konstruct_local.errors import UnusableSystem
from konstruct_local.words import mark as _

_BACKLOG = 512
_LARGEST_FRAME = 256 * 1024


class _QuietServer(uvicorn.Server):
    """A server that leaves signals to the program around it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HttpServer:
    """One application on one listening socket, served by a task of this loop."""

    def __init__(self, application: ASGIApp, listener: socket.socket, *, grace: float) -> None:
        self._listener = listener
        self._server = _QuietServer(
            uvicorn.Config(
                application,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=max(1, round(grace)),
                timeout_keep_alive=75,
                ws_max_size=_LARGEST_FRAME,
            )
        )
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Serve; returns once requests are taken."""
        self._task = asyncio.create_task(self._server.serve(sockets=[self._listener]))
        while not self._server.started:
            if self._task.done():
                await self._task
                return
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """Take no more requests, give those under way their grace, close the sockets."""
        self._server.should_exit = True
        if self._task is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._listener.close()


def listen(host: str, port: int) -> socket.socket:
    """Bind and listen on an address; port 0 is any free one. Raises UnusableSystem."""
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise UnusableSystem(
            _("The address {host} is unknown here. Choose another with HOST."), host=host
        ) from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise _refusal(host, port, error) from error
    listener.setblocking(False)
    return listener


def address_of(listener: socket.socket) -> str:
    """Return the base URL of a listening socket, with its real port."""
    host, port = listener.getsockname()[:2]
    return base_url(host, port)


def base_url(host: str, port: int) -> str:
    """Return `http://host:port`, with brackets where the host is an IPv6 address."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _refusal(host: str, port: int, error: OSError) -> UnusableSystem:
    if error.errno == errno.EADDRINUSE:
        return UnusableSystem(
            _(
                "Port {port} of {host} is busy. Stop what uses it, or choose another port:"
                " PORT={other} make demo, or konstruct up FOLDER --port {other}."
            ),
            port=port,
            host=host,
            other=port + 1 if port < 65_535 else 8080,  # noqa: PLR2004 - the last port there is
        )
    if error.errno == errno.EACCES:
        return UnusableSystem(
            _("This user may not listen on port {port}. Choose a port above 1023 with PORT."),
            port=port,
        )
    return UnusableSystem(
        _("Cannot listen on {host}, port {port}: {reason}. Choose another with HOST and PORT."),
        host=host,
        port=port,
        reason=error.strerror or error,
    )
