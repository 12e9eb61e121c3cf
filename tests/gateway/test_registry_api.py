import asyncio
from uuid import uuid4

import httpx
import pytest

from konstruct_registry.wire import Demand, Refusal, RefusalReason, Report, StoredTenants
from konstruct_store import Store
from konstruct_store import registry as stored
from support.chatting import take_ticket
from support.gateways import RunningGateway, SampleTenant, operator, running_gateway
from support.postgres import Database
from support.visitor import visiting

pytestmark = pytest.mark.postgres


async def _session(client: httpx.AsyncClient) -> int:
    answer = await client.post("/internal/registry/sessions")
    assert answer.status_code == 201
    return int(answer.json()["session"])


def _reason(answer: httpx.Response) -> RefusalReason:
    return Refusal.model_validate(answer.json()).reason


async def test_a_gateway_that_knows_nothing_yet_answers_503_and_never_404(
    database: Database, tenant: SampleTenant
) -> None:
    async with running_gateway(database.url("gateway")) as running:
        async with httpx.AsyncClient(base_url=running.url, trust_env=False) as client:
            paths = (
                "/chat/acme/website/ticket",
                "/hooks/slack",
                "/hooks/whatsapp/acme/phone",
                "/hooks/nothing/nobody/nowhere",
            )
            for path in paths:
                answer = await client.post(path)
                assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
                assert answer.json()["error"]["code"] == "unloaded"
            # The operator must reach a gateway that waits for it.
            assert (await client.get("/readyz")).status_code == 200
        headers = {"Authorization": f"Bearer {tenant.token}"}
        async with httpx.AsyncClient(base_url=running.internal_url, trust_env=False) as client:
            answer = await client.post("/internal/work/claims", headers=headers, json={})
            assert answer.status_code == 503
        await tenant.register(running.internal_url)
        async with httpx.AsyncClient(base_url=running.url, trust_env=False) as client:
            answers = [(await client.post(path)) for path in paths]
        assert [answer.status_code for answer in answers] == [200, 404, 404, 404]
        assert answers[1].json()["error"]["code"] == "no_inbound_half"


async def test_a_hook_of_a_connection_that_exists_says_that_its_half_does_not(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    await tenant.register(running.internal_url)
    async with httpx.AsyncClient(base_url=running.url, trust_env=False) as client:
        answer = await client.post("/hooks/webchat/acme/website", content=b"anything")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "no_inbound_half"


async def test_a_stale_leaders_push_is_refused(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    async with operator(running.internal_url) as client:
        old = await _session(client)
        new = await _session(client)
        assert new > old
        refused = await tenant.push(client, old)
        assert (refused.status_code, _reason(refused)) == (409, RefusalReason.STALE_SESSION)
        unknown = await tenant.push(client, new + 5)
        assert (unknown.status_code, _reason(unknown)) == (409, RefusalReason.UNKNOWN_SESSION)
        assert (await tenant.push(client, new, sequence=9)).status_code == 204
        stale = await tenant.push(client, new, sequence=8)
        assert (stale.status_code, _reason(stale)) == (409, RefusalReason.STALE_SEQUENCE)


async def test_a_push_is_in_effect_when_it_is_answered(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    tenant.over["connections"] = (tenant.connection("renamed"),)
    await tenant.register(running.internal_url)
    assert await take_ticket(running.url, "acme/renamed")
    with pytest.raises(httpx.HTTPStatusError):
        await take_ticket(running.url, "acme/website")


async def test_stored_tenants_come_with_their_digests(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    async with operator(running.internal_url) as client:
        answer = await client.get("/internal/registry/tenants")
    [known] = StoredTenants.model_validate(answer.json()).tenants
    assert (known.tenant_id, known.name) == (tenant.tenant_id, "acme")
    assert known.digest == tenant.snapshot().digest()


async def test_a_taken_id_and_an_erased_id_are_refused(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    taker = SampleTenant("globex", tenant_id=tenant.tenant_id)
    async with operator(running.internal_url) as client:
        session = await _session(client)
        taken = await taker.push(client, session, sequence=50)
        assert (taken.status_code, _reason(taken)) == (409, RefusalReason.TENANT_ID_TAKEN)
        tombstone = {
            "session": session,
            "sequence": 60,
            "name": "acme",
            "uid": "uid-acme",
            "onDelete": "Erase",
        }
        path = f"/internal/registry/tenants/{tenant.tenant_id}/tombstone"
        for _ in range(2):
            assert (await client.post(path, json=tombstone)).status_code == 202
        erased = await tenant.push(client, session, sequence=70)
        assert (erased.status_code, _reason(erased)) == (410, RefusalReason.TENANT_ID_ERASED)
    async with httpx.AsyncClient(base_url=running.url, trust_env=False) as client:
        assert (await client.post("/chat/acme/website/ticket")).status_code in {404, 503}


async def test_a_snapshot_of_another_tenant_than_the_address_is_refused(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    async with operator(running.internal_url) as client:
        session = await _session(client)
        answer = await tenant.push(client, session)
        assert answer.status_code == 204
        body = answer.request.content
        headers = {"Content-Type": "application/json"}
        path = f"/internal/registry/tenants/{uuid4()}"
        assert (await client.put(path, content=body, headers=headers)).status_code == 422
        for bad in (b"", b"{", b"[]", b'{"session":0}', b'{"session":1e400}'):
            answer = await client.put(path, content=bad, headers=headers)
            assert answer.status_code == 422


async def test_demand_is_the_whole_list_and_waits_for_a_change(
    running: RunningGateway, tenant: SampleTenant, gateway_store: Store
) -> None:
    tenant.over["idle_after_seconds"] = 0
    await tenant.register(running.internal_url)
    async with operator(running.internal_url) as client:

        async def demand(version: str = "", wait: float = 0) -> Demand:
            query = {"version": version, "waitSeconds": str(wait)}
            answer = await client.get("/internal/registry/demand", params=query)
            return Demand.model_validate(answer.json())

        quiet = await demand()
        assert quiet.awake == ()
        again = await demand(quiet.version, 0.2)
        assert again == quiet
        waiting = asyncio.create_task(demand(quiet.version, 20))
        async with visiting(running.url, "acme/website") as visitor:
            await visitor.say("wake up")
            woken = await asyncio.wait_for(waiting, 5)
        assert woken.awake == (tenant.tenant_id,)
        report = Report(
            tenant_id=tenant.tenant_id,
            digest=tenant.snapshot().digest(),
            kind="ChannelConnection",
            name="website",
            condition="Receiving",
            status="True",
            reason="Delivered",
            message="A message came.",
        )
        waiting = asyncio.create_task(demand(woken.version, 20))
        await asyncio.sleep(0.1)
        await stored.add_report(gateway_store, report)
        learnt = await asyncio.wait_for(waiting, 5)
        assert learnt.reports == (report,)
        assert (await demand("", 0)).reports == (report,)
        assert (await client.get("/internal/registry/demand?waitSeconds=99")).status_code == 422
