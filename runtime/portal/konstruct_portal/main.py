"""The portal as a program: serve the pages over a Kubernetes API, or make a user."""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from uuid import UUID

import structlog
import uvicorn
import uvloop
from pydantic import ValidationError
from starlette.types import ASGIApp

from konstruct_portal.accounts import create_user, normalise
from konstruct_portal.app import Portal, open_portal
from konstruct_portal.cluster import open_cluster
from konstruct_portal.errors import AccountExists, ClusterUnknown
from konstruct_portal.passwords import LONGEST, SHORTEST, Passwords, generate
from konstruct_portal.records import Role
from konstruct_portal.records_postgres import PostgresRecords
from konstruct_portal.resources import Resources
from konstruct_portal.settings import PortalSettings
from konstruct_store import Store
from konstruct_store.errors import ConfigurationWrong, RetryLater
from konstruct_telemetry.logs import configure_logs

DONE, FAILED, WRONG_USE = 0, 1, 2
_GRACE_SECONDS = 10
_START_SECONDS = 60.0
_RETRY_SECONDS = 1.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line says and exit with 0 (done), 1 (failed) or 2 (wrong use)."""
    configure_logs("INFO", "portal")
    asked = _parser().parse_args(arguments)
    try:
        settings = PortalSettings()
        configure_logs(settings.log_level, "portal")
    except ValidationError as error:
        for one in error.errors():
            name = "_".join(str(part) for part in one["loc"]).upper()
            sys.stderr.write(f"KONSTRUCT_{name}: {one['msg']}\n")
        sys.exit(WRONG_USE)
    work = _create_user(settings, asked) if asked.command == "create-user" else _serve(settings)
    try:
        sys.exit(uvloop.run(work))
    except (ConfigurationWrong, RetryLater, ClusterUnknown) as error:
        structlog.get_logger("portal").error("cannot start", reason=str(error))
        sys.exit(FAILED)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m konstruct_portal", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    make = commands.add_parser("create-user", help="make a user of the portal")
    make.add_argument("email")
    make.add_argument("--role", choices=[role.value for role in Role], default="operator")
    make.add_argument("--tenant", type=UUID, action="append", default=[], help="a tenant's id")
    password = make.add_mutually_exclusive_group()
    password.add_argument(
        "--password-stdin", action="store_true", help="read it from stdin; default: generate one"
    )
    password.add_argument(
        "--password-from-environment", action="store_true", help="read it from KONSTRUCT_PASSWORD"
    )
    make.add_argument(
        "--if-absent", action="store_true", help="an account that is there already is fine"
    )
    return parser


async def _create_user(settings: PortalSettings, asked: argparse.Namespace) -> int:
    password = _password(asked)
    if not SHORTEST <= len(password) <= LONGEST:
        sys.stderr.write(f"A password has {SHORTEST} to {LONGEST} characters.\n")
        return WRONG_USE
    store = await Store.connect(settings.database_url)
    passwords = Passwords(workers=1, waiters=1)
    try:
        await create_user(
            PostgresRecords(store),
            passwords,
            email=asked.email,
            password=password,
            role=Role(asked.role),
            tenants=frozenset(asked.tenant),
        )
    except AccountExists:
        if asked.if_absent:
            return DONE
        sys.stderr.write(f"There is an account for {normalise(asked.email)} already.\n")
        return FAILED
    finally:
        passwords.close()
        await store.close()
    if not (asked.password_stdin or asked.password_from_environment):
        sys.stdout.write(f"{password}\n")
    return DONE


def _password(asked: argparse.Namespace) -> str:
    if asked.password_stdin:
        return sys.stdin.readline().rstrip("\n")
    if asked.password_from_environment:
        return os.environ.get("KONSTRUCT_PASSWORD", "")
    return generate()


async def _serve(settings: PortalSettings) -> int:
    """Serve both ports until SIGTERM or SIGINT; what is being answered ends first."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    async with open_cluster() as resources, contextlib.AsyncExitStack() as stack:
        portal = await _open(settings, resources, stack, stop)
        if portal is None:
            return DONE
        servers = [
            _server(portal.app, settings, settings.port),
            _server(portal.internal_app, settings, settings.internal_port),
        ]
        running = [asyncio.create_task(one.serve()) for one in servers]
        stopping = asyncio.create_task(stop.wait())
        structlog.get_logger("portal").info(
            "serving", port=settings.port, internal_port=settings.internal_port
        )
        await asyncio.wait([*running, stopping], return_when=asyncio.FIRST_COMPLETED)
        for one in servers:
            one.should_exit = True
        await asyncio.gather(*running)
        stopping.cancel()
    return DONE


async def _open(
    settings: PortalSettings,
    resources: Resources,
    stack: contextlib.AsyncExitStack,
    stop: asyncio.Event,
) -> Portal | None:
    """Open the portal, waiting a while for a database that is still coming up."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _START_SECONDS
    while not stop.is_set():
        try:
            return await stack.enter_async_context(open_portal(settings, resources=resources))
        except RetryLater:
            if loop.time() > deadline:
                raise
            structlog.get_logger("portal").warning("waiting for the database")
            await asyncio.sleep(_RETRY_SECONDS)
    return None


class _Server(uvicorn.Server):
    """A server whose signals are the program's, not its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


def _server(app: ASGIApp, settings: PortalSettings, port: int) -> uvicorn.Server:
    """Return a server of one port."""
    return _Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=port,
            proxy_headers=True,
            forwarded_allow_ips=settings.trusted_proxies,
            server_header=False,
            access_log=False,
            log_config=None,
            lifespan="off",
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
    )
