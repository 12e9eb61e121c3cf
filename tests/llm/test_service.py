"""The service over HTTP with a real database: budgets, journal, repeats, keys, refusals."""

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from nacl.public import PrivateKey

from konstruct_messages.turns import StepState, Verdict
from konstruct_registry import seals
from konstruct_registry.snapshot import Budget, Models
from konstruct_store import Store, journal, settle, usage
from support.build import agent_snapshot
from support.far_model import Answer, Call, Failure, FarModel, Hang, Reset
from support.models import (
    Caller,
    far_pool_model,
    known_tenant,
    serving_llm,
    write_pool,
)
from support.postgres import Database
from support.waiting import until
from support.working import Office, publish

pytestmark = pytest.mark.postgres


@pytest.fixture
async def office(gateway_store: Store) -> Office:
    return await opened(gateway_store)


async def opened(store: Store, **over: Any) -> Office:
    office = Office(store, known_tenant(**over))
    await publish(store, office.tenant)
    return office


async def at_work(office: Office, url: str, text: str = "hello") -> Caller:
    await office.write(text)
    return Caller(url, await office.must_claim())


@pytest.fixture
async def url(
    database: Database,
    far: FarModel,
    second: FarModel,
    office: Office,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[str]:
    monkeypatch.setenv("KEY_FAR", far.key)
    monkeypatch.setenv("KEY_SECOND", second.key)
    pool = write_pool(
        tmp_path,
        far_pool_model(far, fallbacks=["second"]),
        far_pool_model(second, "second", inputMicroUSD=0, outputMicroUSD=0),
        {"name": "vectors", "model": "konstruct-demo/embedding", "kind": "Embedding"},
    )
    async with serving_llm(database, models_file=pool) as base:
        yield base


async def spent(office: Office) -> usage.MonthUsage:
    return await usage.month_usage(office.store, office.tenant_id, time_zone="Etc/UTC")


async def test_the_first_calls_of_a_fresh_tenant_are_not_refused(
    database: Database, gateway_store: Store, tmp_path: Path
) -> None:
    pool = write_pool(tmp_path, {"name": "demo", "model": "konstruct-demo/dialogue"})
    async with serving_llm(database, models_file=pool) as base:
        office = await opened(gateway_store)
        caller = await at_work(office, base)
        answers = await asyncio.gather(*(caller.ask("hello") for _ in range(4)))
    assert [answer.status_code for answer in answers] == [200] * 4


async def test_an_answer_is_journalled_and_its_cost_booked(
    url: str, office: Office, far: FarModel
) -> None:
    caller = await at_work(office, url)
    answer = (await caller.ask("hello nonce:a1")).json()
    assert answer["choices"][0]["message"]["content"] == "Echo: hello nonce:a1"
    assert answer["konstruct"] == {"verdict": "Continue"}
    tokens = answer["usage"]
    month = await spent(office)
    assert month.spent_micro_usd == tokens["prompt_tokens"] + 2 * tokens["completion_tokens"]
    assert month.reserved_micro_usd == 0
    steps = await office.run("SELECT * FROM konstruct.steps WHERE tenant_id = $1", office.tenant_id)
    assert [(row["number"], row["state"]) for row in steps] == [(0, StepState.DONE.value)]
    assert far.chats[0].nonce == "a1"


async def test_a_repeat_returns_the_record_without_calling_the_provider(
    url: str, office: Office, far: FarModel
) -> None:
    caller = await at_work(office, url)
    far.script(Answer("First and only.", calls=(Call("time", {"zone": "UTC"}),)))
    whole = (await caller.ask()).json()
    assert (await caller.ask()).json()["choices"] == whole["choices"]
    assert await caller.stream() == "First and only."
    chunks = [event for event in caller.events if event.get("choices")]
    assert chunks[0]["choices"][0]["delta"]["tool_calls"][0]["function"]["name"] == "time"
    assert caller.events[-1] == {"done": True}
    assert len(far.chats) == 1
    assert (await spent(office)).by_model["far"].calls == 1


async def test_words_that_come_faster_than_anybody_reads_come_together(
    url: str, office: Office, far: FarModel
) -> None:
    caller = await at_work(office, url)
    far.script(Answer(text="word " * 200))
    assert await caller.stream("one two three") == "word " * 200
    assert len(caller.events) <= 50


async def test_a_stream_comes_in_pieces_and_ends_after_the_record(
    url: str, office: Office, far: FarModel
) -> None:
    caller = await at_work(office, url)
    far.script(Answer(text="Echo: one two three", token_seconds=0.05))
    assert await caller.stream("one two three") == "Echo: one two three"
    assert len(caller.events) >= 5
    last = caller.events[-2]
    assert last["usage"]["completion_tokens"] > 0
    assert last["konstruct"]["verdict"] == Verdict.CONTINUE
    assert last["choices"][0]["finish_reason"] == "stop"
    recorded = await journal.check_turn(
        office.store,
        office.tenant_id,
        caller.turn.turn_id,
        caller.turn.attempt,
        caller.turn.turn_token,
    )
    assert recorded.verdict is Verdict.CONTINUE


async def test_twenty_repeats_at_once_pay_once(url: str, office: Office, far: FarModel) -> None:
    caller = await at_work(office, url)
    far.script(Answer("slow but one", first_token_seconds=0.3))
    answers = await asyncio.gather(*(caller.ask() for _ in range(20)))
    assert {one.json()["choices"][0]["message"]["content"] for one in answers} == {"slow but one"}
    assert len(far.chats) == 1
    assert (await spent(office)).by_model["far"].calls == 1


@pytest.mark.parametrize("kind", ["tenant", "agent", "person"])
async def test_a_reached_budget_is_refused_before_the_call(
    url: str, far: FarModel, gateway_store: Store, office: Office, kind: str
) -> None:
    budget = Budget(monthly_micro_usd=150)
    roomy = Budget(monthly_micro_usd=10_000, per_person_micro_usd=150)
    cases: dict[str, dict[str, Any]] = {
        "tenant": {"budget": budget},
        "agent": {"agents": (agent_snapshot(budget=budget),)},
        "person": {"budget": roomy},
    }
    limited = await opened(gateway_store, **cases[kind])
    await asyncio.sleep(1.1)
    caller = await at_work(limited, url)
    refused = await caller.ask()
    assert refused.status_code == 402
    assert refused.json()["error"]["code"] == "budget_exceeded"
    assert kind in refused.json()["error"]["message"]
    assert far.chats == []
    allowed = await caller.ask(max_tokens=20)
    assert allowed.status_code == 200, allowed.text


async def test_at_a_reached_budget_a_cheaper_fallback_answers_where_declared(
    url: str, far: FarModel, second: FarModel, gateway_store: Store, office: Office
) -> None:
    budget = Budget(monthly_micro_usd=10, on_limit="UseFallbackModel")
    limited = await opened(gateway_store, budget=budget)
    await asyncio.sleep(1.1)
    answer = await (await at_work(limited, url)).ask()
    assert answer.json()["model"] == "second"
    assert far.chats == []
    assert len(second.chats) == 1


async def test_a_failed_call_gives_its_reservation_back(
    url: str, office: Office, far: FarModel, second: FarModel
) -> None:
    far.rule = second.rule = lambda _body: Failure(500)
    caller = await at_work(office, url)
    failed = await caller.ask()
    assert failed.status_code == 503
    assert int(failed.headers["retry-after"]) >= 1
    assert failed.json()["error"]["code"] == "retry_later"
    month = await spent(office)
    assert (month.spent_micro_usd, month.reserved_micro_usd) == (0, 0)


async def test_a_stream_that_breaks_is_told_paid_for_and_not_journalled(
    url: str, office: Office, far: FarModel
) -> None:
    caller = await at_work(office, url)
    far.script(Reset("some words were made before", words=3))
    assert await caller.stream() == "some words were "
    assert caller.events[-1]["error"]["code"] == "retry_later"
    month = await spent(office)
    assert month.spent_micro_usd > 0
    assert month.reserved_micro_usd == 0
    assert await caller.stream("again") == "Echo: again"


async def test_a_lost_turn_is_refused_and_a_wrong_token_too(
    url: str, office: Office, far: FarModel
) -> None:
    caller = await at_work(office, url)
    await office.let_lease_end(caller.turn)
    later = await office.must_claim()
    assert later.attempt == 2
    lost = await caller.ask()
    assert (lost.status_code, lost.json()["error"]["code"]) == (409, "turn_lost")
    stranger = Caller(url, later, token="kw_somebody_else")
    assert (await stranger.ask()).status_code == 401
    assert far.chats == []
    assert (await Caller(url, later).ask()).status_code == 200


async def test_a_turn_lost_during_the_call_is_booked_but_not_journalled(
    url: str, office: Office, far: FarModel
) -> None:
    caller = await at_work(office, url)
    far.script(Answer("too late", first_token_seconds=0.4))
    asking = asyncio.create_task(caller.ask())
    await until(lambda: far.chats)
    await office.let_lease_end(caller.turn)
    later = await office.must_claim()
    assert (await asking).status_code == 409
    month = await spent(office)
    assert month.spent_micro_usd > 0
    assert month.reserved_micro_usd == 0
    assert later.steps == ()


async def test_a_reader_who_leaves_finds_the_record_when_coming_back(
    url: str, office: Office, far: FarModel
) -> None:
    caller = await at_work(office, url)
    far.script(Answer("one two three four five six", token_seconds=0.1))
    asking = asyncio.create_task(caller.stream())
    await until(lambda: len(caller.events) >= 2)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert await caller.stream() == "one two three four five six"
    assert len(far.chats) == 1


async def test_a_stopped_turn_whose_reader_left_stops_costing(
    url: str, office: Office, far: FarModel
) -> None:
    caller = await at_work(office, url)
    far.script(Answer("word " * 200, token_seconds=0.05))
    asking = asyncio.create_task(caller.stream())
    await until(lambda: len(caller.events) >= 3)
    await settle.stop_turn(
        office.store, office.tenant_id, caller.turn.conversation_id, caller.turn.turn_id
    )
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    async with asyncio.timeout(3):
        while (await spent(office)).spent_micro_usd == 0:  # noqa: ASYNC110 - a row, no event
            await asyncio.sleep(0.05)
    assert not far.chats[0].finished


async def test_a_tenants_own_key_pays_its_own_way(
    database: Database,
    far: FarModel,
    gateway_store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KEY_FAR", "sk-the-platforms")
    key = PrivateKey.generate()
    base = known_tenant()
    sealed = seals.seal(
        {"KEY_FAR": far.key},
        recipient=key.public_key,
        tenant_id=base.tenant_id,
        object_name="Tenant/acme",
        purpose="models",
        secret_uid="u",
        secret_resource_version="1",
    )
    office = await opened(gateway_store, secrets=(sealed,))
    pool = write_pool(tmp_path, far_pool_model(far))
    encoded = base64.b64encode(bytes(key)).decode()
    async with serving_llm(database, models_file=pool, seal_private_keys=encoded) as url:
        assert (await (await at_work(office, url)).ask()).status_code == 200
    assert far.chats[0].authorised
    async with serving_llm(database, models_file=pool) as url:
        caller = Caller(url, await at_next(office))
        refused = await caller.ask()
    assert refused.status_code == 503
    assert len(far.chats) == 1


async def at_next(office: Office) -> Any:
    await office.write(*[])
    await office.run(
        "UPDATE konstruct.dispatch SET lease_until = now() WHERE tenant_id = $1", office.tenant_id
    )
    await office.run(
        "UPDATE konstruct.dispatch SET due_at = now() - interval '1 s' WHERE tenant_id = $1",
        office.tenant_id,
    )
    return await office.must_claim()


async def test_models_and_vectors(url: str, office: Office) -> None:
    caller = await at_work(office, url)
    async with httpx.AsyncClient(base_url=url, headers=caller.headers()) as http:
        listed = (await http.get("/v1/models")).json()
        found = (await http.post("/v1/embeddings", json={"input": ["a", "b"]})).json()
        none = await http.post("/v1/embeddings", json={"input": []})
    assert [one["id"] for one in listed["data"]] == ["far", "vectors"]
    assert [len(one["embedding"]) for one in found["data"]] == [384, 384]
    assert none.status_code == 400


async def test_an_undeclared_model_is_not_found(url: str, office: Office) -> None:
    caller = await at_work(office, url)
    refused = await caller.ask(model="second")
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "model_not_found")


async def test_a_declared_model_is_used(
    url: str, gateway_store: Store, second: FarModel, office: Office
) -> None:
    declared = await opened(gateway_store, models=Models(default="second"))
    await asyncio.sleep(1.1)
    assert (await (await at_work(declared, url)).ask()).json()["model"] == "second"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"messages": []}, 400),
        ({"messages": "hello"}, 400),
        ({}, 400),
        ({"messages": [{"role": "user", "content": "x" * 5_000_000}]}, 413),
    ],
)
async def test_malformed_requests_are_refused_cleanly(
    url: str, office: Office, body: dict[str, Any], status: int
) -> None:
    caller = await at_work(office, url)
    async with httpx.AsyncClient(base_url=url, headers=caller.headers()) as http:
        answer = await http.post("/v1/chat/completions", json=body)
        assert answer.status_code == status
        assert "xxxx" not in answer.text
        assert (await http.get("/healthz")).status_code == 200
        assert (await http.get("/readyz")).status_code == 200
        counted = (await http.get("/metrics")).text
    assert "konstruct_llm_calls_total" in counted


async def test_without_turn_headers_nothing_is_called(url: str, office: Office) -> None:
    caller = await at_work(office, url)
    body = {"messages": [{"role": "user", "content": "hi"}]}
    headers = {"Authorization": caller.headers()["Authorization"]}
    async with httpx.AsyncClient(base_url=url, headers=headers) as http:
        assert (await http.post("/v1/chat/completions", json=body)).status_code == 400


async def test_the_service_is_ready_before_litellm_is_imported(
    database: Database, office: Office
) -> None:
    async with serving_llm(database) as url, httpx.AsyncClient(base_url=url) as http:
        assert (await http.get("/healthz")).status_code == 200
        for _ in range(50):
            if (await http.get("/readyz")).status_code == 200:
                break
            await asyncio.sleep(0.02)
        assert (await http.get("/readyz")).status_code == 200
        caller = await at_work(office, url)
        assert (
            "demo model" in (await caller.ask("hello")).json()["choices"][0]["message"]["content"]
        )


async def test_a_hung_provider_costs_at_most_the_deadline(
    database: Database,
    far: FarModel,
    office: Office,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KEY_FAR", far.key)
    far.rule = lambda _body: Hang()
    pool = write_pool(tmp_path, far_pool_model(far))
    async with serving_llm(database, models_file=pool, call_deadline_seconds=1) as url:
        caller = await at_work(office, url)
        async with asyncio.timeout(15):
            assert (await caller.ask()).status_code == 503


async def test_a_huge_answer_is_cut_where_the_journal_ends(
    url: str, office: Office, far: FarModel
) -> None:
    caller = await at_work(office, url)
    far.script(Answer(f"{'x' * 4_000} " * 100))
    answer = (await caller.ask()).json()
    assert answer["choices"][0]["finish_reason"] == "length"
    size = len(answer["choices"][0]["message"]["content"])
    assert 190_000 < size < 256 * 1024
    assert (await caller.ask()).json()["choices"] == answer["choices"]


async def test_an_answer_that_trickles_for_ever_ends_at_the_deadline(
    database: Database,
    far: FarModel,
    office: Office,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KEY_FAR", far.key)
    far.rule = lambda _body: Answer("word and " * 500, token_seconds=0.2)
    pool = write_pool(tmp_path, far_pool_model(far))
    async with serving_llm(database, models_file=pool, call_deadline_seconds=2) as url:
        caller = await at_work(office, url)
        async with asyncio.timeout(20):
            await caller.stream()
    assert caller.events[-1]["error"]["code"] == "retry_later"
    month = await spent(office)
    assert month.spent_micro_usd > 0
    assert month.reserved_micro_usd == 0


async def test_provider_texts_and_prompts_stay_out_of_the_logs(
    url: str, office: Office, far: FarModel, second: FarModel, capfd: pytest.CaptureFixture[str]
) -> None:
    secret = "canary-7261"
    far.rule = second.rule = lambda _body: Failure(500, message=f"you said {secret}")
    caller = await at_work(office, url)
    answer = await caller.ask(f"my {secret}")
    assert answer.status_code == 503
    written = capfd.readouterr()
    assert secret not in answer.text + written.out + written.err
    assert far.key not in written.out + written.err
