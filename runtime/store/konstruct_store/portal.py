"""The portal's people, their sessions, and what it shows of conversations."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, cast
from uuid import UUID

import asyncpg

from konstruct_messages.turns import ConversationMode
from konstruct_store.identifiers import new_id
from konstruct_store.log import LogEntry, entry_of
from konstruct_store.statements import statement
from konstruct_store.store import Store

Role = Literal["admin", "administrator", "operator"]

IDLE_SECONDS = 12 * 3600.0
ABSOLUTE_SECONDS = 7 * 24 * 3600.0
_ATTEMPTS_KEPT_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who logs in. `admin` sees all tenants, the others those of `tenants`."""

    user_id: UUID
    email: str
    role: Role
    tenants: frozenset[UUID]
    password_hash: str = field(repr=False)
    language: str = ""
    theme: str = ""
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """A live session and whose it is."""

    session_id: UUID
    user: User
    opened_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One of a user's sessions, for a list."""

    session_id: UUID
    opened_at: datetime
    seen_at: datetime
    user_agent: str
    address: str


@dataclass(frozen=True, slots=True)
class ConversationRow:
    """One conversation in a list. `entries` counts its log; `last_text` is what was said last.

    `window_ends_at`: until then its vendor takes words of ours; None: always, or it is not read.
    """

    conversation_id: UUID
    connection_id: UUID
    agent_id: UUID
    agent_name: str
    person_name: str
    mode: ConversationMode
    active_at: datetime
    entries: int
    last_text: str
    window_ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Transcript:
    """A conversation with its last entries in order; `earlier` when older ones were left out.

    `feedback` has what people think of replies ("up", "down"), by turn.
    """

    conversation: ConversationRow
    entries: tuple[LogEntry, ...]
    earlier: bool
    feedback: Mapping[UUID, tuple[str, ...]] = field(default_factory=dict)


async def create_user(
    store: Store,
    email: str,
    password_hash: str,
    *,
    role: Role,
    tenants: frozenset[UUID] = frozenset(),
    language: str = "",
) -> User | None:
    """Keep a new user, or return None when the address (compared in lower case) is taken."""
    async with store.connection() as connection:
        row = await connection.fetchrow(
            statement("portal/create_user"),
            *(new_id(), email, password_hash, role, sorted(tenants), language),
        )
    return None if row is None else _user(row)


async def find_user(store: Store, email: str) -> User | None:
    """Return the user of an address, disabled ones included, or None."""
    async with store.connection() as connection:
        row = await connection.fetchrow(statement("portal/find_user"), email)
    return None if row is None else _user(row)


async def update_user(
    store: Store,
    user_id: UUID,
    *,
    password_hash: str | None = None,
    role: Role | None = None,
    tenants: frozenset[UUID] | None = None,
    language: str | None = None,
    theme: str | None = None,
    disabled: bool | None = None,
) -> None:
    """Change what is given; disabling a user or changing the password ends all sessions."""
    async with store.untenanted() as connection:
        await connection.execute(
            statement("portal/update_user"),
            *(user_id, password_hash, role, None if tenants is None else sorted(tenants)),
            *(language, theme, disabled),
        )
        if disabled or password_hash is not None:
            await connection.execute(statement("portal/close_sessions"), user_id, None, None)


async def set_password_hash(store: Store, user_id: UUID, password_hash: str) -> None:
    """Replace the hash of an unchanged password (new parameters): sessions go on."""
    async with store.connection() as connection:
        await connection.execute(
            statement("portal/update_user"), user_id, password_hash, None, None, None, None, None
        )


async def open_session(
    store: Store,
    user_id: UUID,
    token_hash: bytes,
    *,
    user_agent: str = "",
    address: str = "",
) -> UUID:
    """Keep a session known by the SHA-256 of its reference token; return its id."""
    session_id = new_id()
    async with store.connection() as connection:
        await connection.execute(
            statement("portal/open_session"), token_hash, session_id, user_id, user_agent, address
        )
    return session_id


async def load_session(
    store: Store,
    token_hash: bytes,
    *,
    idle_seconds: float = IDLE_SECONDS,
    absolute_seconds: float = ABSOLUTE_SECONDS,
) -> Session | None:
    """Return the live session of a token and note that it was used; None when it is over.

    It ends after `idle_seconds` without use and `absolute_seconds` after it was opened (by the
    database's clock), and with its user.
    """
    async with store.connection() as connection:
        row = await connection.fetchrow(
            statement("portal/load_session"),
            *(token_hash, float(idle_seconds), float(absolute_seconds)),
        )
    if row is None:
        return None
    return Session(row["session_id"], _user(row), row["opened_at"], row["seen_at"])


async def sessions(
    store: Store,
    user_id: UUID,
    *,
    idle_seconds: float = IDLE_SECONDS,
    absolute_seconds: float = ABSOLUTE_SECONDS,
) -> list[SessionRow]:
    """Return a user's live sessions, the last used first."""
    async with store.connection() as connection:
        rows = await connection.fetch(
            statement("portal/sessions"), user_id, float(idle_seconds), float(absolute_seconds)
        )
    return [SessionRow(**dict(row)) for row in rows]


async def close_session(store: Store, user_id: UUID, session_id: UUID) -> None:
    """End one session of a user; nothing happens when it is not that user's."""
    async with store.connection() as connection:
        await connection.execute(statement("portal/close_sessions"), user_id, session_id, None)


async def close_sessions_of_user(store: Store, user_id: UUID, *, but: UUID | None = None) -> None:
    """End all sessions of a user but one."""
    async with store.connection() as connection:
        await connection.execute(statement("portal/close_sessions"), user_id, None, but)


async def prune(store: Store) -> None:
    """Forget sessions and attempts that are over."""
    async with store.connection() as connection:
        await connection.execute(
            statement("portal/prune"), ABSOLUTE_SECONDS, _ATTEMPTS_KEPT_SECONDS
        )


async def count_attempt(store: Store, key: str, *, window_seconds: int) -> int:
    """Count one log-in attempt under `key`; return how many there were in the window."""
    async with store.connection() as connection:
        return cast(
            "int",
            await connection.fetchval(
                statement("portal/count_attempt"), key, float(window_seconds)
            ),
        )


async def forget_attempts(store: Store, key: str) -> None:
    """Forget the attempts under `key`."""
    async with store.connection() as connection:
        await connection.execute(statement("portal/forget_attempts"), key)


async def conversations(
    store: Store,
    tenant_id: UUID,
    *,
    before: datetime | None = None,
    limit: int = 50,
    with_human: bool = False,
) -> list[ConversationRow]:
    """Return a tenant's conversations, the latest first, last active before `before`.

    `with_human`: only those that a human has, or that wait for one.
    """
    name = "portal/conversations_with_human" if with_human else "portal/conversations"
    async with store.transaction(tenant_id) as connection:
        rows = await connection.fetch(statement(name), tenant_id, before, limit)
    return [_conversation(row) for row in rows]


async def conversations_needing_attention(
    store: Store, tenant_id: UUID, *, before: datetime | None = None, limit: int = 50
) -> list[ConversationRow]:
    """Return conversations that a human has, or where something was not answered or delivered."""
    async with store.transaction(tenant_id) as connection:
        rows = await connection.fetch(
            statement("portal/conversations_needing_attention"), tenant_id, before, limit
        )
    return [_conversation(row) for row in rows]


async def transcript(
    store: Store, tenant_id: UUID, conversation_id: UUID, *, limit: int = 500
) -> Transcript | None:
    """Return a conversation with its last `limit` entries, or None."""
    async with store.transaction(tenant_id) as connection:
        row = await connection.fetchrow(
            statement("portal/conversation"), tenant_id, conversation_id
        )
        if row is None:
            return None
        rows = await connection.fetch(
            statement("log/last"), tenant_id, conversation_id, None, limit + 1
        )
        given = await connection.fetch(statement("portal/feedback"), tenant_id, conversation_id)
    entries = tuple(entry_of(one) for one in reversed(rows[:limit]))
    feedback: dict[UUID, tuple[str, ...]] = {}
    for one in given:
        feedback[one["turn_id"]] = (*feedback.get(one["turn_id"], ()), one["value"])
    return Transcript(_conversation(row), entries, earlier=len(rows) > limit, feedback=feedback)


def _user(row: asyncpg.Record) -> User:
    return User(
        user_id=row["user_id"],
        email=row["email"],
        role=row["role"],
        tenants=frozenset(row["tenants"]),
        password_hash=row["password_hash"],
        language=row["language"],
        theme=row["theme"],
        disabled=row["disabled_at"] is not None,
    )


def _conversation(row: asyncpg.Record) -> ConversationRow:
    return ConversationRow(
        conversation_id=row["conversation_id"],
        connection_id=row["connection_id"],
        agent_id=row["agent_id"],
        agent_name=row["agent_name"],
        person_name=row["person_name"],
        mode=ConversationMode(row["mode"]),
        active_at=row["active_at"],
        entries=row["last_seq"],
        last_text=row["last_text"],
        window_ends_at=row.get("window_ends_at"),
    )
