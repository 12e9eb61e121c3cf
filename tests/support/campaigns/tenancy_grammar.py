"""A grammar of queries over the real catalogue: what a program could be made to ask.

Everything is drawn from one seeded chance, so a seed gives the same statements again. Queries made
`pure` have one right answer whatever plan is chosen: a judge can work it out another way.
"""

# ruff: noqa: S608 - making SQL out of anything is what it is for

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from support.campaigns.tenancy_world import ABSENT, Column, Sight, Table, World

TEXT, WHOLE, BOOLEAN, ID, JSON, BYTES, TIME, OTHER = (
    "text",
    "integer",
    "boolean",
    "uuid",
    "jsonb",
    "bytea",
    "timestamp with time zone",
    "other",
)
_LEAST = {
    TEXT: "''::text",
    WHOLE: "0",
    BOOLEAN: "false",
    ID: "'00000000-0000-0000-0000-000000000000'::uuid",
    JSON: "'{}'::jsonb",
    BYTES: "'\\x00'::bytea",
    TIME: "'2026-11-01'::timestamptz",
    OTHER: "NULL::text",
}
_COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")
_JOINS = ("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN", "JOIN")
_SYSTEM = ("ctid", "xmin", "xmax", "cmin", "cmax", "tableoid")
_UNION = ("UNION", "UNION ALL", "INTERSECT", "EXCEPT", "EXCEPT ALL", "INTERSECT ALL")
_AGGREGATES = (
    "count(*)",
    "count(DISTINCT {any})",
    "min({text})",
    "max({text})",
    "sum({whole})",
    "bool_or({bool})",
    "string_agg({text}, ',' ORDER BY {text0})",
    "jsonb_agg({json} ORDER BY {json0})",
    "count(*) FILTER (WHERE {bool})",
)
_WINDOWS = (
    "count(*) OVER (PARTITION BY {any})",
    "rank() OVER (ORDER BY {text})",
    "dense_rank() OVER (PARTITION BY {bool} ORDER BY {any})",
    "sum({whole}) OVER (ORDER BY {text})",
    "max({text}) OVER (PARTITION BY {id} ORDER BY {text})",
)
_UNSURE_WINDOWS = (
    "lag({text}) OVER (ORDER BY {any})",
    "first_value({text}) OVER (PARTITION BY {bool} ORDER BY {any})",
    "row_number() OVER ()",
    "ntile(3) OVER (ORDER BY {text})",
)


@dataclass(frozen=True)
class Named:
    """A column in scope: how to write it, and its kind of type."""

    text: str
    kind: str


Scope = Sequence[Named]


def kind_of(name: str) -> str:
    """Return the kind of a type's name."""
    if name in {"integer", "bigint", "smallint"}:
        return WHOLE
    return name if name in _LEAST else OTHER


class Grammar:
    """Makes queries as one role inside one tenant."""

    def __init__(self, chance: random.Random, sight: Sight, world: World, tenant: int) -> None:
        self.chance = chance
        self.sight = sight
        self.world = world
        self.tenant = tenant
        self.pure = False
        self.literal = True
        self._names = 0

    def tables(self, wanted: Callable[[Table], bool] = lambda _: True) -> list[Table]:
        """Return the tables with something to read that are wanted."""
        return [table for table in self.sight.tables if table.readable and wanted(table)]

    def table(self) -> Table:
        """Choose a table; one with tenants' rows nineteen times of twenty."""
        rare = self.literal and not self.pure and self.chance.random() < 0.05
        return self.chance.choice(self.tables(lambda one: rare or one.protected))

    def name(self) -> str:
        """Return a name not yet used."""
        self._names += 1
        return f"n{self._names}"

    def columns_of(self, table: Table, alias: str) -> list[Named]:
        """Return what a table brings into scope."""
        found = [Named(f"{alias}.{one.name}", kind_of(one.type)) for one in table.readable]
        found += [
            Named(f"{alias}.{one.name}::text", TEXT)
            for one in table.readable
            if kind_of(one.type) == OTHER
        ]
        if not self.pure and table.kind == "r" and self.chance.random() < 0.1:
            found.append(Named(f"{alias}.{self.chance.choice(_SYSTEM)}::text", TEXT))
        if table.whole and self.chance.random() < 0.1:
            found.append(Named(f"row_to_json({alias})::text", TEXT))
            found.append(Named(f"{alias}::text", TEXT))
        return found

    # What is drawn from.

    def guess(self, column: Column) -> str:
        """Return a value that the column may hold, as a literal: this tenant's, or a stranger's."""
        tenant = self.tenant if self.chance.random() < 0.6 else self.stranger()
        return self.literal_of(column, tenant, self.chance.randrange(4))

    def stranger(self) -> int:
        """Choose another tenant, or one that does not exist."""
        others = [one for one in range(self.world.tenants) if one != self.tenant]
        return ABSENT if self.chance.random() < 0.2 else self.chance.choice(others)

    def literal_of(self, column: Column, tenant: int, row: int) -> str:
        """Return what a tenant's row holds in a column, as an SQL literal."""
        value = self.world.cell(tenant, column, row)
        if isinstance(value, list):
            inner = ", ".join(written(one) for one in value)
            return f"ARRAY[{inner}]::{column.type}"
        return f"{written(value)}::{column.type}"

    def of_kind(self, scope: Scope, kind: str) -> str:
        """Return a column of a kind, or a constant where the scope has none."""
        found = [one.text for one in scope if one.kind == kind]
        return self.chance.choice(found) if found else _LEAST[kind]

    def any(self, scope: Scope) -> Named:
        """Return any expression in scope that can be ordered and compared."""
        roll = self.chance.random()
        if roll < 0.6:
            return self.chance.choice([one for one in scope if one.kind != OTHER] or [*scope])
        if roll < 0.8:
            return Named(self.text(scope), TEXT)
        return Named(self.whole(scope), WHOLE)

    def text(self, scope: Scope) -> str:
        """Return an expression of type text."""
        column = self.of_kind(scope, TEXT)
        choices = [
            column,
            f"lower({column})",
            f"upper({column})",
            f"{column} || ':' || {self.of_kind(scope, TEXT)}",
            f"coalesce(nullif({column}, ''), 'none')",
            f"substr({column}, 1, {self.chance.randint(5, 14)})",
            f"({self.of_kind(scope, JSON)} ->> 'canary')",
            f"{self.of_kind(scope, JSON)}::text",
            f"{self.of_kind(scope, ID)}::text",
            f"encode({self.of_kind(scope, BYTES)}, '{self.chance.choice(['escape', 'hex'])}')",
            f"jsonb_build_object('k', {column})::text",
            f"format('%s-%s', {column}, {self.of_kind(scope, ID)})",
            f"regexp_replace({column}, '^x', 'y')",
            f"CASE WHEN {column} LIKE 'Q7z%' THEN {column} ELSE {self.of_kind(scope, TEXT)} END",
        ]
        return self.chance.choice(choices)

    def whole(self, scope: Scope) -> str:
        """Return an expression of a whole number."""
        return self.chance.choice(
            [
                self.of_kind(scope, WHOLE),
                f"length({self.text(scope)})",
                f"{self.of_kind(scope, WHOLE)} % 7",
                f"(SELECT count(*) FROM jsonb_object_keys({self.of_kind(scope, JSON)}))",
                str(self.chance.randint(-1, 500)),
            ]
        )

    def condition(self, scope: Scope, depth: int) -> str:
        """Return a condition on what is in scope."""
        roll = self.chance.random()
        if depth > 0 and roll < 0.15:
            return self._subquery_condition(scope, depth)
        if roll < 0.3:
            left, right = self.condition(scope, depth - 1), self.condition(scope, depth - 1)
            return f"({left} {self.chance.choice(['AND', 'OR'])} {right})"
        if roll < 0.36:
            return f"NOT ({self.condition(scope, depth - 1)})"
        text = self.text(scope)
        whole = self.whole(scope)
        one = self.chance.choice(scope).text
        patterns = ["'%1%'", "'Q7z%'", "'%z_a%'"]
        return self.chance.choice(
            [
                f"{text} {self.chance.choice(_COMPARISONS)} {self.text(scope)}",
                (
                    f"{text} {self.chance.choice(['LIKE', 'ILIKE', 'NOT LIKE'])}"
                    f" {self.chance.choice(patterns)}"
                ),
                f"{text} ~ '[0-9]{{2}}z'",
                f"{text} {self.chance.choice(_COMPARISONS)} {self._known_text()}",
                f"{whole} {self.chance.choice(_COMPARISONS)} {self.whole(scope)}",
                f"{whole} BETWEEN 0 AND {self.chance.randint(0, 5000)}",
                f"{one} IS {self.chance.choice(['', 'NOT '])}NULL",
                f"{self.of_kind(scope, ID)} = ANY (ARRAY[{self._known_id()}, {self._known_id()}])",
                f"{self.of_kind(scope, ID)} = {self._known_id()}",
                f"{self.of_kind(scope, JSON)} @> '{{\"n\": 1}}'",
                f"{self.of_kind(scope, TIME)} < '2026-11-02'::timestamptz",
                self.of_kind(scope, BOOLEAN),
            ]
        )

    def _subquery_condition(self, scope: Scope, depth: int) -> str:
        table, alias = self.table(), self.name()
        inner = self.columns_of(table, alias)
        source = f"FROM konstruct.{table.name} AS {alias}"
        where = self.condition([*inner, *scope], depth - 1)
        kind = self.chance.choice([TEXT, ID, WHOLE])
        return self.chance.choice(
            [
                f"EXISTS (SELECT 1 {source} WHERE {where})",
                (
                    f"{self.of_kind(scope, kind)} IN (SELECT {self.of_kind(inner, kind)} {source}"
                    f" WHERE {where})"
                ),
                f"(SELECT count(*) {source} WHERE {where}) > {self.chance.randint(0, 4)}",
                f"{self.of_kind(scope, kind)} >= ALL (SELECT {self.of_kind(inner, kind)} {source})",
            ]
        )

    def _known_text(self) -> str:
        if not self.literal:
            return "'q'"
        tenant = self.tenant if self.chance.random() < 0.5 else self.stranger()
        names = [one.name for table in self.tables() for one in table.readable if one.type == TEXT]
        return f"'{self.world.token(tenant, self.chance.choice(names or ['x']), 0)}'"

    def _known_id(self) -> str:
        if not self.literal:
            return _LEAST[ID]
        tenant = self.tenant if self.chance.random() < 0.5 else self.stranger()
        names = [one.name for table in self.tables() for one in table.readable if one.type == ID]
        column = self.chance.choice(names or ["x"])
        return f"'{self.world.value(tenant, column, ID, self.chance.randrange(3))}'::uuid"

    # Whole queries.

    def query(self, depth: int = 2, wanted: Sequence[str] = ()) -> tuple[str, list[str]]:
        """Return a query and the kinds of its columns; those of `wanted` where it is given."""
        if depth > 0 and not wanted:
            roll = self.chance.random()
            if roll < 0.12:
                left, kinds = self.query(0)
                right, _ = self.query(0, kinds)
                return f"({left}) {self.chance.choice(_UNION)} ({right})", kinds
            if roll < 0.24:
                return self._with(depth)
        sources, scope = self._sources(depth)
        where = f" WHERE {self.condition(scope, depth)}" if self.chance.random() < 0.7 else ""
        if not wanted and self.chance.random() < 0.25:
            return self._grouped(sources, scope, where)
        kinds = list(wanted) or self.chance.choices(
            [TEXT, WHOLE, ID, JSON, TIME, BYTES, BOOLEAN], k=self.chance.randint(1, 4)
        )
        shown = [self._shown(scope, kind) for kind in kinds]
        if not wanted and self.chance.random() < 0.2:
            windows = _WINDOWS if self.pure else _WINDOWS + _UNSURE_WINDOWS
            shown.append(f"({self._filled(self.chance.choice(windows), scope)})::text")
            kinds.append(TEXT)
        distinct = "DISTINCT " if self.chance.random() < 0.1 else ""
        columns = ", ".join(f"{one} AS o{place}" for place, one in enumerate(shown))
        return f"SELECT {distinct}{columns} FROM {sources}{where}{self._end(len(shown))}", kinds

    def _end(self, columns: int) -> str:
        roll = self.chance.random()
        if roll < 0.6:
            return ""
        order = " ORDER BY " + ", ".join(str(place + 1) for place in range(columns))
        if roll < 0.8 or self.pure:
            return f"{order} LIMIT {self.chance.randint(0, 9)}"
        return f" OFFSET {self.chance.randint(0, 2)} FETCH FIRST 3 ROWS ONLY"

    def _shown(self, scope: Scope, kind: str) -> str:
        if kind == TEXT:
            return self.text(scope)
        return self.whole(scope) if kind == WHOLE else self.of_kind(scope, kind)

    def _grouped(self, sources: str, scope: Scope, where: str) -> tuple[str, list[str]]:
        key = self.any(scope)
        shown = [
            f"({self._filled(one, scope)})::text" for one in self.chance.sample(_AGGREGATES, 2)
        ]
        columns = ", ".join(f"{one} AS o{place}" for place, one in enumerate(shown))
        having = " HAVING count(*) > 1" if self.chance.random() < 0.3 else ""
        if self.chance.random() < 0.4:
            return f"SELECT {columns} FROM {sources}{where}{having}", [TEXT, TEXT]
        group = self.chance.choice(["{}", "ROLLUP ({})", "GROUPING SETS (({}), ())"])
        return (
            (
                f"SELECT {columns}, ({key.text})::text AS k FROM {sources}{where}"
                f" GROUP BY {group.format(key.text)}{having}"
            ),
            [TEXT, TEXT, TEXT],
        )

    def _with(self, depth: int) -> tuple[str, list[str]]:
        inner, kinds = self.query(depth - 1)
        name = self.name()
        columns = [f"c{place}" for place in range(len(kinds))]
        scope = [Named(f"{name}.{one}", kind) for one, kind in zip(columns, kinds, strict=True)]
        shown = self.text(scope)
        material = self.chance.choice(["", "MATERIALIZED ", "NOT MATERIALIZED "])
        return (
            (
                f"WITH {name} ({', '.join(columns)}) AS {material}({inner})"
                f" SELECT {shown} AS o0 FROM {name} WHERE {self.condition(scope, depth - 1)}"
            ),
            [TEXT],
        )

    def _sources(self, depth: int) -> tuple[str, list[Named]]:
        text, scope = self._source(depth)
        for _ in range(self.chance.choice([0, 0, 1, 1, 2])):
            more, added = self._source(depth - 1)
            join = self.chance.choice(_JOINS)
            kind = self.chance.choice([TEXT, ID, WHOLE])
            on = f" ON {self.of_kind(scope, kind)} = {self.of_kind(added, kind)}"
            text += f" {join} {more}" + ("" if join == "CROSS JOIN" else on)
            scope = [*scope, *added]
        return text, scope

    def _source(self, depth: int) -> tuple[str, list[Named]]:
        alias = self.name()
        roll = self.chance.random()
        if depth > 0 and roll < 0.15:
            inner, kinds = self.query(depth - 1)
            columns = [f"c{place}" for place in range(len(kinds))]
            scope = [
                Named(f"{alias}.{one}", kind) for one, kind in zip(columns, kinds, strict=True)
            ]
            return f"({inner}) AS {alias} ({', '.join(columns)})", scope
        if roll < 0.18:
            return f"generate_series(0, 2) AS {alias} (g)", [Named(f"{alias}.g", WHOLE)]
        table = self.table()
        sample = " TABLESAMPLE system (100)" if not self.pure and roll < 0.22 else ""
        return f"konstruct.{table.name} AS {alias}{sample}", self.columns_of(table, alias)

    def _filled(self, template: str, scope: Scope) -> str:
        text, json = self.text(scope), self.of_kind(scope, JSON)
        return template.format(
            any=self.any(scope).text,
            text=text,
            text0=text,
            json=json,
            json0=json,
            whole=self.whole(scope),
            bool=self.condition(scope, 0),
            id=self.of_kind(scope, ID),
        )


def written(value: object) -> str:
    """Return a value as a quoted SQL literal, without its type."""
    if isinstance(value, bytes):
        return f"'\\x{value.hex()}'"
    return "'" + str(value).replace("'", "''") + "'"
