"""Nothing that was acknowledged stays without an end."""

import asyncio
from uuid import uuid4

import pytest

from konstruct_messages.replies import LogKind
from konstruct_messages.turns import (
    ConversationMode,
    Disposition,
    Speaker,
    Step,
    StepKind,
    StepState,
)
from konstruct_registry.snapshot import OperatingMode
from konstruct_registry.wire import Push
from konstruct_store import Store, attention, claims, journal, log, registry, settle
from konstruct_store.errors import NotFound, TurnLost
from support.build import inbound, tenant_snapshot
from support.working import Office

pytestmark = pytest.mark.postgres


async def age(office: Office, hours: float = 2) -> None:
    await office.run(
        "UPDATE konstruct.dispatch SET opened_at = opened_at - $2 * interval '1 hour'"
        " WHERE tenant_id = $1 AND opened_at > '-infinity'",
        office.tenant_id,
        hours,
    )
    await office.run(
        "UPDATE konstruct.inbox SET received_at = received_at - $2 * interval '1 hour'"
        " WHERE tenant_id = $1",
        office.tenant_id,
        hours,
    )


async def dispositions(office: Office) -> list[str | None]:
    rows = await office.run("SELECT disposition FROM konstruct.inbox ORDER BY seq")
    return [row["disposition"] for row in rows]


async def test_an_overdue_claimed_turn_ends_with_one_apology(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await office.write("hello")
    turn = await office.must_claim()
    await age(office)
    [swept] = await office.sweep()
    assert (swept.turn_id, swept.reason) == (turn.turn_id, "DeadlinePassed")
    assert swept.settled.disposition is Disposition.DEAD
    assert swept.settled.log_entries[0].payload == {"code": "Apology", "text": "Sorry."}
    assert await office.sweep() == []
    with pytest.raises(TurnLost):
        await office.complete(turn)
    assert await dispositions(office) == ["Dead"]
    [letter] = await attention.open_dead_turns(gateway_store, office.tenant_id)
    assert (letter.turn_id, letter.reason) == (turn.turn_id, "DeadlinePassed")


async def test_an_overdue_message_that_nobody_claimed_ends_too(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await office.write(inbound("a"), inbound("b"))
    await age(office)
    [swept] = await office.sweep(sends=lambda _tenant, _connection: True)
    assert await dispositions(office) == ["Dead", "Dead"]
    assert await office.claim() is None
    rows = await office.run("SELECT turn_id, text, state FROM konstruct.deliveries")
    assert [(r["turn_id"], r["text"], r["state"]) for r in rows] == [
        (swept.turn_id, "Sorry.", "Queued")
    ]


async def test_two_sweepers_apologise_once(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await office.write("hello")
    await age(office)
    swept = await asyncio.gather(*(office.sweep() for _ in range(4)))
    assert sum(len(one) for one in swept) == 1
    rows = await office.run("SELECT kind FROM konstruct.log ORDER BY seq")
    assert [row["kind"] for row in rows] == ["Said", "Notice"]


async def test_no_turn_stays_claimed_after_its_lease(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await office.write("hello")
    turn = await office.must_claim()
    await office.let_lease_end(turn)
    await office.sweep()
    rows = await office.run("SELECT state, strikes FROM konstruct.turns")
    assert [(row["state"], row["strikes"]) for row in rows] == [("Queued", 1)]
    assert (await office.must_claim()).attempt == 2


async def test_sweeping_leaves_a_live_lease_alone(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await office.write("hello")
    await office.must_claim()
    await office.sweep()
    rows = await office.run("SELECT state, strikes FROM konstruct.turns")
    assert [(row["state"], row["strikes"]) for row in rows] == [("Claimed", 0)]
    assert await office.claim() is None


async def test_leases_that_end_without_progress_exhaust_a_turn(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await office.write("poison")
    for _ in range(3):
        turn = await office.must_claim(max_attempts=3)
        await office.let_lease_end(turn)
    assert await office.claim(max_attempts=3) is None
    [swept] = await office.sweep()
    assert swept.reason == "AttemptsExhausted"
    assert await dispositions(office) == ["Dead"]


async def test_progress_is_no_strike(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await office.write("long work")
    for number in range(6):
        turn = await office.must_claim(max_attempts=3)
        step = Step(number=number, kind=StepKind.TOOL, state=StepState.DONE, name="t")
        await journal.record_step(
            *(gateway_store, office.tenant_id, turn.turn_id, turn.attempt, turn.turn_token), step
        )
        await office.let_lease_end(turn)
    assert len((await office.must_claim(max_attempts=3)).steps) == 6


async def test_a_failed_turn_is_a_dead_letter_that_can_be_replayed(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await office.write("please", "again")
    turn = await office.must_claim()
    fence = (gateway_store, office.tenant_id, turn.turn_id, turn.attempt, turn.turn_token)
    settled = await settle.fail_turn(*fence, reason="ModelUnavailable", apology="Sorry!")
    assert settled.disposition is Disposition.DEAD
    again = await settle.fail_turn(*fence, reason="Other", apology="Sorry?")
    assert again == settled
    await office.write("later message")
    await settle.replay_dead_turn(gateway_store, office.tenant_id, turn.turn_id, actor="user-1")
    with pytest.raises(NotFound):
        await settle.replay_dead_turn(gateway_store, office.tenant_id, turn.turn_id, actor="user-1")
    later = await office.must_claim()
    assert [line.text for line in later.messages] == ["later message"]
    await office.complete(later)
    replay = await office.must_claim()
    assert [line.text for line in replay.messages] == ["please", "again"]
    await office.complete(replay, "at last")
    assert await dispositions(office) == ["Dead", "Dead", "Answered", "Answered"]


async def test_items_of_a_suspended_tenant_wait_and_then_expire(gateway_store: Store) -> None:
    office = Office(gateway_store)
    [old] = await office.write("hello", suspended=True)
    assert await office.claim() is None
    await age(office, 2)
    assert await office.sweep() == []
    assert await settle.expire_items(gateway_store, hours=24) == []
    await age(office, 23)
    [new] = await office.write("still there?", suspended=True)
    [expired] = await settle.expire_items(
        gateway_store, words=lambda _tenant, language: f"Too late ({language})."
    )
    assert (expired.tenant_id, expired.items) == (office.tenant_id, (old.item_id,))
    assert expired.entry is not None
    assert expired.entry.payload == {"code": "Expired", "text": "Too late (en)."}
    assert await dispositions(office) == ["Expired", None]
    assert await settle.expire_items(gateway_store, hours=24) == []
    assert new.seq == 2


async def test_resuming_a_tenant_wakes_what_waited(gateway_store: Store) -> None:
    suspended = tenant_snapshot(operating_mode=OperatingMode.SUSPENDED)
    office = Office(gateway_store)
    session = await registry.open_session(gateway_store)

    async def push(sequence: int, snapshot: object) -> None:
        await registry.put_tenant(
            gateway_store,
            Push(session=session, sequence=sequence, digest=str(sequence), snapshot=snapshot),
        )

    await push(1, office.tenant)
    await office.write("before")
    await push(2, suspended)
    assert await office.claim(tenant=suspended) is None
    assert await claims.due_tenants(gateway_store, [office.tenant_id]) == []
    # A replica that has not heard of it yet does not make anything due either.
    await office.write(inbound("during", conversation_key="c2"))
    assert await claims.due_tenants(gateway_store, [office.tenant_id]) == []
    await age(office, 3)
    assert await office.sweep() == []
    await push(3, office.tenant)
    assert await office.sweep() == []
    texts = {(await office.must_claim()).messages[0].text for _ in range(2)}
    assert texts == {"before", "during"}


async def test_a_human_takes_a_conversation_and_gives_it_back(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await office.write("one")
    turn = await office.must_claim()
    await office.write("two")
    marker = await settle.set_mode(
        *(gateway_store, office.tenant_id, turn.conversation_id),
        ConversationMode.HUMAN,
        actor="user-1",
    )
    assert marker is not None
    assert marker.payload["code"] == "ModeHuman"
    [received] = await office.write("three")
    assert received.silenced
    held = claims.HeldTurn(turn.turn_id, 1, turn.turn_token)
    verdicts = await claims.heartbeat(gateway_store, office.tenant_id, office.boot_id, [held])
    assert [verdict.value for verdict in verdicts.values()] == ["Stop"]
    settled = await office.complete(turn, "too late", sends=True)
    assert settled.disposition is Disposition.SILENCED
    assert settled.log_entries == ()
    assert await office.complete(turn) == settled
    rows = await office.run("SELECT text, state FROM konstruct.deliveries")
    assert [(row["text"], row["state"]) for row in rows] == [("too late", "Withheld")]
    assert await office.claim() is None
    assert await dispositions(office) == ["Silenced", "Silenced", "Silenced"]
    await settle.set_mode(
        *(gateway_store, office.tenant_id, turn.conversation_id),
        ConversationMode.AGENT,
        actor="user-1",
    )
    await office.write("four")
    back = await office.must_claim()
    assert [line.text for line in back.messages] == ["four"]
    said = [line.text for line in back.window if line.speaker is Speaker.PERSON]
    assert said == ["one", "two", "three"]
    entries = await log.read_log(gateway_store, office.tenant_id, turn.conversation_id, after=0)
    assert LogKind.REPLY not in {entry.kind for entry in entries}


async def test_entering_human_withholds_what_is_not_sent(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await office.write("one")
    turn = await office.must_claim()
    await office.complete(turn, "queued", sends=True)
    await settle.set_mode(
        *(gateway_store, office.tenant_id, turn.conversation_id),
        ConversationMode.HUMAN,
        actor="user-1",
    )
    rows = await office.run("SELECT state FROM konstruct.deliveries")
    assert [row["state"] for row in rows] == ["Withheld"]


async def test_rows_of_idle_conversations_are_forgotten(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await office.write("one")
    await office.complete(await office.must_claim())
    assert await settle.prune_idle(gateway_store) == 0
    await office.run("UPDATE konstruct.dispatch SET active_at = now() - interval '3 days'")
    assert await settle.prune_idle(gateway_store) == 1
    await office.write("two")
    assert (await office.must_claim()).window[0].text == "one"


async def test_mode_of_an_unknown_conversation_is_not_found(gateway_store: Store) -> None:
    office = Office(gateway_store)
    with pytest.raises(NotFound):
        await settle.set_mode(
            gateway_store, office.tenant_id, uuid4(), ConversationMode.HUMAN, actor="user-1"
        )
