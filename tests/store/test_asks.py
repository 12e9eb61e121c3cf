"""A question with choices is asked by a reply, and answered once, by whoever chooses first."""

from uuid import uuid4

import pytest

from konstruct_messages.inbound import Chosen, InboundKind, InboundMessage
from konstruct_messages.replies import Choice, LogKind, ReplyPart
from konstruct_messages.turns import Disposition
from konstruct_store import Store, asks, log, outbox
from konstruct_store.asks import ChoiceVerdict, Resolved
from konstruct_store.errors import ConversationOfAnother
from konstruct_store.settle import Settled
from support.build import inbound
from support.postgres import Database
from support.working import Office

pytestmark = pytest.mark.postgres

CHOICES = (Choice(key="red", label="The red one"), Choice(key="blue", label="The blue one"))
QUESTION = (
    ReplyPart(part=0, text="There are two."),
    ReplyPart(part=1, text="Which one?", choices=CHOICES),
)


async def ask(office: Office, *, sends: bool = False) -> Settled:
    await office.write("I want a bicycle")
    return await office.complete(await office.must_claim(), parts=QUESTION, sends=sends)


def click(settled: Settled, key: str, **over: object) -> InboundMessage:
    assert settled.reply_id is not None
    return inbound("", chosen=Chosen(ask_id=settled.reply_id, key=key), **over)


async def resolve(office: Office, message: InboundMessage) -> Resolved:
    return await asks.resolve(office.store, office.tenant_id, office.connection_id, message)


async def choose(office: Office, message: InboundMessage) -> ChoiceVerdict:
    resolved = await resolve(office, message)
    if resolved.message is None:
        return resolved.verdict
    [received] = await office.write(resolved.message, exclusive=True)
    return await asks.judge(office.store, office.tenant_id, resolved.message, received)


async def test_a_reply_with_choices_is_an_ask(gateway_store: Store) -> None:
    office = Office(gateway_store)
    settled = await ask(office)
    [entry] = settled.log_entries
    assert settled.disposition is Disposition.ANSWERED
    assert (entry.kind, settled.seq) == (LogKind.ASK, entry.seq)
    assert entry.payload["text"] == "There are two.\n\nWhich one?"
    assert entry.payload["choices"] == [one.model_dump() for one in CHOICES]
    found = await asks.find_ask(
        gateway_store, office.tenant_id, office.connection_id, settled.reply_id or uuid4()
    )
    assert found is not None
    assert (found.choices, found.expired) == (CHOICES, False)
    assert found.expires_at == entry.at + asks.ASK_LIFETIME


async def test_completing_again_asks_once(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await office.write("I want a bicycle")
    turn = await office.must_claim()
    first = await office.complete(turn, parts=QUESTION)
    assert await office.complete(turn, parts=QUESTION) == first


async def test_a_choice_is_a_message_with_the_label(gateway_store: Store) -> None:
    office = Office(gateway_store)
    settled = await ask(office)
    assert await choose(office, click(settled, "blue")) is ChoiceVerdict.TAKEN
    turn = await office.must_claim()
    assert [line.text for line in turn.messages] == ["The blue one"]
    assert [line.text for line in turn.window][-1] == "There are two.\n\nWhich one?"
    [said] = [
        one
        for one in await log.read_log(
            gateway_store, office.tenant_id, turn.conversation_id, after=settled.seq or 0
        )
        if one.kind is LogKind.SAID
    ]
    assert (said.payload["ask"], said.payload["choice"]) == (str(settled.reply_id), "blue")
    kinds = await office.run("SELECT kind FROM konstruct.inbox ORDER BY seq")
    assert [row["kind"] for row in kinds] == [InboundKind.MESSAGE, InboundKind.CHOICE]


async def test_the_same_click_twice_is_taken_once(gateway_store: Store) -> None:
    office = Office(gateway_store)
    settled = await ask(office)
    for _ in range(3):
        assert await choose(office, click(settled, "blue")) is ChoiceVerdict.TAKEN
    await office.complete(await office.must_claim())
    assert await office.claim() is None


async def test_a_second_choice_is_told_apart(gateway_store: Store) -> None:
    office = Office(gateway_store)
    settled = await ask(office)
    await choose(office, click(settled, "blue"))
    assert await choose(office, click(settled, "red")) is ChoiceVerdict.ANSWERED
    assert [line.text for line in (await office.must_claim()).messages] == ["The blue one"]


async def test_an_expired_question_takes_no_choice(
    gateway_store: Store, database: Database
) -> None:
    office = Office(gateway_store)
    settled = await ask(office)
    await database.run("UPDATE konstruct.asks SET expires_at = now() - interval '1 second'")
    assert await choose(office, click(settled, "blue")) is ChoiceVerdict.EXPIRED


@pytest.mark.parametrize("key", ["green", "Blue", "blue "])
async def test_a_choice_that_was_not_offered_is_unknown(gateway_store: Store, key: str) -> None:
    office = Office(gateway_store)
    settled = await ask(office)
    assert await choose(office, click(settled, key)) is ChoiceVerdict.UNKNOWN


async def test_questions_are_found_over_their_own_connection_only(gateway_store: Store) -> None:
    office, other = Office(gateway_store), Office(gateway_store)
    settled = await ask(office)
    message = click(settled, "blue")
    elsewhere = await asks.resolve(gateway_store, office.tenant_id, uuid4(), message)
    assert elsewhere.verdict is ChoiceVerdict.UNKNOWN
    stranger = await asks.resolve(gateway_store, uuid4(), other.connection_id, message)
    assert stranger.verdict is ChoiceVerdict.UNKNOWN


async def test_another_person_cannot_choose_in_an_exclusive_conversation(
    gateway_store: Store,
) -> None:
    office = Office(gateway_store)
    settled = await ask(office)
    message = click(settled, "blue")
    stranger = message.person.model_copy(update={"key": "visitor:mallory"})
    with pytest.raises(ConversationOfAnother):
        await choose(office, message.model_copy(update={"person": stranger}))


async def test_a_vendor_is_sent_the_choices_with_their_part(gateway_store: Store) -> None:
    office = Office(gateway_store)
    settled = await ask(office, sends=True)
    [first] = await outbox.claim_deliveries(gateway_store)
    assert (first.text, first.choices, first.ask_id) == ("There are two.", (), None)
    await outbox.mark_sent(gateway_store, first, vendor_id="1")
    [second] = await outbox.claim_deliveries(gateway_store)
    assert (second.text, second.choices) == ("Which one?", CHOICES)
    assert second.ask_id == settled.reply_id
