"""A conversation's log: what was said, in order of durable acceptance. Sockets read it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from konstruct_messages.replies import LogKind
from konstruct_store.statements import statement
from konstruct_store.store import Store


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry. `seq` rises per conversation.

    Payloads: Said {id, text, personKey, name, attachments}; Reply {id, turn, agent, text,
    parts: [{part, text}]}; Ask: a Reply's and {choices: [{key, label}]}; Notice {code, text};
    Marker {code, ...}. What answers an Ask is Said with {ask, choice}.
    """

    seq: int
    kind: LogKind
    payload: dict[str, Any]
    at: datetime
    turn_id: UUID | None


def entry_of(row: asyncpg.Record) -> LogEntry:
    """Return the entry that a row of the log is."""
    return LogEntry(row["seq"], LogKind(row["kind"]), row["payload"], row["at"], row["turn_id"])


async def read_log(
    store: Store, tenant_id: UUID, conversation_id: UUID, *, after: int, limit: int = 200
) -> list[LogEntry]:
    """Return at most `limit` entries with a seq above `after`, in order."""
    async with store.transaction(tenant_id) as connection:
        rows = await connection.fetch(
            statement("log/read"), tenant_id, conversation_id, after, limit
        )
    return [entry_of(row) for row in rows]
