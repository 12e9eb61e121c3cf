"""From a message to its answer, and everything that comes twice or too late."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from konstruct_messages.inbound import Ignored
from konstruct_messages.replies import LogKind
from konstruct_messages.turns import (
    Disposition,
    Speaker,
    Step,
    StepKind,
    StepState,
    Verdict,
)
from konstruct_store import Store, claims, journal, log, receive, settle
from konstruct_store.claims import HeldTurn
from konstruct_store.errors import ConversationOfAnother, TurnLost
from support.build import inbound
from support.working import Office

pytestmark = pytest.mark.postgres


async def test_a_message_becomes_one_answer(gateway_store: Store) -> None:
    office = Office(gateway_store)
    [received] = await office.write("hello")
    assert received.seq == 1
    assert await claims.due_tenants(gateway_store, [office.tenant_id, uuid4()]) == [
        office.tenant_id
    ]
    turn = await office.must_claim()
    assert [line.text for line in turn.messages] == ["hello"]
    assert turn.window == ()
    assert turn.attempt == 1
    assert turn.agent["name"] == "ana"
    assert turn.tenant["name"] == "acme"
    assert set(turn.tenant) <= {"tenantId", "name", "displayName", "language", "timeZone", "models"}
    assert (turn.language, turn.person_name) == ("en", "Vera")
    settled = await office.complete(turn, "hi", "there")
    assert settled.disposition is Disposition.ANSWERED
    entries = await log.read_log(gateway_store, office.tenant_id, turn.conversation_id, after=0)
    assert [(entry.kind, entry.payload["text"]) for entry in entries] == [
        (LogKind.SAID, "hello"),
        (LogKind.REPLY, "hi\n\nthere"),
    ]
    assert settled.log_entries == (entries[1],)
    assert await office.claim() is None
    assert await claims.due_tenants(gateway_store, [office.tenant_id]) == []
    rows = await office.run("SELECT disposition FROM konstruct.inbox")
    assert [row["disposition"] for row in rows] == ["Answered"]


async def test_the_window_follows_turns_and_not_seqs(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await office.write("one")
    first = await office.must_claim()
    await office.write("two")
    await office.complete(first, "answer one")
    second = await office.must_claim()
    assert [line.text for line in second.messages] == ["two"]
    assert [line.text for line in second.window] == ["one", "answer one"]
    await office.complete(second, "answer two")
    await office.write("three")
    third = await office.must_claim()
    assert [(line.speaker, line.text) for line in third.window] == [
        (Speaker.PERSON, "one"),
        (Speaker.AGENT, "answer one"),
        (Speaker.PERSON, "two"),
        (Speaker.AGENT, "answer two"),
    ]


async def test_a_duplicate_gets_the_ids_of_the_first(gateway_store: Store) -> None:
    office = Office(gateway_store)
    message = inbound("once")
    [first] = await office.write(message)
    [again] = await office.write(message)
    assert again.duplicate
    assert (again.item_id, again.conversation_id, again.seq) == (
        first.item_id,
        first.conversation_id,
        1,
    )
    entries = await log.read_log(gateway_store, office.tenant_id, first.conversation_id, after=0)
    assert len(entries) == 1


async def test_twins_under_one_common_key_are_one_message(gateway_store: Store) -> None:
    office = Office(gateway_store)
    [first] = await office.write(inbound("x", dedupe_keys=("event-1", "ts-1")))
    [twin] = await office.write(inbound("x", dedupe_keys=("event-2", "ts-1")))
    [retry] = await office.write(inbound("x", dedupe_keys=("event-2",)))
    assert twin.duplicate
    assert retry.duplicate
    assert twin.item_id == retry.item_id == first.item_id


async def test_concurrent_deliveries_of_one_message_are_one_item(gateway_store: Store) -> None:
    office = Office(gateway_store)
    message = inbound("once")
    results = await asyncio.gather(*(office.write(message) for _ in range(12)))
    assert len({received.item_id for [received] in results}) == 1
    assert sum(not received.duplicate for [received] in results) == 1


async def test_a_batch_keeps_its_order_within_a_conversation(gateway_store: Store) -> None:
    office = Office(gateway_store)
    batch = [inbound(str(i), conversation_key=f"c{i % 2}") for i in range(6)]
    received = await office.write(*batch)
    assert [one.seq for one in received] == [1, 1, 2, 2, 3, 3]


async def test_batches_in_opposite_order_do_not_block_each_other(gateway_store: Store) -> None:
    office = Office(gateway_store)
    keys = [f"c{i}" for i in range(5)]

    async def write(order: list[str]) -> None:
        await office.write(*(inbound("x", conversation_key=key) for key in order))

    await asyncio.gather(*(write(keys if i % 2 else keys[::-1]) for i in range(20)))
    rows = await office.run("SELECT last_seq FROM konstruct.conversations")
    assert [row["last_seq"] for row in rows] == [20] * 5


async def test_what_was_ignored_has_its_disposition_once(gateway_store: Store) -> None:
    office = Office(gateway_store)
    ignored = Ignored(reason="BotMessage", dedupe_keys=("event-9",))
    for _ in range(2):
        await receive.ignore(gateway_store, office.tenant_id, office.connection_id, ignored)
    rows = await office.run("SELECT reason FROM konstruct.ignored_items")
    assert [row["reason"] for row in rows] == ["BotMessage"]
    [received] = await office.write(inbound("x", dedupe_keys=("event-9",)))
    assert received.duplicate


async def test_a_conversation_belongs_to_who_began_it(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await office.write(inbound("mine"), exclusive=True)
    with pytest.raises(ConversationOfAnother):
        await office.write(inbound("theirs", person_key="visitor:v2"), exclusive=True)
    found = await receive.find_conversation(
        gateway_store, office.tenant_id, office.connection_id, "c1"
    )
    assert found is not None
    assert (found.person_key, found.last_seq) == ("visitor:v1", 1)


async def test_gathering_makes_one_turn_of_several_messages(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await office.write("hey", gather_milliseconds=60_000)
    await office.write("quick question", gather_milliseconds=60_000)
    assert await office.claim() is None
    [(waits,)] = await office.run("SELECT due_at - now() FROM konstruct.dispatch")
    assert timedelta(0) < waits <= timedelta(seconds=60)
    await office.run("UPDATE konstruct.dispatch SET due_at = now()")
    turn = await office.must_claim()
    assert [line.text for line in turn.messages] == ["hey", "quick question"]


async def test_two_claimers_of_one_conversation_never_share_it(gateway_store: Store) -> None:
    office = Office(gateway_store)
    for i in range(8):
        await office.write(str(i))
    claimed = await asyncio.gather(*(office.claim() for _ in range(8)))
    turns = [turn for turn in claimed if turn is not None]
    assert len(turns) == 1
    assert len(turns[0].messages) == 8


async def test_repeating_a_claim_returns_the_same_turn(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await office.write("hello")
    claim_id = uuid4()
    first = await office.must_claim(claim_id=claim_id)
    again = await office.must_claim(claim_id=claim_id)
    assert (again.turn_id, again.attempt, again.messages) == (
        first.turn_id,
        1,
        first.messages,
    )
    # Whichever answer reached the agent, its token is good.
    assert (await office.complete(first)).disposition is Disposition.ANSWERED
    assert (await office.complete(again)).disposition is Disposition.ANSWERED


async def test_a_stalled_agent_loses_its_turn_after_a_takeover(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await office.write("hello")
    stalled = await office.must_claim()
    await office.let_lease_end(stalled)
    taker = await office.must_claim()
    assert (taker.turn_id, taker.attempt) == (stalled.turn_id, 2)
    assert taker.messages == stalled.messages
    step = Step(number=0, kind=StepKind.TOOL, state=StepState.DONE, name="clock")
    fence = (gateway_store, office.tenant_id, stalled.turn_id, 1, stalled.turn_token)
    with pytest.raises(TurnLost):
        await journal.record_step(*fence, step)
    with pytest.raises(TurnLost):
        await journal.check_turn(*fence)
    with pytest.raises(TurnLost):
        await office.complete(stalled, "late")
    with pytest.raises(TurnLost):
        await office.complete(stalled, "forged", attempt=2)
    held = HeldTurn(stalled.turn_id, 1, stalled.turn_token)
    verdicts = await claims.heartbeat(
        gateway_store, office.tenant_id, office.boot_id, [held], lease_seconds=15
    )
    assert verdicts == {stalled.turn_id: Verdict.LOST}
    await office.complete(taker, "in time")
    with pytest.raises(TurnLost):
        await office.complete(stalled, "later still")
    rows = await office.run("SELECT payload FROM konstruct.log WHERE kind = 'Reply'")
    assert [row["payload"]["text"] for row in rows] == ["in time"]


async def test_an_expired_lease_that_nobody_took_may_still_complete(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await office.write("hello")
    turn = await office.must_claim()
    await office.let_lease_end(turn)
    await office.sweep()
    assert (await office.complete(turn, "slow")).disposition is Disposition.ANSWERED


async def test_repeating_complete_returns_the_recorded_reply(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await office.write("hello")
    turn = await office.must_claim()
    first = await office.complete(turn, "recorded")
    again = await office.complete(turn, "another text")
    assert again == first
    assert again.log_entries[0].payload["text"] == "recorded"


async def test_concurrent_completes_record_one_reply(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await office.write("hello")
    turn = await office.must_claim()
    results = await asyncio.gather(*(office.complete(turn, str(i)) for i in range(8)))
    assert len({settled.reply_id for settled in results}) == 1


async def test_the_next_attempt_gets_the_journal_of_the_one_before(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await office.write("hello")
    turn = await office.must_claim()
    done = Step(number=0, kind=StepKind.TOOL, state=StepState.DONE, name="a", result={"x": 1})
    started = Step(number=1, kind=StepKind.TOOL, state=StepState.STARTED, name="b")
    for step in (done, started):
        recorded = await journal.record_step(
            gateway_store, office.tenant_id, turn.turn_id, 1, turn.turn_token, step
        )
        assert recorded.step == step
        assert recorded.verdict is Verdict.CONTINUE
    changed = done.model_copy(update={"result": {"x": 2}})
    recorded = await journal.record_step(
        gateway_store, office.tenant_id, turn.turn_id, 1, turn.turn_token, changed
    )
    assert recorded.step == done
    await office.let_lease_end(turn)
    second = await office.must_claim()
    assert second.steps == (done, started)
    finished = started.model_copy(update={"state": StepState.DONE, "result": {"y": 2}})
    recorded = await journal.record_step(
        gateway_store, office.tenant_id, turn.turn_id, 2, second.turn_token, finished
    )
    assert recorded.step == finished


async def test_messages_that_come_during_a_turn_join_the_next(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await office.write("one")
    turn = await office.must_claim()
    await office.write("two")
    assert await office.claim() is None
    await office.complete(turn)
    assert [line.text for line in (await office.must_claim()).messages] == ["two"]


async def test_a_person_stops_a_turn(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await office.write("hello")
    turn = await office.must_claim()
    assert await settle.stop_turn(
        gateway_store, office.tenant_id, turn.conversation_id, turn.turn_id
    )
    verdicts = await claims.heartbeat(
        gateway_store,
        office.tenant_id,
        office.boot_id,
        [HeldTurn(turn.turn_id, 1, turn.turn_token)],
    )
    assert verdicts == {turn.turn_id: Verdict.STOP}
    settled = await office.complete(turn, parts=[])
    assert settled.disposition is Disposition.ANSWERED
    assert settled.log_entries[0].kind is LogKind.NOTICE
    assert await office.claim() is None


async def test_a_reply_has_parts(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await office.write("hello")
    turn = await office.must_claim()
    with pytest.raises(ValueError, match="at least one part"):
        await office.complete(turn, parts=[])


async def test_a_restarted_pod_gives_its_old_turns_back_at_once(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await office.write("hello")
    old = await office.must_claim()
    new_boot = uuid4()
    released = await claims.release_turns(
        gateway_store, office.tenant_id, boot_id=new_boot, other_than_boot_of_pod="pod-1"
    )
    assert released == [old.turn_id]
    turn = await office.must_claim(boot_id=new_boot)
    assert turn.attempt == 2
    assert (
        await claims.release_turns(
            gateway_store, office.tenant_id, boot_id=new_boot, other_than_boot_of_pod="pod-1"
        )
        == []
    )
    assert await claims.release_turns(gateway_store, office.tenant_id, boot_id=new_boot) == [
        turn.turn_id
    ]
    rows = await office.run("SELECT strikes FROM konstruct.turns")
    assert [row["strikes"] for row in rows] == [0]


async def test_tenants_with_work_or_recent_activity_are_wanted_awake(
    gateway_store: Store,
) -> None:
    office = Office(gateway_store)
    idle = {office.tenant_id: 900, uuid4(): 900}
    assert await claims.wanted_awake(gateway_store, idle) == set()
    await office.write("hello")
    assert await claims.wanted_awake(gateway_store, idle) == {office.tenant_id}
    await office.complete(await office.must_claim())
    assert await claims.wanted_awake(gateway_store, idle) == {office.tenant_id}
    assert await claims.wanted_awake(gateway_store, {office.tenant_id: 0}) == set()


async def test_what_is_due_keeps_awake_without_its_row_being_moved_to_another_place(
    gateway_store: Store,
) -> None:
    office = Office(gateway_store)
    at_once = {office.tenant_id: 0}
    row = "SELECT active_at FROM konstruct.dispatch WHERE tenant_id = $1"
    await office.write("one")
    [before] = await office.run(row, office.tenant_id)
    await office.write("two")
    await office.write("three")
    [after] = await office.run(row, office.tenant_id)
    assert after == before
    assert await claims.wanted_awake(gateway_store, at_once) == {office.tenant_id}
    await office.complete(await office.must_claim())
    [settled] = await office.run(row, office.tenant_id)
    assert settled > after
