"""A database with some months of history: a million log entries of a thousand tenants."""

from pathlib import Path

import asyncpg

_FILL = Path(__file__).with_suffix(".sql")
_TABLES = """
SELECT relname FROM pg_class
WHERE relnamespace = 'konstruct'::regnamespace AND relkind = 'r' AND relname NOT LIKE 'portal%'
"""
_PLAIN_INDEXES = """
SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS definition
FROM pg_index AS i
INNER JOIN pg_class AS c ON c.oid = i.indrelid
WHERE c.relnamespace = 'konstruct'::regnamespace AND NOT i.indisunique
ORDER BY name
"""


async def fill(owner_url: str) -> None:
    """Fill a migrated database (about 40 s on two cores) and analyse it.

    Tables become unlogged and plain indexes are made at the end, which changes no plan.
    """
    connection = await asyncpg.connect(owner_url, command_timeout=600)
    for table in await connection.fetch(_TABLES):
        await connection.execute(f"ALTER TABLE konstruct.{table['relname']} SET UNLOGGED")
    indexes = await connection.fetch(_PLAIN_INDEXES)
    for index in indexes:
        await connection.execute(f"DROP INDEX {index['name']}")
    await connection.execute("SET maintenance_work_mem = '256MB'")
    await connection.execute(_FILL.read_text())
    for index in indexes:
        await connection.execute(index["definition"])
    await connection.execute("VACUUM ANALYZE")
    await connection.close()
