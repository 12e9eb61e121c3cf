"""`docs/webchat.md` as it is written: its connection, its page, a first answer in a browser."""

import re
from pathlib import Path

import pytest
from playwright.async_api import async_playwright, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from konstruct_gateway.commands import Commands
from konstruct_messages.inbound import Command
from support.embedded import site
from support.sockets import serve

_MANUAL = Path(__file__).parents[2] / "docs" / "webchat.md"


def block(language: str) -> str:
    """The manual's first block of a language."""
    found = re.search(rf"```{language}\n(.*?)```", _MANUAL.read_text("utf-8"), re.DOTALL)
    assert found
    return found[1]


def test_every_command_of_the_manual_is_understood() -> None:
    text = _MANUAL.read_text("utf-8")
    table = text[text.index("| what can I do here?") :].split("\n\n", 1)[0].splitlines()
    for line, command in zip(
        table, (Command.HELP, Command.START_OVER, Command.STOP, Command.HUMAN), strict=True
    ):
        phrases = re.findall(r"`([^`]+)`", line)
        assert len(phrases) == 3
        assert {Commands().recognise(one) for one in phrases} == {command}


@pytest.mark.browser
@pytest.mark.process
@pytest.mark.postgres
async def test_the_manual_leads_to_a_first_answer() -> None:
    page_of_manual = block("html")
    shown: dict[str, str] = {}

    async def show(_request: Request) -> Response:
        return HTMLResponse(shown["page"])

    async with site() as here, serve(Starlette(routes=[Route("/", show)])) as page_url:
        connection = block("yaml").replace("http://127.0.0.1:8090", page_url)
        (here.folder / "50-connection-shop.yaml").write_text(connection)
        run = await here.up()
        shown["page"] = page_of_manual.replace("http://127.0.0.1:8080", run.url)
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path="/usr/bin/chromium", args=["--no-sandbox"]
            )
            page = await browser.new_page()
            await page.goto(page_url)
            await page.get_by_role("button", name="Open the chat").click()
            await expect(page.get_by_text("Ask me about bicycles")).to_be_visible()
            await page.locator("textarea").fill("hello")
            await page.locator("textarea").press("Enter")
            await expect(page.locator(".log .row:not(.mine)")).to_have_count(1, timeout=20_000)
            await browser.close()
        await run.interrupt()
