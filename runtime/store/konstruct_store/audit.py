"""The audit: append-only rows whose digests cover payloads that can be erased."""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from konstruct_store.statements import statement
from konstruct_store.store import Connection, Store

_SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One row. `payload` is None when it was erased; `intact` says whether its digest fits it."""

    number: int
    at: datetime
    actor: str
    action: str
    subjects: Mapping[str, str]
    payload: Mapping[str, Any] | None
    intact: bool


async def append(
    connection: Connection,
    tenant_id: UUID,
    *,
    actor: str,
    action: str,
    subjects: Mapping[str, UUID | str],
    payload: Mapping[str, Any] | None = None,
) -> None:
    """Append one row inside the caller's transaction, as its last statement.

    `actor` is a program or a portal user's id, `action` a CamelCase word, `subjects` ids by kind.
    Text of messages never belongs here.
    """
    await connection.execute(
        statement("audit/append"),
        *(tenant_id, actor, action, {key: str(value) for key, value in subjects.items()}),
        *salted(payload or {}),
    )


def salted(payload: Mapping[str, Any]) -> tuple[bytes, bytes, dict[str, Any]]:
    """Return what a row keeps of `payload`: its digest under a new salt, the salt, and itself."""
    salt = secrets.token_bytes(_SALT_BYTES)
    return _digest(salt, payload), salt, dict(payload)


async def read(
    store: Store, tenant_id: UUID, *, after: int = 0, limit: int = 200
) -> list[AuditRow]:
    """Return at most `limit` rows with a number above `after`, in order."""
    async with store.transaction(tenant_id) as connection:
        rows = await connection.fetch(statement("audit/read"), tenant_id, after, limit)
    return [
        AuditRow(
            number=row["number"],
            at=row["at"],
            actor=row["actor"],
            action=row["action"],
            subjects=row["subjects"],
            payload=row["payload"],
            intact=row["salt"] is None or _digest(row["salt"], row["payload"]) == row["digest"],
        )
        for row in rows
    ]


async def broken(store: Store, tenant_id: UUID) -> list[int]:
    """Return the numbers at which the tenant's hash chain does not hold; empty when it does."""
    async with store.transaction(tenant_id) as connection:
        rows = await connection.fetch(statement("audit/broken"), tenant_id)
    return [row["number"] for row in rows]


def _digest(salt: bytes, payload: Mapping[str, Any]) -> bytes:
    canonical = json.dumps(payload, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(salt + canonical.encode()).digest()
