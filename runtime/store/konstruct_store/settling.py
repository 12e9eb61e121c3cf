"""How any turn is settled, whoever settles it: one statement for every kind of end."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg

from konstruct_messages.replies import DeliveryState, LogKind, NoticeCode, ReplyPart
from konstruct_messages.turns import Disposition, TurnState
from konstruct_store import asks, audit
from konstruct_store.identifiers import new_id
from konstruct_store.log import LogEntry, entry_of
from konstruct_store.statements import statement
from konstruct_store.store import Connection

Words = Callable[[UUID, str], str]
"""A sentence for a tenant's person by the person's language (BCP 47, possibly empty)."""

Apologies = Words | Mapping[str, str]

FIRST_FILE = 100
"""The number of a reply's first file among its deliveries: behind every text."""

REPLIES = frozenset({LogKind.REPLY, LogKind.ASK})
"""What answers: a reply, or a question back."""


@dataclass(frozen=True, slots=True)
class Settled:
    """How a turn ended.

    `log_entries` are what the conversation's people see of it (a reply, a notice, or nothing);
    `reply_id` and `seq` are None unless a reply was recorded. `more`: messages that came meanwhile
    may be due; False is certain.
    """

    disposition: Disposition
    reply_id: UUID | None
    seq: int | None
    log_entries: tuple[LogEntry, ...] = ()
    more: bool = field(default=True, compare=False)


@dataclass(frozen=True, slots=True)
class End:
    """What settling a turn writes.

    `unfinished` is what a draft that a vendor shows already says when no part takes its place.
    """

    state: TurnState
    disposition: Disposition
    reason: str
    settled_by: str
    reply_id: UUID | None = None
    kind: LogKind | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)
    parts: Sequence[ReplyPart] = ()
    delivery_state: DeliveryState = DeliveryState.QUEUED
    unfinished: str = ""


async def settle_locked(
    connection: Connection,
    tenant_id: UUID,
    turn_id: UUID,
    turn: asyncpg.Record,
    end: End,
) -> Settled:
    """Write `end` of a turn whose conversation, dispatch row and turn row are locked.

    `turn` has conversation_id, agent_id, attempt and strikes. The audit row comes last.
    """
    row = await connection.fetchrow(
        statement("settle/settle"),
        *(tenant_id, turn_id, turn["conversation_id"], end.state.value, end.disposition.value),
        *(end.reason, end.reply_id, end.settled_by),
        end.kind.value if end.kind is not None else None,
        dict(end.payload),
        deliveries_of(end.parts),
        end.delivery_state.value,
        end.unfinished,
    )
    if end.kind is LogKind.ASK and end.reply_id is not None:
        where = (tenant_id, end.reply_id, turn["conversation_id"], turn_id, row["seq"])
        await asks.open_ask(connection, where, end.payload)
    if end.state is TurnState.DEAD:
        await connection.execute(
            statement("settle/bury"),
            *(tenant_id, turn_id, turn["conversation_id"], turn["agent_id"], end.reason),
            turn["attempt"],
        )
    await audit.append(
        connection,
        tenant_id,
        actor=end.settled_by,
        action=f"Turn{end.state.value}",
        subjects={"turn": turn_id, "conversation": turn["conversation_id"]},
        payload=audited(end),
    )
    entries = (entry_of(row),) if row is not None else ()
    replied = end.kind in REPLIES and row is not None
    return Settled(end.disposition, end.reply_id, row["seq"] if replied else None, entries)


def audited(end: End) -> dict[str, Any]:
    """Return what the audit keeps of how a turn ended, beside its ids."""
    return {"disposition": end.disposition.value, "reason": end.reason}


def deliveries_of(parts: Sequence[ReplyPart]) -> list[dict[str, Any]]:
    """Return a reply's deliveries: its texts, and behind them each of its files."""
    texts = [{"id": str(new_id()), "part": one.part, "text": one.text} for one in parts]
    files = [one for part in parts for one in part.attachments]
    return texts + [
        {"id": str(new_id()), "part": number, "text": one.name, "file": one.key}
        for number, one in enumerate(files, FIRST_FILE)
    ]


def died(reason: str, settled_by: str, text: str, *, sends: bool) -> End:
    """Return the end of a turn that nobody will answer: one apology and a dead letter."""
    return End(
        state=TurnState.DEAD,
        disposition=Disposition.DEAD,
        reason=reason,
        settled_by=settled_by,
        kind=LogKind.NOTICE,
        payload={"code": NoticeCode.APOLOGY.value, "text": text},
        parts=(ReplyPart(part=0, text=text),) if sends else (),
    )


def silenced(settled_by: str, parts: Sequence[ReplyPart] = (), *, unfinished: str = "") -> End:
    """Return the end of a turn whose conversation a human took: its reply is withheld."""
    return End(
        state=TurnState.CANCELLED,
        disposition=Disposition.SILENCED,
        reason="HumanHasConversation",
        settled_by=settled_by,
        reply_id=new_id() if parts else None,
        parts=parts,
        delivery_state=DeliveryState.WITHHELD,
        unfinished=unfinished,
    )


def apology_for(apology: str | Apologies, tenant_id: UUID, turn: asyncpg.Record) -> str:
    """Return the apology for a turn's person: the same whoever ends the turn.

    `turn` has person_language, and language for where that is unknown.
    """
    language = turn["person_language"] or turn["language"]
    match apology:
        case str():
            return apology
        case Mapping():
            short = language.split("-", 1)[0].lower()
            return apology.get(short) or apology.get("en") or next(iter(apology.values()))
        case _:
            return apology(tenant_id, language)
