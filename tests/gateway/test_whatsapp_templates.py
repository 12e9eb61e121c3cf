"""The templates of a connection's account: every page of them, with their state, as it is now."""

import pytest

from konstruct_store import Store, templates
from support.far_graph import FarGraph
from support.gateways import SampleTenant
from support.graph_house import graph_house
from support.postgres import Database

pytestmark = [pytest.mark.postgres, pytest.mark.sockets]


async def test_templates_are_listed_with_their_state(
    database: Database, tenant: SampleTenant, gateway_store: Store
) -> None:
    far = FarGraph(
        templates=[
            {
                "name": f"t{number}",
                "language": "pt_BR",
                "status": state,
                "category": "UTILITY",
                "quality_score": {"score": "GREEN"},
                "components": [{"type": "BODY", "text": f"Words {number}"}],
            }
            for number, state in enumerate(("APPROVED", "PENDING", "PAUSED"))
        ]
    )
    async with graph_house(database, tenant, far=far) as house:
        connection_id = tenant.over["connections"][0].connection_id
        place = (gateway_store, tenant.tenant_id, connection_id)
        parts = house.gateway.gateway.parts

        async def states() -> list[str]:
            return [one.state for one in await templates.of_connection(*place)]

        await parts.template_lists.round()
        assert await states() == ["APPROVED", "PENDING", "PAUSED"]
        [first, *_] = await templates.of_connection(*place)
        assert (first.words, first.category, first.quality) == ("Words 0", "utility", "GREEN")
        del far.templates[1]
        far.templates[1]["status"] = "APPROVED"
        parts.template_lists.every_seconds = 0.0
        parts.template_lists._due.clear()
        await parts.template_lists.round()
        assert await states() == ["APPROVED", "APPROVED"]
