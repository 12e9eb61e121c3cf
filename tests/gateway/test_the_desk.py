"""The desk: somebody whom the portal vouches for takes a conversation over and gives it back."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest

from konstruct_store import portal
from support.desk import act, desk_ticket
from support.far_agent import WorkClient, far_agent
from support.gateways import RunningGateway, SampleTenant
from support.visitor import visiting

pytestmark = pytest.mark.postgres

WEBSITE = "acme/website"


async def newest(running: RunningGateway, tenant: SampleTenant) -> UUID:
    rows = await portal.conversations(running.gateway.parts.store, tenant.tenant_id)
    return rows[0].conversation_id


async def test_a_human_takes_over_writes_and_gives_back(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    ticket = desk_ticket(tenant)
    async with (
        far_agent(running.internal_url, tenant.token) as agent,
        visiting(running.url, WEBSITE) as visitor,
    ):
        await visitor.ask("hello")
        conversation = await newest(running, tenant)
        taken = await act(running, conversation, ticket, action="take")
        assert (taken.status_code, taken.json()["mode"]) == (200, "Human")
        await visitor.say("are you there?")
        wish = {"action": "write", "id": "one", "text": "I am Eva."}
        first = await act(running, conversation, ticket, **wish)
        again = await act(running, conversation, ticket, **wish)
        assert first.json() == again.json()
        _, reply = await visitor.wait_for("reply", 2, seconds=5)
        assert (reply["agent"], reply["text"], reply["human"]) == ("Eva", "I am Eva.", True)
        given = await act(running, conversation, ticket, action="return")
        assert given.json()["mode"] == "Agent"
        last = await visitor.ask("thank you")
        assert last["text"] == "You said: thank you"
        assert len(agent.turns) == 2
        assert "are you there?" in [line.text for line in agent.turns[1].window]
        assert visitor.count("reply") == 3


async def test_taking_over_withholds_the_reply_of_a_running_turn(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    async with (
        httpx.AsyncClient(base_url=running.internal_url, trust_env=False) as client,
        visiting(running.url, WEBSITE) as visitor,
    ):
        work = WorkClient(client, tenant.token)
        await visitor.say("hello")
        turn = await work.claimed()
        await act(running, turn.conversation_id, desk_ticket(tenant), action="take")
        verdicts = (await work.heartbeat(turn)).json()["verdicts"]
        assert verdicts == {str(turn.turn_id): "Stop"}
        assert (await work.complete(turn, "too late")).json()["disposition"] == "Silenced"
        assert visitor.count("reply") == 0


async def test_writing_needs_taking_over_first(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    async with (
        far_agent(running.internal_url, tenant.token),
        visiting(running.url, WEBSITE) as visitor,
    ):
        await visitor.ask("hello")
        conversation = await newest(running, tenant)
        wish = {"action": "write", "id": "one", "text": "I am Eva."}
        answer = await act(running, conversation, desk_ticket(tenant), **wish)
        assert answer.status_code == 409
        assert answer.json()["error"]["code"] == "AgentHasConversation"


async def test_another_tenants_portal_user_cannot_take_over(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    stranger = SampleTenant(name="globex")
    await stranger.register(running.internal_url)
    async with (
        far_agent(running.internal_url, tenant.token),
        visiting(running.url, WEBSITE) as visitor,
    ):
        await visitor.ask("hello")
        conversation = await newest(running, tenant)
        theirs = desk_ticket(stranger)
        assert (await act(running, conversation, theirs, action="take")).status_code == 403
        elsewhere = await act(running, conversation, theirs, tenant="globex", action="take")
        assert elsewhere.status_code == 409
        assert (await visitor.ask("still the agent?"))["agent"] == "Ana"


async def test_only_fresh_desk_tickets_count(running: RunningGateway, tenant: SampleTenant) -> None:
    old = desk_ticket(tenant, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    chat = tenant.portal_ticket()
    for ticket in ("forged", old, chat):
        assert (await act(running, uuid4(), ticket, action="take")).status_code == 401
    fresh = desk_ticket(tenant)
    far = await act(running, uuid4(), fresh, origin="https://evil.example", action="take")
    assert far.status_code == 403
    assert (await act(running, uuid4(), fresh, action="dance")).status_code == 422
