"""Every route by every role: denied by default, and a stranger's tenant does not exist."""

from collections.abc import Iterator

import pytest
from fastapi.routing import APIRoute

from konstruct_portal.app import PAGES, make_app
from konstruct_portal.page import PUBLIC
from konstruct_portal.records import Role
from support.portal_fakes import ACME, GLOBEX
from support.portal_site import Site, open_site, token_of

_FILLED = {
    "agent_name": "ana",
    "connection_name": "website",
    "folder": "slack",
    "conversation_id": "6a9c8f3e-0000-4000-8000-000000000000",
    "session_id": "6a9c8f3e-0000-4000-8000-000000000000",
}


def _routes() -> Iterator[tuple[str, str, str]]:
    """Name, method and address (of tenant acme) of every route there is."""
    for router in PAGES:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            path = route.path.format(tenant_name="acme", **_FILLED)
            for method in sorted(route.methods or ()):
                yield route.name, method, path


async def test_the_app_has_pages_health_and_files_and_nothing_else(site: Site) -> None:
    app = make_app(site.portal.services)
    others = [one for one in app.routes if not hasattr(one, "original_router")]
    assert sorted(one.path for one in others) == [  # type: ignore[attr-defined]
        "/healthz",
        "/readyz",
        "/static",
    ]
    assert len(app.routes) - len(others) == len(PAGES)


async def test_there_is_no_route_without_a_guard() -> None:
    async with open_site() as site:
        visitor = site.visitor()
        seen = set()
        for name, method, path in _routes():
            answer = await visitor.request(method, path)
            seen.add(name)
            if name in PUBLIC:
                assert answer.status_code in {200, 403}, name
            else:
                assert answer.status_code == 303, (name, method)
                assert answer.headers["location"].startswith("/login"), name
        assert len(seen) > 20
        assert seen >= PUBLIC


@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.OPERATOR])
async def test_a_strangers_tenant_is_not_there(site: Site, role: Role) -> None:
    visitor = await site.signed_in(role, GLOBEX)
    token = token_of(await visitor.get("/profile"))
    tenant_routes = 0
    for _name, method, path in _routes():
        if "/acme" not in path:
            continue
        tenant_routes += 1
        answer = await visitor.request(method, path, headers={"Konstruct-Form-Token": token})
        unknown = await visitor.request(
            method, path.replace("/acme", "/nobody"), headers={"Konstruct-Form-Token": token}
        )
        assert answer.status_code == 404, (method, path)
        assert answer.text.replace("acme", "nobody") == unknown.text
    assert tenant_routes >= 8
    listed = (await visitor.get("/tenants")).text
    assert "Globex" in listed
    assert "Acme" not in listed


@pytest.mark.parametrize(
    ("role", "expected"), [(Role.ADMIN, 303), (Role.ADMINISTRATOR, 303), (Role.OPERATOR, 403)]
)
async def test_only_administrators_change_an_agent(site: Site, role: Role, expected: int) -> None:
    visitor = await site.signed_in(role, ACME)
    page = await visitor.get("/tenants/acme/agents/ana")
    assert ('type="submit">' in page.text.partition("savebar")[2]) is (expected == 303)
    answer = await visitor.post(
        "/tenants/acme/agents/ana", data={"form_token": token_of(page), "display_name": "Eve"}
    )
    assert answer.status_code == expected
    stored = site.resources.items["Agent", "tenant-acme", "ana"].spec["displayName"]
    assert stored == ("Eve" if expected == 303 else "Ana")


async def test_an_operator_talks_to_the_agents_of_the_own_tenant(site: Site) -> None:
    visitor = await site.signed_in(Role.OPERATOR, ACME)
    page = await visitor.get("/tenants/acme/agents/ana/chat")
    assert page.status_code == 200
    answer = await visitor.post(
        "/tenants/acme/agents/ana/chat/ticket",
        headers={"Konstruct-Form-Token": token_of(page)},
    )
    assert answer.status_code == 200


async def test_one_persons_sessions_are_not_anothers_to_end(site: Site) -> None:
    victim = await site.signed_in(Role.OPERATOR, ACME)
    other = await site.signed_in(Role.OPERATOR, ACME)
    user = next(iter(site.records.users))
    (session,) = await site.records.sessions(user)
    token = token_of(await other.get("/profile"))
    await other.post(f"/profile/sessions/{session.session_id}/close", data={"form_token": token})
    assert (await victim.get("/tenants")).status_code == 200
