"""Logging in: nothing is learnt from a refusal, and a session is always a new one."""

import asyncio
from dataclasses import replace

import httpx

from konstruct_portal import cookies
from konstruct_portal.errors import Busy
from konstruct_portal.records import Role
from support.portal_fakes import ACME
from support.portal_site import PASSWORD, Site, log_in, open_site, submit, token_of


async def test_the_right_password_opens_the_start_page(site: Site) -> None:
    await site.user("ana@example.com")
    visitor = site.visitor()
    answer = await log_in(visitor, " Ana@Example.com ")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/tenants"
    assert (await visitor.get("/tenants")).status_code == 200


async def test_unknown_disabled_and_wrong_are_answered_alike(site: Site) -> None:
    user = await site.user("ana@example.com")
    off = await site.user("off@example.com")
    site.records.users[off.user_id] = replace(off, disabled=True)
    answers = [
        await log_in(site.visitor(), user.email, "not the password"),
        await log_in(site.visitor(), "nobody@example.com", PASSWORD),
        await log_in(site.visitor(), "off@example.com", PASSWORD),
    ]
    assert {one.status_code for one in answers} == {401}
    texts = {
        one.text.replace(token_of(one), "").replace(email, "")
        for one, email in zip(
            answers, ("ana@example.com", "nobody@example.com", "off@example.com"), strict=True
        )
    }
    assert len(texts) == 1


async def test_an_unknown_user_costs_one_hash_like_any_other(site: Site) -> None:
    checked = 0
    passwords = site.portal.services.passwords
    verify = passwords._verify

    def counted(password: str, password_hash: str) -> bool:
        nonlocal checked
        checked += 1
        return verify(password, password_hash)

    passwords._verify = counted  # type: ignore[method-assign]
    await log_in(site.visitor(), "nobody@example.com")
    assert checked == 1


async def test_the_session_is_new_whatever_cookie_came_along(site: Site) -> None:
    await site.user("ana@example.com")
    visitor = site.visitor()
    visitor.cookies.set("konstruct_session", "chosen-by-somebody-else", domain="127.0.0.1")
    await log_in(visitor, "ana@example.com")
    first = _session(visitor)
    assert first
    assert cookies.digest("chosen-by-somebody-else") not in site.records.open_sessions
    await submit(visitor, "/profile", "/logout")
    await log_in(visitor, "ana@example.com")
    assert _session(visitor) != first


async def test_logging_in_again_ends_the_session_before(site: Site) -> None:
    visitor = await site.signed_in()
    before = cookies.digest(_session(visitor))
    token = token_of(await visitor.get("/profile"))
    email = next(iter(site.records.users.values())).email
    answer = await visitor.post(
        "/login", data={"form_token": token, "email": email, "password": PASSWORD}
    )
    assert answer.status_code == 303
    assert before not in site.records.open_sessions
    assert len(site.records.open_sessions) == 1


async def test_logging_out_ends_the_session_in_the_store(site: Site) -> None:
    visitor = await site.signed_in()
    token = _session(visitor)
    await submit(visitor, "/profile", "/logout")
    assert site.records.open_sessions == {}
    thief = site.visitor()
    thief.cookies.set("konstruct_session", token, domain="127.0.0.1")
    assert (await thief.get("/tenants")).status_code == 303


async def test_only_a_digest_of_the_token_is_kept(site: Site) -> None:
    visitor = await site.signed_in()
    token = _session(visitor)
    assert len(token) >= 43
    assert list(site.records.open_sessions) == [cookies.digest(token)]


async def test_the_page_asked_for_comes_after_the_log_in(site: Site) -> None:
    await site.user("ana@example.com")
    visitor = site.visitor()
    asked = await visitor.get("/tenants/acme/usage?month=2026-01")
    assert asked.headers["location"] == "/login?after=/tenants/acme/usage%3Fmonth%3D2026-01"
    answer = await log_in(visitor, "ana@example.com", after="/tenants/acme/usage?month=2026-01")
    assert answer.headers["location"] == "/tenants/acme/usage?month=2026-01"


async def test_after_never_leads_to_another_site(site: Site) -> None:
    await site.user("ana@example.com")
    for trick in (
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/a\\b",
        "javascript:alert(1)",
        "/x\r\nSet-Cookie: a=b",
        "evil",
    ):
        answer = await log_in(site.visitor(), "ana@example.com", after=trick)
        assert answer.headers["location"] == "/tenants", trick


async def test_guessing_one_account_is_stopped_before_any_hash(site: Site) -> None:
    await site.user("ana@example.com")
    visitor = site.visitor()
    for _ in range(10):
        assert (await log_in(visitor, "ana@example.com", "wrong")).status_code == 401
    answer = await log_in(visitor, "ana@example.com")
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert (await log_in(visitor, "somebody-else@example.com", "wrong")).status_code == 401


async def test_a_right_password_forgets_the_wrong_ones(site: Site) -> None:
    await site.user("ana@example.com")
    for _ in range(3):
        for _ in range(6):
            await log_in(site.visitor(), "ana@example.com", "wrong")
        assert (await log_in(site.visitor(), "ana@example.com")).status_code == 303


async def test_one_address_cannot_try_every_account() -> None:
    async with open_site(login_attempts_per_address=5) as site:
        for number in range(5):
            answer = await log_in(site.visitor(), f"user{number}@example.com", "wrong")
            assert answer.status_code == 401
        answer = await log_in(site.visitor(), "user9@example.com", "wrong")
        assert answer.status_code == 429


async def test_a_flood_of_log_ins_leaves_the_other_pages_alone() -> None:
    async with open_site(
        password_workers=1, password_waiters=2, login_attempts_per_address=1000
    ) as site:
        reader = await site.signed_in(Role.OPERATOR, ACME)
        visitor = site.visitor()
        token = token_of(await visitor.get("/login"))

        async def attempt(number: int) -> int:
            answer = await visitor.post(
                "/login",
                data={"form_token": token, "email": f"u{number}@example.com", "password": "x"},
            )
            return answer.status_code

        flood = [asyncio.create_task(attempt(number)) for number in range(40)]
        await asyncio.sleep(0)
        page = await reader.get("/tenants")
        busiest = site.portal.services.passwords.busy
        outcomes = await asyncio.gather(*flood)
        assert page.status_code == 200
        assert busiest <= 3
        assert set(outcomes) == {401, 503}
        assert outcomes.count(503) > 20
        assert site.portal.services.passwords.busy == 0


async def test_busy_says_when_to_come_back(site: Site) -> None:
    async def busy(*_arguments: object) -> bool:
        raise Busy("full")

    site.portal.services.passwords.matches = busy  # type: ignore[method-assign, assignment]
    answer = await log_in(site.visitor(), "ana@example.com")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert "ana@example.com" in answer.text  # what was typed is still there


async def test_an_ended_session_is_asked_to_log_in_wherever_it_asks(site: Site) -> None:
    visitor = await site.signed_in()
    site.records.open_sessions.clear()
    assert (await visitor.get("/tenants")).headers["location"].startswith("/login?after=")
    part = await visitor.get("/tenants", headers={"HX-Request": "true"})
    assert part.headers["hx-redirect"].startswith("/login")
    script = await visitor.post(
        "/tenants/acme/agents/ana/chat/ticket", headers={"Accept": "application/json"}
    )
    assert script.status_code == 401


def _session(visitor: httpx.AsyncClient) -> str:
    return next(
        (one.value or "" for one in visitor.cookies.jar if one.name == "konstruct_session"), ""
    )
