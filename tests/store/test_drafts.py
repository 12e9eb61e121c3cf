"""A reply in the making has its delivery before its end; the end makes it the first part."""

import pytest

from konstruct_messages.replies import ReplyPart
from konstruct_messages.turns import ClaimedTurn, ConversationMode
from konstruct_store import Store, drafts, outbox, settle
from konstruct_store.drafts import OpenDraft
from konstruct_store.outbox import Delivery
from support.working import Office

pytestmark = pytest.mark.postgres


async def begun(office: Office) -> ClaimedTurn:
    await office.write("hello")
    return await office.must_claim()


async def open_draft(office: Office, turn: ClaimedTurn, *, hold: float = 0.0) -> OpenDraft | None:
    return await drafts.open_draft(
        office.store,
        office.tenant_id,
        turn.turn_id,
        turn.attempt,
        turn.turn_token,
        hold_seconds=hold,
    )


async def must_open(office: Office, turn: ClaimedTurn, *, hold: float = 0.0) -> OpenDraft:
    draft = await open_draft(office, turn, hold=hold)
    assert draft is not None
    return draft


async def rows(office: Office) -> list[tuple[int, str, str]]:
    found = await office.run("SELECT part, state, text FROM konstruct.deliveries ORDER BY part")
    return [tuple(row) for row in found]


async def take(store: Store) -> list[Delivery]:
    return await outbox.claim_deliveries(store, lease_seconds=0)


async def test_the_reply_takes_the_drafts_row_and_the_vendors_id_with_it(
    gateway_store: Store,
) -> None:
    office = Office(gateway_store)
    turn = await begun(office)
    draft = await must_open(office, turn)
    assert (draft.vendor_id, draft.begun) == ("", False)
    assert await take(gateway_store) == []
    assert await drafts.note_draft(gateway_store, draft, vendor_id="v1")
    assert await drafts.note_shown(gateway_store, draft, "one")
    await office.complete(turn, "one", "two", sends=True)
    [delivery] = await take(gateway_store)
    assert (delivery.delivery_id, delivery.text) == (draft.delivery_id, "one")
    assert (delivery.drafted, delivery.vendor_id) == (True, "v1")
    assert delivery.shown == drafts.digest_of("one")
    assert not delivery.ends_answer
    await outbox.mark_sent(gateway_store, delivery, vendor_id="v1")
    [second] = await take(gateway_store)
    assert (second.text, second.drafted, second.ends_answer) == ("two", False, True)


async def test_a_later_attempt_goes_on_with_the_row_and_fences_the_one_before(
    gateway_store: Store,
) -> None:
    office = Office(gateway_store)
    turn = await begun(office)
    first = await must_open(office, turn)
    await drafts.note_draft(gateway_store, first, vendor_id="v1")
    await drafts.note_shown(gateway_store, first, "partial")
    await office.let_lease_end(turn)
    again = await office.must_claim()
    assert again.attempt == 2
    assert await open_draft(office, turn) is None
    second = await must_open(office, again)
    assert (second.delivery_id, second.vendor_id, second.begun) == (first.delivery_id, "v1", True)
    assert not await drafts.note_draft(gateway_store, first, vendor_id="late")
    assert not await drafts.note_shown(gateway_store, first, "late")
    await office.complete(again, "whole", sends=True)
    [delivery] = await take(gateway_store)
    assert (delivery.text, delivery.vendor_id, delivery.shown) == ("whole", "v1", "")


async def test_nobody_sends_while_the_draft_may_still_begin(gateway_store: Store) -> None:
    office = Office(gateway_store)
    turn = await begun(office)
    draft = await must_open(office, turn, hold=60)
    await office.complete(turn, "one", sends=True)
    assert await take(gateway_store) == []
    # Due for whatever reason: the row itself says no.
    await office.run("UPDATE konstruct.delivery_dispatch SET due_at = now()")
    assert await take(gateway_store) == []
    [late] = await office.run(
        "SELECT due_at > now() + interval '30 seconds' AS late FROM konstruct.delivery_dispatch"
    )
    assert late["late"]
    assert await drafts.note_draft(gateway_store, draft, vendor_id="v1")
    [delivery] = await take(gateway_store)
    assert (delivery.text, delivery.vendor_id) == ("one", "v1")
    assert not await drafts.note_draft(gateway_store, draft, vendor_id="v2")


async def test_another_attempt_waits_until_the_call_of_the_first_is_over(
    gateway_store: Store,
) -> None:
    office = Office(gateway_store)
    turn = await begun(office)
    draft = await must_open(office, turn, hold=60)
    await office.let_lease_end(turn)
    again = await office.must_claim()
    assert await open_draft(office, again) is None
    assert await drafts.note_draft(gateway_store, draft, vendor_id="v1")
    taken = await must_open(office, again)
    assert (taken.vendor_id, taken.attempt) == ("v1", 2)


async def test_an_edit_is_left_out_once_the_reply_is_recorded(gateway_store: Store) -> None:
    office = Office(gateway_store)
    turn = await begun(office)
    draft = await must_open(office, turn)
    await drafts.note_draft(gateway_store, draft, vendor_id="v1")
    assert await drafts.hold_draft(gateway_store, draft, seconds=60)
    await office.complete(turn, "one", sends=True)
    assert await take(gateway_store) == []
    assert not await drafts.hold_draft(gateway_store, draft, seconds=60)
    assert await drafts.note_draft(gateway_store, draft)
    [delivery] = await take(gateway_store)
    assert delivery.vendor_id == "v1"


async def test_a_crash_before_the_note_holds_the_reply_back_for_the_hold_only(
    gateway_store: Store,
) -> None:
    office = Office(gateway_store)
    turn = await begun(office)
    await must_open(office, turn, hold=0)
    await office.complete(turn, "one", sends=True)
    [delivery] = await take(gateway_store)
    assert (delivery.drafted, delivery.vendor_id) == (True, None)


async def test_what_never_began_is_an_ordinary_reply(gateway_store: Store) -> None:
    office = Office(gateway_store)
    turn = await begun(office)
    draft = await must_open(office, turn, hold=60)
    assert await drafts.note_draft(gateway_store, draft, there=False)
    await office.complete(turn, "one", sends=True)
    [delivery] = await take(gateway_store)
    assert (delivery.text, delivery.drafted) == ("one", False)


async def test_no_draft_overtakes_a_reply_that_is_still_on_its_way(gateway_store: Store) -> None:
    office = Office(gateway_store)
    turn = await begun(office)
    await office.complete(turn, "first", sends=True)
    await office.write("and?")
    second = await office.must_claim()
    assert await open_draft(office, second) is None
    [delivery] = await take(gateway_store)
    assert await open_draft(office, second) is None
    await outbox.mark_sent(gateway_store, delivery)
    assert await open_draft(office, second) is not None


async def test_a_stopped_or_human_turn_opens_no_draft(gateway_store: Store) -> None:
    office = Office(gateway_store)
    turn = await begun(office)
    await settle.stop_turn(gateway_store, office.tenant_id, turn.conversation_id, turn.turn_id)
    assert await open_draft(office, turn) is None
    await office.complete(turn, parts=[])
    await office.write("again")
    turn = await office.must_claim()
    await settle.set_mode(
        gateway_store,
        office.tenant_id,
        turn.conversation_id,
        ConversationMode.HUMAN,
        actor="portal:eva",
    )
    assert await open_draft(office, turn) is None


async def test_what_a_human_took_over_says_so_and_its_reply_is_withheld(
    gateway_store: Store,
) -> None:
    office = Office(gateway_store)
    turn = await begun(office)
    draft = await must_open(office, turn)
    await drafts.note_draft(gateway_store, draft, vendor_id="v1")
    place = (gateway_store, office.tenant_id, turn.conversation_id)
    await settle.set_mode(*place, ConversationMode.HUMAN, actor="portal:eva")
    await _complete(office, turn, ("partial",))
    assert await rows(office) == [(0, "Queued", "Stopped."), (1, "Withheld", "partial")]
    [delivery] = await take(gateway_store)
    assert (delivery.vendor_id, delivery.ends_answer) == ("v1", False)


async def test_a_recorded_reply_that_is_partly_shown_is_finished_although_a_human_came(
    gateway_store: Store,
) -> None:
    office = Office(gateway_store)
    turn = await begun(office)
    draft = await must_open(office, turn)
    await drafts.note_draft(gateway_store, draft, vendor_id="v1")
    await office.complete(turn, "one", "two", sends=True)
    place = (gateway_store, office.tenant_id, turn.conversation_id)
    await settle.set_mode(*place, ConversationMode.HUMAN, actor="portal:eva")
    assert await rows(office) == [(0, "Queued", "one"), (1, "Queued", "two")]


async def test_a_stop_without_words_ends_the_draft(gateway_store: Store) -> None:
    office = Office(gateway_store)
    turn = await begun(office)
    await must_open(office, turn)
    await settle.stop_turn(gateway_store, office.tenant_id, turn.conversation_id, turn.turn_id)
    await _complete(office, turn, ())
    assert await rows(office) == [(0, "Queued", "Stopped.")]


async def test_an_unused_draft_of_a_stopped_turn_brings_nobody_a_message(
    gateway_store: Store,
) -> None:
    office = Office(gateway_store)
    turn = await begun(office)
    draft = await must_open(office, turn)
    await drafts.note_draft(gateway_store, draft, there=False)
    await settle.stop_turn(gateway_store, office.tenant_id, turn.conversation_id, turn.turn_id)
    await _complete(office, turn, ())
    assert [row[:2] for row in await rows(office)] == [(0, "Withheld")]
    assert await take(gateway_store) == []


async def test_an_apology_takes_the_place_of_what_was_begun(gateway_store: Store) -> None:
    office = Office(gateway_store)
    turn = await begun(office)
    draft = await must_open(office, turn)
    await drafts.note_draft(gateway_store, draft, vendor_id="v1")
    await settle.fail_turn(
        gateway_store,
        office.tenant_id,
        turn.turn_id,
        turn.attempt,
        turn.turn_token,
        reason="x",
        apology="Sorry.",
        sends=True,
    )
    [delivery] = await take(gateway_store)
    assert (delivery.text, delivery.vendor_id) == ("Sorry.", "v1")
    assert not delivery.ends_answer


async def test_the_sweeper_ends_a_draft_that_nobody_works_on(gateway_store: Store) -> None:
    office = Office(gateway_store)
    turn = await begun(office)
    await must_open(office, turn)
    await office.run(
        "UPDATE konstruct.dispatch SET opened_at = now() - interval '2 h' WHERE turn_id = $1",
        turn.turn_id,
    )
    await office.sweep(sends=lambda _tenant, _connection: True)
    assert await rows(office) == [(0, "Queued", "Sorry.")]


async def _complete(office: Office, turn: ClaimedTurn, words: tuple[str, ...]) -> None:
    await settle.complete_turn(
        office.store,
        office.tenant_id,
        turn.turn_id,
        turn.attempt,
        turn.turn_token,
        [ReplyPart(part=number, text=text) for number, text in enumerate(words)],
        sends=True,
        unfinished="Stopped.",
    )
