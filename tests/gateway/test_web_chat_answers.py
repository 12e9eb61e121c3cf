import asyncio
from typing import Any

import httpx
import pytest

from support.chatting import chatting
from support.far_agent import FarAgent, FarAgentTurn, WorkClient, far_agent
from support.gateways import RunningGateway, SampleTenant
from support.visitor import visiting
from support.waiting import until

pytestmark = pytest.mark.postgres


async def test_a_visitor_is_answered(running: RunningGateway, tenant: SampleTenant) -> None:
    async with (
        far_agent(running.internal_url, tenant.token),
        visiting(running.url, "acme/website") as visitor,
    ):
        reply = await visitor.ask("hello")
    assert (reply["text"], reply["agent"], reply["seq"]) == ("You said: hello", "Ana", 2)
    kinds = [frame["type"] for _, frame in visitor.frames]
    assert kinds == ["accepted", "typing", "reply"]
    assert visitor.of_kind("typing")[0]["turn"] == reply["turn"]


async def test_a_message_sent_twice_is_stored_once(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    async with (
        far_agent(running.internal_url, tenant.token) as agent,
        visiting(running.url, "acme/website") as visitor,
    ):
        for _ in range(5):
            await visitor.say("hello", "m-1")
        await visitor.wait_for("accepted", 5)
        await visitor.wait_for("reply")
        await visitor.say("again", "m-2")
        await visitor.wait_for("reply", 2)
    accepted = visitor.of_kind("accepted")
    assert [one["seq"] for one in accepted if one["id"] == "m-1"] == [1] * 5
    said = [line.text for turn in agent.turns for line in turn.messages]
    assert sorted(said) == ["again", "hello"]


async def test_messages_are_answered_in_the_order_of_their_acceptance(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    async with visiting(running.url, "acme/website") as visitor:
        for number in (3, 1, 2):
            await visitor.say(f"text {number}", f"m-{number}")
        await visitor.wait_for("accepted", 3)
        async with far_agent(running.internal_url, tenant.token) as agent:
            await visitor.wait_for("reply")
    assert [one["seq"] for one in visitor.of_kind("accepted")] == [1, 2, 3]
    assert [line.text for line in agent.turns[0].messages] == ["text 3", "text 1", "text 2"]
    assert len(agent.turns) == 1


async def test_what_the_agent_does_is_shown_while_it_works(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    async def script(given: FarAgentTurn) -> str:
        await given.work.note(given.turn, "Looking at the clock")
        answer = await given.work.deltas(given.turn, ["It is ", "ten."])
        assert answer.json() == {"shown": 10, "dropped": 0}
        return "It is ten o'clock."

    async with (
        far_agent(running.internal_url, tenant.token, script),
        visiting(running.url, "acme/website") as visitor,
    ):
        reply = await visitor.ask("what time is it?")
    assert [frame["type"] for _, frame in visitor.frames] == [
        *("accepted", "typing", "step", "delta", "delta", "reply")
    ]
    assert visitor.of_kind("step")[0] == {
        "type": "step",
        "turn": reply["turn"],
        "text": "Looking at the clock",
    }
    assert [(one["offset"], one["text"]) for one in visitor.of_kind("delta")] == [
        *((0, "It is "), (6, "ten."))
    ]


async def test_the_persons_other_tab_hears_what_was_said(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    async with (
        far_agent(running.internal_url, tenant.token),
        visiting(running.url, "acme/website") as first,
        visiting(
            running.url, "acme/website", resume=first.resume, conversation=first.conversation
        ) as second,
    ):
        await first.say("hello", "m-1")
        await first.wait_for("reply")
        await second.wait_for("reply")
    assert second.of_kind("said")[0]["id"] == "m-1"
    assert second.of_kind("said")[0]["text"] == "hello"
    assert not first.of_kind("said")
    assert not second.of_kind("accepted")
    assert first.of_kind("reply") == second.of_kind("reply")


async def test_a_new_socket_gets_what_was_missed_before_anything_new(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    async with far_agent(running.internal_url, tenant.token):
        async with visiting(running.url, "acme/website") as visitor:
            await visitor.ask("one")
            await visitor.say("two", "m-2")
            await visitor.wait_for("accepted", 2)
        known: dict[str, Any] = {"resume": visitor.resume, "conversation": visitor.conversation}
        async with visiting(running.url, "acme/website", **known, after=1) as back:
            await back.wait_for("reply", 2)
            await back.ask("three")
        async with visiting(running.url, "acme/website", **known) as whole:
            await whole.wait_for("reply", 3)
    seen = [frame["seq"] for _, frame in back.frames if frame["type"] in {"reply", "said"}]
    assert seen[:3] == [2, 3, 4]
    assert [frame["seq"] for _, frame in whole.frames] == [1, 2, 3, 4, 5, 6]


async def test_many_sockets_that_come_and_go_miss_nothing_and_see_nothing_twice(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    async with (
        far_agent(running.internal_url, tenant.token),
        visiting(running.url, "acme/website") as speaker,
    ):
        known: dict[str, Any] = {"resume": speaker.resume, "conversation": speaker.conversation}

        async def follow() -> list[int]:
            seen: list[int] = []
            while len(seen) < 24:
                last = seen[-1] if seen else 0
                async with visiting(running.url, "acme/website", **known, after=last) as tab:
                    await asyncio.sleep(0.05)
                frames = [frame for _, frame in tab.frames if "seq" in frame]
                seen += [frame["seq"] for frame in frames]
            return seen

        followers = [asyncio.create_task(follow()) for _ in range(3)]
        for number in range(12):
            await speaker.ask(f"text {number}")
        for seen in await asyncio.gather(*followers):
            assert seen == list(range(1, 25))


async def test_two_agents_on_one_conversation_never_work_at_once(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    at_work: list[Any] = []
    most = 0

    async def script(given: FarAgentTurn) -> str:
        nonlocal most
        at_work.append(given)
        most = max(most, len(at_work))
        await asyncio.sleep(0.03)
        at_work.remove(given)
        return f"You said: {given.text}"

    async with (
        far_agent(running.internal_url, tenant.token, script, pod="agent-0") as one,
        far_agent(running.internal_url, tenant.token, script, pod="agent-1") as two,
        visiting(running.url, "acme/website") as visitor,
    ):
        said = 0
        while said < 20 or not (one.turns and two.turns):  # until both have had a turn
            assert said < 500
            await visitor.say(f"text {said}")
            said += 1
            await asyncio.sleep(0.02)
        await visitor.wait_for("accepted", said)
        await until(lambda: _messages(one) + _messages(two) == said)
        await until(lambda: visitor.count("reply") == len(one.turns) + len(two.turns))
    assert most == 1
    texts = "\n".join(reply["text"] for reply in visitor.of_kind("reply")) + "\n"
    assert [texts.count(f"text {number}\n") for number in range(said)] == [1] * said


async def test_a_person_stops_a_turn(running: RunningGateway, tenant: SampleTenant) -> None:
    async with (
        httpx.AsyncClient(base_url=running.internal_url, trust_env=False) as client,
        visiting(running.url, "acme/website") as visitor,
    ):
        work = WorkClient(client, tenant.token)
        await visitor.say("tell me everything")
        turn = await work.claimed()
        await visitor.wait_for("typing")
        await visitor.send({"type": "stop", "turn": str(turn.turn_id)})
        verdicts: dict[str, str] = {}
        while verdicts.get(str(turn.turn_id)) != "Stop":
            verdicts = (await work.heartbeat(turn)).json()["verdicts"]
            await asyncio.sleep(0.02)
        assert (await work.complete(turn)).status_code == 200
        _, notice = await visitor.wait_for("notice")
    assert (notice["code"], notice["text"]) == ("Stopped", "Stopped.")


async def test_the_portal_talks_to_every_agent(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    async with far_agent(running.internal_url, tenant.token):
        ticket = tenant.portal_ticket("bert")
        async with chatting(running.url, "acme/portal", ticket) as socket:
            assert socket.ready["agent"] == "Bert"
            await socket.send({"type": "message", "id": "m-1", "text": "hello"})
            reply = await socket.until("reply")
    assert reply["agent"] == "Bert"


def _messages(agent: FarAgent) -> int:
    return sum(len(turn.messages) for turn in agent.turns)
