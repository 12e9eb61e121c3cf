"""Erasure: what a tenant's end with `onDelete: Erase` deletes, and the tombstone it leaves."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from konstruct_store.statements import statement
from konstruct_store.store import Store, count_of

TABLES = (
    "dispatch",
    "delivery_dispatch",
    "inbox",
    "ignored_items",
    "dedupe_keys",
    "steps",
    "deliveries",
    "dead_letters",
    "turns",
    "agent_revisions",
    "log",
    "feedback",
    "asks",
    "standings",
    "refusals",
    "held_messages",
    "media_dispatch",
    "media",
    "person_names",
    "channel_templates",
    "conversations",
    "usage_reservations",
    "usage_totals",
    "usage_days",
    "usage_ledger",
    "registry_reports",
    "verified_credentials",
    "registry_snapshots",
    "audit_payload",
    "audit",
    "audit_heads",
)
"""Every table with a tenant's content, the hot rows first, the audit chain last."""

_ITEMS = ("inbox", "ignored_items", "held_messages")
_BATCH = 5000


async def erase_tenants(
    store: Store,
    *,
    grace_seconds: float = 60,
    first: Callable[[UUID], Awaitable[None]] | None = None,
) -> list[UUID]:
    """Erase the tenants whose tombstone said so; return which.

    `first` erases what lies elsewhere (objects): a tenant that it fails for is not erased yet.
    `grace_seconds` since the tombstone let transactions that had begun before it end: no statement
    runs longer than 30 s. Rows go in batches, each a transaction of its own; a crash in between is
    gone on with at the next call. Raises RetryLater.
    """
    async with store.connection() as connection:
        rows = await connection.fetch(statement("erase/waiting"), float(grace_seconds))
    for row in rows:
        if first is not None:
            await first(row["tenant_id"])
        await _erase(store, row["tenant_id"])
    return [row["tenant_id"] for row in rows]


async def _erase(store: Store, tenant_id: UUID) -> None:
    items = 0
    for table in TABLES:
        deleted = _BATCH
        while deleted == _BATCH:
            async with store.transaction(tenant_id) as connection:
                # Deleting takes a role of its own: the gateway's may not delete audit rows.
                await connection.execute("SET LOCAL ROLE konstruct_eraser")
                deleted = count_of(
                    await connection.execute(statement(f"erase/{table}"), tenant_id, _BATCH)
                )
            items += deleted if table in _ITEMS else 0
    async with store.connection() as connection:
        await connection.execute(statement("erase/finish"), tenant_id, items)
