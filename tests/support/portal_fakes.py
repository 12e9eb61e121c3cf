"""The portal's port to its records held in memory, and a month's worth of them to show."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from konstruct_messages import identity
from konstruct_messages.replies import DeliveryState
from konstruct_messages.turns import ConversationMode
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
from konstruct_store.activity import Activity, IgnoredCount
from konstruct_store.attention import Attention, DeliveryRow, OpenDeadTurn
from konstruct_store.templates import ListedTemplate
from support.portal_resources import (
    ACME,
    GLOBEX,
    SINCE,
    MemoryResources,
    condition,
    resource,
    sample_resources,
)

__all__ = [
    "ACME",
    "GLOBEX",
    "SINCE",
    "MemoryRecords",
    "MemoryResources",
    "condition",
    "resource",
    "sample_records",
    "sample_resources",
]


@dataclass
class MemoryRecords:
    """Users, sessions, usage and conversations in dictionaries."""

    users: dict[UUID, User] = field(default_factory=dict)
    open_sessions: dict[bytes, tuple[UUID, SessionRow]] = field(default_factory=dict)
    attempts: Counter[str] = field(default_factory=Counter)
    usages: dict[UUID, MonthUsage] = field(default_factory=dict)
    talks: dict[UUID, list[Transcript]] = field(default_factory=dict)
    deliveries: dict[UUID, list[DeliveryRow]] = field(default_factory=dict)
    dead: dict[UUID, list[OpenDeadTurn]] = field(default_factory=dict)
    activities: dict[UUID, Activity] = field(default_factory=dict)
    templates: dict[UUID, list[ListedTemplate]] = field(default_factory=dict)
    broken: Exception | None = None

    async def check(self) -> None:
        self._work()

    async def find_user(self, email: str) -> User | None:
        self._work()
        return next((one for one in self.users.values() if one.email == email), None)

    async def create_user(
        self, email: str, password_hash: str, *, role: Role, tenants: frozenset[UUID] = frozenset()
    ) -> User:
        if await self.find_user(email):
            raise AccountExists(email)
        user = User(uuid4(), email, role, tenants, password_hash)
        self.users[user.user_id] = user
        return user

    async def set_password(self, user_id: UUID, password_hash: str) -> None:
        await self.renew_hash(user_id, password_hash)
        await self.close_sessions(user_id)

    async def forget_attempts(self, key: str) -> None:
        del self.attempts[key]

    async def renew_hash(self, user_id: UUID, password_hash: str) -> None:
        self.users[user_id] = replace(self.users[user_id], password_hash=password_hash)

    async def set_preferences(self, user_id: UUID, *, language: str, theme: str) -> None:
        self.users[user_id] = replace(self.users[user_id], language=language, theme=theme)

    async def count_attempt(self, key: str, *, window_seconds: int) -> int:
        self._work()
        self.attempts[key] += 1
        return self.attempts[key]

    async def use_once(self, key: str, *, window_seconds: int) -> bool:
        return await self.count_attempt(key, window_seconds=window_seconds) == 1

    async def open_session(
        self, user_id: UUID, digest: bytes, *, user_agent: str, address: str
    ) -> UUID:
        now = datetime.now(UTC)
        row = SessionRow(uuid4(), now, now, user_agent, address)
        self.open_sessions[digest] = (user_id, row)
        return row.session_id

    async def load_session(self, digest: bytes) -> SignedIn | None:
        self._work()
        found = self.open_sessions.get(digest)
        return SignedIn(found[1].session_id, self.users[found[0]]) if found else None

    async def sessions(self, user_id: UUID) -> list[SessionRow]:
        return [row for owner, row in self.open_sessions.values() if owner == user_id]

    async def close_session(self, user_id: UUID, session_id: UUID) -> None:
        self._close(lambda owner, row: owner == user_id and row.session_id == session_id)

    async def close_sessions(self, user_id: UUID, *, but: UUID | None = None) -> None:
        self._close(lambda owner, row: owner == user_id and row.session_id != but)

    async def month_usage(
        self, tenant_id: UUID, *, time_zone: str, month: date | None = None
    ) -> MonthUsage:
        return self.usages.get(tenant_id, MonthUsage())

    async def conversations(
        self,
        tenant_id: UUID,
        *,
        before: datetime | None = None,
        limit: int = 50,
        with_human: bool = False,
    ) -> list[ConversationRow]:
        rows = [one.conversation for one in self.talks.get(tenant_id, [])]
        rows = [one for one in rows if not with_human or one.mode == "Human"]
        rows.sort(key=lambda one: one.last_at, reverse=True)
        return [one for one in rows if before is None or one.last_at < before][:limit]

    async def templates_of(self, tenant_id: UUID, connection_id: UUID) -> list[ListedTemplate]:
        return self.templates.get(connection_id, [])

    async def connection_activity(self, tenant_id: UUID, connection_id: UUID) -> Activity:
        return self.activities.get(connection_id, Activity())

    async def transcript(
        self, tenant_id: UUID, conversation_id: UUID, *, limit: int = 500
    ) -> Transcript | None:
        return next(
            (
                one
                for one in self.talks.get(tenant_id, [])
                if one.conversation.conversation_id == conversation_id
            ),
            None,
        )

    async def attention(self, tenant_id: UUID) -> Attention:
        lost = [one for one in self.deliveries.get(tenant_id, []) if one.closed_at is None]
        states = Counter(one.state.value for one in lost)
        talks = self.talks.get(tenant_id, [])
        return Attention(
            refused=states["Refused"],
            unknown=states["Unknown"],
            dead=len(self.dead.get(tenant_id, [])),
            with_human=sum(one.conversation.mode == "Human" for one in talks),
        )

    async def conversations_needing_attention(
        self, tenant_id: UUID, *, before: datetime | None = None, limit: int = 50
    ) -> list[ConversationRow]:
        rows = await self.conversations(tenant_id, before=before, limit=limit)
        wrong = await self.troubles_of(tenant_id, [one.conversation_id for one in rows])
        return [one for one in rows if one.mode == "Human" or one.conversation_id in wrong]

    async def troubles_of(
        self, tenant_id: UUID, conversations: Sequence[UUID]
    ) -> dict[UUID, frozenset[str]]:
        found: dict[UUID, set[str]] = defaultdict(set)
        for one in await self.undelivered(tenant_id):
            found[one.conversation_id].add(one.state.value)
        for dead in self.dead.get(tenant_id, []):
            found[dead.conversation_id].add("Dead")
        return {key: frozenset(found[key]) for key in conversations if key in found}

    async def deliveries_of(
        self, tenant_id: UUID, conversation_id: UUID, *, from_seq: int = 0
    ) -> list[DeliveryRow]:
        return [
            one
            for one in self.deliveries.get(tenant_id, [])
            if one.conversation_id == conversation_id and one.seq >= from_seq
        ]

    async def undelivered(
        self, tenant_id: UUID, *, before: datetime | None = None, limit: int = 50
    ) -> list[DeliveryRow]:
        return [
            one
            for one in self.deliveries.get(tenant_id, [])
            if one.state in {"Refused", "Unknown"} and one.closed_at is None
        ][:limit]

    async def open_dead_turns(
        self, tenant_id: UUID, *, before: datetime | None = None, limit: int = 50
    ) -> list[OpenDeadTurn]:
        return self.dead.get(tenant_id, [])[:limit]

    async def stuck_connections(self, tenant_id: UUID) -> dict[UUID, int]:
        stuck = {"Credentials", "Connection", "GaveUp"}
        found = await self.undelivered(tenant_id)
        return dict(Counter(one.connection_id for one in found if one.cause in stuck))

    def _close(self, which: Any) -> None:
        self.open_sessions = {
            digest: (owner, row)
            for digest, (owner, row) in self.open_sessions.items()
            if not which(owner, row)
        }

    def _work(self) -> None:
        if self.broken is not None:
            raise self.broken


def sample_records() -> MemoryRecords:
    """A month and three conversations of the first tenant."""
    records = MemoryRecords()
    today = datetime.now(UTC).date()
    ana = identity.agent_id(identity.TenantId(ACME), "ana")
    bruno = identity.agent_id(identity.TenantId(ACME), "bruno")
    days = [today.replace(day=number) for number in range(1, today.day + 1)]
    records.usages[ACME] = MonthUsage(
        spent_micro_usd=37_425_310,
        reserved_micro_usd=12_400,
        messages=1_284,
        answers=1_197,
        by_agent={
            ana: Spent(31_120_000, 2_410_000, 380_000, 1_702),
            bruno: Spent(6_305_310, 640_000, 71_000, 288),
        },
        by_model={
            "gpt-5-mini": Spent(24_300_100, 2_500_000, 350_000, 1_650),
            "claude-haiku": Spent(13_125_210, 550_000, 101_000, 340),
        },
        by_day={
            day: Spent((day.day * 7919 % 11 + 3) * 190_000 * (0 if day.weekday() == 6 else 1))
            for day in days
        },
    )
    team = identity.connection_id(identity.TenantId(ACME), "team")
    lately = datetime.now(UTC) - timedelta(minutes=12)
    records.activities[team] = Activity(
        ignored=(
            IgnoredCount("unknown_type", known=False, counted=2, last_at=lately),
            IgnoredCount("not_addressed", known=True, counted=148, last_at=lately),
            IgnoredCount("own_message", known=True, counted=31, last_at=lately),
        ),
        last_in=lately,
        last_out=lately + timedelta(seconds=4),
    )
    records.talks[ACME] = [
        _talk(ana, "website", "Maria Souza", 2, mode="Agent"),
        _talk(ana, "team", "Jon", 55, mode="Human"),
        _talk(bruno, "portal", "", 60 * 26, mode="Agent"),
    ]
    jon = records.talks[ACME][1].conversation
    records.deliveries[ACME] = [
        delivery_row(jon, state=DeliveryState.SENT, receipt="read"),
        delivery_row(jon, part=1, state=DeliveryState.UNKNOWN, reason="SlackNotAsked", tries=3),
        delivery_row(
            jon, part=2, state=DeliveryState.REFUSED, cause="Credentials", reason="token_revoked"
        ),
        delivery_row(jon, seq=3, state=DeliveryState.WITHHELD),
    ]
    records.dead[ACME] = [
        OpenDeadTurn(
            turn_id=uuid4(),
            conversation_id=records.talks[ACME][2].conversation.conversation_id,
            connection_id=records.talks[ACME][2].conversation.connection_id,
            agent_id=bruno,
            person_name="",
            mode=ConversationMode.AGENT,
            reason="No model answered: every provider is down.",
            attempts=1,
            died_at=datetime.now(UTC) - timedelta(hours=26),
            asked="Could you send me **last month's** invoice again?",
        )
    ]
    return records


def delivery_row(conversation: ConversationRow, **over: Any) -> DeliveryRow:
    """A delivery of the second entry of a conversation."""
    at = datetime.now(UTC) - timedelta(minutes=50)
    return DeliveryRow(
        **{
            "delivery_id": uuid4(),
            "conversation_id": conversation.conversation_id,
            "connection_id": conversation.connection_id,
            "turn_id": uuid4(),
            "seq": 2,
            "part": 0,
            "state": DeliveryState.SENT,
            "text": "Yes: **until 18:00**.",
            "cause": "",
            "reason": "",
            "attempt": 1,
            "tries": 1,
            "receipt": "",
            "receipt_at": None,
            "queued_at": at,
            "sending_at": at,
            "settled_at": at,
            "sent_again": 0,
            "closed_at": None,
            "person_name": conversation.person_name,
            **over,
        }
    )


def _talk(agent_id: UUID, connection: str, person: str, minutes: int, *, mode: str) -> Transcript:
    at = datetime.now(UTC) - timedelta(minutes=minutes)
    connection_id = identity.connection_id(identity.TenantId(ACME), connection)
    answer = "Yes: **until 18:00**.\n\n- Monday to Friday\n- `Saturday` by appointment"
    return Transcript(
        ConversationRow(uuid4(), connection_id, agent_id, person, mode, at, answer, 3),
        (
            TranscriptEntry(1, "Said", person, "Hello, are you open today?", at),
            TranscriptEntry(2, "Reply", "Ana", answer, at + timedelta(seconds=3)),
            TranscriptEntry(3, "Marker", "", "", at + timedelta(seconds=9), "ModeHuman"),
        ),
    )
