"""Replicas of the gateway: where the others can be told what happened here."""

from uuid import UUID

from konstruct_store.statements import statement
from konstruct_store.store import Store, count_of

LIVE_SECONDS = 15.0
"""A replica that said nothing for so long is dead to the others."""

_KEPT_SECONDS = 3600.0


async def announce(store: Store, replica_id: UUID, url: str) -> None:
    """Say that the replica lives and where its internal port is; repeat every few seconds.

    Without a `url` the others know only that it lives. An earlier replica at the same one is dead.
    """
    async with store.connection() as connection:
        await connection.execute(statement("replicas/announce"), replica_id, url, LIVE_SECONDS)


async def replicas(store: Store, *, live_seconds: float = LIVE_SECONDS) -> dict[UUID, str]:
    """Return the URLs of the replicas that announced themselves within `live_seconds`."""
    async with store.connection() as connection:
        rows = await connection.fetch(statement("replicas/live"), float(live_seconds))
    return {row["replica_id"]: row["url"] for row in rows}


async def retire(store: Store, replica_id: UUID) -> None:
    """Forget the replica: it ends."""
    async with store.connection() as connection:
        await connection.execute(statement("replicas/retire"), replica_id)


async def prune(store: Store, *, seconds: float = _KEPT_SECONDS) -> int:
    """Forget replicas that were not seen for `seconds`: they ended without a word."""
    async with store.connection() as connection:
        return count_of(await connection.execute(statement("replicas/prune"), float(seconds)))
