"""Connecting a channel with a browser: checked while typing, by keyboard, on a phone, and without
scripts; and through Slack's own pages and back."""

import re
from typing import Any

import pytest
from playwright.async_api import expect

from konstruct_portal.records import Role
from support.far_slack_oauth import far_slack_oauth
from support.portal_browser import DESK, PHONE, Running, open_browser, serious_barriers
from support.portal_fakes import ACME
from support.portal_site import PASSWORD, open_site
from support.sockets import serve

pytestmark = pytest.mark.browser

NEW = "/tenants/acme/connect/slack"
PAGES = (
    "/tenants/acme/connect",
    NEW,
    "/tenants/acme/connect/webchat",
    "/tenants/acme/connections/team",
    "/tenants/acme/connections/team/edit",
    "/tenants/acme/connections/team/credentials",
    "/tenants/acme/connections/team/delete",
)


async def test_a_value_is_checked_when_the_field_is_left_and_others_stay_quiet(
    running: Running,
) -> None:
    page = await running.page()
    await page.goto(running.address + NEW)
    app = page.get_by_label("App ID")
    await app.fill("nonsense")
    await app.press("Tab")
    await expect(page.locator("#config-appId-problems")).to_contain_text("A0123456789")
    await expect(app).to_have_attribute("aria-invalid", "true")
    assert await page.locator(".invalid-feedback").count() == 1
    await app.fill("A0KONSTRUCT")
    await app.press("Tab")
    await expect(page.locator(".invalid-feedback")).to_have_count(0)
    token = page.get_by_label("Bot User OAuth Token")
    await token.fill("xoxp-not-a-bot")
    await token.press("Tab")
    await expect(page.locator("#secret-botToken-problems")).to_contain_text("xoxb-")


async def test_fields_appear_with_what_they_belong_to(running: Running) -> None:
    page = await running.page()
    await page.goto(running.address + NEW)
    await expect(page.get_by_label("App-Level Token")).to_be_hidden()
    await expect(page.get_by_label("Listed people", exact=True)).to_be_hidden()
    await page.get_by_label("How Slack's deliveries come in").select_option("SocketMode")
    await expect(page.get_by_label("App-Level Token")).to_be_visible()
    await expect(page.get_by_label("Signing Secret")).to_be_hidden()
    await page.get_by_label("Who may write").select_option("Listed")
    await expect(page.get_by_label("Listed people", exact=True)).to_be_visible()


async def test_the_offered_app_follows_the_name(running: Running) -> None:
    page = await running.page()
    await page.goto(running.address + NEW)
    name = page.get_by_label("Name", exact=False).first
    await name.fill("helpdesk")
    await name.press("Tab")
    link = page.get_by_role("link", name="Create your app from this manifest")
    await expect(link).to_have_attribute("href", re.compile("hooks%2Fslack%2Facme%2Fhelpdesk"))
    await page.get_by_text("Show the manifest").click()
    await expect(page.locator(".manual-code code").first).to_contain_text("helpdesk")


async def test_a_connection_is_made_and_deleted_by_keyboard_alone(running: Running) -> None:
    page = await running.page()
    await page.goto(f"{running.address}/tenants/acme/connect/webchat")
    await page.get_by_label("Pages that may open it").focus()
    await page.keyboard.type("https://www.example.com")
    await page.get_by_role("button", name="Connect").focus()
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/connections/webchat")
    await expect(page.get_by_text("The connection is declared.")).to_be_visible()
    spec = running.site.resources.items["ChannelConnection", "tenant-acme", "webchat"].spec
    assert spec["webChat"]["allowedOrigins"] == ["https://www.example.com"]
    await page.get_by_role("link", name="Delete this connection").focus()
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/delete")
    await page.get_by_label("Type webchat to confirm").focus()
    await page.keyboard.type("webchat")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/tenants/acme")
    assert ("ChannelConnection", "tenant-acme", "webchat") not in running.site.resources.items


async def test_without_scripts_everything_works_too(running: Running) -> None:
    page = await running.page(java_script_enabled=False)
    await page.goto(running.address + NEW)
    await page.get_by_label("Name", exact=False).first.fill("helpdesk")
    await page.get_by_role("button", name="Make the manifest for the name above").click()
    link = page.get_by_role("link", name="Create your app from this manifest")
    assert "acme%2Fhelpdesk" in str(await link.get_attribute("href"))
    assert await page.get_by_label("Name", exact=False).first.input_value() == "helpdesk"
    await page.get_by_label("App ID").fill("A0KONSTRUCT")
    await page.get_by_label("Workspace ID").fill("wrong")
    await page.get_by_label("Signing Secret").fill("0123456789abcdef0123456789abcdef")
    await page.get_by_label("Bot User OAuth Token").fill("xoxb-1")
    await page.get_by_role("button", name="Connect").click()
    await expect(page.locator("#config-teamId-problems")).to_contain_text("T0123456789")
    await expect(page.get_by_text("Credentials are not shown again")).to_be_visible()
    await page.get_by_label("Workspace ID").fill("T0ACME")
    await page.get_by_label("Signing Secret").fill("0123456789abcdef0123456789abcdef")
    await page.get_by_label("Bot User OAuth Token").fill("xoxb-1")
    await page.get_by_role("button", name="Connect").click()
    await page.wait_for_url("**/connections/helpdesk")


@pytest.mark.parametrize("options", [{"viewport": PHONE, "color_scheme": "dark"}, {}])
async def test_nobody_is_kept_out_and_nothing_runs_over(
    running: Running, options: dict[str, Any]
) -> None:
    page = await running.page(**{"viewport": DESK, **options})
    for address in PAGES:
        await page.goto(running.address + address)
        assert await serious_barriers(page) == [], address
        width = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert width <= 0, address


async def test_a_person_goes_to_slack_and_comes_back_connected() -> None:
    """The policy of the pages lets the form lead there, and the cookies come back."""
    async with open_browser() as browser, far_slack_oauth() as far:
        site_settings = {
            "slack_client_id": far.client_id,
            "slack_client_secret": far.client_secret,
            "slack_app_id": far.app_id,
            "slack_api_url": far.url,
        }
        async with open_site(**site_settings) as site, serve(site.portal.app) as url:
            object.__setattr__(site.portal.services.settings, "public_url", url)
            await site.user("ada@example.com", Role.ADMINISTRATOR, ACME)
            page = await (await browser.new_context(locale="en")).new_page()
            await page.goto(f"{url}/oauth/slack/start?tenant=acme")
            await page.get_by_label("E-mail address").fill("ada@example.com")
            await page.get_by_label("Password").fill(PASSWORD)
            await page.get_by_role("button", name="Log in").click()
            await page.get_by_role("button", name="Go on to Slack").click()
            await page.get_by_role("link", name="Cancel").click()
            await expect(page.get_by_role("heading", level=1)).to_have_text(
                "Slack was not connected"
            )
            assert await serious_barriers(page) == []
            await page.get_by_role("link", name="Begin again").click()
            await page.get_by_role("button", name="Go on to Slack").click()
            await page.get_by_role("link", name="Allow in Acme HQ").click()
            await page.wait_for_url("**/connections/slack-acme-hq")
            await expect(page.get_by_text("Slack is connected.")).to_be_visible()
            assert "code=" not in page.url
