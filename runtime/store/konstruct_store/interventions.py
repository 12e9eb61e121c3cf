"""A human of the business answers a person in the vendor's own app: the conversation is theirs."""

from dataclasses import dataclass
from uuid import UUID

from konstruct_messages.identity import ConnectionId, TenantId, person_id
from konstruct_messages.inbound import Ignored, Person
from konstruct_messages.replies import LogKind
from konstruct_messages.turns import ConversationMode
from konstruct_store import audit, people
from konstruct_store.controls import note_in
from konstruct_store.errors import TenantIdErased
from konstruct_store.identifiers import new_id
from konstruct_store.log import LogEntry, entry_of
from konstruct_store.statements import statement
from konstruct_store.store import Store


@dataclass(frozen=True, slots=True)
class Intervention:
    """What a human said where, as the vendor tells it afterwards. `name` is shown for the human."""

    connection_id: UUID
    conversation_key: str
    person: Person
    vendor_id: str
    text: str
    name: str
    actor: str
    agent_id: UUID
    agent_name: str


@dataclass(frozen=True, slots=True)
class Intervened:
    """What the log of the conversation got by it."""

    conversation_id: UUID
    entries: tuple[LogEntry, ...]


async def intervene(
    store: Store, tenant_id: UUID, made: Intervention, *, noted: Ignored
) -> Intervened | None:
    """Give the conversation to the human and keep what was said; None where it changes nothing.

    That is a repetition, or a message that we sent ourselves. A conversation that the business
    begins is the human's from its start. Raises TenantIdErased and RetryLater.
    """
    place = (tenant_id, made.connection_id)
    async with store.transaction(tenant_id) as connection:
        if not await note_in(connection, *place, noted):
            return None
        if await connection.fetchval(statement("controls/own"), *place, made.vendor_id):
            return None
        person = person_id(TenantId(tenant_id), ConnectionId(made.connection_id), made.person.key)
        await connection.execute(
            statement("controls/begin"),
            *(*place, made.conversation_key, new_id(), made.agent_id, made.agent_name),
            *(person, made.person.key, made.person.display_name),
        )
        found = await connection.fetchrow(
            statement("receive/find_conversation"), *place, made.conversation_key
        )
        if found is None:
            raise TenantIdErased("The tenant is being erased; nothing is received for it.")
        here = (tenant_id, found["conversation_id"])
        present = await connection.fetchrow(statement("settle/lock_conversation"), *here)
        entries: list[LogEntry] = []
        taken = present["mode"] != ConversationMode.HUMAN
        if taken:
            mode = ConversationMode.HUMAN.value
            row = await connection.fetchrow(statement("settle/set_mode"), *here, mode, made.actor)
            entries.append(entry_of(row))
        if made.text.strip():
            reply_id = new_id()
            payload = {
                "id": str(reply_id),
                "agent": made.name,
                "human": True,
                "actor": made.actor,
                "text": made.text,
                "parts": [{"part": 0, "text": made.text}],
            }
            # The person has it already.
            said = await people.tell(
                connection, here, reply_id, LogKind.REPLY, payload, sends=False
            )
            entries.append(said)
        if taken:
            await audit.append(
                connection,
                tenant_id,
                actor=made.actor,
                action=f"ConversationMode{ConversationMode.HUMAN.value}",
                subjects={"conversation": here[1]},
            )
    return Intervened(here[1], tuple(entries))
