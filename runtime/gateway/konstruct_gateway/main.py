"""The program: `python -m konstruct_gateway` serves; `... openapi FOLDER` writes the documents.

`... doctor [TENANT[/CONNECTION]] [--json]` asks the gateway of the same pod about its connections.

Exit codes: 0 ended well, 1 failed, 2 wrong use.
"""

import asyncio
import contextlib
import gc
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import structlog
import uvicorn
import uvloop
from starlette.types import ASGIApp

from konstruct_gateway.app import Gateway, open_gateway
from konstruct_gateway.doctor.command import USAGE, run_doctor
from konstruct_gateway.documents import write_documents
from konstruct_gateway.settings import GatewaySettings
from konstruct_store.errors import ConfigurationWrong, RetryLater
from konstruct_telemetry.settings import read_settings

FAILED = 1
WRONG_USE = 2
_GRACE_SECONDS = 10
_START_SECONDS = 60.0
_RETRY_SECONDS = 0.5
_BACKLOG = 2048


def main(arguments: Sequence[str] = ()) -> int:
    """Run the command and return its exit code."""
    match list(arguments):
        case []:
            return _serve()
        case ["openapi"]:
            return _documents(Path("docs/reference"))
        case ["openapi", folder]:
            return _documents(Path(folder))
        case ["doctor", *rest]:
            return run_doctor(rest)
        case _:
            sys.stderr.write("Usage: python -m konstruct_gateway [openapi [FOLDER]]\n" + USAGE)
            return WRONG_USE


def _documents(folder: Path) -> int:
    for path in write_documents(folder):
        sys.stdout.write(f"{path}\n")
    return 0


def _serve() -> int:
    settings = read_settings(GatewaySettings, "gateway")
    if settings is None:
        return WRONG_USE
    try:
        uvloop.run(serve(settings))
    except (ConfigurationWrong, RetryLater) as error:
        log = structlog.get_logger(__name__)
        log.error("cannot start", reason=str(error))  # noqa: TRY400 - the reason says it all
        return FAILED
    return 0


async def serve(settings: GatewaySettings) -> None:
    """Serve both ports until SIGTERM or SIGINT, then end: nothing accepted is lost."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        gateway = await _open(settings, stack, stop)
        if gateway is None:
            return
        servers = [
            server(gateway.public_app, settings, port=settings.port),
            server(gateway.internal_app, settings, port=settings.internal_port),
        ]
        calm_collector()
        running = [asyncio.create_task(one.serve()) for one in servers]
        stopping = asyncio.create_task(stop.wait())
        structlog.get_logger(__name__).info(
            "serving", port=settings.port, internal_port=settings.internal_port
        )
        await asyncio.wait([*running, stopping], return_when=asyncio.FIRST_COMPLETED)
        await gateway.say_goodbye()
        for one in servers:
            one.should_exit = True
        await asyncio.gather(*running)
        stopping.cancel()


async def _open(
    settings: GatewaySettings, stack: contextlib.AsyncExitStack, stop: asyncio.Event
) -> Gateway | None:
    """Open the gateway, waiting for a database that is still coming up."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _START_SECONDS
    while not stop.is_set():
        try:
            return await stack.enter_async_context(open_gateway(settings))
        except RetryLater:
            if loop.time() > deadline:
                raise
            structlog.get_logger(__name__).warning("waiting for the database")
            await asyncio.sleep(_RETRY_SECONDS)
    return None


def calm_collector() -> None:
    """Keep the garbage collector from standing in everybody's way.

    A full collection walks all modules and models, 60 ms in which nobody is answered; what is there
    after the start stays for good, and the rest is collected seldom.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


class _Server(uvicorn.Server):
    """A server whose signals are the program's, not its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


def server(app: ASGIApp, settings: GatewaySettings, *, port: int) -> uvicorn.Server:
    """Return a server of one of the gateway's apps."""
    return _Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=port,
            access_log=False,
            log_config=None,
            lifespan="off",
            backlog=_BACKLOG,
            ws_max_size=settings.max_socket_message,
            ws_per_message_deflate=False,
            ws_ping_interval=20.0,
            ws_ping_timeout=20.0,
            proxy_headers=True,
            forwarded_allow_ips=settings.trusted_proxies,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            server_header=False,
        )
    )
