import hashlib
from uuid import uuid4

import httpx
import pytest

from konstruct_messages.turns import ClaimedTurn, Step, StepKind, StepState
from support.chatting import chatting, opening
from support.far_agent import WorkClient
from support.gateways import REGISTRY_TOKEN, REPLICA_TOKEN, RunningGateway, SampleTenant
from support.visitor import visiting

pytestmark = pytest.mark.postgres

CANARY = "canary-4711"


async def test_a_second_tenant_tries_everything_with_its_own_token_and_sees_nothing(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    stranger = SampleTenant("globex")
    await stranger.register(running.internal_url)
    async with (
        httpx.AsyncClient(base_url=running.internal_url, timeout=40, trust_env=False) as client,
        visiting(running.url, "acme/website") as visitor,
    ):
        owner, thief = WorkClient(client, tenant.token), WorkClient(client, stranger.token)
        await visitor.say(CANARY)
        turn = await owner.claimed()
        answers = await _everything(thief, turn)
        for answer in answers:
            assert CANARY not in answer.text
            assert answer.status_code in {204, 401, 404, 409} or _lost(answer, turn), answer.text
        # Nothing of it had an effect.
        assert (await owner.heartbeat(turn)).json()["verdicts"] == {str(turn.turn_id): "Continue"}
        assert (await owner.complete(turn, "mine")).status_code == 200
        assert (await visitor.wait_for("reply"))[1]["text"] == "mine"
    kinds = [frame["type"] for _, frame in visitor.frames]
    assert kinds == ["accepted", "typing", "reply"]


async def _everything(thief: WorkClient, turn: ClaimedTurn) -> list[httpx.Response]:
    step = Step(number=0, kind=StepKind.TOOL, state=StepState.DONE, name="theft")
    bearer = thief._headers
    registry = "/internal/registry"
    client = thief.client
    return [
        await thief.claim(),
        await thief.heartbeat(turn),
        await thief.release(),
        await thief.step(turn, step),
        await thief.note(turn, "hello from a stranger"),
        await thief.deltas(turn, ["hello from a stranger"]),
        await thief.complete(turn, "stolen"),
        await thief.fail(turn, "stolen"),
        await client.post(f"{registry}/sessions", headers=bearer),
        await client.get(f"{registry}/tenants", headers=bearer),
        await client.get(f"{registry}/demand", headers=bearer),
        await client.put(f"{registry}/tenants/{turn.tenant_id}", headers=bearer, json={}),
        await client.post(
            f"{registry}/tenants/{turn.tenant_id}/tombstone", headers=bearer, json={}
        ),
        await client.post("/internal/replicas/events", headers=bearer, json={"events": []}),
    ]


def _lost(answer: httpx.Response, turn: ClaimedTurn) -> bool:
    """A heartbeat for a foreign turn is answered as for one that never was."""
    return bool(answer.json() == {"verdicts": {str(turn.turn_id): "Lost"}})


async def test_a_credential_opens_its_own_door_only(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    doors = {
        "/internal/work/claims": tenant.token,
        "/internal/registry/sessions": REGISTRY_TOKEN,
        "/internal/replicas/events": REPLICA_TOKEN,
    }
    keys = [*doors.values(), "", "kw_unknown", tenant.token + "x", "é".encode().decode("latin-1")]
    async with httpx.AsyncClient(base_url=running.internal_url, trust_env=False) as client:
        for door, right in doors.items():
            for key in keys:
                headers = [(b"Authorization", f"Bearer {key}".strip().encode("latin-1"))]
                answer = await client.post(door, headers=headers, content=b"{")
                expected = {201, 422} if key == right else {401}
                assert answer.status_code in expected, (door, key, answer.text)
            assert (await client.post(door)).status_code == 401
        for path in ("/internal", "/internal/", "/internal/work", "/internal/other"):
            assert (await client.post(path)).status_code == 404
    async with httpx.AsyncClient(base_url=running.url, trust_env=False) as client:
        for door in doors:
            assert (await client.post(door)).status_code == 404


async def test_rotated_work_tokens_both_work_until_the_old_one_is_dropped(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    old = tenant.snapshot().work_token_hashes
    new_token = f"kw_{tenant.tenant_id}_new"
    new = (hashlib.sha256(new_token.encode()).hexdigest(),)
    async with httpx.AsyncClient(base_url=running.internal_url, trust_env=False) as client:
        for hashes, expected in ((old + new, (204, 204)), (new, (401, 204))):
            tenant.over["work_token_hashes"] = hashes
            await tenant.register(running.internal_url)
            statuses = [
                (await WorkClient(client, token).claim()).status_code
                for token in (tenant.token, new_token)
            ]
            assert tuple(statuses) == expected


async def test_the_same_conversation_name_in_two_tenants_is_two_conversations(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    stranger = SampleTenant("globex")
    await stranger.register(running.internal_url)
    name = f"shared-{uuid4()}"
    first = chatting(running.url, "acme/portal", tenant.portal_ticket(), conversation=name)
    second = chatting(running.url, "globex/portal", stranger.portal_ticket(), conversation=name)
    async with first as one, second as two:
        await one.send({"type": "message", "id": "m-1", "text": CANARY})
        assert (await one.next())["seq"] == 1
        await two.send({"type": "message", "id": "m-1", "text": "mine"})
        assert (await two.next()) == {"type": "accepted", "id": "m-1", "seq": 1}
    async with opening(running.url, "globex/portal") as chat:
        ticket = stranger.portal_ticket()
        await chat.send({"type": "auth", "ticket": ticket, "conversation": name})
        assert (await chat.next())["type"] == "ready"
        assert (await chat.next())["text"] == "mine"
