"""What the tenancy campaign writes: its own rows, strangers' keys, and what returns them."""

# ruff: noqa: S608 - making SQL out of anything is what it is for

from collections.abc import Callable
from dataclasses import dataclass

from support.campaigns.tenancy_grammar import ID, TEXT, Grammar, Scope
from support.campaigns.tenancy_world import Column, Table

FORBIDDEN = "forbidden"
"""The kind of a statement that must be refused."""


@dataclass(frozen=True)
class Statement:
    """One statement of the campaign.

    `twin` asks the same of what does not exist: its answer must be the same. `pure` has one right
    answer. `copied` is what a COPY in it is given.
    """

    kind: str
    sql: str
    twin: str = ""
    pure: bool = False
    copied: bytes = b""


class Writes:
    """Makes writes with one grammar; the campaign rolls all of them back."""

    def __init__(self, grammar: Grammar) -> None:
        self.grammar = grammar
        self.chance = grammar.chance

    def update(self) -> str:
        tables = self.tables(lambda one: any(c.updatable for c in one.columns))
        if not tables:
            return self.delete()
        table = self.chance.choice(tables)
        scope = self.grammar.columns_of(table, "t")
        changed = self.chance.choice([one for one in table.columns if one.updatable])
        value = self.chance.choice(
            [
                f"t.{changed.name}",
                self.grammar.guess(changed),
                (
                    f"(SELECT max(s.{changed.name}::text) FROM konstruct.{table.name} AS s)"
                    f"::{changed.type}"
                ),
            ]
        )
        source = ""
        if self.chance.random() < 0.3:
            other = self.protected()
            source = f" FROM konstruct.{other.name} AS u"
            scope = [*scope, *self.grammar.columns_of(other, "u")]
        return (
            f"UPDATE konstruct.{table.name} AS t SET {changed.name} = {value}{source}"
            f"{self.where(scope)}{self.returning(table)}"
        )

    def delete(self) -> str:
        tables = self.tables(lambda one: one.deletable)
        if not tables:
            return self.grammar.query(0)[0]
        table = self.chance.choice(tables)
        scope = self.grammar.columns_of(table, "t")
        return f"DELETE FROM konstruct.{table.name} AS t{self.where(scope)}{self.returning(table)}"

    def insert(self) -> str:
        tables = self.tables(lambda one: any(c.insertable for c in one.columns))
        if not tables:
            return self.delete()
        table = self.chance.choice(tables)
        names = [one for one in table.columns if one.insertable]
        listed = ", ".join(one.name for one in names)
        ending = self.chance.choice(["", " ON CONFLICT DO NOTHING", self.do_update(table)])
        start = f"INSERT INTO konstruct.{table.name} AS t ({listed})"
        if table.whole and self.chance.random() < 0.4:
            return f"{start} SELECT {listed} FROM konstruct.{table.name}{ending}"
        values = ", ".join(self._value(one) for one in names)
        return f"{start} VALUES ({values}){ending}{self.returning(table)}"

    def merge(self) -> str:
        tables = self.tables(
            lambda one: one.whole and any(c.updatable for c in one.columns) and bool(one.keys)
        )
        if not tables:
            return self.update()
        table = self.chance.choice(tables)
        key = self.chance.choice(table.keys)
        changed = self.chance.choice([one for one in table.columns if one.updatable])
        other = self.protected()
        kind = ID if any(one.type == ID for one in other.readable) else TEXT
        value = self.grammar.of_kind(self.grammar.columns_of(other, "s"), kind)
        gone = " WHEN MATCHED AND t.tenant_id IS NULL THEN DELETE" if table.deletable else ""
        return (
            f"MERGE INTO konstruct.{table.name} AS t USING (SELECT {value} AS v FROM"
            f" konstruct.{other.name} AS s) AS s ON t.{key[-1]}::text = s.v::text"
            f" OR t.{key[0]} = {self._value(self._column(table, key[0]))}{gone}"
            f" WHEN MATCHED THEN UPDATE SET {changed.name} = {self.grammar.guess(changed)}"
            f" RETURNING merge_action(), t.*"
        )

    # Parts.

    def where(self, scope: Scope) -> str:
        if self.chance.random() < 0.25:
            return ""
        return f" WHERE {self.grammar.condition(scope, 1)}"

    def returning(self, table: Table) -> str:
        if not table.whole:
            return ""
        return self.chance.choice(
            [
                "",
                " RETURNING t.*",
                " RETURNING t::text",
                " RETURNING t.ctid, t.xmin, t.*",
                f" RETURNING {self.grammar.text(self.grammar.columns_of(table, 't'))}",
            ]
        )

    def do_update(self, table: Table) -> str:
        writable = [one.name for one in table.columns if one.updatable]
        if not writable or not table.keys:
            return " ON CONFLICT DO NOTHING"
        key, changed = self.chance.choice(table.keys), self.chance.choice(writable)
        return f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changed} = excluded.{changed}"

    def _value(self, column: Column) -> str:
        grammar = self.grammar
        if column.name == "tenant_id" and self.chance.random() < 0.85:
            return grammar.literal_of(column, grammar.tenant, 0)
        return grammar.guess(column)

    def _column(self, table: Table, name: str) -> Column:
        return next(one for one in table.columns if one.name == name)

    def protected(self) -> Table:
        return self.chance.choice(self.tables())

    def tables(self, wanted: Callable[[Table], bool] = lambda _: True) -> list[Table]:
        return self.grammar.tables(lambda one: one.protected and wanted(one))
