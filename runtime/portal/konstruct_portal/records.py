"""The port to what the portal keeps and reads in the store: users, sessions, usage, conversations.

The one real adapter is `konstruct_portal.records_postgres.PostgresRecords`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from konstruct_store.activity import Activity
from konstruct_store.attention import Attention, DeliveryRow, OpenDeadTurn
from konstruct_store.templates import ListedTemplate


class Role(StrEnum):
    """What somebody may do. Admin spans all tenants; the others hold for the user's tenants."""

    ADMIN = "admin"
    ADMINISTRATOR = "administrator"
    OPERATOR = "operator"


@dataclass(frozen=True)
class User:
    """Somebody who logs in. `tenants` are the ids this person sees unless the role is Admin."""

    user_id: UUID
    email: str
    role: Role
    tenants: frozenset[UUID] = frozenset()
    password_hash: str = field(default="", repr=False)
    language: str = ""
    theme: str = ""
    disabled: bool = False


@dataclass(frozen=True)
class SignedIn:
    """A live session and whose it is."""

    session_id: UUID
    user: User


@dataclass(frozen=True)
class SessionRow:
    """One of a user's sessions as the profile lists it."""

    session_id: UUID
    opened_at: datetime
    last_seen_at: datetime
    user_agent: str
    address: str


@dataclass(frozen=True)
class Spent:
    """What one agent, model or day cost and did. Money in integer micro-USD."""

    micro_usd: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    calls: int = 0


@dataclass(frozen=True)
class MonthUsage:
    """One calendar month of a tenant, in its own time zone."""

    spent_micro_usd: int = 0
    reserved_micro_usd: int = 0
    messages: int = 0
    answers: int = 0
    by_agent: Mapping[UUID, Spent] = field(default_factory=dict)
    by_model: Mapping[str, Spent] = field(default_factory=dict)
    by_day: Mapping[date, Spent] = field(default_factory=dict)


@dataclass(frozen=True)
class ConversationRow:
    """One conversation in a list."""

    conversation_id: UUID
    connection_id: UUID
    agent_id: UUID
    person_name: str
    mode: str
    last_at: datetime
    last_text: str
    entries: int
    window_ends_at: datetime | None = None
    """Until then the channel takes words of ours; None: it always does."""


@dataclass(frozen=True)
class TranscriptEntry:
    """One line of a conversation's log. `kind` is a LogKind's value, `code` says which notice.

    `human`: somebody of the tenant wrote it. `liked` and `disliked` count what people think of it.
    """

    seq: int
    kind: str
    name: str
    text: str
    at: datetime
    code: str = ""
    human: bool = False
    liked: int = 0
    disliked: int = 0
    files: Sequence[tuple[UUID, str]] = ()
    """Id and name of each file that went with it."""


@dataclass(frozen=True)
class Transcript:
    """A conversation with its last entries in order; `earlier` when older ones were left out."""

    conversation: ConversationRow
    entries: Sequence[TranscriptEntry]
    earlier: bool = False


class Records(Protocol):
    """What the portal asks of the store. All operations raise konstruct_store.RetryLater alike."""

    async def check(self) -> None:
        """Raise unless the database can be used."""
        ...

    async def find_user(self, email: str) -> User | None:
        """Return the user of an address (compared in lower case), disabled ones included."""
        ...

    async def create_user(
        self, email: str, password_hash: str, *, role: Role, tenants: frozenset[UUID] = frozenset()
    ) -> User:
        """Keep a new user. Raises AccountExists when the address is taken."""
        ...

    async def set_password(self, user_id: UUID, password_hash: str) -> None:
        """Replace a user's password; all sessions of the user end with it."""
        ...

    async def renew_hash(self, user_id: UUID, password_hash: str) -> None:
        """Replace the hash of an unchanged password (newer parameters); sessions go on."""
        ...

    async def set_preferences(self, user_id: UUID, *, language: str, theme: str) -> None:
        """Keep a user's language and theme; empty means: follow the browser."""
        ...

    async def count_attempt(self, key: str, *, window_seconds: int) -> int:
        """Count one log-in attempt under `key`; return how many there were in the window."""
        ...

    async def forget_attempts(self, key: str) -> None:
        """Forget the attempts under `key`: somebody knew the password."""
        ...

    async def use_once(self, key: str, *, window_seconds: int) -> bool:
        """Tell whether this is the first use of `key` within the window, for all replicas."""
        ...

    async def open_session(
        self, user_id: UUID, digest: bytes, *, user_agent: str, address: str
    ) -> UUID:
        """Keep a session known by the SHA-256 of its token."""
        ...

    async def load_session(self, digest: bytes) -> SignedIn | None:
        """Return the live session of a digest and note that it was used; None when over."""
        ...

    async def sessions(self, user_id: UUID) -> list[SessionRow]:
        """Return a user's live sessions, the last used first."""
        ...

    async def close_session(self, user_id: UUID, session_id: UUID) -> None:
        """End one session of a user; nothing happens when it is not that user's."""
        ...

    async def close_sessions(self, user_id: UUID, *, but: UUID | None = None) -> None:
        """End all sessions of a user but one."""
        ...

    async def month_usage(
        self, tenant_id: UUID, *, time_zone: str, month: date | None = None
    ) -> MonthUsage:
        """Return what a tenant used in a month (any day of it; default: the present one)."""
        ...

    async def conversations(
        self,
        tenant_id: UUID,
        *,
        before: datetime | None = None,
        limit: int = 50,
        with_human: bool = False,
    ) -> list[ConversationRow]:
        """Return a tenant's conversations, the latest first, older than `before`.

        `with_human`: only those that a human has, or that wait for one.
        """
        ...

    async def templates_of(self, tenant_id: UUID, connection_id: UUID) -> list[ListedTemplate]:
        """Return the templates of a connection's account, as its vendor listed them last."""
        ...

    async def connection_activity(self, tenant_id: UUID, connection_id: UUID) -> Activity:
        """Return what went through a connection lately."""
        ...

    async def transcript(
        self, tenant_id: UUID, conversation_id: UUID, *, limit: int = 500
    ) -> Transcript | None:
        """Return one conversation with its last entries, or None."""
        ...

    async def attention(self, tenant_id: UUID) -> Attention:
        """Return how much of a tenant needs a person."""
        ...

    async def conversations_needing_attention(
        self, tenant_id: UUID, *, before: datetime | None = None, limit: int = 50
    ) -> list[ConversationRow]:
        """Return conversations that a human has, or where something was lost; the latest first."""
        ...

    async def troubles_of(
        self, tenant_id: UUID, conversations: Sequence[UUID]
    ) -> Mapping[UUID, frozenset[str]]:
        """Return what is wrong in each of these conversations: Dead, Refused or Unknown."""
        ...

    async def deliveries_of(
        self, tenant_id: UUID, conversation_id: UUID, *, from_seq: int = 0
    ) -> list[DeliveryRow]:
        """Return what became of a conversation's messages from a seq on, in their order."""
        ...

    async def undelivered(
        self, tenant_id: UUID, *, before: datetime | None = None, limit: int = 50
    ) -> list[DeliveryRow]:
        """Return what did not arrive, or perhaps not, and nobody has dealt with."""
        ...

    async def open_dead_turns(
        self, tenant_id: UUID, *, before: datetime | None = None, limit: int = 50
    ) -> list[OpenDeadTurn]:
        """Return turns that ended with an apology and nobody has dealt with."""
        ...

    async def stuck_connections(self, tenant_id: UUID) -> Mapping[UUID, int]:
        """Return how much each connection could not send at all."""
        ...
