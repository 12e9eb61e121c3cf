"""Files and choices in the widget: keyboard, drop and paste, honest errors, every tab."""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, FilePayload, Page, async_playwright, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from support.far_agent import FarAgentTurn, far_agent
from support.files import PNG
from support.gateways import RunningGateway, SampleTenant, running_gateway
from support.postgres import Database
from support.sockets import serve
from support.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.postgres]

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1440, "height": 900}
CHOICES = {"city": "The city bicycle", "trail": "The trail bicycle", "help": "Help me decide"}
BICYCLES = "name,price\nCity,450\nTrail,820\n"
PICTURE: FilePayload = {"name": "bicycle.png", "mimeType": "image/png", "buffer": PNG}


@dataclass
class Site:
    """A customer's page with the widget, its gateway, and a browser."""

    gateway: RunningGateway
    browser: Browser
    url: str

    async def opened(self, **options: Any) -> Page:
        context = await self.browser.new_context(**{"viewport": DESK, "locale": "en", **options})
        return await opened(await context.new_page(), self.url)


async def opened(page: Page, url: str) -> Page:
    await page.goto(url)
    await page.locator(".launch").click()
    await expect(page.get_by_role("button", name="Attach files")).to_be_visible()
    return page


def pages(gateway_url: str) -> Starlette:
    """A page with a strict policy: no pictures, one script, one line to the gateway."""
    wires = f"{gateway_url} {gateway_url.replace('http', 'ws', 1)}"
    policy = f"default-src 'none'; script-src {gateway_url}; connect-src {wires}"

    async def show(_request: Request) -> Response:
        script = f'<script src="{gateway_url}/chat/acme/website/widget.js" async></script>'
        page = (
            '<!doctype html><html lang="en"><head><title>Acme</title>'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"{script}</head><body><main><h1>Acme</h1></main></body></html>"
        )
        return HTMLResponse(page, headers={"Content-Security-Policy": policy})

    return Starlette(routes=[Route("/", show)])


@pytest_asyncio.fixture
async def site(database: Database, tenant: SampleTenant, tmp_path: Path) -> AsyncIterator[Site]:
    async with (
        running_gateway(database.url("gateway"), media_url=f"file://{tmp_path}") as gateway,
        serve(pages(gateway.url)) as url,
        async_playwright() as playwright,
    ):
        config = {"visitors": "Allowed", "allowedOrigins": [url], "largestFileBytes": 2048}
        tenant.over["connections"] = (tenant.connection("website", config=config),)
        await tenant.register(gateway.internal_url)
        browser = await playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        try:
            yield Site(gateway, browser, url)
        finally:
            await browser.close()


async def keep(page: Page, name: str) -> None:
    """Keep a screenshot where somebody wants to look at it."""
    folder = os.environ.get("KONSTRUCT_SCREENSHOTS")
    if folder:
        await page.screenshot(path=Path(folder) / f"{name}.png")


async def barriers(page: Page) -> list[str]:
    found = await Axe().run(page)
    return [
        f"{one['id']}: {node['html'][:160]}"
        for one in found.response["violations"]
        if one["impact"] in {"serious", "critical"}
        for node in one["nodes"]
    ]


async def give(given: FarAgentTurn) -> None:
    made = (await given.work.make_file(given.turn, "bicycles.csv", BICYCLES)).json()
    await given.work.give(given.turn, "Here is the **list** of our bicycles.", made)


async def answer(given: FarAgentTurn) -> str | None:
    if given.turn.messages[0].attachments:
        await given.work.ask(given.turn, "A nice picture. **Which one** do you mean?", CHOICES)
        return None
    return f"You chose: {given.text}"


@pytest.mark.parametrize("shade", ["light", "dark"])
@pytest.mark.parametrize(("size", "viewport"), [("390", PHONE), ("1440", DESK)])
async def test_a_file_is_sent_and_a_question_answered(
    site: Site, tenant: SampleTenant, size: str, viewport: Any, shade: Any
) -> None:
    async with far_agent(site.gateway.internal_url, tenant.token, answer) as agent:
        page = await site.opened(viewport=viewport, color_scheme=shade)
        other_tab = await opened(await page.context.new_page(), site.url)
        await page.locator("input[type=file]").set_input_files([PICTURE])
        await expect(page.locator(".tray .file[data-state=ready]")).to_have_count(1)
        await expect(page.locator(".tray canvas")).to_have_count(1)
        await keep(page, f"widget-attached-{size}-{shade}")
        assert await barriers(page) == []
        await page.locator("textarea").fill("Do you have this one?")
        await page.locator("textarea").press("Enter")
        await expect(page.locator(".mine .files a")).to_have_count(1)
        await expect(page.locator(".tray .file")).to_have_count(0)
        await expect(other_tab.locator(".mine .files a")).to_have_attribute(
            "download", "bicycle.png"
        )
        await expect(other_tab.locator(".mine .files canvas")).to_have_count(1)
        choices = page.get_by_role("group", name="Choose an answer")
        await expect(choices.get_by_role("button")).to_have_count(3)
        await keep(page, f"widget-asked-{size}-{shade}")
        assert await barriers(page) == []
        await choices.get_by_role("button", name="The trail bicycle").press("Enter")
        await expect(page.get_by_text("You chose: The trail bicycle")).to_be_visible()
        await expect(choices.get_by_role("button", disabled=True)).to_have_count(3)
        pressed = other_tab.locator(".choices button[aria-pressed=true]")
        await expect(pressed).to_have_text("The trail bicycle")
        await keep(page, f"widget-chosen-{size}-{shade}")
    assert [turn.messages[0].text for turn in agent.turns] == [
        "Do you have this one?",
        "The trail bicycle",
    ]
    assert agent.turns[0].messages[0].attachments[0].name == "bicycle.png"


@pytest.mark.parametrize("shade", ["light", "dark"])
@pytest.mark.parametrize(("size", "viewport"), [("390", PHONE), ("1440", DESK)])
async def test_a_file_that_the_agent_made_is_shown_and_opens(
    site: Site, tenant: SampleTenant, size: str, viewport: Any, shade: Any
) -> None:
    async with far_agent(site.gateway.internal_url, tenant.token, give):
        page = await site.opened(viewport=viewport, color_scheme=shade)
        await page.locator("textarea").fill("Which bicycles do you have?")
        await page.keyboard.press("Enter")
        link = page.get_by_role("link", name="bicycles.csv")
        await expect(link).to_be_visible()
        assert await barriers(page) == []
        await keep(page, f"widget-made-{size}-{shade}")
        async with page.expect_download() as downloading:
            await link.click()
        download = await downloading.value
        assert download.suggested_filename == "bicycles.csv"
        assert Path(await download.path()).read_text() == BICYCLES


async def test_a_file_alone_is_a_message(site: Site, tenant: SampleTenant) -> None:
    async with far_agent(site.gateway.internal_url, tenant.token, answer) as agent:
        page = await site.opened()
        await page.locator("input[type=file]").set_input_files([PICTURE])
        await expect(page.locator(".file[data-state=ready]")).to_have_count(1)
        await page.get_by_role("button", name="Send", exact=True).click()
        await until(lambda: len(agent.turns) == 1)
    assert agent.turns[0].messages[0].text == ""


async def test_what_cannot_be_sent_says_why(site: Site) -> None:
    page = await site.opened()
    wrong: list[FilePayload] = [
        {"name": "large.png", "mimeType": "image/png", "buffer": PNG + bytes(4000)},
        {"name": "virus.exe", "mimeType": "application/x-msdownload", "buffer": b"MZ\x00\x01"},
        {"name": "nothing.txt", "mimeType": "text/plain", "buffer": b""},
    ]
    await page.locator("input[type=file]").set_input_files(wrong)
    notes = page.locator(".file[data-state=bad] .file-note")
    await expect(notes).to_have_count(3)
    assert await notes.all_inner_texts() == [
        "This file is too large. At most 2 kB can be sent.",
        "Files of this type cannot be sent here.",
        "This file is empty.",
    ]
    await keep(page, "widget-refused")
    await page.get_by_role("button", name="Remove virus.exe").click()
    await expect(page.locator(".file")).to_have_count(2)


async def test_a_file_that_broke_off_is_sent_again(site: Site) -> None:
    page = await site.opened()
    await page.route("**/files", lambda route: route.abort(), times=1)
    await page.locator("input[type=file]").set_input_files([PICTURE])
    await expect(page.locator(".file[data-state=bad]")).to_have_count(1)
    await page.get_by_role("button", name="Send bicycle.png again").click()
    await expect(page.locator(".file[data-state=ready]")).to_have_count(1)


async def test_files_are_dropped_and_pasted(site: Site) -> None:
    page = await site.opened()
    for target, kind in ((".panel", "drop"), ("textarea", "paste")):
        await page.locator(target).evaluate(
            """(place, [kind, bytes]) => {
                const file = new File([new Uint8Array(bytes)], `${kind}.png`, {type: "image/png"});
                const data = new DataTransfer();
                data.items.add(file);
                const event = kind === "drop"
                  ? new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true})
                  : new ClipboardEvent("paste", {clipboardData: data, bubbles: true});
                place.dispatchEvent(event);
            }""",
            [kind, list(PNG)],
        )
    await expect(page.locator(".file[data-state=ready]")).to_have_count(2)
    names = await page.locator(".file-name").all_inner_texts()
    assert names == ["drop.png", "paste.png"]
