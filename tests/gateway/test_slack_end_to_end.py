"""Signed events through real HTTP and a real database: exactly one reply at the far Slack."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from typing import Any

import httpx
import pytest

from support.channel_examples import load_examples
from support.far_slack import FarSlack, direct, mention
from support.far_troubles import Trouble
from support.gateways import SampleTenant
from support.postgres import Database
from support.slack_house import SlackHouse, sealed, slack_house, stamps
from support.waiting import until

pytestmark = pytest.mark.postgres


async def test_a_direct_message_gets_one_answer_with_the_agents_name(
    database: Database, tenant: SampleTenant
) -> None:
    async with slack_house(database, tenant) as house:
        assert await house.caller.deliver(direct("hello", ts="1767225600.000100"), "Ev1")
        assert await house.settled(1) == ["You said: hello"]
        [posted] = house.far.ledger
        assert (posted.channel, posted.thread_ts, posted.username) == ("D0EVA", "", "Ana")
        states = await house.rows("SELECT state, vendor_id FROM konstruct.deliveries")
        assert [(row["state"], row["vendor_id"]) for row in states] == [("Sent", posted.ts)]
        await until(lambda: ("auth.test", 200) in house.far.calls)
        await asyncio.sleep(0.2)
        assert await house.reports() == {
            ("team", "Authenticated"): "TokenAccepted",
            ("team", "Receiving"): "MessagesArrive",
        }


async def test_the_twins_of_a_mention_get_one_answer_in_their_thread(
    database: Database, tenant: SampleTenant
) -> None:
    async with slack_house(database, tenant) as house:
        for number in range(6):
            twins = mention(f"question {number}", ts=f"1767225700.{number:06d}")
            order = list(twins) if number % 2 else list(reversed(twins))
            await asyncio.gather(
                *(house.caller.deliver(one, f"Ev{number}{one['type']}") for one in order)
            )
        assert sorted(await house.settled(6)) == [f"You said: question {n}" for n in range(6)]
        assert {one.thread_ts for one in house.far.ledger} == {
            f"1767225700.{number:06d}" for number in range(6)
        }


async def test_a_thread_goes_on_without_mentions_and_leaves_other_peoples_talk_alone(
    database: Database, tenant: SampleTenant
) -> None:
    async with slack_house(database, tenant) as house:
        root = "1767225700.000100"
        for one in mention("opening hours?", ts=root):
            await house.caller.deliver(one, f"Ev-{one['type']}")
        await house.settled(1)
        talk: dict[str, Any] = {
            "type": "message",
            "channel_type": "channel",
            "channel": "C0GENERAL",
            "user": "U0TOM",
        }
        said = [
            {"text": "and on Sundays?", "thread_ts": root, "ts": "1767225701.000100"},
            {"text": "<@U0EVA> lunch?", "thread_ts": root, "ts": "1767225702.000100"},
            {"text": "lunch?", "ts": "1767225703.000100"},
            {"text": "me too", "thread_ts": "1767225703.000100", "ts": "1767225704.000100"},
        ]
        for number, words in enumerate(said):
            assert await house.caller.deliver({**talk, **words}, f"EvTalk{number}")
        assert await house.settled(2) == ["You said: opening hours?", "You said: and on Sundays?"]
        assert {one.thread_ts for one in house.far.ledger} == {root}
        assert await house.ignored() == {"addressed_to_another": 1, "not_addressed": 2}


async def test_every_recorded_shape_gets_its_one_answer_or_its_one_count(
    database: Database, tenant: SampleTenant
) -> None:
    examples = [
        one
        for one in load_examples()
        if one.spec.folder == "slack"
        and one.content["config"] == {"appId": "A0KONSTRUCT", "teamId": "T0ACME"}
        and one.document is not None
        and "handshake" not in one.content["expect"]
        and "reply_when" not in one.content
    ]
    async with slack_house(database, tenant) as house:
        ignored: dict[str, int] = {}
        for number, example in enumerate(examples):
            body = dict(example.document)
            if "event_id" in body:
                body["event_id"] = f"EvShape{number}"
            raw = example.packed(body)
            raw = raw.replace(b"1767225600.000100", f"17672256{number:02d}.000100".encode())
            raw = raw.replace(b"1767225700.000200", f"17672257{number:02d}.000200".encode())
            raw = raw.replace(b"1767225710.123456", f"1767225710.{number:06d}".encode())
            answer = await house.caller.call(raw, **_retry(example.content["headers"]))
            assert answer.status_code == 200, (example.name, answer.text)
            for reason in _counted(example.content["expect"]):
                ignored[reason] = ignored.get(reason, 0) + 1
        answered = sum(
            1
            for one in examples
            if any(
                not arrived.get("only_if_known")
                for arrived in one.content["expect"].get("arrived", ())
            )
        )
        rows = await house.rows("SELECT count(*) AS n FROM konstruct.inbox")
        ignored["not_addressed"] += 1  # the follow-up in a thread the agent is not in
        assert rows[0]["n"] == answered
        assert await house.ignored() == ignored
        assert (await house.reports())["team", "Authenticated"] in {
            "AppUninstalled",
            "TokenRevoked",
        }


def _counted(expected: dict[str, Any]) -> list[str]:
    """Return what a delivery is counted as that is no message."""
    controls = {
        "opened": "opened",
        "stopped": "stopped",
        "judged": "feedback_unchanged",
        "chosen": "choice_unknown",
    }
    found = [one["reason"] for one in expected.get("ignored", ())]
    return found + [word for kind, word in controls.items() for _ in expected.get(kind, ())]


def _retry(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.startswith("x-slack-retry")}


async def test_a_storm_of_retries_is_one_reply_each(
    database: Database, tenant: SampleTenant
) -> None:
    """A slice of R7: each event 1 to 6 times, at once, in any order."""
    source = random.Random(20260101)
    far = FarSlack(seconds_per_message=0.0)
    async with slack_house(database, tenant, far=far) as house:
        times = stamps()
        events: list[tuple[dict[str, Any], str]] = []
        for number in range(60):
            channel = f"D0PERSON{number:02d}"
            event = direct(f"message {number}", ts=next(times), channel=channel)
            events += [(event, f"EvDirect{number}")] * source.randint(1, 6)
        for number in range(30):
            twins = mention(f"mention {number}", ts=next(times), channel=f"C0ROOM{number:02d}")
            for event in twins:
                events += [(event, f"Ev{event['type']}{number}")] * source.randint(1, 6)
        source.shuffle(events)
        for start in range(0, len(events), 40):
            taken = await asyncio.gather(
                *(house.caller.deliver(*one) for one in events[start : start + 40])
            )
            assert all(taken)
        expected = [f"You said: message {n}" for n in range(60)]
        expected += [f"You said: mention {n}" for n in range(30)]
        assert sorted(await house.settled(90, seconds=60)) == sorted(expected)
        # A retry that is days late is signed anew, and known all the same.
        for one in events[:20]:
            assert await house.caller.deliver(*one)
        assert len(await house.settled(90)) == 90


async def test_the_order_of_a_conversation_is_kept(
    database: Database, tenant: SampleTenant
) -> None:
    async with slack_house(database, tenant) as house:
        times = stamps()
        for number in range(5):
            await house.caller.deliver(direct(str(number), ts=next(times)), f"Ev{number}")
        await until(lambda: "4" in "".join(house.far.texts))
        said = "\n".join(one.removeprefix("You said: ") for one in await house.settled(1))
        assert said.split() == ["0", "1", "2", "3", "4"]


async def test_what_is_too_large_or_names_nothing_is_refused_without_reading(
    database: Database, tenant: SampleTenant
) -> None:
    async with slack_house(database, tenant) as house:
        answer = await house.caller.call(b"x" * 1_100_000)
        assert answer.status_code == 413
        for path in (
            "/hooks/slack/acme/nothing",
            "/hooks/slack/nobody/team",
            "/hooks/whatsapp/acme/team",
        ):
            answer = await house.caller.client.post(house.gateway.url + path, content=b"{}")
            assert answer.status_code == 404, path


async def test_slacks_first_question_is_answered_also_before_the_secret_is_there(
    database: Database, tenant: SampleTenant
) -> None:
    question = b'{"token":"t","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY","type":"url_verification"}'
    async with slack_house(database, tenant) as house:
        answer = await house.caller.call(question)
        assert (answer.status_code, answer.text) == (200, "3eZbrw1aBm2rZgRNFdxV2595E9CY")
        unsigned = await house.caller.client.post(house.caller.url, content=question)
        assert unsigned.status_code == 401
        tenant.over["secrets"] = ()
        await tenant.register(house.gateway.internal_url)
        unsigned = await house.caller.client.post(house.caller.url, content=question)
        assert (unsigned.status_code, unsigned.text) == (200, "3eZbrw1aBm2rZgRNFdxV2595E9CY")
        event = house.caller.envelope(direct("hello", ts="1767225600.000100"), "Ev1")
        assert (await house.caller.call(event)).status_code == 503


async def test_a_lost_answer_of_slack_is_asked_about_and_nothing_comes_twice(
    database: Database, tenant: SampleTenant
) -> None:
    """A slice of R3: every third post has a trouble, before or after Slack has the message."""
    source = random.Random(3)
    far = FarSlack(seconds_per_message=0.0)
    kinds = (
        Trouble.DROP_ANSWER,
        Trouble.ERROR_AFTER,
        Trouble.ERROR_BEFORE,
        Trouble.DROP_REQUEST,
    )
    fine = [""] * 2
    for _ in range(30):
        far.troubles["chat.postMessage"].extend([*fine, source.choice(kinds)])
    async with slack_house(database, tenant, far=far) as house:
        times = stamps()
        for number in range(30):
            event = direct(f"ambiguous {number}", ts=next(times), channel=f"D0AMB{number:02d}")
            assert await house.caller.deliver(event, f"Ev{number}")
        texts = await house.settled(30, seconds=60)
        assert sorted(texts) == sorted(f"You said: ambiguous {n}" for n in range(30))
        await until_sent(house, 30)


async def until_sent(house: SlackHouse, count: int) -> None:
    query = "SELECT state, count(*) AS n FROM konstruct.deliveries GROUP BY state"

    async def sent() -> bool:
        return {row["state"]: row["n"] for row in await house.rows(query)} == {"Sent": count}

    await until_true(sent)


async def until_true(question: Callable[[], Awaitable[bool]]) -> None:
    """Ask the database until it says so."""
    async with asyncio.timeout(20):
        while not await question():  # noqa: ASYNC110 - no event announces it
            await asyncio.sleep(0.05)


async def test_a_revoked_token_becomes_a_condition_and_a_new_one_mends_it(
    database: Database, tenant: SampleTenant
) -> None:
    async with slack_house(database, tenant) as house:
        await house.caller.deliver(direct("one", ts="1767225600.000100"), "Ev1")
        await house.settled(1)
        house.far.workspaces[0].revoked = True
        await house.caller.deliver(direct("two", ts="1767225601.000100"), "Ev2")
        await until_reason(house, "TokenRefused")
        rows = await house.rows("SELECT reason FROM konstruct.deliveries WHERE state = 'Refused'")
        assert [row["reason"] for row in rows] == ["token_revoked"]
        house.far.workspaces[0].revoked = False
        house.far.workspaces[0].token = "xoxb-new"
        await renew(house, "xoxb-new")
        await until_reason(house, "TokenAccepted")
        await house.caller.deliver(direct("three", ts="1767225602.000100"), "Ev3")
        assert await house.settled(2) == ["You said: one", "You said: three"]


async def renew(house: SlackHouse, token: str) -> None:
    """Push the tenant with another bot token, as the operator would after a changed Secret."""
    key = house.gateway.settings.private_keys[0]
    secret = sealed(house.tenant.tenant_id, key, token=token, version=2)
    house.tenant.over["secrets"] = (secret,)
    await house.tenant.register(house.gateway.internal_url)


async def until_reason(house: SlackHouse, reason: str) -> None:
    async def reported() -> bool:
        return (await house.reports()).get(("team", "Authenticated")) == reason

    await until_true(reported)


async def test_nothing_the_model_writes_pings_anybody(
    database: Database, tenant: SampleTenant
) -> None:
    async def shout(_given: Any) -> str:
        return (
            "<!channel> <!here|x> <@U0EVA> <!subteam^S1> [x](!channel) [y](@U0EVA) <@U0EVA|eva>"
            "\n```\n<!everyone>\n```\n| <!here> | b |\n|---|---|\n| `<@U1>` | **<!channel>** |\n"
            "# <!channel>\n- <!here>\n[<!here>](https://example.com)"
        )

    async with slack_house(database, tenant, script=shout) as house:
        await house.caller.deliver(direct("shout", ts="1767225600.000100"), "Ev1")
        await house.settled(1)
        assert not any(one.pings for one in house.far.ledger)
        assert "&lt;!channel&gt;" in house.far.texts[0]


async def test_only_those_who_are_listed_may_write_and_routes_choose_the_agent(
    database: Database, tenant: SampleTenant
) -> None:
    connection = {
        "access": {"policy": "Listed", "allowed": ["U0EVA"]},
        "routes": (
            {"name": "bills", "match": {"textBegins": "Invoice"}, "agentRef": {"name": "bert"}},
        ),
    }
    async with slack_house(database, tenant, connection=connection) as house:
        await house.caller.deliver(direct("hi", ts="1.1", user="U0TOM", channel="D0TOM"), "Ev1")
        await house.caller.deliver(direct("invoice 5", ts="1.2", channel="D0BILL"), "Ev2")
        await house.caller.deliver(direct("hello", ts="1.3"), "Ev3")
        await house.settled(2)
        assert {one.username: one.channel for one in house.far.ledger} == {
            "Bert": "D0BILL",
            "Ana": "D0EVA",
        }
        assert await house.ignored() == {"not_listed": 1}


async def test_two_gateways_receive_the_twins_and_one_reply_leaves(
    database: Database, tenant: SampleTenant
) -> None:
    async with slack_house(database, tenant) as house, house.second_gateway() as second:
        other = replace(house.caller, url=f"{second.url}/hooks/slack/{tenant.name}/team")
        for number in range(10):
            one, two = mention(str(number), ts=f"17.{number:03d}", channel=f"C0TWO{number}")
            await asyncio.gather(
                house.caller.deliver(one, f"EvA{number}"), other.deliver(two, f"EvB{number}")
            )
        assert len(await house.settled(10)) == 10


async def test_a_database_that_is_away_is_a_503_and_the_retry_is_taken(
    database: Database, tenant: SampleTenant
) -> None:
    async with slack_house(database, tenant, max_receiving_per_tenant=1) as house:
        bodies = [
            house.caller.envelope(direct(str(n), ts=f"1.{n:03d}", channel=f"D0B{n:02d}"), f"Ev{n}")
            for n in range(12)
        ]
        answers: list[httpx.Response] = await asyncio.gather(*map(house.caller.call, bodies))
        assert {one.status_code for one in answers} <= {200, 503}
        for body in bodies:
            assert (await house.caller.call(body)).status_code == 200
        assert len(await house.settled(12)) == 12


async def test_a_busy_channel_is_served_at_its_pace_without_asking_slack(
    database: Database, tenant: SampleTenant
) -> None:
    far = FarSlack(burst=1)
    async with slack_house(database, tenant, far=far) as house:
        for number in range(8):
            event = direct(f"{number}", ts=f"1767225600.{number:06d}")
            event["thread_ts"] = f"1767225500.{number:06d}"
            await house.caller.deliver(event, f"Ev{number}")
        assert len(await house.settled(8)) == 8
        times = sorted(one.at for one in far.ledger)
        assert min(after - before for before, after in pairwise(times)) > 0.9
        assert far.limited() == 0
        # Nothing was in doubt: what is only late costs no question.
        signs = {"agents.sessions.setStatus", "assistant.threads.setStatus"}
        assert {one for one, _ in far.calls} - signs == {"auth.test", "chat.postMessage"}


async def test_a_gateway_that_dies_while_slack_answers_leaves_one_message(
    database: Database, tenant: SampleTenant
) -> None:
    """A slice of R2: dead between Slack's acceptance and our recording of it."""
    far = FarSlack(seconds_per_message=0.0)
    far.troubles["chat.postMessage"].append(Trouble.LATE_ANSWER)
    async with slack_house(database, tenant, far=far) as house:
        first = house.gateway.gateway.parts
        await house.caller.deliver(direct("hello", ts="1767225600.000100"), "Ev1")
        await until(lambda: far.ledger)
        for one in first.sender._sending:
            assert one.task is not None
            one.task.cancel()
        # Its lease ends: a minute of the database's clock, without the waiting.
        await house.rows("UPDATE konstruct.delivery_dispatch SET due_at = now() + interval '1 h'")
        async with house.second_gateway(poll_seconds=60.0) as second:
            states = await house.rows("SELECT state FROM konstruct.deliveries")
            assert [row["state"] for row in states] == ["Sending"]
            await house.rows("UPDATE konstruct.delivery_dispatch SET due_at = now()")
            await second.gateway.parts.sender.look()
            await until_sent(house, 1)
        assert far.texts == ["You said: hello"]
        assert ("conversations.history", 200) in far.calls


async def test_a_body_without_a_length_is_counted_and_a_visit_is_no_delivery(
    database: Database, tenant: SampleTenant
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 65_536

    async with slack_house(database, tenant) as house:
        with suppress(httpx.HTTPError):  # the gateway need not read to the end
            answer = await house.caller.client.post(house.caller.url, content=endless())
            assert answer.status_code == 413
        assert (await house.caller.client.get(house.caller.url)).status_code == 401
        assert (await house.caller.client.put(house.caller.url)).status_code == 405
        assert await house.rows("SELECT 1 FROM konstruct.inbox") == []


async def test_a_tenant_that_sleeps_keeps_what_comes_and_answers_later(
    database: Database, tenant: SampleTenant
) -> None:
    async with slack_house(database, tenant) as house:
        tenant.suspended()
        await tenant.register(house.gateway.internal_url)
        assert await house.caller.deliver(direct("kept", ts="1.000001"), "Ev1")
        notice = "Nobody answers here at the moment. Your message was kept."
        assert await house.settled(1) == [notice]
        assert await house.caller.deliver(direct("kept too", ts="1.000002"), "Ev2")
        assert await house.settled(1) == [notice]
        tenant.resumed()
        await tenant.register(house.gateway.internal_url)
        assert await house.settled(2) == [notice, "You said: kept\nkept too"]
