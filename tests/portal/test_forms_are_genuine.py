"""No form is taken from another site, another session, or without its token."""

import httpx
import pytest
from fastapi.routing import APIRoute

from konstruct_portal.app import PAGES
from support.portal_site import Site, log_in, token_of

_FILLED = {
    "tenant_name": "acme",
    "agent_name": "ana",
    "connection_name": "team",
    "folder": "slack",
    "session_id": "6a9c8f3e-0000-4000-8000-000000000000",
}


def _posts() -> list[str]:
    return [
        route.path.format(**_FILLED)
        for router in PAGES
        for route in router.routes
        if isinstance(route, APIRoute) and "POST" in (route.methods or ())
    ]


async def test_every_post_without_a_token_is_refused(site: Site) -> None:
    visitor = await site.signed_in()
    before = site.resources.items["Agent", "tenant-acme", "ana"]
    addresses = _posts()
    assert len(addresses) >= 9
    for address in addresses:
        answer = await visitor.post(address, data={"display_name": "Eve", "theme": "dark"})
        assert answer.status_code == 403, address
        assert "This form has expired" in answer.text
    assert site.resources.items["Agent", "tenant-acme", "ana"] == before
    assert len(site.records.open_sessions) == 1


async def test_the_token_of_another_session_is_refused(site: Site) -> None:
    mine, other = await site.signed_in(), await site.signed_in()
    token = token_of(await other.get("/profile"))
    answer = await mine.post("/theme", data={"form_token": token, "theme": "dark"})
    assert answer.status_code == 403


async def test_the_token_from_before_the_log_in_is_worth_nothing_after_it(site: Site) -> None:
    await site.user("ana@example.com")
    visitor = site.visitor()
    before = token_of(await visitor.get("/login"))
    await log_in(visitor, "ana@example.com")
    answer = await visitor.post("/theme", data={"form_token": before, "theme": "dark"})
    assert answer.status_code == 403


async def test_a_log_in_form_belongs_to_the_browser_it_was_given_to(site: Site) -> None:
    await site.user("ana@example.com")
    token = token_of(await site.visitor().get("/login"))
    stranger = site.visitor()
    answer = await stranger.post("/login", data={"form_token": token, "email": "ana@example.com"})
    assert answer.status_code == 403


@pytest.mark.parametrize("site_of_origin", ["cross-site", "same-site"])
async def test_a_genuine_token_from_another_site_is_refused(
    site: Site, site_of_origin: str
) -> None:
    visitor = await site.signed_in()
    token = token_of(await visitor.get("/profile"))
    answer = await visitor.post(
        "/theme",
        data={"form_token": token, "theme": "dark"},
        headers={"Sec-Fetch-Site": site_of_origin},
    )
    assert answer.status_code == 403


async def test_a_form_of_absurd_size_is_refused(site: Site) -> None:
    visitor = await site.signed_in()
    token = token_of(await visitor.get("/profile"))
    fields = {f"f{number}": "x" for number in range(400)}
    answer: httpx.Response = await visitor.post("/theme", data={**fields, "form_token": token})
    assert answer.status_code in {400, 403}
    assert answer.headers["content-type"].startswith("text/html")
