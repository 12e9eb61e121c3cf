"""What cannot mean anything is refused by the direct routes as by the documented ones."""

from typing import Any
from unittest.mock import Mock
from uuid import uuid4

import httpx
import pytest

from konstruct_gateway.edge.apps import work_api
from konstruct_gateway.edge.direct import Direct
from konstruct_gateway.edge.rates import Rates
from konstruct_gateway.work.direct import direct_routes
from konstruct_gateway.work.routes import WorkServices
from support.build import tenant_snapshot

TURN = f"/internal/work/turns/{uuid4()}"
GOOD = {"Konstruct-Attempt": "1", "Konstruct-Turn-Token": "t"}
CLAIM = {"claim_id": str(uuid4()), "boot_id": str(uuid4())}

MALFORMED: list[tuple[str, dict[str, str], Any]] = [
    ("/internal/work/claims", {}, {}),
    ("/internal/work/claims", {}, {**CLAIM, "claim_id": "none"}),
    ("/internal/work/claims", {}, {**CLAIM, "wait_seconds": 31}),
    ("/internal/work/claims", {}, []),
    ("/internal/work/turns/none/complete", GOOD, {"parts": []}),
    (f"{TURN}/complete", {}, {"parts": []}),
    (f"{TURN}/complete", {**GOOD, "Konstruct-Attempt": "0"}, {"parts": []}),
    (f"{TURN}/complete", {**GOOD, "Konstruct-Attempt": "one"}, {"parts": []}),
    (f"{TURN}/complete", {**GOOD, "Konstruct-Attempt": str(2**31)}, {"parts": []}),
    (f"{TURN}/complete", {**GOOD, "Konstruct-Attempt": "9" * 5000}, {"parts": []}),
    (f"{TURN}/complete", {**GOOD, "Konstruct-Turn-Token": "t" * 129}, {"parts": []}),
    (f"{TURN}/complete", GOOD, {"parts": [{"part": -1, "text": "x"}]}),
    (f"{TURN}/complete", GOOD, {}),
    (f"{TURN}/deltas", {**GOOD, "Konstruct-Attempt": ""}, {}),
]


@pytest.mark.parametrize(("path", "headers", "body"), MALFORMED)
async def test_both_ways_refuse_it_alike(path: str, headers: dict[str, str], body: Any) -> None:
    view = Mock()
    view.tenant_of_token.return_value = tenant_snapshot()
    services = Mock(spec=WorkServices, view=view, rate=Rates(per_second=100, burst=100))
    documented = work_api()
    documented.state.work = services
    answers = []
    for app in (documented, Direct(documented, direct_routes(services))):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            answers.append(await client.post(path, headers=headers, json=body))
    assert [answer.status_code for answer in answers] == [422, 422]
    assert [answer.json()["error"]["code"] for answer in answers] == ["invalid", "invalid"]
