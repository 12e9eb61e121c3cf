"""One's own account."""

from konstruct_portal.records import Role
from support.portal_fakes import ACME
from support.portal_site import PASSWORD, Site, log_in, submit

NEW = "another quiet evening"


async def test_a_new_password_ends_every_session_and_opens_a_new_one(site: Site) -> None:
    visitor = await site.signed_in(Role.OPERATOR, ACME)
    email = next(iter(site.records.users.values())).email
    elsewhere = site.visitor()
    await log_in(elsewhere, email)
    before = set(site.records.open_sessions)
    answer = await submit(
        visitor,
        "/profile",
        "/profile/password",
        present=PASSWORD,
        chosen=NEW,
        repeated=NEW,
    )
    assert answer.status_code == 303
    assert before.isdisjoint(site.records.open_sessions)
    assert len(site.records.open_sessions) == 1
    assert (await visitor.get("/tenants")).status_code == 200
    assert (await elsewhere.get("/tenants")).status_code == 303
    assert (await log_in(site.visitor(), email, NEW)).status_code == 303


async def test_the_present_password_is_asked_for(site: Site) -> None:
    visitor = await site.signed_in()
    answer = await submit(
        visitor, "/profile", "/profile/password", present="wrong", chosen=NEW, repeated=NEW
    )
    assert answer.status_code == 422
    assert "This is not your present password." in answer.text


async def test_a_weak_or_mistyped_password_is_refused_before_any_hash(site: Site) -> None:
    visitor = await site.signed_in()
    for chosen, repeated, words in (
        ("short", "short", "Use 12 to 128 characters"),
        ("aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa", "easy to guess"),
        (NEW, NEW + "!", "The two passwords differ."),
        ("x" * 129, "x" * 129, "Use 12 to 128 characters"),
    ):
        answer = await submit(
            visitor,
            "/profile",
            "/profile/password",
            present=PASSWORD,
            chosen=chosen,
            repeated=repeated,
        )
        assert answer.status_code == 422
        assert words in answer.text


async def test_guessing_the_present_password_is_stopped(site: Site) -> None:
    visitor = await site.signed_in()
    for _ in range(10):
        await submit(
            visitor, "/profile", "/profile/password", present="wrong", chosen=NEW, repeated=NEW
        )
    answer = await submit(
        visitor, "/profile", "/profile/password", present=PASSWORD, chosen=NEW, repeated=NEW
    )
    assert answer.status_code == 429


async def test_preferences_hold_on_every_device(site: Site) -> None:
    visitor = await site.signed_in()
    await submit(visitor, "/profile", "/profile/preferences", language="pt", theme="dark")
    email = next(iter(site.records.users.values())).email
    other = site.visitor(**{"Accept-Language": "en"})
    await log_in(other, email)
    page = (await other.get("/tenants")).text
    assert '<html lang="pt" data-bs-theme="dark"' in page


async def test_the_switch_in_the_rail_holds_for_the_account_too(site: Site) -> None:
    visitor = await site.signed_in()
    answer = await submit(visitor, "/tenants", "/language", language="es")
    assert answer.status_code == 303
    assert next(iter(site.records.users.values())).language == "es"
    assert '<html lang="es"' in (await visitor.get("/tenants")).text


async def test_a_switch_never_leads_to_another_site(site: Site) -> None:
    visitor = await site.signed_in()
    visitor.headers["Referer"] = "https://evil.example//evil.example/x?y=1"
    answer = await submit(visitor, "/profile", "/theme", theme="dark")
    assert answer.headers["location"].startswith("/")
    assert not answer.headers["location"].startswith("//")


async def test_other_sessions_are_listed_and_ended_one_by_one_or_all(site: Site) -> None:
    visitor = await site.signed_in()
    email = next(iter(site.records.users.values())).email
    for agent in ("Tablet", "Mobile phone"):
        await log_in(site.visitor(**{"User-Agent": agent}), email)
    page = await visitor.get("/profile")
    assert "Tablet" in page.text
    assert "This one" in page.text
    user_id = next(iter(site.records.users))
    tablet = next(one for one in await site.records.sessions(user_id) if one.user_agent == "Tablet")
    await submit(visitor, "/profile", f"/profile/sessions/{tablet.session_id}/close")
    assert len(site.records.open_sessions) == 2
    await submit(visitor, "/profile", "/profile/sessions/close-others")
    assert len(site.records.open_sessions) == 1
    assert (await visitor.get("/profile")).status_code == 200
