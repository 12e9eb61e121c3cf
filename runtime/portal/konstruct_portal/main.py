"""The portal as a program: serve the pages over a Kubernetes API, or make a user."""

import argparse
import asyncio
import logging
import sys
from collections.abc import Sequence
from uuid import UUID

import structlog
import uvicorn
from pydantic import ValidationError
from starlette.types import ASGIApp

from konstruct_portal.accounts import create_user, normalise
from konstruct_portal.app import open_portal
from konstruct_portal.cluster import open_cluster
from konstruct_portal.errors import AccountExists
from konstruct_portal.passwords import LONGEST, SHORTEST, Passwords, generate
from konstruct_portal.records import Role
from konstruct_portal.records_postgres import PostgresRecords
from konstruct_portal.settings import PortalSettings
from konstruct_store import Store

DONE, FAILED, WRONG_USE = 0, 1, 2
_GRACE_SECONDS = 10


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line says and exit with 0 (done), 1 (failed) or 2 (wrong use)."""
    _log_as_json()
    asked = _parser().parse_args(arguments)
    try:
        settings = PortalSettings()
    except ValidationError as error:
        for one in error.errors():
            name = "_".join(str(part) for part in one["loc"]).upper()
            sys.stderr.write(f"KONSTRUCT_{name}: {one['msg']}\n")
        sys.exit(WRONG_USE)
    if asked.command == "create-user":
        sys.exit(asyncio.run(_create_user(settings, asked)))
    asyncio.run(_serve(settings))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m konstruct_portal", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    make = commands.add_parser("create-user", help="make a user of the portal")
    make.add_argument("email")
    make.add_argument("--role", choices=[role.value for role in Role], default="operator")
    make.add_argument("--tenant", type=UUID, action="append", default=[], help="a tenant's id")
    make.add_argument(
        "--password-stdin", action="store_true", help="read it from stdin; default: generate one"
    )
    return parser


async def _create_user(settings: PortalSettings, asked: argparse.Namespace) -> int:
    password = sys.stdin.readline().rstrip("\n") if asked.password_stdin else generate()
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
        sys.stderr.write(f"There is an account for {normalise(asked.email)} already.\n")
        return FAILED
    finally:
        passwords.close()
        await store.close()
    if not asked.password_stdin:
        sys.stdout.write(f"{password}\n")
    return DONE


async def _serve(settings: PortalSettings) -> None:
    async with open_cluster() as resources, open_portal(settings, resources=resources) as portal:
        await asyncio.gather(
            _server(portal.app, settings, settings.port).serve(),
            _server(portal.internal_app, settings, settings.internal_port).serve(),
        )


def _server(app: ASGIApp, settings: PortalSettings, port: int) -> uvicorn.Server:
    """Return a server of one port; SIGTERM lets what is being answered end first."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=port,
            proxy_headers=True,
            forwarded_allow_ips=settings.trusted_proxies,
            server_header=False,
            access_log=False,
            log_config=None,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
    )


def _log_as_json() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
