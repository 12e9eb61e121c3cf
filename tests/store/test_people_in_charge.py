"""Commands are obeyed once, a human's conversation is left to the human, feedback is kept."""

from uuid import uuid4

import pytest

from konstruct_messages.inbound import Command
from konstruct_messages.replies import LogKind, NoticeCode
from konstruct_messages.turns import ClaimedTurn, ConversationMode, Disposition, Speaker, Verdict
from konstruct_store import Store, audit, claims, log, outbox, people, portal, settle
from konstruct_store.claims import HeldTurn
from konstruct_store.errors import AgentHasConversation, NotFound
from konstruct_store.people import Answering
from konstruct_store.receive import Received
from support.build import inbound, tenant_snapshot
from support.working import Office

pytestmark = pytest.mark.postgres

ANSWERING = Answering(lambda _: {code: f"({code.value})" for code in NoticeCode})


async def command(office: Office, one: Command, **over: object) -> Received:
    [received] = await office.write(
        inbound(one.value.lower(), command=one, **over), answering=ANSWERING
    )
    return received


async def told(store: Store, office: Office, conversation: Received) -> list[str]:
    """Every entry as its kind and its code or text."""
    entries = await log.read_log(store, office.tenant_id, conversation.conversation_id, after=0)
    return [f"{e.kind}:{e.payload.get('code') or e.payload['text']}" for e in entries]


async def verdict(store: Store, office: Office, turn: ClaimedTurn) -> Verdict:
    held = HeldTurn(turn.turn_id, turn.attempt, turn.turn_token)
    return (await claims.heartbeat(store, office.tenant_id, office.boot_id, [held]))[turn.turn_id]


async def test_help_is_answered_at_once_and_begins_no_turn(gateway_store: Store) -> None:
    office = Office(gateway_store)
    received = await command(office, Command.HELP)
    assert await told(gateway_store, office, received) == ["Said:help", "Notice:Help"]
    assert received.entries[-1].payload == {"code": "Help", "text": "(Help)"}
    assert await office.claim() is None


async def test_a_command_that_comes_twice_acts_once(gateway_store: Store) -> None:
    office = Office(gateway_store)
    for one in Command:
        over = {"dedupe_keys": (one.value,), "conversation_key": one.value}
        first = await command(office, one, **over)
        before = await told(gateway_store, office, first)
        again = await command(office, one, **over)
        assert again.duplicate
        assert (again.item_id, again.entries) == (first.item_id, ())
        assert await told(gateway_store, office, first) == before


async def test_without_answers_a_command_is_words(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await office.write(inbound("help", command=Command.HELP))
    assert [line.text for line in (await office.must_claim()).messages] == ["help"]


async def test_a_command_between_messages_is_not_told_to_the_agent(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await office.write("one")
    await command(office, Command.HELP)
    await office.write("two")
    turn = await office.must_claim()
    assert [line.text for line in turn.messages] == ["one", "two"]
    await office.complete(turn)
    await office.write("three")
    assert [line.text for line in (await office.must_claim()).window] == ["one", "two", "hi"]


async def test_start_over_hides_the_past_from_the_next_window(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await office.write("my name is Eva")
    await office.complete(await office.must_claim(), "Hello Eva")
    await command(office, Command.START_OVER)
    await office.write("who am I?")
    turn = await office.must_claim()
    assert turn.window == ()
    await office.complete(turn, "I do not know.")
    await office.write("I am Eva")
    window = (await office.must_claim()).window
    assert [line.text for line in window] == ["who am I?", "I do not know."]


async def test_a_late_answer_to_the_past_is_hidden_too(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await office.write("my name is Eva")
    turn = await office.must_claim()
    await command(office, Command.START_OVER)
    assert await verdict(gateway_store, office, turn) is Verdict.STOP
    await office.complete(turn, "Hello Eva")
    await office.write("who am I?")
    assert (await office.must_claim()).window == ()


async def test_stop_stops_the_open_turn_and_what_waits(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await office.write("one")
    turn = await office.must_claim()
    await office.write("two")
    received = await command(office, Command.STOP)
    assert await verdict(gateway_store, office, turn) is Verdict.STOP
    settled = await settle.complete_turn(
        gateway_store,
        office.tenant_id,
        turn.turn_id,
        turn.attempt,
        turn.turn_token,
        [],
        sends=False,
    )
    assert settled.disposition is Disposition.ANSWERED
    assert await office.claim() is None
    said = await told(gateway_store, office, received)
    assert said == ["Said:one", "Said:two", "Said:stop", "Notice:Stopped"]


async def test_stop_before_anybody_began_settles_the_message(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await office.write("one")
    received = await command(office, Command.STOP)
    assert received.entries[-1].payload["code"] == NoticeCode.STOPPED
    assert await office.claim() is None
    received = await command(office, Command.STOP)
    assert received.entries[-1].payload["code"] == NoticeCode.NOTHING_TO_STOP


async def test_a_wish_for_a_human_withholds_the_running_reply(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await office.write("one")
    turn = await office.must_claim()
    received = await command(office, Command.HUMAN)
    assert await verdict(gateway_store, office, turn) is Verdict.STOP
    settled = await office.complete(turn, "too late")
    assert settled.disposition is Disposition.SILENCED
    said = await told(gateway_store, office, received)
    assert said == ["Said:one", "Said:human", "Marker:ModeHuman", "Notice:Human"]
    [row] = await audit.read(gateway_store, office.tenant_id, limit=1)
    assert row.action == "ConversationModeHuman"


async def test_commands_are_words_while_a_human_has_the_conversation(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await command(office, Command.HUMAN)
    received = await command(office, Command.STOP)
    assert received.silenced
    assert received.command is None


async def test_what_was_said_to_a_human_is_heard_but_not_answered(gateway_store: Store) -> None:
    office = Office(gateway_store)
    received = await command(office, Command.HUMAN)
    await office.write("are you a human?")
    await write(gateway_store, office, received, "Yes, I am Eva.")
    await settle.set_mode(
        gateway_store,
        office.tenant_id,
        received.conversation_id,
        ConversationMode.AGENT,
        actor="eva",
    )
    assert await office.claim() is None
    await office.write("thank you")
    turn = await office.must_claim()
    assert [line.text for line in turn.messages] == ["thank you"]
    heard = [(line.speaker, line.text) for line in turn.window]
    assert (Speaker.PERSON, "are you a human?") in heard
    assert (Speaker.HUMAN, "Yes, I am Eva.") in heard
    assert heard[-1][0] is Speaker.SYSTEM
    assert "needs no answer" in heard[-1][1]


async def write(
    store: Store, office: Office, received: Received, text: str, **over: object
) -> tuple[log.LogEntry, bool]:
    values = {"client_id": str(uuid4()), "name": "Eva", "actor": "user:1", "sends": lambda _: False}
    return await people.write_as_human(
        store,
        office.tenant_id,
        received.conversation_id,
        text=text,
        **(values | over),  # type: ignore[arg-type]
    )


async def test_a_humans_reply_is_recorded_and_sent_once(gateway_store: Store) -> None:
    office = Office(gateway_store)
    received = await command(office, Command.HUMAN)
    over = {"client_id": "a", "sends": lambda _: True}
    first, new = await write(gateway_store, office, received, "Hello", **over)
    repeated, renewed = await write(gateway_store, office, received, "Hello", **over)
    assert (new, renewed) == (True, False)
    assert repeated == first
    assert first.kind is LogKind.REPLY
    assert first.payload["agent"] == "Eva"
    [delivery] = await outbox.claim_deliveries(gateway_store, lease_seconds=10, limit=10)
    assert delivery.text == "Hello"


async def test_a_human_writes_only_after_taking_over(gateway_store: Store) -> None:
    office = Office(gateway_store)
    [received] = await office.write("hello")
    with pytest.raises(AgentHasConversation):
        await write(gateway_store, office, received, "Hello")
    stranger = Office(gateway_store, tenant_snapshot(tenant_id=uuid4()))
    with pytest.raises(NotFound):
        await write(gateway_store, stranger, received, "Hello")


async def test_notices_of_commands_go_to_a_vendor_too(gateway_store: Store) -> None:
    office = Office(gateway_store)
    answering = Answering(lambda _: {NoticeCode.HELP: "Just ask."}, sends=True)
    await office.write(inbound("help", command=Command.HELP), answering=answering)
    [delivery] = await outbox.claim_deliveries(gateway_store, lease_seconds=10, limit=10)
    assert delivery.text == "Just ask."


async def test_a_vendors_people_hear_that_the_answer_was_stopped(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await office.write("tell me everything")
    await office.must_claim()
    answering = Answering(lambda _: {NoticeCode.STOPPED: "Stopped."}, sends=True)
    await office.write(inbound("stop", command=Command.STOP), answering=answering)
    [delivery] = await outbox.claim_deliveries(gateway_store, lease_seconds=10, limit=10)
    assert delivery.text == "Stopped."


async def test_the_last_feedback_of_a_person_is_kept(
    gateway_store: Store, portal_store: Store
) -> None:
    office = Office(gateway_store)
    [received] = await office.write("hello")
    turn = await office.must_claim()
    place = (gateway_store, office.tenant_id, received.conversation_id, turn.turn_id)
    assert not await people.give_feedback(*place, person_key="v", value="up")
    await office.complete(turn)
    assert await people.give_feedback(*place, person_key="v", value="up")
    assert not await people.give_feedback(*place, person_key="v", value="up")
    assert await people.give_feedback(*place, person_key="v", value="down")
    assert await people.give_feedback(*place, person_key="w", value="up")
    shown = await portal.transcript(portal_store, office.tenant_id, received.conversation_id)
    assert shown is not None
    assert sorted(shown.feedback[turn.turn_id]) == ["down", "up"]


async def test_who_waits_for_a_human_can_be_listed_alone(
    gateway_store: Store, portal_store: Store
) -> None:
    office = Office(gateway_store)
    await office.write("hello")
    waiting = await command(office, Command.HUMAN, conversation_key="c2")
    rows = await portal.conversations(portal_store, office.tenant_id, with_human=True)
    assert [row.conversation_id for row in rows] == [waiting.conversation_id]
    assert len(await portal.conversations(portal_store, office.tenant_id)) == 2
