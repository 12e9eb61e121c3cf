"""Files: said once by their person, waited for before a turn, given up in the end, forgotten."""

import asyncio
from uuid import UUID, uuid4

import pytest

from konstruct_messages.inbound import Attachment, Command
from konstruct_messages.replies import NoticeCode
from konstruct_store import Store, log, media
from konstruct_store.errors import AttachmentRefused, ConversationOfAnother, TurnLost
from konstruct_store.media import Fetch, MediaState
from konstruct_store.people import Answering
from konstruct_store.receive import Received
from support.build import inbound
from support.working import Office

pytestmark = pytest.mark.postgres

PERSON = "visitor:v1"


async def uploaded(office: Office, name: str = "a.png", **over: object) -> UUID:
    media_id = await media.begin_upload(
        office.store,
        office.tenant_id,
        office.connection_id,
        **{"person_key": PERSON, "name": name, **over},  # type: ignore[arg-type]
    )
    await media.mark_stored(
        office.store, office.tenant_id, media_id, media_type="image/png", size=5, sha256="ab"
    )
    return media_id


async def found(office: Office, *ids: UUID, person_key: str = PERSON) -> tuple[Attachment, ...]:
    return tuple(
        await media.find_uploads(
            office.store,
            office.tenant_id,
            office.connection_id,
            person_key=person_key,
            media_ids=ids,
        )
    )


async def send(office: Office, *attachments: Attachment, **over: object) -> Received:
    message = inbound("look", attachments=attachments, **over)
    [received] = await office.write(message, uploads=True, exclusive=True)
    return received


async def vendor(office: Office, *keys: str, **over: object) -> Received:
    files = tuple(Attachment(key=key, name=f"{key}.pdf") for key in keys)
    [received] = await office.write(inbound("look", attachments=files), **over)
    return received


async def fetches(store: Store, count: int) -> list[Fetch]:
    claimed = await media.claim_fetches(store)
    assert len(claimed) == count
    return sorted(claimed, key=lambda one: one.vendor_key)


async def store_it(store: Store, fetch: Fetch) -> media.Released | None:
    return await media.mark_stored(
        store,
        fetch.tenant_id,
        fetch.media_id,
        attempt=fetch.attempt,
        media_type="application/pdf",
        size=3,
        sha256="cd",
        words="three words here",
    )


# --- uploads


async def test_an_upload_is_said_with_what_we_know_of_it(gateway_store: Store) -> None:
    office = Office(gateway_store)
    one = await uploaded(office, "the picture.png")
    received = await send(office, *await found(office, one))
    [entry] = await log.read_log(gateway_store, office.tenant_id, received.conversation_id, after=0)
    assert entry.payload["attachments"] == [
        {
            "key": str(one),
            "name": "the picture.png",
            "media_type": "image/png",
            "size_bytes": 5,
        }
    ]
    turn = await office.must_claim()
    assert [line.attachments[0].key for line in turn.messages] == [str(one)]
    said = await media.said_in(
        gateway_store, office.tenant_id, received.conversation_id, [one, uuid4()]
    )
    assert set(said) == {one}


async def test_the_same_message_again_is_the_same(gateway_store: Store) -> None:
    office = Office(gateway_store)
    attachments = await found(office, await uploaded(office))
    first = await send(office, *attachments, dedupe_keys=("k",))
    again = await send(office, *attachments, dedupe_keys=("k",))
    assert (again.duplicate, again.item_id) == (True, first.item_id)


async def test_an_upload_is_said_once(gateway_store: Store) -> None:
    office = Office(gateway_store)
    attachments = await found(office, await uploaded(office))
    await send(office, *attachments)
    with pytest.raises(AttachmentRefused):
        await send(office, *attachments)
    with pytest.raises(AttachmentRefused):
        await send(office, *attachments, conversation_key="other")
    assert len(await office.run("SELECT FROM konstruct.inbox")) == 1


async def test_nobody_says_what_another_uploaded(gateway_store: Store) -> None:
    office = Office(gateway_store)
    one = await uploaded(office)
    with pytest.raises(AttachmentRefused):
        await found(office, one, person_key="visitor:mallory")
    with pytest.raises(AttachmentRefused):
        await media.find_uploads(
            gateway_store, office.tenant_id, uuid4(), person_key=PERSON, media_ids=[one]
        )
    with pytest.raises(AttachmentRefused):
        await media.find_uploads(
            gateway_store, uuid4(), office.connection_id, person_key=PERSON, media_ids=[one]
        )
    [attachment] = await found(office, one)
    with pytest.raises(AttachmentRefused):
        await send(office, attachment, person_key="visitor:mallory")
    assert await office.run("SELECT FROM konstruct.inbox") == []


async def test_another_persons_conversation_takes_no_files(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await office.write(inbound("mine", person_key="visitor:owner"), exclusive=True)
    with pytest.raises(ConversationOfAnother):
        await send(office, *await found(office, await uploaded(office)))
    assert len(
        await found(office, (await office.run("SELECT media_id FROM konstruct.media"))[0][0])
    )


async def test_an_upload_that_is_not_whole_cannot_be_said(gateway_store: Store) -> None:
    office = Office(gateway_store)
    waiting = await media.begin_upload(
        gateway_store, office.tenant_id, office.connection_id, person_key=PERSON, name="x"
    )
    for ids in ([waiting], [uuid4()]):
        with pytest.raises(AttachmentRefused):
            await found(office, *ids)
    whole = await uploaded(office)
    with pytest.raises(AttachmentRefused):
        await found(office, whole, whole)


# --- files of vendors


async def test_a_turn_waits_for_its_files(gateway_store: Store) -> None:
    office = Office(gateway_store)
    received = await vendor(office, "F1", "F2")
    assert await office.claim() is None
    first, second = await fetches(gateway_store, 2)
    assert (first.vendor_key, first.name, first.attempt) == ("F1", "F1.pdf", 1)
    assert 50 < first.left_seconds <= media.MEDIA_SECONDS
    released = await store_it(gateway_store, first)
    assert released is not None
    assert (released.conversation_id, released.due) == (received.conversation_id, False)
    assert await office.claim() is None
    released = await media.mark_failed(
        gateway_store, office.tenant_id, second.media_id, attempt=1, reason="Refused"
    )
    assert released is not None
    assert released.due
    turn = await office.must_claim()
    keys = [UUID(one.key) for one in turn.messages[0].attachments]
    said = await media.said_in(gateway_store, office.tenant_id, received.conversation_id, keys)
    assert [(said[key].state, said[key].words) for key in keys] == [
        (MediaState.STORED, "three words here"),
        (MediaState.FAILED, ""),
    ]
    assert await media.claim_fetches(gateway_store) == []


async def test_two_that_end_at_once_let_the_turn_go(gateway_store: Store) -> None:
    office = Office(gateway_store)
    for round_number in range(8):
        await vendor(office, f"F{round_number}a", f"F{round_number}b")
        both = await fetches(gateway_store, 2)
        released = await asyncio.gather(*(store_it(gateway_store, one) for one in both))
        assert sorted(one.due for one in released if one) == [False, True]
        await office.complete(await office.must_claim())


async def test_words_beside_a_file_wait_with_it(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await vendor(office, "F1")
    await office.write("what is this?")
    assert await office.claim() is None
    [fetch] = await fetches(gateway_store, 1)
    await store_it(gateway_store, fetch)
    turn = await office.must_claim()
    assert [line.text for line in turn.messages] == ["look", "what is this?"]


async def test_a_file_during_a_turn_belongs_to_the_next(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await office.write("hello")
    turn = await office.must_claim()
    await vendor(office, "F1")
    await office.complete(turn)
    assert await office.claim() is None
    [fetch] = await fetches(gateway_store, 1)
    released = await store_it(gateway_store, fetch)
    assert released is not None
    assert released.due
    assert [line.text for line in (await office.must_claim()).messages] == ["look"]


async def test_a_file_that_comes_during_the_turn_before_it_is_not_waited_for(
    gateway_store: Store,
) -> None:
    office = Office(gateway_store)
    await office.write("hello")
    turn = await office.must_claim()
    await vendor(office, "F1")
    [fetch] = await fetches(gateway_store, 1)
    await store_it(gateway_store, fetch)
    await office.complete(turn)
    assert [line.text for line in (await office.must_claim()).messages] == ["look"]


async def test_a_turn_goes_without_files_that_never_came(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await vendor(office, "F1")
    assert await office.claim() is None
    await office.run(
        "UPDATE konstruct.inbox SET media_until = now() - interval '1 second'"
        " WHERE media_until IS NOT NULL"
    )
    await office.run("UPDATE konstruct.dispatch SET due_at = now() WHERE due_at IS NOT NULL")
    assert [line.text for line in (await office.must_claim()).messages] == ["look"]


async def test_what_waits_is_due_by_itself_in_the_end(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await vendor(office, "F1")
    assert await office.claim() is None
    [row] = await office.run(
        "SELECT extract(EPOCH FROM due_at - now())::float8 AS left, opened_at"
        " FROM konstruct.dispatch"
    )
    assert media.MEDIA_SECONDS - 10 < row["left"] <= media.MEDIA_SECONDS
    assert row["opened_at"] is not None


async def test_gathering_goes_on_while_files_come(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await vendor(office, "F1", gather_milliseconds=60_000)
    [fetch] = await fetches(gateway_store, 1)
    released = await store_it(gateway_store, fetch)
    assert released is not None
    assert not released.due
    assert await office.claim() is None


async def test_a_crashed_fetch_is_tried_again_and_fenced(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await vendor(office, "F1")
    [first] = await fetches(gateway_store, 1)
    assert await media.claim_fetches(gateway_store) == []
    await office.run("UPDATE konstruct.media_dispatch SET due_at = now()")
    [second] = await fetches(gateway_store, 1)
    assert second.attempt == 2
    with pytest.raises(TurnLost):
        await store_it(gateway_store, first)
    await store_it(gateway_store, second)
    with pytest.raises(TurnLost):
        await store_it(gateway_store, second)


async def test_a_failed_try_comes_back_later(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await vendor(office, "F1")
    [fetch] = await fetches(gateway_store, 1)
    await media.try_again(gateway_store, fetch, after_seconds=30)
    assert await media.claim_fetches(gateway_store) == []
    await media.try_again(gateway_store, fetch, after_seconds=0)
    [again] = await fetches(gateway_store, 1)
    assert again.attempt == 2


async def test_a_command_with_a_file_is_obeyed_and_waits_for_nothing(gateway_store: Store) -> None:
    office = Office(gateway_store)
    files = (Attachment(key="F1"),)
    answering = Answering(lambda _: {code: code.value for code in NoticeCode})
    [received] = await office.write(
        inbound("help", command=Command.HELP, attachments=files), answering=answering
    )
    assert received.command is Command.HELP
    [fetch] = await fetches(gateway_store, 1)
    assert await store_it(gateway_store, fetch) is not None
    assert await office.claim() is None


# --- forgetting


async def test_uploads_that_nobody_sent_are_forgotten(gateway_store: Store) -> None:
    office = Office(gateway_store)
    old, said, fresh = [await uploaded(office) for _ in range(3)]
    await send(office, *await found(office, said))
    await office.run(
        "UPDATE konstruct.media SET created_at = now() - interval '25 hours'"
        " WHERE media_id = any($1::uuid [])",
        [old, said],
    )
    assert await media.to_forget(gateway_store, office.tenant_id, days=365) == [old]
    assert await media.forget(gateway_store, office.tenant_id, [old]) == 1
    assert await media.find_media(gateway_store, office.tenant_id, old) is None
    await office.run("UPDATE konstruct.media SET created_at = now() - interval '366 days'")
    assert set(await media.to_forget(gateway_store, office.tenant_id, days=365)) == {said, fresh}
