import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import httpx
import pytest

from konstruct_messages.turns import Step, StepKind, StepState
from support.far_agent import FarAgentTurn, WorkClient, far_agent
from support.gateways import RunningGateway, SampleTenant, running_gateway
from support.postgres import Database
from support.visitor import visiting
from support.waiting import until

pytestmark = pytest.mark.postgres


@asynccontextmanager
async def working(
    running: RunningGateway, token: str, *, pod: str = "agent-0"
) -> AsyncIterator[WorkClient]:
    async with httpx.AsyncClient(
        base_url=running.internal_url, timeout=40, trust_env=False
    ) as client:
        yield WorkClient(client, token, pod=pod)


def tool_step(number: int, state: StepState = StepState.DONE, **over: object) -> Step:
    return Step.model_validate(
        {"number": number, "kind": StepKind.TOOL, "state": state, "name": "clock", **over}
    )


async def test_a_stalled_agent_that_wakes_late_changes_nothing(
    database: Database, tenant: SampleTenant
) -> None:
    async with running_gateway(database.url("gateway"), lease_seconds=0.5) as running:
        await tenant.register(running.internal_url)
        async with (
            working(running, tenant.token, pod="stalled") as stalled,
            working(running, tenant.token, pod="awake") as awake,
            visiting(running.url, "acme/website") as visitor,
        ):
            await visitor.say("hello")
            late = await stalled.claimed()
            taken = await awake.claimed(wait=10)
            assert (taken.turn_id, taken.attempt) == (late.turn_id, 2)
            assert taken.messages == late.messages
            for answer in (
                await stalled.step(late, tool_step(0)),
                await stalled.note(late, "working"),
                await stalled.deltas(late, ["late"]),
                await stalled.complete(late, "late"),
                await stalled.fail(late, "late"),
            ):
                assert answer.status_code == 409
                assert answer.json()["error"]["code"] == "TurnLost"
            beat = await stalled.heartbeat(late)
            assert beat.json()["verdicts"] == {str(late.turn_id): "Lost"}
            assert (await awake.complete(taken, "in time")).status_code == 200
            _, reply = await visitor.wait_for("reply")
            assert (await stalled.complete(late, "late")).status_code == 409
            await visitor.say("again")
            await visitor.wait_for("accepted", 2)
    assert reply["text"] == "in time"
    assert visitor.count("reply") == 1
    assert not visitor.of_kind("delta")


async def test_an_expired_lease_that_nobody_took_over_may_still_complete(
    database: Database, tenant: SampleTenant
) -> None:
    async with running_gateway(database.url("gateway"), lease_seconds=0.2) as running:
        await tenant.register(running.internal_url)
        async with (
            working(running, tenant.token) as work,
            visiting(running.url, "acme/website") as visitor,
        ):
            await visitor.say("hello")
            turn = await work.claimed()
            await asyncio.sleep(0.8)
            assert (await work.complete(turn, "slow")).status_code == 200
            assert (await visitor.wait_for("reply"))[1]["text"] == "slow"


async def test_an_agent_killed_in_the_middle_is_resumed_without_doing_a_step_twice(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    done: list[str] = []

    async def script(given: FarAgentTurn) -> str | None:
        known = {step.number for step in given.turn.steps}
        for number in range(3):
            if number not in known:
                done.append(f"step {number}")
                await given.record(number, "clock")
            if number == 1 and given.turn.attempt == 1:
                return None
        return "finished"

    async with visiting(running.url, "acme/website") as visitor:
        async with far_agent(running.internal_url, tenant.token, script):
            await visitor.say("hello")
            await until(lambda: len(done) == 2)
        # The same pod comes back with a new boot id: its old turns are free at once.
        async with far_agent(running.internal_url, tenant.token, script) as again:
            _, reply = await visitor.wait_for("reply", seconds=5)
    assert reply["text"] == "finished"
    assert done == ["step 0", "step 1", "step 2"]
    assert [turn.attempt for turn in again.turns] == [2]
    assert visitor.count("reply") == 1


async def test_repeating_a_request_repeats_its_answer(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    claim_id = uuid4()
    async with (
        working(running, tenant.token) as work,
        visiting(running.url, "acme/website") as visitor,
    ):
        await visitor.say("hello")
        first = await work.claimed(claim_id=claim_id)
        turn = await work.claimed(claim_id=claim_id)
        assert (turn.turn_id, turn.attempt) == (first.turn_id, first.attempt)
        assert (await work.claim()).status_code == 204

        recorded = [
            (await work.step(turn, tool_step(0, result={"try": number}))).json()
            for number in range(2)
        ]
        assert recorded[0] == recorded[1]
        assert recorded[1]["step"]["result"] == {"try": 0}
        assert recorded[1]["verdict"] == "Continue"

        settled = [(await work.complete(turn, "done")).json() for _ in range(2)]
        assert settled[0] == settled[1]
        assert settled[0]["disposition"] == "Answered"
        assert settled[0]["seq"] == 2
        await visitor.wait_for("reply")
    assert visitor.count("reply") == 1


async def test_a_released_turn_goes_to_another_agent_at_once(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    async with (
        working(running, tenant.token, pod="leaving") as leaving,
        working(running, tenant.token, pod="staying") as staying,
        visiting(running.url, "acme/website") as visitor,
    ):
        await visitor.say("hello")
        turn = await leaving.claimed()
        waiting = asyncio.create_task(staying.claimed(wait=10))
        await asyncio.sleep(0.1)
        assert (await leaving.release()).status_code == 204
        taken = await asyncio.wait_for(waiting, 1)
        assert (taken.turn_id, taken.attempt) == (turn.turn_id, 2)
        assert (await staying.heartbeat(taken)).json()["verdicts"][str(turn.turn_id)] == "Continue"


async def test_an_agent_that_gives_up_leaves_one_apology_in_its_language(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    tenant.over["agents"] = (tenant.agent("ana", language="es"),)
    await tenant.register(running.internal_url)
    async with (
        working(running, tenant.token) as work,
        visiting(running.url, "acme/website") as visitor,
    ):
        await visitor.say("hello")
        turn = await work.claimed()
        answers = [(await work.fail(turn, "the model is gone")).json() for _ in range(2)]
        assert answers[0] == answers[1]
        assert answers[0]["disposition"] == "Dead"
        _, notice = await visitor.wait_for("notice")
        await visitor.say("still there?")
        await visitor.wait_for("accepted", 2)
    assert notice["text"].startswith("Lo siento")
    assert visitor.count("notice") == 1


async def test_an_overdue_turn_ends_with_one_apology(
    database: Database, tenant: SampleTenant
) -> None:
    url = database.url("gateway")
    async with running_gateway(url, turn_deadline_seconds=1, sweep_seconds=0.1) as running:
        await tenant.register(running.internal_url)
        async with (
            working(running, tenant.token) as work,
            visiting(running.url, "acme/website") as visitor,
        ):
            await visitor.say("hello")
            turn = await work.claimed()
            _, notice = await visitor.wait_for("notice", seconds=5)
            assert (await work.complete(turn, "too late")).status_code == 409
            await visitor.say("never claimed")
            await visitor.wait_for("notice", 2, seconds=5)
    assert notice["code"] == "Apology"
    assert visitor.count("notice") == 2
    assert not visitor.of_kind("reply")


async def test_requests_that_mean_nothing_get_clean_refusals(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    async with (
        working(running, tenant.token) as work,
        visiting(running.url, "acme/website") as visitor,
    ):
        await visitor.say("hello")
        turn = await work.claimed()
        fence = work.fence(turn)
        wrong = fence | {"Konstruct-Turn-Token": "x" * 43}
        complete = work.path(turn, "complete")
        post, put = work.client.post, work.client.put
        part = {"parts": [{"part": 0, "text": "hi"}]}
        for answer, status in (
            (await post(complete, json=part, headers=wrong), 409),
            (await post(complete, json=part, headers=fence | {"Konstruct-Attempt": "7"}), 409),
            (await post(complete, json=part, headers=fence | {"Konstruct-Attempt": "x"}), 422),
            (await post(complete, json=part, headers={"Authorization": "x"}), 401),
            (await post(complete, json={"parts": []}, headers=fence), 422),
            (await post(complete, json={"parts": "x"}, headers=fence), 422),
            (await post(complete, content=b"{", headers=fence), 422),
            (await post(complete, content=b"x" * 3_000_000, headers=fence), 413),
            (await post(work.path(turn, "notes"), json={"text": ""}, headers=fence), 422),
            (await put(work.path(turn, "steps/1"), json={"number": 2}, headers=fence), 422),
            (await put(work.path(turn, "steps/9999"), json={}, headers=fence), 422),
            (await post("/internal/work/claims", json={}, headers=fence), 422),
            (await post("/internal/work/turns/x/complete", json=part, headers=fence), 422),
            (await post("/internal/work/nothing", json={}, headers=fence), 404),
            (await work.client.get("/internal/work/claims", headers=fence), 405),
        ):
            assert answer.status_code == status, (answer.request.url, answer.text)
            assert set(answer.json()["error"]) == {"code", "message"}
        bad = b'{"attempt":1}\nnot json\n{"attempt":1,"offset":0,"text":"ok"}\n' + b"x" * 100_000
        shown = await post(work.path(turn, "deltas"), content=bad, headers=fence)
        assert shown.status_code == 200
        assert shown.json()["shown"] == 2
        assert (await work.complete(turn, "fine")).status_code == 200
        await visitor.wait_for("reply")
