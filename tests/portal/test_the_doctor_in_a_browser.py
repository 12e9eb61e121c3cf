"""A connection's checks on its page, and credentials that are tried before they are kept."""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, async_playwright, expect

from konstruct_portal import accounts
from konstruct_portal.app import open_portal
from konstruct_portal.settings import PortalSettings
from konstruct_store import Store
from support.far_slack import FarSlack
from support.gateways import CHAT_KEY, SampleTenant
from support.one_origin import one_origin
from support.portal_browser import DESK, PHONE, serious_barriers
from support.portal_fakes import ACME, sample_resources
from support.portal_site import PASSWORD
from support.postgres import Database
from support.slack_house import slack_house
from support.sockets import serve

pytestmark = [pytest.mark.browser, pytest.mark.postgres]

TEAM = "/tenants/acme/connections/team"
_PATIENT = 30_000.0
"""Milliseconds: a check asks a far end, perhaps on a busy machine."""


@dataclass
class Seen:
    """The portal in a browser, and Slack's far end behind the gateway."""

    page: Page
    far: FarSlack


@pytest_asyncio.fixture
async def seen(database: Database, portal_store: Store) -> AsyncIterator[Seen]:
    await accounts.ensure_first_admin(portal_store, "eva.lopez@example.com", PASSWORD)
    settings = PortalSettings(database_url=database.url("portal"), chat_key=CHAT_KEY)
    async with AsyncExitStack() as stack:
        acme = SampleTenant(tenant_id=ACME)
        house = await stack.enter_async_context(
            slack_house(database, acme, public_url="http://0.0.0.0")
        )
        portal = await stack.enter_async_context(
            open_portal(settings, resources=sample_resources())
        )
        both = one_origin(house.gateway.gateway.public_app, portal.app)
        address = await stack.enter_async_context(serve(both))
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        page = await browser.new_page(locale="en", base_url=address)
        await page.set_viewport_size(DESK)  # type: ignore[arg-type]
        await page.goto("/login")
        await page.get_by_label("E-mail address").fill("eva.lopez@example.com")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Log in").click()
        await page.wait_for_url("**/tenants")
        yield Seen(page, house.far)
        await browser.close()


async def keep(page: Page, name: str) -> None:
    folder = os.environ.get("KONSTRUCT_SCREENSHOTS")
    if not folder:
        return
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        for size in (DESK, PHONE):
            await page.set_viewport_size(size)  # type: ignore[arg-type]
            path = Path(folder) / f"{name}-{size['width']}-{scheme}.png"
            await page.screenshot(path=path, full_page=True)
    await page.set_viewport_size(DESK)  # type: ignore[arg-type]


async def test_a_connections_page_shows_each_check_and_looks_again_on_a_click(seen: Seen) -> None:
    page = seen.page
    await page.goto(TEAM)
    checks = page.locator(".doctor .condition")
    await expect(checks.filter(has_text="Bot token")).to_contain_text(
        "Slack takes the bot token.", timeout=_PATIENT
    )
    address = checks.filter(has_text="Public address")
    await expect(address).to_contain_text("Vendors call only public addresses over https")
    await expect(address.locator(".finding-step")).to_contain_text("KONSTRUCT_PUBLIC_URL")
    await expect(checks.filter(has_text="Deliveries of the vendor")).to_contain_text("Write to")
    assert await serious_barriers(page) == []
    await keep(page, "doctor")

    seen.far.workspaces[0].revoked = True
    await page.get_by_role("button", name="Check now").click()
    token = checks.filter(has_text="Bot token")
    await expect(token).to_contain_text("token_revoked", timeout=_PATIENT)
    await expect(token.locator(".finding-step")).to_contain_text("Install the app again")
    await keep(page, "doctor-revoked")


async def test_new_credentials_are_tried_before_they_are_kept(seen: Seen) -> None:
    page = seen.page
    await page.goto(f"{TEAM}/credentials")
    check = page.get_by_role("button", name="Check", exact=True)
    await check.click()
    await expect(page.locator(".attempt [data-said]")).to_have_text(
        "Put right what is marked first.", timeout=_PATIENT
    )
    await expect(page.locator(".invalid-feedback").first).to_be_visible()
    await page.get_by_label("Signing Secret").fill("0123456789abcdef0123456789abcdef")
    token = page.get_by_label("Bot User OAuth Token")
    await token.fill("xoxb-1234-mistyped")
    await check.click()
    tried = page.locator(".attempt .condition")
    await expect(tried.filter(has_text="Bot token")).to_contain_text(
        "invalid_auth", timeout=_PATIENT
    )
    await keep(page, "doctor-credentials")
    await token.fill("xoxb-genuine")
    await check.click()
    await expect(tried.filter(has_text="Bot token")).to_contain_text(
        "Slack takes the bot token.", timeout=_PATIENT
    )
    assert await serious_barriers(page) == []
    assert page.url.endswith("/credentials")
