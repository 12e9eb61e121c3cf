"""What every answer of a vendor means: how long it is tried, who is held back, who hears of it."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest

from konstruct_channels.errors import (
    ContentRefused,
    CredentialsRefused,
    SendLater,
    SendUnclear,
    VendorNotAsked,
)
from konstruct_gateway.background.delivering import LONGEST_PAUSE_SECONDS, pause_of
from konstruct_gateway.background.holds import Holds
from konstruct_store import Store, outbox
from support.desk import desk_ticket, repair
from support.far_agent import WorkClient, far_agent
from support.gateways import RunningGateway, SampleTenant
from support.postgres import Database
from support.small_channel import SmallChannel, repeat, say, sending, states
from support.waiting import until

pytestmark = pytest.mark.postgres

_A_DAY_AGO = "UPDATE konstruct.deliveries SET tried_since = now() - interval '25 hours'"


async def settled(database: Database, text: str, state: str) -> None:
    """Wait until the delivery of a text is in a state."""
    async with asyncio.timeout(15):
        while (await states(database)).get(text) != state:  # noqa: ASYNC110 - a row has no event
            await asyncio.sleep(0.02)


def test_pauses_grow_to_ten_minutes_and_never_fall_together() -> None:
    assert [pause_of(2.0, tries, 0.5) for tries in (1, 2, 3, 4)] == [2.0, 4.0, 8.0, 16.0]
    assert pause_of(2.0, 500, 0.5) == LONGEST_PAUSE_SECONDS
    assert pause_of(2.0, 1, 0.0) == pytest.approx(1.6)
    assert pause_of(2.0, 1, 1.0) == pytest.approx(2.4)


def test_a_hold_ends_by_itself_and_a_shorter_one_does_not_shorten_it() -> None:
    now = [0.0]
    holds, one, other = Holds(lambda: now[0]), uuid4(), uuid4()
    holds.hold_back(one, 10)
    holds.hold_back(one, 1)
    holds.hold_back(other, 3)
    assert set(holds.held_back()) == {one, other}
    now[0] = 5.0
    assert holds.held_back() == [one]
    now[0] = 11.0
    assert holds.held_back() == []


async def test_what_a_busy_vendor_does_not_take_for_a_day_is_refused_and_operators_see_it(
    database: Database, tenant: SampleTenant, gateway_store: Store
) -> None:
    channel = SmallChannel()
    channel.answers["hello"] = [SendLater("busy", after_seconds=0.05) for _ in range(1000)]
    async with (
        sending(database, tenant, channel) as running,
        far_agent(running.internal_url, tenant.token, repeat),
    ):
        await say(gateway_store, tenant, "hello")
        await until(lambda: len(channel.tries) > 2)
        assert {one.attempt for one in channel.tries} == {1}
        await database.run(_A_DAY_AGO)
        await settled(database, "hello", "Refused")
        await running.gateway.parts.sender.count_backlog()
        figures = running.gateway.parts.metrics.registry
    [row] = await database.run("SELECT cause FROM konstruct.deliveries")
    assert row["cause"] == "GaveUp"
    counted = {
        state: figures.get_sample_value("konstruct_gateway_backlog", {"state": state})
        for state in ("Queued", "Sending", "Refused", "Unknown", "Dead")
    }
    assert counted == {"Queued": 0, "Sending": 0, "Refused": 1, "Unknown": 0, "Dead": 0}


async def test_what_may_have_arrived_is_asked_about_for_a_day_and_then_unknown(
    database: Database, tenant: SampleTenant, gateway_store: Store
) -> None:
    channel = SmallChannel()
    channel.answers["hello"] = [SendUnclear("reset", after_seconds=0.02) for _ in range(1000)]
    async with (
        sending(database, tenant, channel) as running,
        far_agent(running.internal_url, tenant.token, repeat),
    ):
        await say(gateway_store, tenant, "hello")
        await until(lambda: len(channel.tries) > 2)
        assert [(one.attempt, one.in_doubt) for one in channel.tries[:3]] == [
            (1, False),
            (2, True),
            (3, True),
        ]
        await database.run(_A_DAY_AGO)
        await settled(database, "hello", "Unknown")
    assert len(await states(database)) == 1


async def test_a_full_workspace_is_left_alone_until_it_takes_messages_again(
    database: Database, tenant: SampleTenant, gateway_store: Store
) -> None:
    channel = SmallChannel()
    channel.answers["a"] = [SendLater("429", after_seconds=0.8, whole_connection=True)]
    async with (
        sending(database, tenant, channel) as running,
        far_agent(running.internal_url, tenant.token, repeat),
    ):
        await say(gateway_store, tenant, "a", "conversation-a")
        await until(lambda: channel.tries)
        await say(gateway_store, tenant, "b", "conversation-b")
        await until(lambda: len(channel.sent) == 2)
    assert channel.times[1] - channel.times[0] > 0.7
    assert {one.attempt for one in channel.tries} == {1}


async def test_a_person_hears_once_and_in_the_own_language_that_an_answer_is_missing(
    database: Database, tenant: SampleTenant, gateway_store: Store
) -> None:
    word = (
        "Tengo una respuesta, pero no he podido enviarla aquí. Pregunta con otras palabras, por"
        " favor."
    )
    channel = SmallChannel()
    channel.answers["hola"] = [ContentRefused("msg_too_long")]
    channel.answers[word] = [ContentRefused("msg_too_long")]
    async with (
        sending(database, tenant, channel) as running,
        far_agent(running.internal_url, tenant.token, repeat),
    ):
        await say(gateway_store, tenant, "hola", language="es-MX")
        await settled(database, word, "Refused")
        await say(gateway_store, tenant, "adiós", language="es-MX")
        await until(lambda: channel.sent)
    assert [one.text for one in channel.tries] == ["hola", word, "adiós"]


async def test_refused_credentials_are_said_to_operators_and_one_click_sends_all(
    database: Database, tenant: SampleTenant, gateway_store: Store
) -> None:
    channel = SmallChannel()
    texts = [f"text {number}" for number in range(3)]
    for text in texts:
        channel.answers[text] = [CredentialsRefused("token_revoked")]
    async with (
        sending(database, tenant, channel) as running,
        far_agent(running.internal_url, tenant.token, repeat),
    ):
        for text in texts:
            await say(gateway_store, tenant, text, text)
        for text in texts:
            await settled(database, text, "Refused")
        # The token is mended, and two operators click at once.
        tickets = [desk_ticket(tenant, user=user) for user in ("eva", "tom")]
        done = await asyncio.gather(
            *(
                repair(running, ticket, action="send_refused", connection="team")
                for ticket in tickets
            )
        )
        await until(lambda: len(channel.sent) == 3)
        await asyncio.sleep(0.3)
    assert sum(map(len, done)) == 3
    assert sorted(one.text for one in channel.sent) == texts
    assert all(one.in_doubt for one in channel.sent)


async def test_send_again_asks_first_and_then_takes_the_operators_risk_once(
    database: Database, tenant: SampleTenant, gateway_store: Store
) -> None:
    channel = SmallChannel()
    channel.answers["hello"] = [VendorNotAsked("missing_scope") for _ in range(2)]
    async with (
        sending(database, tenant, channel) as running,
        far_agent(running.internal_url, tenant.token, repeat),
    ):
        await say(gateway_store, tenant, "hello")
        await settled(database, "hello", "Unknown")
        [row] = await database.run(
            "SELECT delivery_id, attempt FROM konstruct.deliveries WHERE text = 'hello'",
        )
        seen = [{"id": str(row["delivery_id"]), "attempt": row["attempt"]}]
        ticket = desk_ticket(tenant)
        assert await repair(running, ticket, action="send", deliveries=seen) == [seen[0]["id"]]
        await settled(database, "hello", "Sent")
        assert await repair(running, ticket, action="send", deliveries=seen) == []
    hello = [one.in_doubt for one in channel.tries if one.text == "hello"]
    assert hello == [False, True, False]


async def test_a_dead_turn_is_answered_once_however_many_replay_it(
    database: Database, tenant: SampleTenant, gateway_store: Store
) -> None:
    channel = SmallChannel()
    async with sending(database, tenant, channel) as running:
        await say(gateway_store, tenant, "hola", language="es")
        async with httpx.AsyncClient(base_url=running.internal_url, trust_env=False) as client:
            work = WorkClient(client, tenant.token)
            turn = await work.claimed()
            assert (await work.fail(turn, "No model answered.")).status_code == 200
        await until(lambda: channel.sent)
        ticket = desk_ticket(tenant)
        wishes: list[dict[str, Any]] = [
            {"action": "replay", "turns": [str(turn.turn_id)]},
            {"action": "replay_all"},
            {"action": "replay", "turns": [str(turn.turn_id)]},
        ]
        done = await asyncio.gather(*(repair(running, ticket, **wish) for wish in wishes))
        async with far_agent(running.internal_url, tenant.token, repeat) as agent:
            await until(lambda: len(channel.sent) == 2)
            await asyncio.sleep(0.3)
    assert [one for some in done for one in some] == [str(turn.turn_id)]
    assert len(agent.turns) == 1
    # The apology is in the person's language, not in the agent's.
    assert channel.sent[0].text.startswith("Lo siento")
    assert channel.sent[1].text == "hola"


async def test_strangers_repair_nothing(running: RunningGateway, tenant: SampleTenant) -> None:
    path = "/chat/acme/portal/undelivered"
    async with httpx.AsyncClient(base_url=running.url, trust_env=False) as client:
        assert (await client.post(path, json={"action": "replay_all"})).status_code == 401
        ticket = desk_ticket(tenant, tenant_id=uuid4())
        headers = {"Authorization": f"Bearer {ticket}"}
        answer = await client.post(path, json={"action": "replay_all"}, headers=headers)
        assert answer.status_code == 403
        headers = {"Authorization": f"Bearer {desk_ticket(tenant)}"}
        answer = await client.post(path, json={"action": "burn"}, headers=headers)
        assert answer.status_code == 422


async def test_what_is_being_sent_at_the_end_is_given_back_in_doubt(
    database: Database,
    tenant: SampleTenant,
    gateway_store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("konstruct_gateway.app._DRAIN_SECONDS", 0.2)
    slow = SmallChannel(pause=60.0)
    async with (
        sending(database, tenant, slow) as running,
        far_agent(running.internal_url, tenant.token, repeat),
    ):
        await say(gateway_store, tenant, "hello")
        await until(lambda: slow.tries)
    [row] = await database.run("SELECT state, reason FROM konstruct.deliveries")
    assert tuple(row) == ("Queued", "Interrupted")
    # Nobody waits for a lease: the next replica takes it at once, and asks the vendor.
    [again] = await outbox.claim_deliveries(gateway_store)
    assert (again.text, again.in_doubt) == ("hello", True)
