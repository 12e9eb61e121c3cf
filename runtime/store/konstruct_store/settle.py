"""Settle: a turn ends once, in one transaction, with everything that follows from it.

What the gateway does on its own (sweeping, expiring) is in `sweeps`, and named here as well.
"""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import asyncpg

from konstruct_messages.replies import DeliveryState, LogKind, NoticeCode, ReplyPart
from konstruct_messages.turns import ConversationMode, Disposition, TurnState
from konstruct_store import audit, made
from konstruct_store.errors import NotFound, TurnLost
from konstruct_store.identifiers import new_id, token_hash
from konstruct_store.log import LogEntry, entry_of
from konstruct_store.settling import (
    REPLIES,
    Apologies,
    End,
    Settled,
    apology_for,
    audited,
    deliveries_of,
    died,
    settle_locked,
    silenced,
)
from konstruct_store.statements import statement
from konstruct_store.store import Connection, Store, count_of
from konstruct_store.sweeps import SweptTurn, expire_items, prune_idle, sweep_turns

__all__ = [
    "Settled",
    "SweptTurn",
    "complete_turn",
    "expire_items",
    "fail_turn",
    "prune_idle",
    "replay_dead_turn",
    "set_mode",
    "stop_turn",
    "sweep_turns",
]

_AGENT = "agent"
_OPEN = {TurnState.QUEUED.value, TurnState.CLAIMED.value}


async def complete_turn(
    store: Store,
    tenant_id: UUID,
    turn_id: UUID,
    attempt: int,
    turn_token: str,
    parts: Sequence[ReplyPart],
    *,
    sends: bool,
    unfinished: str | Apologies = "",
) -> Settled:
    """Record the turn's one reply and everything that follows; return how it ended.

    `sends`: the reply goes to a vendor as deliveries; `unfinished` (given as `fail_turn`'s apology)
    takes the place of what the vendor shows of a reply that is not sent. In mode Human the reply is
    Withheld and the messages are Silenced. A stopped turn may have no parts. Repeating a call
    returns what was recorded; a lease that ran out does not matter until somebody took the turn
    over. Raises TurnLost, RetryLater, AttachmentRefused for files that the turn did not make, and
    ValueError for a reply without parts.
    """
    if parts and not any(one.attachments or one.choices for one in parts):
        fence = (attempt, token_hash(turn_token))
        end = _answered(turn_id, parts, sends=sends)
        settled = await _answer_at_once(store, (tenant_id, turn_id, *fence), end)
        if settled is not None:
            return settled
    async with store.transaction(tenant_id) as connection:
        turn = await _lock(connection, tenant_id, turn_id, attempt, turn_token)
        if turn["state"] not in _OPEN:
            return await _recorded(connection, tenant_id, turn)
        if not parts and not turn["stop_requested"]:
            raise ValueError("A reply has at least one part.")
        said = apology_for(unfinished, tenant_id, turn)
        place = (tenant_id, turn_id, turn["conversation_id"])
        parts = await made.attach(connection, place, parts)
        end = _end_of(turn, turn_id, parts, sends=sends, unfinished=said)
        return await settle_locked(connection, tenant_id, turn_id, turn, end)


async def fail_turn(
    store: Store,
    tenant_id: UUID,
    turn_id: UUID,
    attempt: int,
    turn_token: str,
    *,
    reason: str,
    apology: str | Apologies,
    sends: bool = False,
    unfinished: str | Apologies = "",
) -> Settled:
    """End a turn that its agent gives up: one apology, a dead letter with `reason`.

    `apology` may be given by the person's language (BCP 47, possibly empty). Repeats and errors as
    `complete_turn`.
    """
    async with store.transaction(tenant_id) as connection:
        turn = await _lock(connection, tenant_id, turn_id, attempt, turn_token)
        if turn["state"] not in _OPEN:
            return await _recorded(connection, tenant_id, turn)
        if turn["mode"] == ConversationMode.HUMAN:
            said = apology_for(unfinished, tenant_id, turn)
            end = silenced(_AGENT, unfinished=said)
        else:
            end = died(reason, _AGENT, apology_for(apology, tenant_id, turn), sends=sends)
        return await settle_locked(connection, tenant_id, turn_id, turn, end)


async def stop_turn(store: Store, tenant_id: UUID, conversation_id: UUID, turn_id: UUID) -> bool:
    """Ask whoever works on the conversation's open turn to stop; False when it is not open."""
    async with store.transaction(tenant_id) as connection:
        status = await connection.execute(
            statement("settle/stop"), tenant_id, conversation_id, turn_id
        )
    return count_of(status) > 0


async def set_mode(
    store: Store,
    tenant_id: UUID,
    conversation_id: UUID,
    mode: ConversationMode,
    *,
    actor: str,
) -> LogEntry | None:
    """Give the conversation to a human or back; return the marker, or None if nothing changed.

    Entering Human silences what nobody began and withholds what is not sent; an open turn is told
    to stop. Raises NotFound.
    """
    async with store.transaction(tenant_id) as connection:
        present = await connection.fetchrow(
            statement("settle/lock_conversation"), tenant_id, conversation_id
        )
        if present is None:
            raise NotFound("The tenant has no such conversation.")
        if present["mode"] == mode:
            return None
        row = await connection.fetchrow(
            statement("settle/set_mode"), tenant_id, conversation_id, mode.value, actor
        )
        await audit.append(
            connection,
            tenant_id,
            actor=actor,
            action=f"ConversationMode{mode.value}",
            subjects={"conversation": conversation_id},
        )
    return entry_of(row)


async def replay_dead_turn(store: Store, tenant_id: UUID, turn_id: UUID, *, actor: str) -> UUID:
    """Try a dead turn's messages again, in a turn of their own; return the conversation.

    Raises NotFound when there is no dead letter, it was replayed already, or a human has the
    conversation.
    """
    async with store.transaction(tenant_id) as connection:
        conversation_id: UUID | None = await connection.fetchval(
            statement("settle/replay"), tenant_id, turn_id, new_id(), actor
        )
        if conversation_id is None:
            raise NotFound("There is no dead letter to replay.")
        await audit.append(
            connection,
            tenant_id,
            actor=actor,
            action="TurnReplayed",
            subjects={"turn": turn_id, "conversation": conversation_id},
        )
    return conversation_id


async def _lock(
    connection: Connection, tenant_id: UUID, turn_id: UUID, attempt: int, turn_token: str
) -> asyncpg.Record:
    turn = await connection.fetchrow(statement("settle/lock"), tenant_id, turn_id)
    hashed = token_hash(turn_token)
    if (
        turn is None
        or turn["attempt"] != attempt
        or not any(secrets.compare_digest(hashed, known) for known in turn["token_hashes"])
        or (turn["state"] not in _OPEN and turn["settled_by"] != _AGENT)
    ):
        raise TurnLost("The turn is settled, or another attempt has it.")
    return turn


def _end_of(
    turn: asyncpg.Record,
    turn_id: UUID,
    parts: Sequence[ReplyPart],
    *,
    sends: bool,
    unfinished: str,
) -> End:
    if turn["mode"] == ConversationMode.HUMAN:
        return silenced(_AGENT, parts, unfinished=unfinished)
    if not parts:
        return End(
            state=TurnState.CANCELLED,
            disposition=Disposition.ANSWERED,
            reason="StoppedByPerson",
            settled_by=_AGENT,
            kind=LogKind.NOTICE,
            payload={"code": NoticeCode.STOPPED.value, "text": ""},
            unfinished=unfinished,
        )
    end = _answered(turn_id, parts, sends=sends)
    return replace(end, payload={**end.payload, "agent": turn["agent_name"]}, unfinished=unfinished)


def _answered(turn_id: UUID, parts: Sequence[ReplyPart], *, sends: bool) -> End:
    """Return the end by an answer, whose payload lacks the agent's name."""
    reply_id = new_id()
    ordered = sorted(parts, key=lambda part: part.part)
    choices = [one.model_dump(mode="json") for part in ordered for one in part.choices]
    attached = [one for part in ordered for one in part.attachments]
    files = [one.model_dump(mode="json", exclude_none=True) for one in attached]
    return End(
        state=TurnState.ANSWERED,
        disposition=Disposition.ANSWERED,
        reason="",
        settled_by=_AGENT,
        reply_id=reply_id,
        kind=LogKind.ASK if choices else LogKind.REPLY,
        payload={
            "id": str(reply_id),
            "turn": str(turn_id),
            "text": "\n\n".join(part.text for part in ordered),
            "parts": [
                part.model_dump(mode="json", exclude_defaults=True, exclude={"attachments"})
                for part in ordered
            ],
            **({"choices": choices} if choices else {}),
            **({"attachments": files} if files else {}),
        },
        parts=ordered if sends else (),
        delivery_state=DeliveryState.QUEUED,
    )


async def _answer_at_once(
    store: Store, fence: tuple[UUID, UUID, int, bytes], end: End
) -> Settled | None:
    """Write an answer in one round trip; None where something is unusual, and nothing was written.

    `fence`: tenant, turn, attempt and the hash of the turn's token.
    """
    async with store.at_once(fence[0]) as connection:
        row = await connection.fetchrow(
            statement("settle/answer_at_once"),
            *(*fence, end.reply_id, dict(end.payload), deliveries_of(end.parts)),
            *audit.salted(audited(end)),
        )
    if row is None:
        return None
    entries = (entry_of(row),)
    return Settled(end.disposition, end.reply_id, row["seq"], entries, more=row["more"])


async def _recorded(connection: Connection, tenant_id: UUID, turn: asyncpg.Record) -> Settled:
    entries: tuple[LogEntry, ...] = ()
    if turn["reply_seq"] is not None:
        row = await connection.fetchrow(
            statement("settle/entry"), tenant_id, turn["conversation_id"], turn["reply_seq"]
        )
        entries = (entry_of(row),)
    replied = bool(entries) and entries[0].kind in REPLIES
    return Settled(
        Disposition(turn["disposition"]),
        turn["reply_id"],
        turn["reply_seq"] if replied else None,
        entries,
    )
