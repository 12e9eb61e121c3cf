"""`access`: strangers, guests and lists; a refusal is said once, and nothing is lost meanwhile."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from support.far_slack import FarSlack, direct, mention
from support.far_slack_people import People
from support.gateways import SampleTenant, running_gateway
from support.postgres import Database
from support.slack_house import SlackHouse, slack_house
from support.waiting import until

pytestmark = pytest.mark.postgres

REFUSAL = "I am sorry, I may not answer you here."
STRANGERS = {"access": {"policy": "Everyone", "guests": "Allowed", "strangers": "Denied"}}
GUESTS = {"access": {"policy": "Everyone", "guests": "Denied", "strangers": "Allowed"}}


def stranger(event: dict[str, Any]) -> dict[str, Any]:
    """Return the event as somebody of another company causes it."""
    return {**event, "user": "U0NOAH", "user_team": "T0PARTNER", "source_team": "T0PARTNER"}


def far_with(**people: dict[str, Any]) -> FarSlack:
    return FarSlack(seconds_per_message=0.0, people=People(known=people))


async def until_ignored(house: SlackHouse, expected: dict[str, int]) -> None:
    async with asyncio.timeout(20):
        while await house.ignored() != expected:  # noqa: ASYNC110 - no event announces it
            await asyncio.sleep(0.05)


async def test_a_stranger_is_told_once_and_others_are_answered(
    database: Database, tenant: SampleTenant
) -> None:
    async with slack_house(database, tenant, connection=STRANGERS, shared_channel=True) as house:
        for number in range(3):
            for one in mention(f"hi {number}", ts=f"1767225700.00000{number}"):
                await house.caller.deliver(stranger(one), f"Ev{number}{one['type']}")
        for one in mention("hello", ts="1767225701.000000"):
            event = {**one, "user_team": "T0ACME", "source_team": "T0ACME"}
            await house.caller.deliver(event, f"EvOwn{one['type']}")
        texts = await house.settled(2)
        assert [one[: len(REFUSAL)] for one in texts if "sorry" in one] == [REFUSAL]
        assert "You said: hello" in texts
        assert len(texts) == 2
        assert await house.ignored() == {"stranger": 6}
        assert [one.thread_ts for one in house.far.ledger if "sorry" in one.text] == [
            "1767225700.000000"
        ]


async def test_a_refusal_makes_no_thread_the_agents(
    database: Database, tenant: SampleTenant
) -> None:
    async with slack_house(database, tenant, connection=STRANGERS, shared_channel=True) as house:
        root = "1767225700.000000"
        for one in mention("hi", ts=root):
            await house.caller.deliver(stranger(one), f"Ev{one['type']}")
        await house.settled(1)
        talk = {**mention("x", ts="1767225701.000000")[0], "text": "shall we?", "thread_ts": root}
        await house.caller.deliver({**talk, "user_team": "T0ACME"}, "EvTalk")
        assert len(await house.settled(1)) == 1
        assert (await house.ignored())["not_addressed"] == 1


async def test_what_is_not_said_to_the_agent_is_refused_in_silence(
    database: Database, tenant: SampleTenant
) -> None:
    connection = {**STRANGERS, "reply_when": "Always"}
    async with slack_house(database, tenant, connection=connection, shared_channel=True) as house:
        talk = {**mention("x", ts="1767225701.000000")[0], "text": "lunch?"}
        await house.caller.deliver(stranger(talk), "EvTalk")
        await until_ignored(house, {"stranger": 1})
        assert await house.settled(0) == []


async def test_two_replicas_tell_a_person_once(database: Database, tenant: SampleTenant) -> None:
    connection = {"access": {"policy": "Listed", "allowed": ["U0ANA"]}}
    async with (
        slack_house(database, tenant, connection=connection) as house,
        house.second_gateway() as second,
    ):
        other = replace(house.caller, url=f"{second.url}/hooks/slack/{tenant.name}/team")
        events = [direct(f"{n}", ts=f"1767225600.{n:06d}") for n in range(8)]
        await asyncio.gather(
            *(
                caller.deliver(event, f"Ev{number}")
                for number, event in enumerate(events)
                for caller in (house.caller, other)
            )
        )
        assert [one[: len(REFUSAL)] for one in await house.settled(1)] == [REFUSAL]
        assert await house.ignored() == {"not_listed": 8}


async def test_a_guest_is_told_in_the_language_slack_knows(
    database: Database, tenant: SampleTenant
) -> None:
    far = far_with(U0EVA={"is_restricted": True, "locale": "es-ES"})
    async with slack_house(database, tenant, connection=GUESTS, far=far) as house:
        for number in range(3):
            await house.caller.deliver(direct(f"{number}", ts=f"1.{number:06d}"), f"Ev{number}")
        [said] = await house.settled(1)
        assert said.startswith("Lo siento")
        await until_ignored(house, {"guest": 3})
        assert [method for method, _ in far.calls].count("users.info") == 1
        assert await house.rows("SELECT * FROM konstruct.held_messages") == []


async def test_a_member_waits_for_slack_and_keeps_the_order(
    database: Database, tenant: SampleTenant
) -> None:
    far = far_with(U0EVA={})
    async with slack_house(database, tenant, connection=GUESTS, far=far) as house:
        for number in range(5):
            assert await house.caller.deliver(
                direct(f"{number}", ts=f"1.{number:06d}"), f"E{number}"
            )
        await until(lambda: "4" in "".join(far.texts))
        said = "\n".join(one.removeprefix("You said: ") for one in far.texts)
        assert said.split() == ["0", "1", "2", "3", "4"]
        assert [method for method, _ in far.calls].count("users.info") == 1
        await house.caller.deliver(direct("known now", ts="2.000001"), "EvLater")
        await until(lambda: far.texts[-1] == "You said: known now")


async def test_what_waits_survives_a_replica_and_comes_once(
    database: Database, tenant: SampleTenant
) -> None:
    far = far_with(U0EVA={})
    far.troubles["users.info"].extend(["internal_error"] * 2)
    async with slack_house(
        database, tenant, connection=GUESTS, far=far, poll_seconds=0.05
    ) as house:
        event = direct("who am I?", ts="1.000001")
        await asyncio.gather(*(house.caller.deliver(event, "Ev1") for _ in range(3)))
        await until(lambda: ("users.info", 200) in far.calls)
        held = await house.rows("SELECT person_key FROM konstruct.held_messages")
        assert [row["person_key"] for row in held] == ["U0EVA"]
        key = house.gateway.settings.seal_private_keys.get_secret_value()
        async with running_gateway(
            database.url("gateway"),
            seal_private_keys=key,
            slack_api_url=far.url,
            poll_seconds=0.05,
        ):
            assert await house.settled(1) == ["You said: who am I?"]
        assert await house.rows("SELECT * FROM konstruct.held_messages") == []


async def test_a_missing_scope_is_a_condition_and_lists_still_count(
    database: Database, tenant: SampleTenant
) -> None:
    far = far_with()
    far.workspaces[0].scopes = far.workspaces[0].scopes.replace(",users:read", "")
    access = {"policy": "Everyone", "guests": "Denied", "allowed": ["U0ANA"]}
    async with slack_house(database, tenant, connection={"access": access}, far=far) as house:
        await house.caller.deliver(direct("hello", ts="1.000001"), "Ev1")
        await house.caller.deliver(
            direct("hi", ts="1.000002", user="U0ANA", channel="D0ANA"), "Ev2"
        )
        assert await house.settled(1) == ["You said: hi"]
        await until(lambda: ("users.info", 200) in far.calls)
        async with asyncio.timeout(10):
            while ("team", "Authenticated", "PeopleNotReadable") not in {  # noqa: ASYNC110
                (*key, reason) for key, reason in (await house.reports()).items()
            }:
                await asyncio.sleep(0.05)


async def test_who_is_not_listed_presses_no_buttons_either(
    database: Database, tenant: SampleTenant
) -> None:
    connection = {"access": {"policy": "Listed", "allowed": ["U0ANA"]}}
    async with slack_house(database, tenant, connection=connection) as house:
        for number, event in enumerate(
            (
                {"type": "agent_session_stopped", "channel": "D0EVA", "user": "U0EVA"},
                {"type": "app_home_opened", "channel": "D0EVA", "user": "U0EVA", "tab": "messages"},
            )
        ):
            for _ in range(2):
                assert await house.caller.deliver(event, f"Ev{number}")
        assert await house.ignored() == {"not_listed": 2}
        assert await house.settled(0) == []


@pytest.mark.parametrize("change", ["guests are let in", "the connection is removed"])
async def test_what_waits_is_not_forgotten_when_the_rules_change(
    database: Database, tenant: SampleTenant, change: str
) -> None:
    far = far_with(U0EVA={})
    far.troubles["users.info"].extend(["internal_error"] * 99)
    async with slack_house(database, tenant, connection=GUESTS, far=far) as house:
        await house.caller.deliver(direct("patience", ts="1.000001"), "Ev1")
        await until(lambda: ("users.info", 200) in far.calls)
        if change == "guests are let in":
            [connection] = tenant.over["connections"]
            everyone = connection.model_copy(update={"access": {"policy": "Everyone"}})
            tenant.over["connections"] = (everyone,)
            await tenant.register(house.gateway.internal_url)
            assert await house.settled(1) == ["You said: patience"]
        else:
            tenant.over["connections"] = ()
            await tenant.register(house.gateway.internal_url)
            await until_ignored(house, {"connection_removed": 1})
        async with asyncio.timeout(10):
            while await house.rows("SELECT * FROM konstruct.held_messages"):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
