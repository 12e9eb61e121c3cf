"""By which names a channel knows a person: several, that change, and never another tenant's."""

import asyncio
from uuid import UUID

import asyncpg
import pytest

from konstruct_messages.inbound import Ignored
from konstruct_store import Store, names
from konstruct_store.names import MoveVerdict
from support.build import inbound, tenant_snapshot
from support.working import Office

pytestmark = pytest.mark.postgres

OTHER = UUID("7e7e7e7e-0000-4000-8000-000000000002")


async def recognise(office: Office, *people: tuple[str, ...]) -> list[str]:
    return await names.recognise(office.store, office.tenant_id, office.connection_id, people)


async def move(
    office: Office, former: tuple[str, ...], new: tuple[str, ...], *, key: str = ""
) -> MoveVerdict:
    keys = (key,) if key else ()
    return await names.move(
        office.store,
        office.tenant_id,
        office.connection_id,
        former=former,
        names=new,
        noted=Ignored(reason="name_changed", dedupe_keys=keys),
    )


async def test_whoever_shares_a_name_is_one_person(gateway_store: Store) -> None:
    office = Office(gateway_store)
    assert await recognise(office, ("111",)) == ["111"]
    assert await recognise(office, ("111", "US.1"), ("US.1",)) == ["111", "111"]
    assert await recognise(office, ("US.1",), ("US.2",)) == ["111", "US.2"]
    assert await recognise(office, ("222", "US.2"), ("222",)) == ["US.2", "US.2"]
    # In one call, before anybody knew either.
    assert await recognise(office, ("333",), ("333", "US.3"), ("US.3",)) == ["333"] * 3


async def test_many_at_once_agree(gateway_store: Store) -> None:
    office = Office(gateway_store)
    person = ("111", "US.1")
    found = await asyncio.gather(*(recognise(office, person, ("US.1",)) for _ in range(16)))
    assert {key for keys in found for key in keys} == {"111"}


async def test_names_that_cannot_be_kept_fail_alone(gateway_store: Store) -> None:
    office = Office(gateway_store)
    asked = [(f"{number}", f"US.{number}") for number in range(8)]
    found = await asyncio.gather(
        *(recognise(office, names) for names in asked),
        recognise(office, ("no text\x00of a database",)),
        recognise(office, ("US.7",)),
        return_exceptions=True,
    )
    assert found[:8] == [[one] for one, _ in asked]
    assert isinstance(found[8], asyncpg.DataError)
    assert found[9] == ["7"]


async def test_a_move_keeps_the_conversation_and_frees_the_name(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await recognise(office, ("111", "US.1"))
    [before] = await office.write(inbound("hello", conversation_key="111"))
    assert await move(office, ("111",), ("999", "US.9"), key="k") is MoveVerdict.MOVED
    assert await move(office, ("111",), ("999", "US.9"), key="k") is MoveVerdict.REPEATED
    assert await recognise(office, ("US.1",), ("US.9",), ("999",)) == ["999"] * 3
    [after] = await office.write(inbound("still me", conversation_key="999"))
    assert after.conversation_id == before.conversation_id
    # The number is somebody else's from now on.
    assert await recognise(office, ("111", "US.5")) == ["111"]


async def test_who_is_known_by_another_name_all_along_keeps_it(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await recognise(office, ("US.1",))
    await office.write(inbound("hello", conversation_key="US.1"))
    await recognise(office, ("111", "US.1"))
    assert await move(office, ("111",), ("999",)) is MoveVerdict.MOVED
    assert await recognise(office, ("999",), ("111",)) == ["US.1", "111"]


async def test_a_conversation_without_names_moves_too(gateway_store: Store) -> None:
    office = Office(gateway_store)
    [before] = await office.write(inbound("hello", conversation_key="111"))
    assert await move(office, ("111",), ("999",)) is MoveVerdict.MOVED
    [after] = await office.write(inbound("again", conversation_key="999"))
    assert after.conversation_id == before.conversation_id


async def test_nobody_and_too_late_change_nothing(gateway_store: Store) -> None:
    office = Office(gateway_store)
    assert await move(office, ("111",), ("999",)) is MoveVerdict.NOBODY
    await office.write(inbound("hello", conversation_key="111"))
    await office.write(inbound("hello", conversation_key="999"))
    assert await move(office, ("111",), ("999",)) is MoveVerdict.TAKEN
    rows = await recognise(office, ("111",), ("999",))
    assert rows == ["111", "999"]


async def test_another_tenants_names_say_nothing(gateway_store: Store) -> None:
    office = Office(gateway_store)
    other = Office(gateway_store, tenant_snapshot(tenant_id=OTHER, name="other", uid="uid-2"))
    await recognise(office, ("111", "US.1"))
    await office.write(inbound("hello", conversation_key="111"))
    assert await recognise(other, ("US.1",)) == ["US.1"]
    assert await move(other, ("111",), ("999",)) is MoveVerdict.NOBODY
    assert await recognise(office, ("US.1",)) == ["111"]
