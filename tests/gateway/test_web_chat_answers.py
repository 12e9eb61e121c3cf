import pytest

from support.far_agent import far_agent
from support.gateways import SampleTenant, running_gateway
from support.visitor import visiting

pytestmark = pytest.mark.postgres


async def test_a_visitor_is_answered(database) -> None:
    tenant = SampleTenant()
    async with running_gateway(database.url("gateway")) as running:
        await tenant.register(running.internal_url)
        async with (
            far_agent(running.internal_url, tenant.token),
            visiting(running.url, "acme/website") as visitor,
        ):
            reply = await visitor.ask("hello")
            assert reply["text"] == "You said: hello"
            assert reply["agent"] == "Ana"
            print(visitor.frames)
