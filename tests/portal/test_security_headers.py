"""Every answer carries the policy: pages, failures, files and programs' answers alike."""

from collections.abc import AsyncIterator

import pytest

from konstruct_portal.security import LARGEST_BODY
from support.portal_site import Site, log_in, open_site, submit

_EVERYWHERE = (
    "/login",
    "/healthz",
    "/nothing-here",
    "/static/portal.css",
    "/static/none",
    "/tenants",
)


@pytest.mark.parametrize("address", _EVERYWHERE)
async def test_every_answer_has_the_policy(site: Site, address: str) -> None:
    answer = await site.visitor().get(address)
    policy = dict(
        part.strip().partition(" ")[::2]
        for part in answer.headers["content-security-policy"].split(";")
    )
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "font-src": "'self'",
        "connect-src": "'self' ws://127.0.0.1:8003 http://127.0.0.1:8003",
        "form-action": "'self'",
        "manifest-src": "'self'",
        "object-src": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "strict-transport-security" not in answer.headers


async def test_a_failure_on_our_side_has_the_policy_too(site: Site) -> None:
    visitor = await site.signed_in()
    site.resources.unreachable = RuntimeError("boom")
    answer = await visitor.get("/tenants")
    assert answer.status_code == 500
    assert "content-security-policy" in answer.headers


async def test_over_https_cookies_are_pinned_and_https_is_kept() -> None:
    async with open_site("https://chat.example.com") as site:
        await site.user("ana@example.com")
        answer = await log_in(site.visitor(), "ana@example.com")
        assert answer.headers["strict-transport-security"].startswith("max-age=63072000")
        assert "wss://chat.example.com" in answer.headers["content-security-policy"]
        (cookie,) = (
            one
            for one in answer.headers.get_list("set-cookie")
            if one.startswith("__Host-konstruct_session=")
        )
        attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert {"secure", "httponly", "samesite=lax", "path=/"} <= attributes
        assert not any(one.startswith("domain") for one in attributes)


async def test_over_loopback_http_the_session_is_still_hidden_from_scripts(site: Site) -> None:
    await site.user("ana@example.com")
    answer = await log_in(site.visitor(), "ana@example.com")
    cookies = answer.headers.get_list("set-cookie")
    assert all("httponly" in one.lower() and "samesite=lax" in one.lower() for one in cookies)
    assert any(one.startswith("konstruct_session=") for one in cookies)


async def test_pages_are_kept_by_nobody_and_named_files_for_a_year(site: Site) -> None:
    visitor = await site.signed_in()
    page = await visitor.get("/tenants")
    assert page.headers["cache-control"] == "no-store"
    named = page.text.partition('rel="stylesheet" href="')[2].partition('"')[0]
    file = await visitor.get(named, headers={"Accept-Encoding": "gzip"})
    assert "immutable" in file.headers["cache-control"]
    assert file.headers["content-encoding"] == "gzip"
    assert (await visitor.get("/static/portal.css")).headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "address", ["/static/../app.py", "/static/%2e%2e/app.py", "/static//etc/passwd", "/static/"]
)
async def test_only_the_files_meant_to_be_served_are(site: Site, address: str) -> None:
    assert (await site.visitor().get(address)).status_code == 404


async def test_a_body_too_large_or_of_unknown_length_is_not_read(site: Site) -> None:
    visitor = site.visitor()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65_536

    large = await visitor.post("/login", content=b"x" * (LARGEST_BODY + 1))
    assert large.status_code == 413
    unknown = await visitor.post("/login", content=endless())
    assert unknown.status_code == 411
    assert "content-security-policy" in unknown.headers


async def test_the_longest_agent_fits_the_limit(site: Site) -> None:
    visitor = await site.signed_in()
    longest = "\U0001f419" * 32_768
    answer = await submit(visitor, "/tenants/acme/agents/ana", instructions=longest)
    assert answer.status_code == 303
    assert site.resources.items["Agent", "tenant-acme", "ana"].spec["instructions"] == longest
