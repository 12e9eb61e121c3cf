"""The world of the tenancy campaign: every table of the schema filled for many tenants.

What to fill is read from the catalogue, so a table that comes tomorrow is covered without a change
here. Every value of a tenant that can hold one is a canary which names its tenant.
"""

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from support.catalogue import UNPROTECTED

ABSENT = 99
"""The number of a tenant that has no rows: what does not exist looks like its."""
PROGRAM_ROLES = ("konstruct_gateway", "konstruct_llm", "konstruct_portal", "konstruct_eraser")
FOREIGN_WRITE = "FOREIGNWRITE"

_BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
_ALLOWED = re.compile(r"^CHECK \(\(+(\w+) = ANY \(+ARRAY\[(.*?)\]")
_COLUMNS = """
SELECT c.relname AS table_name, c.relkind::text AS kind, a.attname AS name,
    format_type(a.atttypid, NULL) AS type,
    has_column_privilege($1, c.oid, a.attnum, 'SELECT') AS readable,
    has_column_privilege($1, c.oid, a.attnum, 'INSERT') AS insertable,
    has_column_privilege($1, c.oid, a.attnum, 'UPDATE') AS updatable,
    has_table_privilege($1, c.oid, 'DELETE') AS deletable
FROM pg_class AS c
INNER JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'konstruct'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
ORDER BY c.relname, a.attnum
"""
_FUNCTIONS = """
SELECT p.proname AS name, p.proretset AS rows, p.prosrc ILIKE '%set_config%' AS enters,
    ARRAY(
        SELECT format_type(t.oid, NULL)
        FROM unnest(p.proargtypes) WITH ORDINALITY AS a (oid, place)
        INNER JOIN pg_type AS t ON t.oid = a.oid ORDER BY a.place
    ) AS arguments
FROM pg_proc AS p
WHERE p.pronamespace = 'konstruct'::regnamespace AND has_function_privilege($1, p.oid, 'EXECUTE')
    AND p.prorettype <> 'trigger'::regtype
ORDER BY p.proname
"""
_CHECKS = """
SELECT c.relname AS table_name, k.conname AS name, pg_get_constraintdef(k.oid) AS body
FROM pg_constraint AS k
INNER JOIN pg_class AS c ON c.oid = k.conrelid
WHERE c.relnamespace = 'konstruct'::regnamespace AND k.contype = 'c'
"""
_SUM = """
SELECT tenant_id::text AS tenant, count(*) || ':' || sum(hashtextextended(t::text, 0))::text AS sum
FROM konstruct.{} AS t
GROUP BY tenant_id
"""
_KEYS = """
SELECT i.indrelid::regclass::text AS table_name, array_agg(a.attname ORDER BY k.place) AS columns
FROM pg_index AS i
INNER JOIN pg_class AS c ON c.oid = i.indrelid AND c.relnamespace = 'konstruct'::regnamespace
CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, place)
INNER JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.number
WHERE i.indisunique AND i.indpred IS NULL
GROUP BY i.indexrelid, i.indrelid
ORDER BY 1, 2
"""
_GUARD = f"""
CREATE FUNCTION public.guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (TG_OP <> 'INSERT' AND OLD.tenant_id::text <> current_setting('campaign.tenant', true))
        OR (TG_OP <> 'DELETE' AND NEW.tenant_id::text <> current_setting('campaign.tenant', true))
    THEN
        RAISE EXCEPTION '{FOREIGN_WRITE} % %', TG_OP, TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END
$$
"""


@dataclass(frozen=True)
class Column:
    """A column and what a role may do with it."""

    name: str
    type: str
    readable: bool
    insertable: bool
    updatable: bool
    allowed: tuple[str, ...] = ()
    """The only values that a check lets it hold; empty for any."""


@dataclass(frozen=True)
class Table:
    """A table or view as one role sees it."""

    name: str
    kind: str
    columns: tuple[Column, ...]
    deletable: bool
    keys: tuple[tuple[str, ...], ...] = ()

    @property
    def protected(self) -> bool:
        """Tell whether its rows are some tenant's."""
        return self.name not in UNPROTECTED

    @property
    def readable(self) -> list[Column]:
        """Return the columns that the role may read."""
        return [column for column in self.columns if column.readable]

    @property
    def whole(self) -> bool:
        """Tell whether the role may read all of a row."""
        return all(column.readable for column in self.columns)


@dataclass(frozen=True)
class Function:
    """A function of the schema; `enters` when it chooses the tenant of the transaction itself."""

    name: str
    rows: bool
    enters: bool
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class Sight:
    """What one role may name."""

    role: str
    tables: tuple[Table, ...]
    functions: tuple[Function, ...]


@dataclass(frozen=True)
class World:
    """The values of every tenant, by seed: the same value for the same column in every table."""

    seed: int
    tenants: int

    def tenant_id(self, tenant: int) -> str:
        """Return a tenant's id, recognisable as such."""
        digest = self._digest(tenant, "tenant_id", 0)
        return f"7e4a47{tenant:02x}-{digest[:4]}-4{digest[4:7]}-8{digest[7:10]}-{digest[10:22]}"

    def token(self, tenant: int, column: str, row: int) -> str:
        """Return the canary of a text."""
        return f"Q7z{tenant:02d}z{self._digest(tenant, column, row)[:8]}"

    def identifier(self, tenant: int, column: str, row: int) -> str:
        """Return the canary of an id."""
        digest = self._digest(tenant, column, row)
        return f"c0ffee{tenant:02x}-{digest[:4]}-4{digest[4:7]}-8{digest[7:10]}-{digest[10:22]}"

    def count(self, tenant: int, table: str) -> int:
        """Return how many rows a tenant has in a table: two to six."""
        return 2 + int(self._digest(tenant, table, 77)[:4], 16) % 5

    def cell(self, tenant: int, column: Column, row: int) -> Any:
        """Return what a row holds in a column, as the driver takes it."""
        if column.allowed:
            return column.allowed[row % len(column.allowed)]
        return self.value(tenant, column.name, column.type, row)

    def value(self, tenant: int, column: str, kind: str, row: int) -> Any:
        """Return what a row holds in a column of a type without a check."""
        base, _, array = kind.partition("[")
        if array:
            return [self.value(tenant, column, base, row)]
        if column == "tenant_id":
            return UUID(self.tenant_id(tenant))
        makers: dict[str, Callable[[], Any]] = {
            "uuid": lambda: UUID(self.identifier(tenant, column, row)),
            "text": lambda: self.token(tenant, column, row),
            "jsonb": lambda: json.dumps({"canary": self.token(tenant, column, row), "n": row}),
            "bytea": lambda: self.token(tenant, column, row).encode(),
            "boolean": lambda: (tenant + row) % 2 == 0,
            "date": lambda: date(2026, 11, 1) + timedelta(days=row),
            "timestamp with time zone": lambda: _BEGIN + timedelta(hours=tenant, minutes=row),
            **dict.fromkeys(("smallint", "integer", "bigint"), lambda: 10_000 + tenant * 100 + row),
        }
        return makers[base]()

    def _digest(self, *names: object) -> str:
        return hashlib.sha256(repr((self.seed, *names)).encode()).hexdigest()


@dataclass
class Filled:
    """A filled database: what each role sees, and what every tenant's rows were."""

    world: World
    sights: dict[str, Sight]
    sums: dict[tuple[str, str], str] = field(default_factory=dict)


async def sight_of(owner: Any, role: str) -> Sight:
    """Read from the catalogue what a role may name."""
    keys: dict[str, list[tuple[str, ...]]] = {}
    for row in await owner.fetch(_KEYS):
        name = row["table_name"].removeprefix("konstruct.")
        keys.setdefault(name, []).append(tuple(row["columns"]))
    allowed: dict[tuple[str, str], tuple[str, ...]] = {}
    for row in await owner.fetch(_CHECKS):
        if found := _ALLOWED.match(row["body"]):
            values = tuple(re.findall(r"'([^']*)'", found[2]))
            allowed[row["table_name"], found[1]] = values
    tables: dict[str, list[Any]] = {}
    for row in await owner.fetch(_COLUMNS, role):
        tables.setdefault(row["table_name"], []).append(row)
    seen = [
        Table(
            name,
            rows[0]["kind"],
            tuple(
                Column(
                    *(row["name"], row["type"]),
                    *(row["readable"], row["insertable"], row["updatable"]),
                    allowed.get((name, row["name"]), ()),
                )
                for row in rows
            ),
            rows[0]["deletable"],
            tuple(keys.get(name, ())),
        )
        for name, rows in tables.items()
    ]
    functions = tuple(
        Function(row["name"], row["rows"], row["enters"], tuple(row["arguments"]))
        for row in await owner.fetch(_FUNCTIONS, role)
    )
    return Sight(role, tuple(seen), functions)


async def fill(owner: Any, world: World, mutation: str = "") -> Filled:
    """Fill a migrated database as its superuser, and put a guard on every table.

    The guard knows the tenant from a setting of the campaign's own, and refuses what a program
    writes for any other: also what is rolled back later. `mutation` breaks something at the end.
    """
    await owner.execute(
        "DO $$ BEGIN EXECUTE format('REVOKE CREATE, TEMPORARY ON DATABASE %I FROM PUBLIC',"
        " current_database()); END $$"
    )
    await owner.execute("SET session_replication_role = replica")
    sight = await sight_of(owner, PROGRAM_ROLES[0])
    for table in sight.tables:
        if table.kind in {"r", "p"} and table.protected:
            await _fill_table(owner, world, table)
    await _fill_routes(owner, world)
    await owner.execute(_GUARD)
    for table in sight.tables:
        if table.kind in {"r", "p"} and table.protected:
            await owner.execute(
                f"CREATE TRIGGER campaign_guard AFTER INSERT OR UPDATE OR DELETE"
                f" ON konstruct.{table.name} FOR EACH ROW EXECUTE FUNCTION public.guard()"
            )
    await owner.execute("SET session_replication_role = DEFAULT")
    await owner.execute("ANALYZE")
    if mutation:
        await owner.execute(mutation)
    sights = {role: await sight_of(owner, role) for role in PROGRAM_ROLES}
    return Filled(world, sights, await checksums(owner, sight.tables))


async def checksums(owner: Any, tables: Sequence[Table]) -> dict[tuple[str, str], str]:
    """Return a checksum of every tenant's rows in every protected table."""
    sums = {}
    for table in tables:
        if table.protected and table.kind in {"r", "p"}:
            rows = await owner.fetch(_SUM.format(table.name))
            sums.update({(table.name, row["tenant"]): row["sum"] for row in rows})
    return sums


async def _fill_table(owner: Any, world: World, table: Table) -> None:
    place = f"konstruct.{table.name}"
    checks = [row for row in await owner.fetch(_CHECKS) if row["table_name"] == table.name]
    for check in checks:
        # Some bind columns together: what stands there already need not obey them.
        await owner.execute(f"ALTER TABLE {place} DROP CONSTRAINT {check['name']}")
    records = [
        tuple(world.cell(tenant, column, row) for column in table.columns)
        for tenant in range(world.tenants)
        for row in range(1 if ("tenant_id",) in table.keys else world.count(tenant, table.name))
    ]
    await owner.copy_records_to_table(
        table.name,
        schema_name="konstruct",
        columns=[column.name for column in table.columns],
        records=records,
    )
    for check in checks:
        await owner.execute(
            f"ALTER TABLE {place} ADD CONSTRAINT {check['name']} {check['body']} NOT VALID"
        )


async def _fill_routes(owner: Any, world: World) -> None:
    """Fill what every gateway reads of all tenants: ids, names and times, by design."""
    await owner.executemany(
        "INSERT INTO konstruct.registry_claims (tenant_id, name, uid, session, sequence, version,"
        " state) VALUES ($1, $2, $3, 1, 1, 1, 'Live')",
        [(UUID(world.tenant_id(n)), f"tenant{n}", f"uid{n}") for n in range(world.tenants)],
    )
    await owner.executemany(
        "INSERT INTO konstruct.dispatch (tenant_id, conversation_id, agent_id, opened_at, due_at)"
        " VALUES ($1, gen_random_uuid(), gen_random_uuid(), now(), now())",
        [(UUID(world.tenant_id(n)),) for n in range(world.tenants)],
    )
