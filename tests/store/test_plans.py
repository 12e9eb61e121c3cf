"""At a million rows every named statement still goes by an index, with its program's rights."""

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest

from konstruct_local.postgres import EmbeddedPostgres
from konstruct_store import erase, statements
from support.history import fill
from support.postgres import Database, fresh_database

pytestmark = pytest.mark.postgres

_BIG = 10_000
_EXPLAIN = """
CREATE FUNCTION konstruct.explain_for_test(query text) RETURNS SETOF json
LANGUAGE plpgsql
AS $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN (GENERIC_PLAN, FORMAT JSON) ' || query; END $$
"""
_PARTIAL = """
SELECT c.relname
FROM pg_index AS i
INNER JOIN pg_class AS c ON c.oid = i.indexrelid
WHERE i.indpred IS NOT NULL AND c.relnamespace = 'konstruct'::regnamespace
"""
# Partial in name only: their predicates hold for every row (see the migrations).
ALWAYS_TRUE = {
    "conversations_recent",
    "deliveries_of_conversation",
    "dispatch_active",
    "turns_of_conversation",
}
# What the gateway does as the eraser, and what of the erasing it does as itself.
AS_ERASER = {"access/forget_refusals", "access/forget_standings", "media/forget"}
AS_ITSELF = {"erase/waiting", "erase/finish"}
# Statements that are meant to read all there is.
WHOLE = {
    "audit/broken": "audit",
    **{f"erase/{table}": table for table in erase.TABLES},
}


@pytest.fixture(scope="module")
def history(postgres_server: EmbeddedPostgres) -> Iterator[Database]:
    with asyncio.Runner() as runner:
        making = fresh_database(postgres_server)
        database = runner.run(making.__aenter__())
        runner.run(fill(database.owner_url))
        runner.run(_make_explainable(database))
        yield database
        runner.run(making.__aexit__(None, None, None))


async def _make_explainable(database: Database) -> None:
    await database.run(_EXPLAIN)


def program_of(name: str) -> str:
    if name.startswith("portal/"):
        return "portal"
    if name.startswith("usage/") and name != "usage/counts":
        return "llm"
    return "gateway"


async def test_every_statement_goes_by_an_index(history: Database) -> None:
    owner = await asyncpg.connect(history.owner_url)
    rows = await owner.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'konstruct'::regnamespace"
        " AND relkind = 'r' AND reltuples >= $1",
        _BIG,
    )
    big = {row["relname"] for row in rows}
    partial = {row["relname"] for row in await owner.fetch(_PARTIAL)} - ALWAYS_TRUE
    assert await owner.fetchval("SELECT count(*) FROM konstruct.log") == 1_000_000
    await owner.close()
    assert {"log", "inbox", "turns", "steps", "dispatch", "deliveries", "usage_ledger"} <= big
    found = []
    connections: dict[str, asyncpg.Connection] = {}
    for name in statements.names():
        program = program_of(name)
        if program not in connections:
            connections[program] = await asyncpg.connect(history.url(program))  # type: ignore[arg-type]
            await connections[program].execute("SET konstruct.tenant = ''")
        if name in AS_ERASER or (name.startswith("erase/") and name not in AS_ITSELF):
            await connections[program].execute("SET ROLE konstruct_eraser")
        plan = await connections[program].fetchval(
            "SELECT konstruct.explain_for_test($1)", statements.statement(name)
        )
        await connections[program].execute("RESET ROLE")
        found += [
            f"{name}: {problem}"
            for problem in problems(json.loads(plan)[0]["Plan"], big, partial)
            if WHOLE.get(name) not in problem.split()
        ]
    for connection in connections.values():
        await connection.close()
    assert found == []


async def test_a_new_database_hands_out_turns_by_their_places(database: Database) -> None:
    """Plans that are made while all is empty last until somebody analyses the tables."""
    await _make_explainable(database)
    partial = {row["relname"] for row in await database.run(_PARTIAL)} - ALWAYS_TRUE
    connection = await asyncpg.connect(database.url("gateway"))
    await connection.execute("SET konstruct.tenant = ''")
    found = []
    for name in ("claims/open", "claims/frozen"):
        plan = await connection.fetchval(
            "SELECT konstruct.explain_for_test($1)", statements.statement(name)
        )
        found += list(problems(json.loads(plan)[0]["Plan"], {"inbox", "log", "turns"}, partial))
    await connection.close()
    assert found == []


def problems(
    node: dict[str, Any], big: set[str], partial: set[str], *, limited: bool = False
) -> Iterator[str]:
    """Yield what a plan does to a big table without an index's condition.

    A partial index holds only what is open, so a tenant's whole share of it is little. Right below
    a Limit and without a filter, a scan in the index's order ends when it has enough.
    """
    table = node.get("Relation Name", "")
    if table in big:
        kind = node["Node Type"]
        ordered = kind in {"Index Scan", "Index Only Scan"} and "Index Cond" in node
        if not ordered and kind not in {"Bitmap Heap Scan", "ModifyTable", "Tid Scan"}:
            yield f"{kind} on {table} {node.get('Filter', '')}"
        by_tenant = re.fullmatch(r"\(tenant_id = [^)]*\)", node.get("Index Cond", ""))
        bounded = limited and "Filter" not in node
        if by_tenant and not bounded and node.get("Index Name") not in partial:
            yield f"the whole tenant's rows of {table}"
    # Row-level security puts a Result between the limit and what it limits.
    below = node["Node Type"] == "Limit" or (limited and node["Node Type"] == "Result")
    for child in node.get("Plans", []):
        yield from problems(child, big, partial, limited=below)
