"""Refused, unknown and dead: told once, sent again once per wish, left when somebody says so."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from konstruct_messages.turns import ConversationMode
from konstruct_store import Store, audit, outbox, settle, undelivered
from konstruct_store.outbox import Cause, Delivery
from konstruct_store.undelivered import Seen
from support.build import inbound
from support.working import Office

pytestmark = pytest.mark.postgres


async def reply(office: Office, *texts: str, key: str = "c1") -> list[Delivery]:
    """Answer one message and claim the first part of the answer."""
    await office.write(inbound("x", conversation_key=key))
    await office.complete(await office.must_claim(), *texts, sends=True)
    return await outbox.claim_deliveries(office.store)


async def rows(office: Office, what: str = "text, state") -> list[Any]:
    found = await office.run("SELECT * FROM konstruct.deliveries ORDER BY seq, part")
    return [tuple(row[name] for name in what.split(", ")) for row in found]


async def test_a_person_hears_once_that_an_answer_could_not_be_sent(gateway_store: Store) -> None:
    office = Office(gateway_store)
    [first] = await reply(office, "one", "two", "three")
    await outbox.mark_refused(
        gateway_store, first, reason="msg_too_long", cause=Cause.CONTENT, word="Sorry."
    )
    [second] = await outbox.claim_deliveries(gateway_store)
    await outbox.mark_unknown(gateway_store, second, reason="lost", word="Perhaps.")
    [third] = await outbox.claim_deliveries(gateway_store)
    await outbox.mark_sent(gateway_store, third)
    [word] = await outbox.claim_deliveries(gateway_store)
    assert (word.text, word.about_turn_id) == ("Sorry.", first.turn_id)
    await outbox.mark_refused(
        gateway_store, word, reason="msg_too_long", cause=Cause.CONTENT, word="Sorry again."
    )
    assert await outbox.claim_deliveries(gateway_store) == []
    assert await rows(office) == [
        ("one", "Refused"),
        ("two", "Unknown"),
        ("three", "Sent"),
        ("Sorry.", "Refused"),
    ]
    said = await office.run("SELECT payload FROM konstruct.log WHERE kind = 'Notice'")
    assert [row["payload"] for row in said] == [{"code": "Undelivered", "text": "Sorry."}]


async def test_nothing_is_said_of_a_notice_or_while_a_human_answers(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await office.write("x")
    turn = await office.must_claim()
    fence = (gateway_store, office.tenant_id, turn.turn_id, turn.attempt, turn.turn_token)
    await settle.fail_turn(*fence, reason="R", apology="Sorry!", sends=True)
    [apology] = await outbox.claim_deliveries(gateway_store)
    await outbox.mark_refused(gateway_store, apology, reason="no", word="Sorry.")
    [answer] = await reply(office, "hello")
    await settle.set_mode(
        gateway_store,
        office.tenant_id,
        answer.conversation_id,
        ConversationMode.HUMAN,
        actor="user-1",
    )
    await outbox.mark_refused(gateway_store, answer, reason="no", word="Sorry.")
    assert await rows(office) == [("Sorry!", "Refused"), ("hello", "Refused")]


async def test_two_operators_send_again_once(gateway_store: Store) -> None:
    office = Office(gateway_store)
    [delivery] = await reply(office, "hello")
    await outbox.mark_unknown(gateway_store, delivery, reason="lost")
    seen = [Seen(delivery.delivery_id, delivery.attempt)]
    done = await asyncio.gather(
        *(
            undelivered.send_again(gateway_store, office.tenant_id, seen, actor=f"user-{n}")
            for n in range(4)
        )
    )
    assert sorted(map(len, done)) == [0, 0, 0, 1]
    [again] = await outbox.claim_deliveries(gateway_store)
    # The vendor is asked first, and an operator takes the risk where it cannot be asked.
    assert (again.in_doubt, again.insists, again.attempt) == (True, True, 2)
    await outbox.mark_sent(gateway_store, again)
    assert await undelivered.send_again(gateway_store, office.tenant_id, seen, actor="user-1") == []
    entries = await audit.read(gateway_store, office.tenant_id)
    assert [one.action for one in entries].count("DeliverySentAgain") == 1


async def test_the_risk_is_taken_for_one_attempt(gateway_store: Store) -> None:
    office = Office(gateway_store)
    [delivery] = await reply(office, "hello")
    await outbox.mark_unknown(gateway_store, delivery, reason="lost")
    await undelivered.send_again(
        gateway_store, office.tenant_id, [Seen(delivery.delivery_id, 1)], actor="user-1"
    )
    [held] = await outbox.claim_deliveries(gateway_store)
    await outbox.retry_delivery(gateway_store, held, after_seconds=0)
    [unclear] = await outbox.claim_deliveries(gateway_store)
    assert unclear.insists
    await outbox.retry_delivery(gateway_store, unclear, after_seconds=0, reason="reset")
    [last] = await outbox.claim_deliveries(gateway_store)
    assert (last.insists, last.in_doubt) == (False, True)


async def test_what_a_connection_could_not_send_goes_out_when_it_is_mended(
    gateway_store: Store,
) -> None:
    office = Office(gateway_store)
    causes = [Cause.CREDENTIALS, Cause.CONTENT, Cause.GAVE_UP, Cause.CONNECTION, Cause.VENDOR]
    for cause in causes:
        [delivery] = await reply(office, cause.value, key=cause.value)
        await outbox.mark_refused(gateway_store, delivery, reason="r", cause=cause)
    again = [
        await undelivered.send_refused_again(
            gateway_store, office.tenant_id, office.connection_id, actor="user-1"
        )
        for _ in range(2)
    ]
    assert [len(one) for one in again] == [3, 0]
    claimed = await outbox.claim_deliveries(gateway_store)
    assert {one.text for one in claimed} == {"Credentials", "GaveUp", "Connection"}


async def test_what_is_left_is_counted_no_more(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await office.run(
        "INSERT INTO konstruct.registry_claims (tenant_id, name, uid, session, sequence, version,"
        " state) VALUES ($1, 'acme', 'u', 1, 1, 1, 'Live')",
        office.tenant_id,
    )
    [refused] = await reply(office, "one", key="c1")
    await outbox.mark_refused(gateway_store, refused, reason="r")
    [unknown] = await reply(office, "two", key="c2")
    await outbox.mark_unknown(gateway_store, unknown, reason="r")
    await office.write("x")
    turn = await office.must_claim()
    fence = (gateway_store, office.tenant_id, turn.turn_id, turn.attempt, turn.turn_token)
    await settle.fail_turn(*fence, reason="R", apology="Sorry!", sends=True)

    async def backlog() -> dict[str, int]:
        return {one.state: one.waiting for one in await outbox.backlog(gateway_store)}

    assert await backlog() == {"Queued": 1, "Refused": 1, "Unknown": 1, "Dead": 1}
    place = (gateway_store, office.tenant_id)
    ids = [refused.delivery_id, unknown.delivery_id]
    assert len(await undelivered.leave_deliveries(*place, ids, actor="user-1")) == 2
    assert await undelivered.leave_deliveries(*place, ids, actor="user-1") == []
    assert await undelivered.leave_dead_turn(*place, turn.turn_id, actor="user-1")
    assert not await undelivered.leave_dead_turn(*place, turn.turn_id, actor="user-1")
    assert await backlog() == {"Queued": 1}
    # What was left may still be sent again.
    assert await undelivered.send_again(*place, [Seen(ids[0], 1)], actor="user-1") == ids[:1]


async def test_all_dead_turns_are_replayed_once_whoever_clicks(gateway_store: Store) -> None:
    office = Office(gateway_store)
    dead: list[UUID] = []
    for number in range(3):
        await office.write(inbound("x", conversation_key=f"c{number}"))
        turn = await office.must_claim()
        fence = (gateway_store, office.tenant_id, turn.turn_id, turn.attempt, turn.turn_token)
        await settle.fail_turn(*fence, reason="R", apology="Sorry!")
        dead.append(turn.turn_id)
    done = await asyncio.gather(
        *(
            undelivered.replay_dead_turns(gateway_store, office.tenant_id, actor=f"user-{n}")
            for n in range(3)
        )
    )
    assert sorted(turn for one in done for turn in one) == sorted(dead)
    for _ in range(3):
        await office.complete(await office.must_claim())
    assert await office.claim() is None


async def test_receipts_come_in_any_order(gateway_store: Store) -> None:
    office = Office(gateway_store)
    [delivery] = await reply(office, "hello")
    await outbox.note_vendor_id(gateway_store, delivery, "v")
    await outbox.mark_unknown(gateway_store, delivery, reason="lost")
    place = (gateway_store, office.tenant_id, office.connection_id)
    for status, known in (("delivered", "delivered"), ("sent", "delivered"), ("read", "read")):
        assert await outbox.receipt(*place, vendor_id="v", status=status)
        assert await rows(office, "state, receipt") == [("Sent", known)]
    assert await outbox.receipt(*place, vendor_id="v", status="delivered")
    assert await rows(office, "state, receipt") == [("Sent", "read")]


async def test_a_receipt_that_it_failed_later_is_a_refusal(gateway_store: Store) -> None:
    office = Office(gateway_store)
    [delivery] = await reply(office, "hello")
    await outbox.mark_sent(gateway_store, delivery, vendor_id="v")
    place = (gateway_store, office.tenant_id, office.connection_id)
    await outbox.receipt(*place, vendor_id="v", status="failed", refused=True, reason="131026")
    assert await rows(office, "state, cause, reason") == [("Refused", "Vendor", "131026")]


async def test_attempts_that_brought_nothing_are_no_tries(gateway_store: Store) -> None:
    office = Office(gateway_store)
    [delivery] = await reply(office, "hello")
    for _ in range(5):
        await outbox.retry_delivery(gateway_store, delivery, after_seconds=0)
        [delivery] = await outbox.claim_deliveries(gateway_store)
    assert (delivery.attempt, delivery.tries, delivery.in_doubt) == (6, 1, False)
    assert delivery.tried_seconds < 60
