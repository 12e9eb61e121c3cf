"""The chart's hook Jobs.

`make-keys`: create the Secrets that a release needs, if they are not there; it has no right to read
or change one. `require-no-tenants`: fail while a Tenant exists, so that nobody uninstalls the
operator under its tenants. Exit codes: 0 done, 1 failed, 2 wrong use.
"""

import argparse
import asyncio
import secrets
import sys
from collections.abc import Sequence

from konstruct_operator.cluster import kinds
from konstruct_operator.cluster.client import Cluster, Document
from konstruct_operator.errors import AlreadyThere, NotFound, OperatorError
from konstruct_operator.installation.keys import first_login_secret, keys_secret

DONE, FAILED = 0, 1
_MOST_NAMES = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    asked = _parser().parse_args(arguments)
    work = _make_keys(asked) if asked.command == "make-keys" else _require_no_tenants()
    try:
        return asyncio.run(work)
    except OperatorError as error:
        sys.stderr.write(f"{error}\n")
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m konstruct_operator.installation", description=__doc__
    )
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("make-keys", help="create the Secrets that are not there yet")
    make.add_argument("--namespace", required=True)
    make.add_argument("--keys", default="", help="name of the Secret with the keys; empty: none")
    make.add_argument("--first-login", default="", help="name of that Secret; empty: none")
    make.add_argument("--email", default="admin@example.com", help="of the first log-in")
    commands.add_parser("require-no-tenants", help="fail while a Tenant exists")
    return parser


async def _make_keys(asked: argparse.Namespace) -> int:
    wanted: list[Document] = []
    if asked.keys:
        wanted.append(keys_secret(asked.keys, asked.namespace, random_bytes=secrets.token_bytes))
    if asked.first_login:
        wanted.append(
            first_login_secret(
                asked.first_login,
                asked.namespace,
                email=asked.email,
                random_bytes=secrets.token_bytes,
            )
        )
    cluster = await Cluster.connect()
    try:
        for secret in wanted:
            name = secret["metadata"]["name"]
            try:
                await cluster.create(kinds.SECRET, secret)
                sys.stdout.write(f"Secret {name}: made\n")
            except AlreadyThere:
                sys.stdout.write(f"Secret {name}: kept as it is\n")
    finally:
        await cluster.close()
    return DONE


async def _require_no_tenants() -> int:
    cluster = await Cluster.connect()
    try:
        found, _ = await cluster.list(kinds.TENANT)
    except NotFound:
        return DONE  # the kinds themselves are gone, and every Tenant with them
    finally:
        await cluster.close()
    if not found:
        return DONE
    first = ", ".join(sorted(one["metadata"]["name"] for one in found)[:_MOST_NAMES])
    sys.stderr.write(
        f"{len(found)} Tenant(s) still exist: {first}. Without the operator nobody could end them."
        " Delete them first (kubectl delete tenants.konstruct.dev --all), then uninstall.\n"
    )
    return FAILED


if __name__ == "__main__":
    sys.exit(main())
