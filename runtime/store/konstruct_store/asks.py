"""Questions with choices: asked by a turn's reply, answered once, by a message of kind Choice."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from konstruct_messages.inbound import InboundKind, InboundMessage
from konstruct_messages.replies import Choice, LogKind, NoticeCode
from konstruct_store.errors import NotFound
from konstruct_store.identifiers import new_id
from konstruct_store.log import LogEntry
from konstruct_store.people import tell
from konstruct_store.receive import Received
from konstruct_store.statements import statement
from konstruct_store.store import Connection, Store

ASK_LIFETIME = timedelta(hours=24)
"""How long a question may be answered; much shorter than dedupe keys are kept."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A question as it was asked. `expired` is by the database's clock."""

    ask_id: UUID
    conversation_id: UUID
    conversation_key: str
    person_key: str
    agent_id: UUID
    turn_id: UUID
    choices: tuple[Choice, ...]
    expires_at: datetime
    expired: bool
    language: str = ""

    def find(self, key: str) -> Choice | None:
        """Return the choice with this key, or None."""
        return next((one for one in self.choices if one.key == key), None)


class ChoiceVerdict(StrEnum):
    """What became of a choice. Only Taken is a message; the others change nothing."""

    TAKEN = "Taken"
    ANSWERED = "Answered"
    EXPIRED = "Expired"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Resolved:
    """A choice looked up: the message it is, or why it is none. `ask` is None where it is Unknown.

    Taken is said before anything is received: `judge` tells whether it stays so.
    """

    verdict: ChoiceVerdict
    ask: Ask | None = None
    message: InboundMessage | None = None


async def find_ask(store: Store, tenant_id: UUID, connection_id: UUID, ask_id: UUID) -> Ask | None:
    """Return a question that was asked over this connection, or None. Raises RetryLater."""
    async with store.transaction(tenant_id) as connection:
        row = await connection.fetchrow(statement("asks/find"), tenant_id, connection_id, ask_id)
    if row is None:
        return None
    choices = tuple(Choice.model_validate(one) for one in row["choices"])
    return Ask(**{**dict(row), "choices": choices})


async def resolve(
    store: Store, tenant_id: UUID, connection_id: UUID, message: InboundMessage
) -> Resolved:
    """Return what `message`, which has `chosen`, says: the label, in the question's conversation.

    To be received like any message. All choices of a question share one dedupe key, so that only
    the first is kept, whoever makes it and however often it comes. Raises RetryLater.
    """
    if message.chosen is None:
        raise ValueError("The message chooses nothing.")
    ask = await find_ask(store, tenant_id, connection_id, message.chosen.ask_id)
    choice = ask.find(message.chosen.key) if ask is not None else None
    if ask is None or choice is None:
        return Resolved(ChoiceVerdict.UNKNOWN, ask)
    if ask.expired:
        return Resolved(ChoiceVerdict.EXPIRED, ask)
    said = message.model_copy(
        update={
            "kind": InboundKind.CHOICE,
            "conversation_key": ask.conversation_key,
            "dedupe_keys": (f"ask/{ask.ask_id}",),
            "text": choice.label,
            "command": None,
        }
    )
    return Resolved(ChoiceVerdict.TAKEN, ask, said)


async def judge(
    store: Store, tenant_id: UUID, message: InboundMessage, received: Received
) -> ChoiceVerdict:
    """Return whether what `resolve` made was taken: Answered if another choice was there first.

    The same choice of the same person again is Taken: it is the same click. Raises RetryLater.
    """
    if not received.duplicate:
        return ChoiceVerdict.TAKEN
    async with store.transaction(tenant_id) as connection:
        row = await connection.fetchrow(
            statement("asks/chosen"), tenant_id, received.conversation_id, received.seq
        )
    chosen = message.chosen.key if message.chosen is not None else ""
    same = row is not None and (row["choice"], row["person_key"]) == (chosen, message.person.key)
    return ChoiceVerdict.TAKEN if same else ChoiceVerdict.ANSWERED


async def answer_of(store: Store, tenant_id: UUID, ask: Ask, received: Received) -> Choice | None:
    """Return with which choice a question was answered, by what was `received` for it."""
    async with store.transaction(tenant_id) as connection:
        row = await connection.fetchrow(
            statement("asks/chosen"), tenant_id, received.conversation_id, received.seq
        )
    return ask.find(row["choice"] or "") if row is not None else None


async def say_over(
    store: Store,
    tenant_id: UUID,
    ask: Ask,
    *,
    code: NoticeCode,
    text: str,
    sends: bool,
) -> LogEntry:
    """Tell the people of a question's conversation why a choice was not taken.

    `sends`: a vendor carries it. Raises NotFound and RetryLater.
    """
    place = (tenant_id, ask.conversation_id)
    async with store.transaction(tenant_id) as connection:
        if await connection.fetchrow(statement("people/conversation"), *place) is None:
            raise NotFound("The tenant has no such conversation.")
        payload = {"code": code.value, "text": text, "ask": str(ask.ask_id)}
        return await tell(connection, place, new_id(), LogKind.NOTICE, payload, sends=sends)


async def open_ask(
    connection: Connection,
    where: tuple[UUID, UUID, UUID, UUID, int],
    payload: Mapping[str, Any],
) -> None:
    """Keep what a question offers; `payload` is its entry's in the log.

    `where`: tenant, ask, conversation, turn and the entry's seq.
    """
    part = max(one["part"] for one in payload["parts"] if one.get("choices"))
    lifetime = ASK_LIFETIME.total_seconds()
    await connection.execute(statement("asks/open"), *where, part, payload["choices"], lifetime)
