"""A message that was not answered, an answer that perhaps arrived: dealt with from the portal."""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, async_playwright, expect

from konstruct_channels.errors import VendorNotAsked
from konstruct_portal import accounts
from konstruct_portal.app import open_portal
from konstruct_portal.settings import PortalSettings
from konstruct_store import Store
from support.far_agent import FarAgentTurn, far_agent
from support.gateways import CHAT_KEY, RunningGateway, SampleTenant
from support.one_origin import one_origin
from support.portal_browser import DESK, PHONE, serious_barriers
from support.portal_fakes import ACME, sample_resources
from support.portal_site import PASSWORD
from support.postgres import Database
from support.small_channel import SmallChannel, say, sending
from support.sockets import serve
from support.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.postgres]

_SURE = "It may have arrived already"


@pytest.fixture
def channel() -> SmallChannel:
    return SmallChannel()


@pytest.fixture
def acme() -> SampleTenant:
    return SampleTenant(tenant_id=ACME)


@pytest_asyncio.fixture
async def gateway(
    database: Database, acme: SampleTenant, channel: SmallChannel
) -> AsyncIterator[RunningGateway]:
    async with sending(database, acme, channel, public_url="http://0.0.0.0") as running:
        yield running


@pytest_asyncio.fixture
async def page(
    database: Database, portal_store: Store, gateway: RunningGateway
) -> AsyncIterator[Page]:
    await accounts.ensure_first_admin(portal_store, "eva.lopez@example.com", PASSWORD)
    settings = PortalSettings(database_url=database.url("portal"), chat_key=CHAT_KEY)
    async with AsyncExitStack() as stack:
        portal = await stack.enter_async_context(
            open_portal(settings, resources=sample_resources())
        )
        both = one_origin(gateway.gateway.public_app, portal.app)
        address = await stack.enter_async_context(serve(both))
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        made = await browser.new_page(locale="en", base_url=address)
        await made.set_viewport_size(DESK)  # type: ignore[arg-type]
        await made.goto("/login")
        await made.get_by_label("E-mail address").fill("eva.lopez@example.com")
        await made.get_by_label("Password").fill(PASSWORD)
        await made.get_by_role("button", name="Log in").click()
        await made.wait_for_url("**/tenants")
        yield made
        await browser.close()


async def keep(page: Page, name: str) -> None:
    folder = os.environ.get("KONSTRUCT_SCREENSHOTS")
    if folder:
        await page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


async def test_a_message_that_was_not_answered_is_answered_after_a_click(
    page: Page,
    gateway: RunningGateway,
    acme: SampleTenant,
    channel: SmallChannel,
    gateway_store: Store,
) -> None:
    answers = iter([False, True])

    async def second_time(given: FarAgentTurn) -> str | None:
        if next(answers):
            return "Here you are."
        await given.work.fail(given.turn, "No model answered: all are away.")
        return None

    async with far_agent(gateway.internal_url, acme.token, second_time):
        await say(gateway_store, acme, "The invoice, please")
        await until(lambda: channel.sent)
        await page.goto("/tenants/acme")
        await page.get_by_role("link", name="Not answered").click()
        await expect(page.locator(".troubles")).to_contain_text("The invoice, please")
        await expect(page.locator(".troubles")).to_contain_text("No model answered.")
        assert await serious_barriers(page) == []
        await keep(page, "repairs-dead")
        await page.get_by_role("button", name="Try again").click()
        await expect(page.get_by_text("Everything was answered")).to_be_visible()
        await until(lambda: len(channel.sent) == 2)
    assert channel.sent[1].text == "Here you are."


async def test_an_answer_that_perhaps_arrived_is_sent_again_after_a_warning(
    page: Page,
    gateway: RunningGateway,
    acme: SampleTenant,
    channel: SmallChannel,
    gateway_store: Store,
) -> None:
    channel.answers["You said: hello"] = [VendorNotAsked("missing_scope") for _ in range(2)]
    async with far_agent(gateway.internal_url, acme.token):
        await say(gateway_store, acme, "hello")
        await until(lambda: channel.sent)
    await page.goto("/tenants/acme/conversations?attention=yes")
    await page.locator(".roster-link").click()
    transcript = page.locator("[data-transcript]")
    await expect(transcript).to_contain_text("Unknown whether delivered")
    await expect(transcript).to_contain_text("missing_scope")
    await page.get_by_role("button", name="Send again").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text(_SURE)
    assert await serious_barriers(page) == []
    await page.keyboard.press("Escape")
    assert len(channel.tries) == 2
    await page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    await page.get_by_role("button", name="Send again").click()
    await keep(page, "repairs-sure-390")
    await dialog.get_by_role("button", name="Send again").click()
    # The page keeps itself true: nobody loads it anew.
    await expect(transcript).not_to_contain_text("Unknown", timeout=15_000)
    await expect(transcript).to_contain_text("sent again by hand")
    await keep(page, "repairs-sent-390")
    assert "You said: hello" in [one.text for one in channel.sent]
