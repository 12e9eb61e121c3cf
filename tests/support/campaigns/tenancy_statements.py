"""Every kind of statement that the tenancy campaign sends, made with the grammar of queries.

Setting the tenant, changing roles and planner settings are left out: whoever may say which tenant
it works for is the program itself. Functions that choose the tenant are called with this one.
"""

# ruff: noqa: S608 - making SQL out of anything is what it is for

from collections.abc import Callable

from support.campaigns.tenancy_grammar import Grammar
from support.campaigns.tenancy_world import ABSENT, Column, Function
from support.campaigns.tenancy_writes import FORBIDDEN, Statement, Writes

_EXPLAIN = ("VERBOSE", "ANALYZE, VERBOSE", "ANALYZE, VERBOSE, FORMAT JSON", "GENERIC_PLAN")
_BARE = "ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF"
_CASTS = ("integer", "uuid", "timestamptz", "jsonb", "bytea", "boolean", "numeric", "xml", "inet")
_CATALOGUE = (
    "SELECT * FROM pg_stats WHERE schemaname = 'konstruct'",
    "SELECT * FROM pg_stats_ext",
    "SELECT * FROM pg_stats_ext_exprs",
    "SELECT most_common_vals::text, histogram_bounds::text FROM pg_stats WHERE tablename = '{}'",
    "SELECT * FROM pg_stat_activity",
    "SELECT * FROM pg_locks",
    "SELECT * FROM pg_cursors",
    "SELECT name FROM pg_prepared_statements",
    "SELECT * FROM pg_prepared_xacts",
    "SELECT relname FROM pg_class WHERE relnamespace = 'konstruct'::regnamespace",
    "SELECT * FROM pg_policies",
    "SELECT * FROM pg_publication_tables",
    "SELECT * FROM pg_largeobject",
    "SELECT pg_get_viewdef(oid) FROM pg_class WHERE relkind = 'v' LIMIT 5",
    "SELECT * FROM information_schema.column_privileges WHERE table_name = '{}' LIMIT 20",
    "SELECT lastval()",
    "SELECT currval('konstruct.{}_seq')",
    "SELECT * FROM pg_sequences",
    "SELECT query_to_xml('SELECT * FROM konstruct.{}', true, false, '')",
    "SELECT table_to_xml('konstruct.{}', true, false, '')",
    "SELECT schema_to_xml('konstruct', true, false, '')",
    "SELECT cursor_to_xml('c', 10, true, false, '')",
    "SELECT ts_stat('SELECT to_tsvector(t::text) FROM konstruct.{} AS t')",
    "SELECT * FROM ONLY konstruct.{}",
    "TABLE konstruct.{}",
    "LOCK TABLE konstruct.{} IN ROW SHARE MODE NOWAIT",
    "ANALYZE VERBOSE konstruct.{}",
    "VACUUM konstruct.{}",
)
_FORBIDDEN = (
    "SELECT stavalues1::text FROM pg_statistic",
    "SELECT stxdmcv::text FROM pg_statistic_ext_data",
    "SELECT setting FROM pg_file_settings",
    "SELECT pg_read_file('postgresql.conf')",
    "SELECT * FROM pg_ls_dir('base')",
    "TRUNCATE konstruct.{}",
    "ALTER TABLE konstruct.{} DISABLE ROW LEVEL SECURITY",
    "CREATE POLICY mine ON konstruct.{} USING (true)",
    "CREATE VIEW konstruct.stolen AS SELECT * FROM konstruct.{}",
    "CREATE TEMP TABLE stolen AS SELECT * FROM konstruct.{}",
    "CREATE STATISTICS s ON tenant_id, tenant_id FROM konstruct.{}",
    "COPY konstruct.{} TO PROGRAM 'cat'",
    "COPY konstruct.{} TO '/tmp/stolen'",
    "CREATE FUNCTION konstruct.leak(text) RETURNS bool LANGUAGE sql RETURN true",
    "CREATE FUNCTION pg_temp.leak(text) RETURNS bool LANGUAGE sql RETURN true",
    "CLUSTER konstruct.{}",
    "REINDEX TABLE konstruct.{}",
    "COMMENT ON TABLE konstruct.{} IS 'x'",
)


class Statements(Writes):
    """Makes statements of every kind with one grammar."""

    def __init__(self, grammar: Grammar) -> None:
        super().__init__(grammar)
        self._kinds: list[tuple[int, Callable[[], Statement]]] = [
            (22, self._read),
            (6, self._pure),
            (14, self._probe),
            (7, self._probe_insert),
            (12, self._write),
            (4, self._write_within),
            (8, self._explain),
            (8, self._error),
            (4, self._cursor),
            (4, self._prepared),
            (4, self._copy_out),
            (3, self._copy_in),
            (4, self._block),
            (4, self._catalogue),
            (2, self._forbidden),
            (4, self._called),
            (3, self._shared),
        ]
        self._weights = [weight for weight, _ in self._kinds]

    def next(self) -> Statement:
        """Return the next statement."""
        self.grammar.pure, self.grammar.literal = False, True
        [(_, make)] = self.chance.choices(self._kinds, self._weights)
        return make()

    # Reading.

    def _read(self) -> Statement:
        return Statement("select", self.grammar.query()[0])

    def _pure(self) -> Statement:
        self.grammar.pure = True
        return Statement("select", self.grammar.query()[0], pure=True)

    def _explain(self) -> Statement:
        query, _ = self.grammar.query()
        return Statement("explain", f"EXPLAIN ({self.chance.choice(_EXPLAIN)}) {query}")

    def _error(self) -> Statement:
        """Put values into the text of an error, before and after the policy could hide them."""
        table, alias = self.protected(), "e"
        scope = self.grammar.columns_of(table, alias)
        value, cast = self.grammar.text(scope), self.chance.choice(_CASTS)
        source = f"FROM konstruct.{table.name} AS {alias}"
        return Statement(
            "error",
            self.chance.choice(
                [
                    f"SELECT ({value})::{cast} {source}",
                    f"SELECT 1 {source} WHERE ({value})::{cast} IS NOT NULL",
                    f"SELECT 1 {source} ORDER BY ({value})::{cast}",
                    f"SELECT 1 / (length({value}) - length({value})) {source}",
                    f"SELECT 1 {source} WHERE {value} ~ ('(' || {value})",
                    f"SELECT jsonb_path_query('{{}}'::jsonb, ({value})::jsonpath) {source}",
                    f"SELECT (SELECT {value} {source})",
                    f"SELECT to_timestamp({value}, 'YYYY') {source}",
                    f"SELECT ({value})::regclass {source}",
                    f"SELECT query_to_xml('SELECT ' || ({value}), true, true, '') {source}",
                ]
            ),
        )

    def _cursor(self) -> Statement:
        query, _ = self.grammar.query()
        scroll = self.chance.choice(["", "SCROLL ", "INSENSITIVE "])
        fetch = self.chance.choice(["FETCH ALL", "FETCH 2", "MOVE 1 IN c; FETCH FORWARD 3"])
        return Statement("cursor", f"DECLARE c {scroll}CURSOR FOR {query}; {fetch} FROM c; CLOSE c")

    def _prepared(self) -> Statement:
        """Prepare now and run now, or run what was prepared inside another tenant.

        What stays prepared has no values in its text: the session may read it back.
        """
        name = f"p{self.chance.randrange(8)}"
        if self.chance.random() < 0.6:
            run = self.chance.choice(["", "EXPLAIN (ANALYZE, VERBOSE) "])
            return Statement("prepared", f"{run}EXECUTE {name} (1)")
        self.grammar.literal = False
        query, _ = self.grammar.query(1)
        return Statement(
            "prepared",
            f"DEALLOCATE ALL; PREPARE {name} (int) AS {query}; EXECUTE {name} (1)",
        )

    def _copy_out(self) -> Statement:
        how = self.chance.choice(["", " (FORMAT csv, HEADER)", " (FORMAT binary)"])
        if self.chance.random() < 0.6:
            return Statement("copy out", f"COPY ({self.grammar.query()[0]}) TO STDOUT{how}")
        return Statement("copy out", f"COPY konstruct.{self.protected().name} TO STDOUT{how}")

    def _block(self) -> Statement:
        table = self.protected()
        value = self.grammar.text(self.grammar.columns_of(table, "b"))
        level = self.chance.choice(["NOTICE", "WARNING", "EXCEPTION"])
        return Statement(
            "block",
            f"DO $$ DECLARE r record; BEGIN FOR r IN SELECT {value} AS v FROM"
            f" konstruct.{table.name} AS b LOOP RAISE {level} 'saw %', r.v; END LOOP; END $$",
        )

    def _catalogue(self) -> Statement:
        table = self.chance.choice(self.grammar.sight.tables).name
        return Statement("catalogue", self.chance.choice(_CATALOGUE).format(table))

    def _forbidden(self) -> Statement:
        """Try what a program has no right to: it must be refused, whatever would come of it."""
        table = self.chance.choice(self.grammar.sight.tables).name
        return Statement(FORBIDDEN, self.chance.choice(_FORBIDDEN).format(table))

    def _shared(self) -> Statement:
        """Use what belongs to the whole server: locks, large objects, notifications."""
        column = self.grammar.guess(Column("key", "text", True, True, True))
        return Statement(
            "shared",
            self.chance.choice(
                [
                    f"SELECT pg_try_advisory_xact_lock(hashtext({column}))",
                    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'",
                    f"SELECT lo_get(lo_from_bytea(0, ({column})::text::bytea))",
                    "SELECT lo_get(oid) FROM pg_largeobject_metadata",
                    f"NOTIFY news, {column.removesuffix('::text')}",
                    "LISTEN news",
                    "SELECT pg_listening_channels()",
                    f"SELECT pg_notify('news', {column})",
                    "SELECT pg_export_snapshot()",
                    "SELECT pg_current_xact_id(), pg_current_snapshot()",
                ]
            ),
        )

    def _called(self) -> Statement:
        functions = self.grammar.sight.functions
        if not functions:
            return self._read()
        function = self.chance.choice(functions)
        arguments = ", ".join(self._argument(function, kind) for kind in function.arguments)
        call = f"konstruct.{function.name}({arguments})"
        return Statement(
            "function", f"SELECT * FROM {call} AS f" if function.rows else f"SELECT {call}"
        )

    def _argument(self, function: Function, kind: str) -> str:
        grammar, row = self.grammar, self.chance.randrange(3)
        own = f"'{grammar.world.tenant_id(grammar.tenant)}'::uuid"
        if function.enters and kind == "uuid[]":
            return f"ARRAY[{own}]"
        if function.enters and kind == "uuid" and self.chance.random() < 0.5:
            return own
        names = [
            one
            for table in grammar.tables()
            for one in table.readable
            if one.type == kind and one.name != "tenant_id"
        ]
        if not names:
            return f"NULL::{kind}"
        tenant = (
            grammar.tenant
            if function.enters
            else self.chance.choice([grammar.tenant, grammar.stranger()])
        )
        return grammar.literal_of(self.chance.choice(names), tenant, row)

    # Asking for a stranger's rows, and for rows of nobody.

    def _probe(self) -> Statement:
        table = self.protected()
        column = self.chance.choice([one for one in table.readable if one.type != "boolean"])
        place = f"konstruct.{table.name} AS t"
        kinds = [
            f"SELECT * FROM {place} WHERE t.{column.name} = %s",
            f"SELECT count(*) FROM {place} WHERE t.{column.name} = %s",
            f"SELECT EXISTS (SELECT 1 FROM {place} WHERE t.{column.name} IN (%s))",
            (
                f"SELECT t.{column.name} FROM {place} WHERE t.{column.name} >= %s"
                f" AND t.{column.name} <= %s"
            ),
            f"SELECT (t.{column.name})::text::int FROM {place} WHERE t.{column.name} = %s",
            f"SELECT 1 FROM {place} WHERE t.{column.name} = %s FOR UPDATE NOWAIT",
            f"SELECT 1 FROM {place} WHERE (t.{column.name})::text LIKE (%s)::text || '%%'",
            f"EXPLAIN ({_BARE}) SELECT 1 FROM {place} WHERE t.{column.name} = %s",
            f"EXPLAIN ({_BARE}) SELECT 1 FROM {place} WHERE t.{column.name} BETWEEN %s AND %s",
        ]
        if table.deletable:
            kinds.append(f"DELETE FROM {place} WHERE t.{column.name} = %s")
            kinds.append(f"EXPLAIN ({_BARE}) DELETE FROM {place} WHERE t.{column.name} = %s")
        if writable := [one for one in table.columns if one.updatable]:
            changed = self.chance.choice(writable).name
            kinds.append(f"UPDATE {place} SET {changed} = t.{changed} WHERE t.{column.name} = %s")
            kinds.append(f"UPDATE {place} SET {changed} = t.{changed}, {column.name} = %s")
        return self._pair("probe", self.chance.choice(kinds), column)

    def _probe_insert(self) -> Statement:
        """Insert keys that a stranger has: nothing may tell that they are taken."""
        tables = [one for one in self.tables() if any(c.insertable for c in one.columns)]
        if not tables:
            return self._probe()
        table = self.chance.choice(tables)
        grammar = self.grammar
        stranger, row = self._existing(), self.chance.randrange(2)
        as_stranger = self.chance.random() < 0.4
        values: list[str] = []
        twins: list[str] = []
        names = [one for one in table.columns if one.insertable]
        for one in names:
            own = one.name == "tenant_id" and not as_stranger
            tenant, absent = (grammar.tenant,) * 2 if own else (stranger, ABSENT)
            values.append(grammar.literal_of(one, tenant, row))
            twins.append(grammar.literal_of(one, absent, row))
        ending = self.chance.choice(["", " ON CONFLICT DO NOTHING", self.do_update(table)])
        start = (
            f"INSERT INTO konstruct.{table.name} ({', '.join(one.name for one in names)}) VALUES"
        )
        whole = " RETURNING 1"
        return Statement(
            "probe insert",
            f"{start} ({', '.join(values)}){ending}{whole}",
            f"{start} ({', '.join(twins)}){ending}{whole}",
        )

    def _pair(self, kind: str, template: str, column: Column) -> Statement:
        row, stranger = self.chance.randrange(4), self._existing()
        grammar = self.grammar
        return Statement(
            kind,
            template.replace("%s", grammar.literal_of(column, stranger, row)).replace("%%", "%"),
            template.replace("%s", grammar.literal_of(column, ABSENT, row)).replace("%%", "%"),
        )

    def _existing(self) -> int:
        found = self.grammar.stranger()
        while found == ABSENT:
            found = self.grammar.stranger()
        return found

    # Writing; everything is rolled back.

    def _write(self) -> Statement:
        makers = [self.update, self.update, self.delete, self.insert, self.merge]
        found = self.chance.choice(makers)()
        if self.chance.random() < 0.1:
            found = f"EXPLAIN (ANALYZE, VERBOSE) {found}"
        return Statement("write", found)

    def _write_within(self) -> Statement:
        """Write inside a WITH, and read what it returns beside another table."""
        inner = self.chance.choice([self.update, self.delete, self.insert])()
        if "RETURNING" not in inner:
            inner += " RETURNING 1 AS r"
        table = self.protected()
        value = self.grammar.text(self.grammar.columns_of(table, "t"))
        return Statement(
            "write", f"WITH w AS ({inner}) SELECT w.*, {value} FROM w, konstruct.{table.name} AS t"
        )

    def _copy_in(self) -> Statement:
        tables = self.tables(lambda one: any(c.insertable for c in one.columns))
        if not tables:
            return self._copy_out()
        table = self.chance.choice(tables)
        names = [one for one in table.columns if one.insertable]
        world, grammar = self.grammar.world, self.grammar
        tenant = grammar.tenant if self.chance.random() < 0.5 else grammar.stranger()
        cells = []
        for one in names:
            value = world.cell(tenant, one, self.chance.randrange(9))
            text = value[0] if isinstance(value, list) else value
            text = f"\\\\x{text.hex()}" if isinstance(text, bytes) else str(text)
            cells.append(f"{{{text}}}" if isinstance(value, list) else text)
        listed = ", ".join(one.name for one in names)
        return Statement(
            "copy in",
            f"COPY konstruct.{table.name} ({listed}) FROM STDIN",
            copied=("\t".join(cells) + "\n").encode(),
        )
