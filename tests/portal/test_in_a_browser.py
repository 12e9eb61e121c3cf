"""The portal in a real browser: usable, readable by assistive technology, within its policy."""

import pytest
from playwright.async_api import expect

from konstruct_portal.errors import Problem, ResourceInvalid
from support.portal_browser import DESK, PHONE, Running, serious_barriers
from support.portal_site import PASSWORD

pytestmark = pytest.mark.browser

PAGES = (
    "/tenants",
    "/tenants/acme",
    "/tenants/globex",
    "/tenants/acme/agents/ana",
    "/tenants/acme/agents/ana/chat",
    "/tenants/acme/connections/website",
    "/tenants/acme/connections/team",
    "/tenants/acme/usage",
    "/tenants/acme/conversations",
    "/profile",
    "/nothing-here",
)


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_no_page_has_a_serious_barrier_and_none_scrolls_sideways(
    running: Running, theme: str
) -> None:
    barriers: dict[str, list[str]] = {}
    for viewport in (PHONE, DESK):
        gate = await running.page(signed_in=False, viewport=viewport, color_scheme=theme)
        await gate.goto(f"{running.address}/login")
        barriers[f"/login {viewport}"] = await serious_barriers(gate)
        page = await running.page(viewport=viewport, color_scheme=theme)
        for address in PAGES:
            await page.goto(running.address + address)
            barriers[f"{address} {viewport}"] = await serious_barriers(page)
            width = await page.evaluate("document.documentElement.scrollWidth")
            assert width <= viewport["width"], (address, width)
        await page.goto(f"{running.address}/tenants/acme/conversations")
        await page.get_by_role("link", name="Maria Souza").click()
        barriers[f"transcript {viewport}"] = await serious_barriers(page)
    assert {address: one for address, one in barriers.items() if one} == {}


async def test_everything_can_be_reached_with_the_keyboard_alone(running: Running) -> None:
    page = await running.page(signed_in=False)
    await page.goto(f"{running.address}/login")
    await page.keyboard.type("admin@example.com")
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/tenants")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("main")).to_be_focused()
    await page.get_by_role("link", name="Acme Robotics").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Acme Robotics")).to_be_visible()


async def test_the_list_is_searched_while_typing(running: Running) -> None:
    page = await running.page()
    await page.get_by_role("searchbox").fill("globex")
    await expect(page.get_by_role("link", name="Acme Robotics")).to_have_count(0)
    await expect(page.get_by_role("link", name="Globex Foods")).to_be_visible()


async def test_the_theme_and_the_language_switch(running: Running) -> None:
    page = await running.page(color_scheme="light")
    await expect(page.locator("html")).to_have_attribute("data-bs-theme", "light")
    await page.get_by_role("button", name="Dark").click()
    await expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    await page.get_by_role("button", name="Português").click()
    await expect(page.get_by_role("heading", name="Clientes")).to_be_visible()
    await page.reload()
    await expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")


async def test_a_refused_edit_brings_the_person_to_the_field(running: Running) -> None:
    page = await running.page()
    await page.goto(f"{running.address}/tenants/acme/agents/ana")
    running.site.resources.refuse = ResourceInvalid(
        [Problem("spec.persona", "Write at most 8192 characters.")]
    )
    await page.get_by_label("Persona").fill("Something long")
    await page.get_by_role("button", name="Save").click()
    persona = page.get_by_label("Persona")
    await expect(persona).to_be_focused()
    await expect(persona).to_have_value("Something long")
    await expect(page.get_by_text("Write at most 8192 characters.")).to_be_visible()
    assert await serious_barriers(page) == []
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Saved. The agent uses it")).to_be_visible()


async def test_conditions_renew_themselves(running: Running) -> None:
    page = await running.page()
    await page.goto(f"{running.address}/tenants/acme/agents/ana")
    ana = running.site.resources.items["Agent", "tenant-acme", "ana"]
    ana.status["conditions"][0]["message"] = "Something new to read."
    await expect(page.get_by_text("Something new to read.")).to_be_visible(timeout=15_000)
