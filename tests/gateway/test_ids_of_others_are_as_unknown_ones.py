"""Ids of another tenant, under this tenant's credential: answered as ids that nobody has.

Every route that takes an id in its address or body is asked twice, with what another tenant really
has and with what nobody has; not one byte may differ but the id. A new route has to be added here.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from starlette.routing import BaseRoute

from konstruct_messages import identity
from konstruct_messages.turns import ClaimedTurn
from support.desk import desk_ticket
from support.far_agent import WorkClient
from support.gateways import REGISTRY_TOKEN, RunningGateway, SampleTenant, running_gateway
from support.postgres import Database
from support.visitor import visiting

pytestmark = pytest.mark.postgres

CANARY = "canary-0815"
NO_IDS_OF_TENANTS = {
    "/healthz",
    "/readyz",
    "/metrics",
    "/hooks/{channel}",
    "/internal/work/claims",
    "/internal/work/releases",
    "/internal/replicas/events",
    "/internal/registry/sessions",
    "/internal/registry/demand",
}
# Who calls these is no tenant: the platform's operator, or whoever was given a signed link or name.
NO_TENANTS_CREDENTIAL = {
    "/internal/registry/tenants",
    "/internal/registry/tenants/{tenant_id}",
    "/internal/registry/tenants/{tenant_id}/tombstone",
    "/internal/doctor/examine",
    "/chat/{tenant}/{connection}/widget.js",
    "/hooks/{channel}/{tenant}/{connection}",
}
TRIED = {
    "/internal/work/heartbeats",
    "/internal/work/turns/{turn_id}/steps/{number}",
    "/internal/work/turns/{turn_id}/deltas",
    "/internal/work/turns/{turn_id}/notes",
    "/internal/work/turns/{turn_id}/files/{number}",
    "/internal/work/turns/{turn_id}/complete",
    "/internal/work/turns/{turn_id}/fail",
    "/chat/files/{tenant:uuid}/{media:uuid}",
    "/chat/{tenant}/portal/conversations/{conversation}",
    "/chat/{tenant}/portal/undelivered",
}
# Their ids are names in the address, and their credentials signed for one tenant: tried below, and
# in test_web_chat_access.py and test_files_in_web_chat.py.
TRIED_BY_TICKET = {
    "/chat/{tenant}/{connection}/ticket",
    "/chat/{tenant}/{connection}/ws",
    "/chat/{tenant}/{connection}/files",
    "/chat/{tenant}/portal/doctor",
}
_VARYING = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

Request = Callable[[UUID], Awaitable[httpx.Response]]


@pytest_asyncio.fixture
async def running(
    database: Database, tenant: SampleTenant, tmp_path: Path
) -> AsyncIterator[RunningGateway]:
    """A gateway that keeps files, so that every route does its work."""
    media = f"file://{tmp_path / 'media'}"
    async with running_gateway(database.url("gateway"), media_url=media) as one:
        await tenant.register(one.internal_url)
        yield one


async def test_no_answer_tells_anothers_id_from_an_unknown_one(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    thief = SampleTenant("globex")
    await thief.register(running.internal_url)
    async with (
        httpx.AsyncClient(base_url=running.internal_url, timeout=40, trust_env=False) as inside,
        httpx.AsyncClient(base_url=running.url, timeout=40, trust_env=False) as outside,
        visiting(running.url, "acme/website") as visitor,
    ):
        owner = WorkClient(inside, tenant.token)
        await visitor.say(CANARY)
        turn = await owner.claimed()
        requests = [
            *((turn.turn_id, one) for one in _with_turn(inside, thief, turn)),
            *((turn.conversation_id, one) for one in _with_conversation(outside, thief)),
            (tenant.tenant_id, _file(outside)),
        ]
        for known, ask in requests:
            foreign, unknown = await ask(known), await ask(uuid4())
            assert CANARY not in foreign.text
            assert foreign.status_code in {200, 403, 404, 409}, (foreign.url, foreign.text)
            assert _seen(foreign) == _seen(unknown), (foreign.request.url, foreign.text)
        # Nothing of it had an effect.
        assert (await owner.heartbeat(turn)).json()["verdicts"] == {str(turn.turn_id): "Continue"}
        assert (await owner.complete(turn, "mine")).status_code == 200
        assert (await visitor.wait_for("reply"))[1]["text"] == "mine"


async def test_a_ticket_of_one_tenant_opens_nothing_of_another(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    thief = SampleTenant("globex")
    await thief.register(running.internal_url)
    bearer = {"Authorization": f"Bearer {desk_ticket(thief)}"}
    chat = {"Authorization": f"Bearer {thief.portal_ticket()}"}
    wish = {"action": "take"}
    async with httpx.AsyncClient(base_url=running.url, timeout=40, trust_env=False) as outside:
        for path, headers, body in (
            (f"/chat/acme/portal/conversations/{uuid4()}", bearer, wish),
            ("/chat/acme/portal/undelivered", bearer, {"action": "replay_all"}),
            ("/chat/acme/portal/doctor", bearer, {}),
            ("/chat/acme/staff/ticket", chat, {}),
            ("/chat/acme/portal/files", chat, {}),
        ):
            answer = await outside.post(path, json=body, headers=headers)
            assert answer.status_code in {401, 403, 404, 415, 422}, (path, answer.text)
            assert str(tenant.tenant_id) not in answer.text


async def test_every_route_is_tried_or_takes_no_ids(running: RunningGateway) -> None:
    paths = {
        one
        for app in (running.gateway.public_app, running.gateway.internal_app)
        for one in _paths(app)
    }
    sorted_out = NO_IDS_OF_TENANTS | NO_TENANTS_CREDENTIAL | TRIED | TRIED_BY_TICKET
    assert paths >= TRIED
    assert paths <= sorted_out, "say here what a new route does with ids of other tenants"


async def test_the_registry_answers_the_operator_alone(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    async with httpx.AsyncClient(base_url=running.internal_url, trust_env=False) as inside:
        for token, status in ((tenant.token, 401), (REGISTRY_TOKEN, 200)):
            headers = {"Authorization": f"Bearer {token}"}
            answer = await inside.get("/internal/registry/tenants", headers=headers)
            assert answer.status_code == status


def _with_turn(inside: httpx.AsyncClient, thief: SampleTenant, turn: ClaimedTurn) -> list[Request]:
    """Return every request about a turn, with the fence that its owner has."""
    hand = WorkClient(inside, thief.token)
    step = {"number": 0, "kind": "Tool", "state": "Done", "name": "theft"}
    about: list[tuple[str, str, Any]] = [
        ("PUT", "steps/0", step),
        ("POST", "notes", {"text": "hello"}),
        ("PUT", "files/1", {"name": "a.txt", "text": "hello"}),
        ("POST", "complete", {"parts": [{"part": 0, "text": "stolen"}]}),
        ("POST", "fail", {"reason": "stolen"}),
    ]

    def asking(method: str, rest: str, body: Any) -> Request:
        async def ask(turn_id: UUID) -> httpx.Response:
            path = f"/internal/work/turns/{turn_id}/{rest}"
            return await inside.request(method, path, json=body, headers=hand.fence(turn))

        return ask

    async def deltas(turn_id: UUID) -> httpx.Response:
        return await hand.deltas(turn.model_copy(update={"turn_id": turn_id}), ["stolen"])

    async def heartbeat(turn_id: UUID) -> httpx.Response:
        return await hand.heartbeat(turn.model_copy(update={"turn_id": turn_id}))

    return [*(asking(*one) for one in about), deltas, heartbeat]


def _with_conversation(outside: httpx.AsyncClient, thief: SampleTenant) -> list[Request]:
    """Return every request about a conversation, a dead turn or a delivery at the thief's desk."""
    headers = {"Authorization": f"Bearer {desk_ticket(thief)}"}

    def desk(wish: dict[str, Any]) -> Request:
        async def ask(conversation: UUID) -> httpx.Response:
            path = f"/chat/globex/portal/conversations/{conversation}"
            return await outside.post(path, json=wish, headers=headers)

        return ask

    def undelivered(action: str) -> Request:
        async def ask(known: UUID) -> httpx.Response:
            wish = {
                "action": action,
                "turns": [str(known)],
                "deliveries": [{"id": str(known), "attempt": 1}],
            }
            path = "/chat/globex/portal/undelivered"
            return await outside.post(path, json=wish, headers=headers)

        return ask

    wishes = ({"action": "take"}, {"action": "return"}, {"action": "write", "id": "1", "text": "x"})
    actions = ("replay", "leave_turns", "send", "leave")
    return [*(desk(one) for one in wishes), *(undelivered(one) for one in actions)]


def _file(outside: httpx.AsyncClient) -> Request:
    """Return the request for a file of a tenant with a link that was not made here."""

    async def ask(tenant_id: UUID) -> httpx.Response:
        media = identity.agent_id(identity.TenantId(UUID(int=1)), "x")
        query = {"expires": "4102444800", "signature": "AAAA"}
        return await outside.get(f"/chat/files/{tenant_id}/{media}", params=query)

    return ask


def _seen(answer: httpx.Response) -> tuple[int, str, dict[str, str]]:
    """Return what the caller sees, without ids and times."""
    headers = {
        name: value
        for name, value in answer.headers.items()
        if name not in {"date", "server-timing", "traceparent"}
    }
    return answer.status_code, _VARYING.sub("ID", answer.text), headers


def _paths(app: Any) -> set[str]:
    """Return the addresses of an app, through whatever is wrapped around it."""
    while not hasattr(app, "routes"):
        app = app._app if hasattr(app, "_app") else app.app
    if isinstance(app, FastAPI):
        return set(app.openapi()["paths"])
    found: list[BaseRoute] = app.routes
    return {str(getattr(one, "path", "")) for one in found}
