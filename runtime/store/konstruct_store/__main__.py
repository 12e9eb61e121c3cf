"""`python -m konstruct_store migrate | create-login PROGRAM | prepare | wait`: for installers.

`prepare` migrates, then makes or renews the log-in of each program whose own URL it is given. It
waits for a database that is not up yet.
`wait` ends when the schema is there and fit for this version: a pod's first container runs it, so
that its program does not start before the migrations have run.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from konstruct_store import migrate
from konstruct_store.errors import ConfigurationWrong, RetryLater, StoreError
from konstruct_store.store import Store

_Result = TypeVar("_Result")

_WAIT_SECONDS = 300.0
_PAUSE_SECONDS = 1.0


def main() -> int:
    """Run one command; return the exit code (0 done, 1 failed, 2 wrong use)."""
    parser = argparse.ArgumentParser(prog="python -m konstruct_store", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("migrate", help="bring the schema to this version (KONSTRUCT_DATABASE_URL)")
    login = commands.add_parser(
        "create-login", help="make or renew a program's log-in (password: KONSTRUCT_LOGIN_PASSWORD)"
    )
    login.add_argument("program", choices=migrate.PROGRAMS)
    commands.add_parser(
        "prepare",
        help="migrate, and make the log-ins that KONSTRUCT_{GATEWAY,LLM,PORTAL}_DATABASE_URL name",
    )
    commands.add_parser("wait", help="wait until the schema is fit (KONSTRUCT_DATABASE_URL)")
    arguments = parser.parse_args()
    url = os.environ.get("KONSTRUCT_DATABASE_URL", "")
    password = os.environ.get("KONSTRUCT_LOGIN_PASSWORD", "")
    if not url or (arguments.command == "create-login" and not password):
        parser.error("set KONSTRUCT_DATABASE_URL (and KONSTRUCT_LOGIN_PASSWORD for create-login)")
    try:
        if arguments.command == "migrate":
            done = asyncio.run(migrate.migrate(url))
            sys.stdout.write(f"applied: {', '.join(map(str, done)) or 'nothing to do'}\n")
        elif arguments.command == "prepare":
            asyncio.run(_prepare(url))
        elif arguments.command == "wait":
            asyncio.run(_wait(url))
        else:
            name = asyncio.run(migrate.create_login(url, arguments.program, password))
            sys.stdout.write(f"log-in: {name}\n")
    except StoreError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


async def _prepare(url: str) -> None:
    """Migrate and make the log-ins. Raises StoreError; ConfigurationWrong for another's log-in.

    A database that comes with the same release starts beside this: it is waited for.
    """
    done = await _patiently(lambda: migrate.migrate(url), RetryLater)
    sys.stdout.write(f"applied: {', '.join(map(str, done)) or 'nothing to do'}\n")
    for program in migrate.PROGRAMS:
        parts = urlsplit(os.environ.get(f"KONSTRUCT_{program.upper()}_DATABASE_URL", ""))
        if not parts.password:
            continue
        if parts.username != migrate.login_name(program):
            raise ConfigurationWrong(
                f"The {program}'s URL must name the log-in {migrate.login_name(program)}."
            )
        name = await migrate.create_login(url, program, unquote(parts.password))
        sys.stdout.write(f"log-in: {name}\n")


async def _wait(url: str) -> None:
    """Return once the store is fit. Raises StoreError when it still is not after five minutes."""
    await _patiently(lambda: _check(url), StoreError)


async def _check(url: str) -> None:
    store = await Store.connect(url, minimum=1, maximum=1)
    try:
        await store.check()
    finally:
        await store.close()


async def _patiently(
    attempt: Callable[[], Awaitable[_Result]], passing: type[StoreError]
) -> _Result:
    """Return what `attempt` returns, tried for five minutes while it raises `passing`."""
    deadline = asyncio.get_running_loop().time() + _WAIT_SECONDS
    told = ""
    while True:
        try:
            return await attempt()
        except passing as error:
            if asyncio.get_running_loop().time() > deadline:
                raise
            if str(error) != told:
                told = str(error)
                sys.stdout.write(f"waiting: {told}\n")
                sys.stdout.flush()
        await asyncio.sleep(_PAUSE_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
