"""`python -m konstruct_store migrate | create-login PROGRAM`: what an operator runs once."""

import argparse
import asyncio
import os
import sys

from konstruct_store import migrate
from konstruct_store.errors import StoreError


def main() -> int:
    """Run one command; return the exit code (0 done, 1 failed, 2 wrong use)."""
    parser = argparse.ArgumentParser(prog="python -m konstruct_store", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("migrate", help="bring the schema to this version (KONSTRUCT_DATABASE_URL)")
    login = commands.add_parser(
        "create-login", help="make or renew a program's log-in (password: KONSTRUCT_LOGIN_PASSWORD)"
    )
    login.add_argument("program", choices=migrate.PROGRAMS)
    arguments = parser.parse_args()
    url = os.environ.get("KONSTRUCT_DATABASE_URL", "")
    password = os.environ.get("KONSTRUCT_LOGIN_PASSWORD", "")
    if not url or (arguments.command == "create-login" and not password):
        parser.error("set KONSTRUCT_DATABASE_URL (and KONSTRUCT_LOGIN_PASSWORD for create-login)")
    try:
        if arguments.command == "migrate":
            done = asyncio.run(migrate.migrate(url))
            sys.stdout.write(f"applied: {', '.join(map(str, done)) or 'nothing to do'}\n")
        else:
            name = asyncio.run(migrate.create_login(url, arguments.program, password))
            sys.stdout.write(f"log-in: {name}\n")
    except StoreError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
