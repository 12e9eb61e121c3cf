"""The portal's records in Postgres, through the store."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from konstruct_portal.errors import AccountExists
from konstruct_portal.records import (
    ConversationRow,
    MonthUsage,
    Role,
    SessionRow,
    SignedIn,
    Spent,
    Transcript,
    TranscriptEntry,
    User,
)
from konstruct_store import Store, attention, portal, reading, templates
from konstruct_store.activity import Activity, connection_activity
from konstruct_store.attention import Attention, DeliveryRow, OpenDeadTurn
from konstruct_store.log import LogEntry
from konstruct_store.templates import ListedTemplate

_LATELY = timedelta(days=1)


class PostgresRecords:
    """Records over an open store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def check(self) -> None:
        """Raise unless the database can be used."""
        await self._store.check()

    async def find_user(self, email: str) -> User | None:
        """Return the user of an address."""
        found = await portal.find_user(self._store, email)
        return None if found is None else _user(found)

    async def create_user(
        self, email: str, password_hash: str, *, role: Role, tenants: frozenset[UUID] = frozenset()
    ) -> User:
        """Keep a new user."""
        made = await portal.create_user(
            self._store, email, password_hash, role=role.value, tenants=tenants
        )
        if made is None:
            raise AccountExists(email)
        return _user(made)

    async def set_password(self, user_id: UUID, password_hash: str) -> None:
        """Replace a password; all sessions end in the same transaction."""
        await portal.update_user(self._store, user_id, password_hash=password_hash)

    async def renew_hash(self, user_id: UUID, password_hash: str) -> None:
        """Replace the hash of an unchanged password."""
        await portal.set_password_hash(self._store, user_id, password_hash)

    async def set_preferences(self, user_id: UUID, *, language: str, theme: str) -> None:
        """Keep a user's language and theme."""
        await portal.update_user(self._store, user_id, language=language, theme=theme)

    async def count_attempt(self, key: str, *, window_seconds: int) -> int:
        """Count one attempt."""
        return await portal.count_attempt(self._store, key, window_seconds=window_seconds)

    async def forget_attempts(self, key: str) -> None:
        """Forget the attempts under a key."""
        await portal.forget_attempts(self._store, key)

    async def use_once(self, key: str, *, window_seconds: int) -> bool:
        """Tell whether this is the first use of a key: the store counts its uses."""
        counted = await portal.count_attempt(self._store, key, window_seconds=window_seconds)
        return counted == 1

    async def open_session(
        self, user_id: UUID, digest: bytes, *, user_agent: str, address: str
    ) -> UUID:
        """Keep a session, and forget those that are long over."""
        await portal.prune(self._store)
        return await portal.open_session(
            self._store, user_id, digest, user_agent=user_agent, address=address
        )

    async def load_session(self, digest: bytes) -> SignedIn | None:
        """Return the live session of a digest."""
        found = await portal.load_session(self._store, digest)
        return None if found is None else SignedIn(found.session_id, _user(found.user))

    async def sessions(self, user_id: UUID) -> list[SessionRow]:
        """Return a user's live sessions."""
        return [
            SessionRow(
                session_id=one.session_id,
                opened_at=one.opened_at,
                last_seen_at=one.seen_at,
                user_agent=one.user_agent,
                address=one.address,
            )
            for one in await portal.sessions(self._store, user_id)
        ]

    async def close_session(self, user_id: UUID, session_id: UUID) -> None:
        """End one session of a user."""
        await portal.close_session(self._store, user_id, session_id)

    async def close_sessions(self, user_id: UUID, *, but: UUID | None = None) -> None:
        """End all sessions of a user but one."""
        await portal.close_sessions_of_user(self._store, user_id, but=but)

    async def month_usage(
        self, tenant_id: UUID, *, time_zone: str, month: date | None = None
    ) -> MonthUsage:
        """Return what a tenant used in a month."""
        read = await reading.month_usage(self._store, tenant_id, time_zone=time_zone, month=month)
        return MonthUsage(
            spent_micro_usd=read.spent_micro_usd,
            reserved_micro_usd=read.reserved_micro_usd,
            messages=read.messages,
            answers=read.answers,
            by_agent={key: _spent(one) for key, one in read.by_agent.items()},
            by_model={key: _spent(one) for key, one in read.by_model.items()},
            by_day={key: _spent(one) for key, one in read.by_day.items()},
        )

    async def conversations(
        self,
        tenant_id: UUID,
        *,
        before: datetime | None = None,
        limit: int = 50,
        with_human: bool = False,
    ) -> list[ConversationRow]:
        """Return a tenant's conversations."""
        found = await portal.conversations(
            self._store, tenant_id, before=before, limit=limit, with_human=with_human
        )
        return [_conversation(one) for one in found]

    async def templates_of(self, tenant_id: UUID, connection_id: UUID) -> list[ListedTemplate]:
        """Return the templates of a connection's account, as its vendor listed them last."""
        return await templates.of_connection(self._store, tenant_id, connection_id)

    async def connection_activity(self, tenant_id: UUID, connection_id: UUID) -> Activity:
        """Return what went through a connection lately."""
        return await connection_activity(
            self._store, tenant_id, connection_id, now=datetime.now(UTC), within=_LATELY
        )

    async def transcript(
        self, tenant_id: UUID, conversation_id: UUID, *, limit: int = 500
    ) -> Transcript | None:
        """Return one conversation."""
        found = await portal.transcript(self._store, tenant_id, conversation_id, limit=limit)
        if found is None:
            return None
        return Transcript(
            conversation=_conversation(found.conversation),
            entries=tuple(_entry(one, found.feedback) for one in found.entries),
            earlier=found.earlier,
        )

    async def attention(self, tenant_id: UUID) -> Attention:
        """Return how much of a tenant needs a person."""
        return await attention.attention(self._store, tenant_id)

    async def conversations_needing_attention(
        self, tenant_id: UUID, *, before: datetime | None = None, limit: int = 50
    ) -> list[ConversationRow]:
        """Return conversations that a human has, or where something was lost."""
        found = await portal.conversations_needing_attention(
            self._store, tenant_id, before=before, limit=limit
        )
        return [_conversation(one) for one in found]

    async def troubles_of(
        self, tenant_id: UUID, conversations: Sequence[UUID]
    ) -> Mapping[UUID, frozenset[str]]:
        """Return what is wrong in each of these conversations."""
        return await attention.troubles_of(self._store, tenant_id, conversations)

    async def deliveries_of(
        self, tenant_id: UUID, conversation_id: UUID, *, from_seq: int = 0
    ) -> list[DeliveryRow]:
        """Return what became of a conversation's messages."""
        return await attention.deliveries_of(
            self._store, tenant_id, conversation_id, from_seq=from_seq
        )

    async def undelivered(
        self, tenant_id: UUID, *, before: datetime | None = None, limit: int = 50
    ) -> list[DeliveryRow]:
        """Return what did not arrive."""
        return await attention.undelivered(self._store, tenant_id, before=before, limit=limit)

    async def open_dead_turns(
        self, tenant_id: UUID, *, before: datetime | None = None, limit: int = 50
    ) -> list[OpenDeadTurn]:
        """Return dead turns."""
        return await attention.open_dead_turns(self._store, tenant_id, before=before, limit=limit)

    async def stuck_connections(self, tenant_id: UUID) -> Mapping[UUID, int]:
        """Return how much each connection could not send at all."""
        return await attention.stuck_connections(self._store, tenant_id)


def _user(stored: portal.User) -> User:
    return User(
        user_id=stored.user_id,
        email=stored.email,
        role=Role(stored.role),
        tenants=stored.tenants,
        password_hash=stored.password_hash,
        language=stored.language,
        theme=stored.theme,
        disabled=stored.disabled,
    )


def _spent(stored: reading.Spent) -> Spent:
    return Spent(**asdict(stored))


def _conversation(stored: portal.ConversationRow) -> ConversationRow:
    return ConversationRow(
        conversation_id=stored.conversation_id,
        connection_id=stored.connection_id,
        agent_id=stored.agent_id,
        person_name=stored.person_name,
        mode=stored.mode.value,
        last_at=stored.active_at,
        last_text=stored.last_text,
        entries=stored.entries,
        window_ends_at=stored.window_ends_at,
    )


def _entry(stored: LogEntry, feedback: Mapping[UUID, tuple[str, ...]]) -> TranscriptEntry:
    payload = stored.payload
    given = feedback.get(stored.turn_id, ()) if stored.turn_id is not None else ()
    return TranscriptEntry(
        seq=stored.seq,
        kind=stored.kind.value,
        name=str(payload.get("name") or payload.get("agent") or ""),
        text=str(payload.get("text") or ""),
        at=stored.at,
        code=str(payload.get("code") or ""),
        human=bool(payload.get("human")),
        liked=given.count("up"),
        disliked=given.count("down"),
        files=tuple(_files(payload)),
    )


def _files(payload: Mapping[str, Any]) -> Iterator[tuple[UUID, str]]:
    """Yield the files of an entry; what a vendor's key names alone is none that can be opened."""
    for one in payload.get("attachments") or ():
        with contextlib.suppress(ValueError):
            yield UUID(str(one.get("key"))), str(one.get("name") or "")
