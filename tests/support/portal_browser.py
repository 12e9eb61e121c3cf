"""A portal on a socket, its chat's far end, and Chromium in front of both."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright

from konstruct_portal.records import Role
from support.far_chat import FarChat, far_chat
from support.portal_fakes import ACME
from support.portal_site import PASSWORD, Site, open_site
from support.sockets import serve

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1440, "height": 900}


@dataclass
class Running:
    """A portal on a socket, with its chat's far end and a browser."""

    site: Site
    far: FarChat
    address: str
    browser: Browser
    complaints: list[str] = field(default_factory=list)

    async def page(self, *, signed_in: bool = True, **options: Any) -> Page:
        """A fresh browser profile, by default logged in as an admin."""
        context = await self.browser.new_context(**{"viewport": DESK, "locale": "en", **options})
        page = await context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on(
            "console",
            lambda said: self.complaints.append(said.text) if _is_complaint(said.text) else None,
        )
        if signed_in:
            await self.log_in(page)
        return page

    async def log_in(self, page: Page, email: str = "admin@example.com") -> None:
        await page.goto(f"{self.address}/login")
        await page.get_by_label("E-mail address").fill(email)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Log in").click()
        await page.wait_for_url("**/tenants")

    async def chat(self, **options: Any) -> Page:
        page = await self.page(**options)
        await page.goto(f"{self.address}/tenants/acme/agents/ana/chat")
        return page


def _is_complaint(text: str) -> bool:
    return "Content Security Policy" in text or "Refused to" in text


@asynccontextmanager
async def open_browser() -> AsyncIterator[Browser]:
    """Chromium, without any window."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        try:
            yield browser
        finally:
            await browser.close()


@pytest_asyncio.fixture
async def running() -> AsyncIterator[Running]:
    async with far_chat(b"k" * 32) as far, open_browser() as browser:
        async with open_site(gateway_public_url=far.origin) as site, serve(site.portal.app) as url:
            await site.user("admin@example.com")
            await site.user("operator@example.com", Role.OPERATOR, ACME)
            made = Running(site, far, url, browser)
            yield made
        assert made.complaints == []


async def serious_barriers(page: Page) -> list[str]:
    found = await Axe().run(page)
    return [
        f"{one['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
        for one in found.response["violations"]
        if one["impact"] in {"serious", "critical"}
        for node in one["nodes"]
    ]
