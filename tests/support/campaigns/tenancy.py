"""Campaign S1: SQL of every kind as each program, inside one tenant; no other tenant shows.

The server has a database filled with canaries of many tenants. Four judges, none of which is the
platform: every byte that comes back is searched for a stranger's canary; a guard on each table
refuses a write to a stranger's row; what asks for a stranger's row must be answered as what asks
for a row of nobody; and reads with one right answer are compared with a superuser's, who names the
tenant in every table. At the end every row is what it was.
"""

import asyncio
import random
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from support.campaigns.postgres_wire import Answer, Query, Wire
from support.campaigns.report import progress, say
from support.campaigns.tenancy_grammar import Grammar
from support.campaigns.tenancy_statements import Statements
from support.campaigns.tenancy_world import (
    FOREIGN_WRITE,
    Filled,
    World,
    checksums,
    fill,
)
from support.campaigns.tenancy_writes import FORBIDDEN, Statement
from support.catalogue import UNPROTECTED
from support.postgres import Database

_TEXT = re.compile(rb"(?i)q7z(\d\d)(?:z[0-9a-f]{0,8})?")
_HEX = re.compile(rb"(?i)51377a(3\d3\d)(?:7a[0-9a-f]{0,16})?")
_ID = re.compile(rb"(?i)c0ffee([0-9a-f]{2})-[0-9a-f-]{0,27}")
_TENANT = re.compile(rb"(?i)7e4a47([0-9a-f]{2})-[0-9a-f-]{0,27}")
_UNPROTECTED = re.compile("|".join(rf"\b{name}\b" for name in UNPROTECTED))
_TABLE = re.compile(r"konstruct\.(\w+) AS (\w+)")
_MEASURED = re.compile(rb"actual rows=[\d.]+ loops=\d+|(?:Rows Removed by|Conflicting)[\w ]+: \d+")
_BATCH = 25
_SHOWN = 12
_VEILED = re.compile(
    rb"(?i)q7z\d\dz[0-9a-f]{8}|51377a[0-9a-f]{22}|(c0ffee|7e4a47)[0-9a-f]{2}-[0-9a-f-]{27}"
    rb"|\b1\d{4}\b|2026-\d\d-\d\d[ T]\d\d:\d\d:\d\d\+00(:00)?"
)


@dataclass(frozen=True)
class Plan:
    """`statements` in all, over `tenants` tenants; fewer where `seconds` are over before."""

    seed: int
    statements: int
    tenants: int = 50
    seconds: float = 7200.0
    until_found: bool = False
    quiet: bool = False


@dataclass
class Result:
    """What was asked, and what a tenant saw of another."""

    statements: int = 0
    foreign: int = 0
    foreign_writes: int = 0
    allowed: int = 0
    """Statements that no program has a right to, and that were taken."""
    told_apart: int = 0
    different: int = 0
    changed: int = 0
    compared: int = 0
    pairs: int = 0
    plans: int = 0
    """Pairs whose plans differ in shape, for the planner knows how common a value is everywhere:
    a fact that Postgres reveals by design to whoever may EXPLAIN."""
    reconnections: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    @property
    def found(self) -> int:
        """Return how many times anything of another tenant showed."""
        return (
            self.foreign
            + self.foreign_writes
            + self.allowed
            + self.told_apart
            + self.different
            + self.changed
        )

    @property
    def clean(self) -> bool:
        """Tell whether no tenant saw or touched another."""
        return not self.found

    def figures(self) -> dict[str, Any]:
        """Return everything for the campaign's line; error codes by how often."""
        return {**vars(self), "codes": dict(self.codes.most_common(12))}

    def show(self, what: str, role: str, tenant: int, sql: str, detail: str) -> None:
        """Keep an example of a finding."""
        if len(self.examples) < _SHOWN:
            self.examples.append(f"{what} ({role}, tenant {tenant}): {sql} -> {detail[:600]}")
            say(self.examples[-1])


async def run(plan: Plan, database: Database, *, mutation: str = "") -> Result:
    """Run the campaign on a migrated database of its own; it stays filled.

    `mutation` is run by the superuser before, to see that the campaign finds what it breaks.
    """
    owner = await asyncpg.connect(database.owner_url)
    try:
        filled = await fill(owner, World(plan.seed, plan.tenants), mutation)
        result = Result()
        # Log-ins see the running statements of their own sessions: each has one at a time.
        hunters = [
            _Hunter(plan, database, filled, result, owner_url=database.owner_url, roles=roles)
            for roles in (
                ("konstruct_gateway", "konstruct_eraser"),
                ("konstruct_llm",),
                ("konstruct_portal",),
            )
        ]
        async with progress(lambda: _told(result), quiet=plan.quiet):
            await asyncio.gather(*(one.hunt() for one in hunters))
        after = await checksums(owner, filled.sights["konstruct_gateway"].tables)
        for where in filled.sums.keys() | after.keys():
            if filled.sums.get(where) != after.get(where):
                result.changed += 1
                result.show("changed", "", 0, where[0], where[1])
        return result
    finally:
        await owner.close()


def _told(result: Result) -> str:
    return f"{result.statements} statements, {result.pairs} pairs, {result.found} findings"


@dataclass
class _Hunter:
    """One log-in's session, and a superuser's beside it to judge by."""

    plan: Plan
    database: Database
    filled: Filled
    result: Result
    owner_url: str
    roles: Sequence[str]
    wire: Wire | None = None
    judge: Wire | None = None

    async def hunt(self) -> None:
        """Send batches until this log-in's share is done."""
        share = {2: 2, 1: 1}[len(self.roles)] * self.plan.statements // 4
        chance = random.Random(f"{self.plan.seed} {self.roles[0]}")
        done = 0
        ends = time.monotonic() + self.plan.seconds
        self.judge = await Wire.connect(self.owner_url)
        try:
            while done < share and time.monotonic() < ends:
                if self.plan.until_found and self.result.found:
                    return
                # A batch has a chance of its own: it is made again alone when it failed.
                done += await self._batch(chance.getrandbits(64))
        finally:
            for wire in (self.wire, self.judge):
                if wire is not None:
                    await wire.close()

    async def _batch(self, seed: int) -> int:
        chance = random.Random(seed)
        tenant = chance.randrange(self.plan.tenants)
        role = chance.choice([*self.roles, self.roles[0]])
        grammar = Grammar(chance, self.filled.sights[role], self.filled.world, tenant)
        maker = Statements(grammar)
        statements = [maker.next() for _ in range(_BATCH)]
        sent = [one for one in statements for _ in range(2 if one.twin else 1)]
        queries = [
            *self._entry(role, tenant),
            *(
                query
                for one in statements
                for sql in filter(None, (one.sql, one.twin))
                for query in (Query(sql, one.copied), Query("ROLLBACK TO s"))
            ),
            Query("ROLLBACK"),
        ]
        try:
            if self.wire is None:
                self.wire = await self._connect()
            answers = await self.wire.ask(queries)
        except (ConnectionError, OSError):
            self.wire = None
            self.result.reconnections += 1
            return 0
        if any(answer.code for answer in answers[:5]):
            raise RuntimeError(answers[0].message + answers[3].message)
        await self._consider(role, tenant, statements, answers[5:-1:2])
        self.result.statements += len(sent)
        return len(sent)

    async def _connect(self) -> Wire:
        program = self.roles[0].removeprefix("konstruct_")
        return await Wire.connect(self.database.url(program))  # type: ignore[arg-type]

    def _entry(self, role: str, tenant: int) -> list[Query]:
        tenant_id = self.filled.world.tenant_id(tenant)
        return [
            Query("BEGIN"),
            Query(f"SELECT set_config('konstruct.tenant', '{tenant_id}', true)"),
            Query(f"SELECT set_config('campaign.tenant', '{tenant_id}', true)"),
            Query(f"SET LOCAL ROLE {role}" if role != self.roles[0] else "SELECT 1"),
            Query("SAVEPOINT s"),
        ]

    async def _consider(
        self, role: str, tenant: int, statements: Sequence[Statement], answers: Sequence[Answer]
    ) -> None:
        rest = iter(answers)
        for one in statements:
            answer = next(rest)
            self.result.kinds[one.kind] += 1
            self.result.codes[answer.code or "ok"] += 1
            self._search(role, tenant, one, answer)
            if one.twin:
                self._compare_twins(role, tenant, one, answer, next(rest))
            if one.pure and not answer.code:
                await self._compare_superuser(role, tenant, one, answer)

    def _search(self, role: str, tenant: int, one: Statement, answer: Answer) -> None:
        if FOREIGN_WRITE in answer.message:
            self.result.foreign_writes += 1
            self.result.show("foreign write", role, tenant, one.sql, answer.message)
        if one.kind == FORBIDDEN and not answer.code:
            self.result.allowed += 1
            self.result.show("allowed", role, tenant, one.sql, str(answer.tags))
        said = one.sql.lower().encode() + one.copied.lower()
        token = _foreign(answer.raw, tenant, said)
        if token is None and one.kind != "catalogue" and not _UNPROTECTED.search(one.sql):
            token = _first(_TENANT, answer.raw, tenant, said, 16)
        if token is not None:
            self.result.foreign += 1
            self.result.show("foreign canary", role, tenant, one.sql, token.decode())

    def _compare_twins(
        self, role: str, tenant: int, one: Statement, answer: Answer, twin: Answer
    ) -> None:
        """Compare what a stranger's row and what nobody's row are answered with."""
        self.result.pairs += 1
        if _veiled(answer.raw) == _veiled(twin.raw):
            return
        if one.sql.startswith("EXPLAIN") and _measured(answer) == _measured(twin):
            self.result.plans += 1
        else:
            self.result.told_apart += 1
            detail = f"{answer.message} {answer.rows} / {twin.message} {twin.rows}"
            self.result.show("told apart", role, tenant, one.sql, detail)

    async def _compare_superuser(
        self, role: str, tenant: int, one: Statement, answer: Answer
    ) -> None:
        tenant_id = self.filled.world.tenant_id(tenant)
        named = _TABLE.sub(
            lambda found: (
                f"(SELECT * FROM konstruct.{found[1]} WHERE tenant_id = '{tenant_id}')"  # noqa: S608
                f" AS {found[2]}"
            ),
            one.sql,
        )
        assert self.judge is not None
        [right] = await self.judge.ask([Query(named)])
        if right.code:
            return
        self.result.compared += 1
        if sorted(right.rows) != sorted(answer.rows):
            self.result.different += 1
            detail = f"{answer.tags} {answer.rows[:3]} / {right.tags} {right.rows[:3]}"
            self.result.show("different", role, tenant, one.sql, detail)


def _foreign(raw: bytes, tenant: int, said: bytes) -> bytes | None:
    """Return a canary of another tenant in an answer which the question had not named."""
    return (
        _first(_TEXT, raw, tenant, said, 10)
        or _first(_ID, raw, tenant, said, 16)
        or _first(_HEX, raw, tenant, said, 0)
    )


def _first(
    pattern: re.Pattern[bytes], raw: bytes, tenant: int, said: bytes, base: int
) -> bytes | None:
    for found in pattern.finditer(raw):
        number = int(found[1], base) if base else int(bytes.fromhex(found[1].decode()))
        if number != tenant and not any(one in said for one in _spellings(found[0].lower())):
            return found[0]
    return None


def _spellings(token: bytes) -> tuple[bytes, ...]:
    """Return a canary as text and as the digits of its bytes."""
    if token.startswith(b"q7z"):
        # Said in upper case: Q7z; the digits of its bytes are those of that.
        return token, (b"Q" + token[1:]).hex().encode()
    if token.startswith(b"51377a"):
        return token, bytes.fromhex(token[: len(token) // 2 * 2].decode()).lower()
    return (token,)


def _measured(answer: Answer) -> tuple[str, list[bytes]]:
    return answer.code, _MEASURED.findall(b"\n".join(answer.rows))


def _veiled(raw: bytes) -> bytes:
    """Return an answer without the names of what was asked for."""
    return _VEILED.sub(b"?", raw)
