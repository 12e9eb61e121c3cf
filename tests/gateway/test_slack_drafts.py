"""A reply that grows in Slack while it is made ends as one message with the recorded text."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from konstruct_messages.turns import ConversationMode
from konstruct_store import settle
from support.far_agent import FarAgentTurn, far_agent, until_stopped
from support.far_slack import FarSlack, direct, mention
from support.far_troubles import Trouble
from support.gateways import SampleTenant
from support.postgres import Database
from support.slack_house import SlackHouse, slack_house
from support.speech import speaking
from support.waiting import until

pytestmark = pytest.mark.postgres
ROOT = "1767225700.000100"


async def ask(house: SlackHouse, text: str = "tell me", *, ts: str = ROOT) -> None:
    """Mention the agent in a channel: its answer has a thread, and can be streamed."""
    for one in mention(text, ts=ts):
        assert await house.caller.deliver(one, f"Ev-{ts}-{one['type']}")


async def settled(house: SlackHouse, *, deliveries: int = 1) -> None:
    """Wait until every delivery has ended."""
    for _ in range(1500):
        rows = await house.rows("SELECT state FROM konstruct.deliveries")
        if len(rows) >= deliveries and {row["state"] for row in rows} <= {"Sent", "Withheld"}:
            return
        await asyncio.sleep(0.02)
    raise TimeoutError(str(await house.rows("SELECT state, reason FROM konstruct.deliveries")))


def methods(far: FarSlack) -> list[str]:
    """Return what was called to show the reply, in order."""
    return [name for name, _ in far.calls if name.startswith("chat.")]


async def test_a_mention_is_answered_by_one_stream_that_grows(
    database: Database, tenant: SampleTenant
) -> None:
    async def script(given: FarAgentTurn) -> str:
        async with speaking(given) as speech:
            speech.say("The first words ")
            await until(lambda: house.far.ledger)
            assert house.far.ledger[0].streaming_state == "in_progress"
            speech.say("and then the others.")
            await until(lambda: "and then the" in house.far.ledger[0].text)
        return "The first words and then the others."

    async with slack_house(database, tenant, script=script) as house:
        await ask(house)
        await settled(house)
        [posted] = house.far.ledger
        assert posted.seen == "The first words and then the others."
        assert posted.history[0] == "The first "  # a word that may go on is not shown yet
        assert posted.streaming_state == "completed"
        assert (posted.thread_ts, posted.username) == (ROOT, "Ana")
        assert posted.recipient == ("U0EVA", "T0ACME")
        assert not posted.edited
        [row] = await house.rows("SELECT vendor_id, drafted FROM konstruct.deliveries")
        assert (row["vendor_id"], row["drafted"]) == (posted.ts, True)
        assert methods(house.far)[0] == "chat.startStream"
        assert "chat.postMessage" not in methods(house.far)


async def test_a_direct_message_is_answered_by_one_message_that_is_edited(
    database: Database, tenant: SampleTenant
) -> None:
    async def script(given: FarAgentTurn) -> str:
        async with speaking(given) as speech:
            speech.say("The first words ")
            await until(lambda: house.far.ledger)
            speech.say("and then the others.")
            await until(lambda: "others" in house.far.ledger[0].text)
        return "Something else."

    async with slack_house(database, tenant, script=script) as house:
        assert await house.caller.deliver(direct("hello", ts=ROOT), "Ev1")
        await settled(house)
        [posted] = house.far.ledger
        assert posted.seen == "Something else."
        assert posted.history == [
            "The first words\n…",
            "The first words and then the others.\n…",
            "Something else.",
        ]
        assert set(methods(house.far)) == {"chat.postMessage", "chat.update"}


async def test_a_quick_answer_is_simply_posted(database: Database, tenant: SampleTenant) -> None:
    async def script(given: FarAgentTurn) -> str:
        async with speaking(given) as speech:
            speech.say("Yes.")
        return "Yes."

    async with slack_house(database, tenant, script=script) as house:
        await ask(house)
        await settled(house)
        assert methods(house.far) == ["chat.postMessage"]
        assert [one.seen for one in house.far.ledger] == ["Yes."]


Meanwhile = Callable[[], Awaitable[None]]
FIRST, REPLY = "The first words of many. ", "The recorded reply."


def answering(
    house: Callable[[], SlackHouse], meanwhile: Meanwhile, *, reply: str = REPLY
) -> Callable[[FarAgentTurn], Awaitable[str]]:
    """Return a script that says its first words, waits until they are seen, and goes on."""

    async def script(given: FarAgentTurn) -> str:
        async with speaking(given) as speech:
            speech.say(FIRST)
            await until(lambda: house().far.ledger)
            await meanwhile()
            speech.say("And what follows. ")
        return reply

    return script


async def nothing() -> None:
    """Let the stream be."""


async def one_message(house: SlackHouse, text: str = REPLY) -> None:
    """Hold that people see exactly one message, which is the reply."""
    await settled(house)
    assert [one.seen for one in house.far.ledger] == [text]
    assert house.far.ledger[0].streaming_state in {"", "completed", "stopped_by_user"}
    assert not house.far.ledger[0].pings


async def test_a_writer_that_dies_in_the_middle_leaves_the_message_to_the_sender(
    database: Database, tenant: SampleTenant
) -> None:
    async def die() -> None:
        await until_noted(house)
        await house.gateway.gateway.parts.drafts.close()

    async with slack_house(database, tenant, script=answering(lambda: house, die)) as house:
        await ask(house)
        await one_message(house)
        assert house.far.ledger[0].history[0].startswith("The first words")


async def test_a_writer_that_dies_before_slacks_answer_leaves_one_message(
    database: Database, tenant: SampleTenant
) -> None:
    far = FarSlack()
    far.troubles["chat.startStream"].append(Trouble.LATE_ANSWER)

    async def die() -> None:
        await house.gateway.gateway.parts.drafts.close()
        [row] = await house.rows("SELECT state, vendor_id FROM konstruct.deliveries")
        assert (row["state"], row["vendor_id"]) == ("Drafting", None)

    async with slack_house(
        database, tenant, far=far, script=answering(lambda: house, die)
    ) as house:
        await ask(house)
        await one_message(house)
        assert ("conversations.replies", 200) in far.calls


@pytest.mark.parametrize("trouble", [Trouble.DROP_ANSWER, Trouble.ERROR_AFTER])
async def test_a_lost_answer_to_the_beginning_is_asked_about(
    database: Database, tenant: SampleTenant, trouble: Trouble
) -> None:
    far = FarSlack()
    far.troubles["chat.startStream"].append(trouble)
    async with slack_house(
        database, tenant, far=far, script=answering(lambda: house, nothing)
    ) as house:
        await ask(house)
        await one_message(house)


async def test_a_beginning_that_never_arrived_is_an_ordinary_reply(
    database: Database, tenant: SampleTenant
) -> None:
    far = FarSlack()
    far.troubles["chat.startStream"].append(Trouble.DROP_REQUEST)

    async def script(given: FarAgentTurn) -> str:
        async with speaking(given) as speech:
            speech.say(FIRST)
            await until(lambda: ("chat.startStream", 0) in far.calls)
        return REPLY

    async with slack_house(database, tenant, far=far, script=script) as house:
        await ask(house)
        await one_message(house)
        assert "chat.postMessage" in methods(far)


@pytest.mark.parametrize("method", ["chat.appendStream", "chat.stopStream", "chat.update"])
@pytest.mark.parametrize("trouble", [Trouble.DROP_ANSWER, Trouble.ERROR_BEFORE])
async def test_a_lost_answer_on_the_way_changes_nothing_in_the_end(
    database: Database, tenant: SampleTenant, method: str, trouble: Trouble
) -> None:
    far = FarSlack()
    far.troubles[method].append(trouble)
    async with slack_house(
        database, tenant, far=far, script=answering(lambda: house, nothing)
    ) as house:
        await ask(house)
        await one_message(house)


async def test_a_stream_that_slack_ended_is_rewritten(
    database: Database, tenant: SampleTenant
) -> None:
    far = FarSlack()
    ahead = [0.0]
    far.messages.clock = lambda: time.monotonic() + ahead[0]

    async def five_minutes_pass() -> None:
        await until_noted(house)
        ahead[0] = 310.0

    async with slack_house(
        database, tenant, far=far, script=answering(lambda: house, five_minutes_pass)
    ) as house:
        await ask(house)
        await one_message(house)


async def test_a_stop_pressed_in_slack_ends_the_stream_and_the_turn(
    database: Database, tenant: SampleTenant
) -> None:
    far = FarSlack()

    async def script(given: FarAgentTurn) -> str:
        async with speaking(given) as speech:
            speech.say(FIRST)
            await until(lambda: far.ledger)
            stream = far.ledger[0]
            far.messages.stop_by_user(stream.ts)
            event = {
                "type": "agent_session_stopped",
                "channel": stream.channel,
                "thread_ts": stream.thread_ts,
                "user": "U0EVA",
                "streaming_message_ts": [stream.ts],
                "event_ts": "1767225999.000100",
            }
            assert await house.caller.deliver(event, "EvStop")
            await until_stopped(given)
        return "The first words."

    async with slack_house(database, tenant, far=far, script=script) as house:
        await ask(house)
        await settled(house, deliveries=2)
        assert [one.seen for one in far.ledger] == ["The first words.", "Stopped."]


async def test_a_workspace_at_its_limits_gets_its_answer_all_the_same(
    database: Database, tenant: SampleTenant
) -> None:
    far = FarSlack()
    far.tiers["chat.appendStream"] = 0
    async with slack_house(
        database, tenant, far=far, script=answering(lambda: house, nothing)
    ) as house:
        await ask(house)
        await one_message(house)


async def test_without_room_for_streams_the_message_is_edited(
    database: Database, tenant: SampleTenant
) -> None:
    far = FarSlack()
    far.tiers["chat.startStream"] = 0
    async with slack_house(
        database, tenant, far=far, script=answering(lambda: house, nothing)
    ) as house:
        await ask(house)
        await one_message(house)
        assert far.limited("chat.startStream") == 1
        assert far.ledger[0].streaming_state == ""


async def test_a_workspace_without_streams_is_asked_once(
    database: Database, tenant: SampleTenant
) -> None:
    far = FarSlack()
    far.workspaces[0].streams = False
    async with slack_house(
        database, tenant, far=far, script=answering(lambda: house, nothing)
    ) as house:
        await ask(house)
        await one_message(house)
        far.ledger.clear()
        await ask(house, ts="1767225800.000100")
        await settled(house, deliveries=2)
        assert [one.seen for one in far.ledger] == [REPLY]
        assert methods(far).count("chat.startStream") == 1


async def test_a_human_who_takes_over_ends_the_stream_and_the_reply_is_withheld(
    database: Database, tenant: SampleTenant
) -> None:
    async def take_over() -> None:
        await until_noted(house)
        [row] = await house.rows("SELECT conversation_id FROM konstruct.conversations")
        parts = house.gateway.gateway.parts
        entry = await settle.set_mode(
            parts.store,
            tenant.tenant_id,
            row["conversation_id"],
            ConversationMode.HUMAN,
            actor="portal:eva",
        )
        assert entry is not None

    async with slack_house(database, tenant, script=answering(lambda: house, take_over)) as house:
        await ask(house)
        await settled(house, deliveries=2)
        assert [one.seen for one in house.far.ledger] == ["Stopped."]
        rows = await house.rows("SELECT text, state FROM konstruct.deliveries ORDER BY part")
        assert [tuple(row) for row in rows] == [("Stopped.", "Sent"), (REPLY, "Withheld")]


async def test_a_turn_that_dies_ends_its_stream_with_the_apology(
    database: Database, tenant: SampleTenant
) -> None:
    async def script(given: FarAgentTurn) -> None:
        async with speaking(given) as speech:
            speech.say(FIRST)
            await until(lambda: house.far.ledger)
        await given.work.fail(given.turn, "out of order")

    async with slack_house(database, tenant, script=script) as house:
        await ask(house)
        await settled(house)
        [posted] = house.far.ledger
        assert posted.seen.startswith("I am sorry")
        assert posted.buttons == []


async def test_another_attempt_on_another_replica_goes_on_with_the_message(
    database: Database, tenant: SampleTenant
) -> None:
    async with (
        slack_house(database, tenant, script=silent, among_replicas=True) as house,
        house.second_gateway(among_replicas=True) as second,
    ):
        await ask(house)
        await until(lambda: house.agent.turns)
        first = FarAgentTurn(house.agent.work, house.agent.turns[0])
        async with speaking(first) as speech:
            speech.say("What the first attempt said. ")
            await until(lambda: house.far.ledger)
            await until_noted(house)
            await house.agent.work.release()
            async with far_agent(second.internal_url, tenant.token, silent, pod="agent-1") as other:
                await until(lambda: len(house.agent.turns) + len(other.turns) == 2)
                taker = other if other.turns else house.agent
                again = FarAgentTurn(taker.work, taker.turns[-1])
                assert again.turn.attempt == 2
                async with speaking(again) as louder:
                    louder.say("What the second attempt says. ")
                    await until(lambda: "second" in house.far.ledger[0].seen)
                    speech.say("A late word of the first. ")
                answer = await taker.work.complete(again.turn, REPLY)
                assert answer.status_code == 200
                await one_message(house)


async def test_a_reply_longer_than_a_message_goes_on_behind_the_draft(
    database: Database, tenant: SampleTenant
) -> None:
    reply = "\n".join(f"line {number} " + "x" * 90 for number in range(100))
    far = FarSlack(seconds_per_message=0.0)
    script = answering(lambda: house, nothing, reply=reply)
    async with slack_house(database, tenant, far=far, script=script) as house:
        await ask(house)
        await settled(house)
        assert len(far.ledger) > 1
        assert "\n".join(one.seen for one in far.ledger) == reply
        assert [bool(one.buttons) for one in far.ledger] == [
            *(False for _ in far.ledger[1:]),
            True,
        ]


async def silent(_given: FarAgentTurn) -> None:
    """Do nothing: the test works on the turn itself."""


async def until_noted(house: SlackHouse) -> None:
    """Wait until the draft's row has Slack's id."""
    for _ in range(500):
        if await house.rows("SELECT 1 FROM konstruct.deliveries WHERE vendor_id IS NOT NULL"):
            return
        await asyncio.sleep(0.02)
    raise TimeoutError
