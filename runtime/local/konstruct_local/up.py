"""The up command: what must be light or first. The rest is `installation`, imported meanwhile."""

import asyncio
import importlib
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from konstruct_local.errors import LocalError, UnusableSystem
from konstruct_local.home import Home
from konstruct_local.logs import open_log
from konstruct_local.postgres import EmbeddedPostgres, default_directory
from konstruct_local.servers import listen
from konstruct_local.settings import LocalSettings, load_dotenv
from konstruct_local.system import refuse_unsupported
from konstruct_local.terminal import Terminal
from konstruct_local.unwinding import push_step
from konstruct_local.words import mark as _

if TYPE_CHECKING:
    from konstruct_local.installation import Installation

_POSTGRES_SECONDS = 20.0
_LOOPBACK = "127.0.0.1,localhost,::1"

log = structlog.get_logger(__name__)


def run_up(folder: Path, settings: LocalSettings, terminal: Terminal) -> int:
    """Run everything until a signal asks to stop; return the exit code. Raises LocalError."""
    refuse_unsupported()
    home = Home(settings.home)
    with home.locked():
        os.environ.update(load_dotenv(home.path))
        _keep_proxies_off_loopback()
        with open_log(home.log):
            try:
                return asyncio.run(_run(folder, settings, home, terminal))
            except (LocalError, ImportError):
                raise
            except Exception as error:
                log.exception("ended_unexpectedly")
                raise UnusableSystem(
                    _("Konstruct ended unexpectedly: {reason}. Details are in {log}."),
                    reason=f"{type(error).__name__}: {error}",
                    log=home.log,
                ) from error


async def _run(folder: Path, settings: LocalSettings, home: Home, terminal: Terminal) -> int:
    server = None
    if not settings.database_url:
        server = EmbeddedPostgres(default_directory(home.path))
    stopping = _stop_on_signals(terminal, server)
    async with AsyncExitStack() as stack:
        listener = listen(settings.host, settings.port)
        stack.callback(listener.close)
        start = asyncio.create_task(
            _start(stack, folder, settings, home, terminal, listener, server)
        )
        waiting = asyncio.create_task(stopping.wait())
        await asyncio.wait({start, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if start.done():
            installation = start.result()
            await installation.serve(stopping)
        waiting.cancel()
        start.cancel()
        await asyncio.gather(start, waiting, return_exceptions=True)
        terminal.say(_("Stopping ..."))
    terminal.say(_("Stopped."))
    # Everything has ended but a thread that may still be importing litellm. Python would wait
    # for it, and then take all modules apart, for seconds.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


async def _start(
    stack: AsyncExitStack,
    folder: Path,
    settings: LocalSettings,
    home: Home,
    terminal: Terminal,
    listener: socket.socket,
    server: EmbeddedPostgres | None,
) -> "Installation":
    """Start the database and import the programs at the same time, then put all together."""
    database = asyncio.create_task(_start_server(stack, server))
    try:
        module = await asyncio.to_thread(importlib.import_module, "konstruct_local.installation")
        installation: Installation = module.Installation(
            folder=folder, settings=settings, home=home, terminal=terminal, listener=listener
        )
        await installation.read_folder()
    finally:
        await database
    await installation.start(stack, server)
    return installation


async def _start_server(stack: AsyncExitStack, server: EmbeddedPostgres | None) -> None:
    if server is not None:
        push_step(stack, "postgres", server.stop, seconds=_POSTGRES_SECONDS)
        await server.start()


def _stop_on_signals(terminal: Terminal, server: EmbeddedPostgres | None) -> asyncio.Event:
    """Return an event that the first signal sets; the second one ends the process at once."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if not stopping.is_set():
            stopping.set()
            return
        terminal.complain(_("Stopped by force; the next start makes good what was left."))
        if server is not None:
            server.abandon()
        os._exit(1)

    handler: Callable[[], None] = stop
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(sign, handler)
    return stopping


def _keep_proxies_off_loopback() -> None:
    """Let calls between our own programs never go through a proxy of the environment."""
    for name in ("NO_PROXY", "no_proxy"):
        known = os.environ.get(name, "")
        os.environ[name] = f"{known},{_LOOPBACK}" if known else _LOOPBACK
