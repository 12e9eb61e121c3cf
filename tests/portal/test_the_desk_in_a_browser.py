"""Portal and gateway on one origin, one database: a human takes over, writes, gives back."""

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
from support.far_agent import far_agent
from support.gateways import CHAT_KEY, RunningGateway, SampleTenant, running_gateway
from support.one_origin import one_origin
from support.portal_browser import DESK, PHONE, serious_barriers
from support.portal_fakes import ACME, sample_resources
from support.portal_site import PASSWORD
from support.postgres import Database
from support.sockets import serve
from support.visitor import Visitor, visiting

pytestmark = [pytest.mark.browser, pytest.mark.postgres]


@dataclass
class Product:
    """Both programs behind one address, and a page of somebody who is logged in."""

    gateway: RunningGateway
    tenant: SampleTenant
    address: str
    page: Page


@pytest_asyncio.fixture
async def product(database: Database, portal_store: Store) -> AsyncIterator[Product]:
    await accounts.ensure_first_admin(portal_store, "eva.lopez@example.com", PASSWORD)
    tenant = SampleTenant(tenant_id=ACME)
    settings = PortalSettings(database_url=database.url("portal"), chat_key=CHAT_KEY)
    async with AsyncExitStack() as stack:
        # Any address of this machine is the portal's: the port is known only once it is served.
        running = running_gateway(database.url("gateway"), public_url="http://0.0.0.0")
        gateway = await stack.enter_async_context(running)
        await tenant.register(gateway.internal_url)
        portal = await stack.enter_async_context(
            open_portal(settings, resources=sample_resources())
        )
        both = one_origin(gateway.gateway.public_app, portal.app)
        address = await stack.enter_async_context(serve(both))
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        page = await browser.new_page(locale="en")
        await page.set_viewport_size(DESK)  # type: ignore[arg-type]
        await page.goto(f"{address}/login")
        await page.get_by_label("E-mail address").fill("eva.lopez@example.com")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Log in").click()
        await page.wait_for_url("**/tenants")
        yield Product(gateway, tenant, address, page)
        await browser.close()


async def keep(page: Page, name: str) -> None:
    folder = os.environ.get("KONSTRUCT_SCREENSHOTS")
    if folder:
        await page.screenshot(path=Path(folder) / f"{name}.png")


async def last_reply(visitor: Visitor, count: int) -> tuple[str, str]:
    _, reply = await visitor.wait_for("reply", count, seconds=10)
    return reply["agent"], reply["text"]


async def test_a_person_who_asks_for_a_human_is_answered_by_one(product: Product) -> None:
    page = product.page
    async with (
        far_agent(product.gateway.internal_url, product.tenant.token),
        visiting(product.gateway.url, "acme/website") as visitor,
    ):
        reply = await visitor.ask("hello")
        await visitor.send({"type": "feedback", "turn": reply["turn"], "value": "up"})
        await visitor.say("talk to a human")
        await visitor.wait_for("notice")
        await page.goto(f"{product.address}/tenants/acme/conversations?waiting=yes")
        await page.locator(".roster-link").click()
        assert await serious_barriers(page) == []
        await page.get_by_label("Answer as a human").last.fill("Hello, I am **Eva**.")
        await page.get_by_role("button", name="Send").click()
        assert await last_reply(visitor, 2) == ("Eva Lopez", "Hello, I am **Eva**.")
        await expect(page.locator("[data-transcript]")).to_contain_text("Eva Lopez · Human")
        await expect(page.locator("[data-transcript]")).to_contain_text("Found good")
        await visitor.say("thank you, Eva")
        await expect(page.locator("[data-transcript]")).to_contain_text(
            "thank you, Eva", timeout=10_000
        )
        await keep(page, "desk-1440")
        await page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        await keep(page, "desk-390")
        assert await serious_barriers(page) == []
        await page.get_by_role("button", name="Hand back to the agent").click()
        await expect(page.get_by_role("button", name="Take over")).to_be_visible()
        await keep(page, "desk-back-390")
        await visitor.say("and you?")
        assert await last_reply(visitor, 3) == ("Ana", "You said: and you?")


async def test_somebody_takes_over_without_being_asked(product: Product) -> None:
    page = product.page
    async with (
        far_agent(product.gateway.internal_url, product.tenant.token),
        visiting(product.gateway.url, "acme/website") as visitor,
    ):
        await visitor.ask("hello")
        await page.goto(f"{product.address}/tenants/acme/conversations")
        await page.locator(".roster-link").click()
        await page.get_by_role("button", name="Take over").click()
        await expect(page.get_by_role("button", name="Send")).to_be_visible()
        await visitor.say("anybody?")
        await expect(page.locator("[data-transcript]")).to_contain_text("anybody?", timeout=10_000)
        assert visitor.count("reply") == 1
