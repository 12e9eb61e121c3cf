"""Files and choices on the portal's chat page: attached, said, chosen; on a phone and a desk."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import FilePayload, Page, Route, expect

from support.files import PNG
from support.portal_browser import DESK, PHONE, Running, serious_barriers

pytestmark = pytest.mark.browser

PICTURE: FilePayload = {"name": "bicycle.png", "mimeType": "image/png", "buffer": PNG}
KEY = "0199c0de-0000-7000-8000-00000000f001"
TAKEN = {"largestBytes": 2048, "mediaTypes": ["image/*"]}
CHOICES = [{"key": "city", "label": "The city bicycle"}, {"key": "trail", "label": "The trail one"}]


async def keep(page: Page, name: str) -> None:
    """Keep a screenshot where somebody wants to look at it."""
    folder = os.environ.get("KONSTRUCT_SCREENSHOTS")
    if folder:
        await page.screenshot(path=Path(folder) / f"{name}.png")


async def stored(route: Route) -> None:
    """Answer an upload as the gateway does."""
    assert route.request.headers["authorization"].startswith("Bearer ")
    body = {"key": KEY, "name": "bicycle.png", "mediaType": "image/png", "sizeBytes": len(PNG)}
    await route.fulfill(
        status=201, body=json.dumps(body), headers={"Access-Control-Allow-Origin": "*"}
    )


@pytest.mark.parametrize("shade", ["light", "dark"])
@pytest.mark.parametrize(("size", "viewport"), [("390", PHONE), ("1440", DESK)])
async def test_a_file_is_sent_and_a_question_answered(
    running: Running, size: str, viewport: Any, shade: Any
) -> None:
    running.far.files = TAKEN
    running.far.silent = True
    page = await running.chat(viewport=viewport, color_scheme=shade)
    await page.route("**/chat/acme/portal/files", stored)
    await expect(page.get_by_role("button", name="Attach files")).to_be_visible()
    await page.locator("[data-picker]").set_input_files([PICTURE])
    await expect(page.locator(".chat-tray .file[data-state=ready] canvas")).to_have_count(1)
    assert await serious_barriers(page) == []
    await keep(page, f"portal-attached-{size}-{shade}")
    await page.get_by_label("Write a message").fill("Do you have this one?")
    await page.get_by_label("Write a message").press("Enter")
    await expect(page.locator(".from-person .file-name")).to_have_text("bicycle.png")
    [message] = [one for one in running.far.heard if one["type"] == "message"]
    assert message["attachments"] == [{"key": KEY}]
    await running.far.keep(
        type="ask",
        id="a1",
        turn="t1",
        text="**Which one** do you mean?",
        agent="Ana",
        choices=CHOICES,
        expiresAt="2999-01-01T00:00:00+00:00",
    )
    group = page.get_by_role("group", name="Choose an answer")
    await expect(group.get_by_role("button")).to_have_count(2)
    assert await serious_barriers(page) == []
    await keep(page, f"portal-asked-{size}-{shade}")
    await group.get_by_role("button", name="The trail one").press("Enter")
    await expect(page.locator(".from-person").last).to_contain_text("The trail one")
    await expect(group.get_by_role("button", disabled=True)).to_have_count(2)
    chosen = [one for one in running.far.heard if one["type"] == "choose"]
    assert chosen == [{"type": "choose", "ask": "a1", "choice": "trail"}]
    await keep(page, f"portal-chosen-{size}-{shade}")


@pytest.mark.parametrize("shade", ["light", "dark"])
@pytest.mark.parametrize(("size", "viewport"), [("390", PHONE), ("1440", DESK)])
async def test_a_file_that_the_agent_made_is_shown(
    running: Running, size: str, viewport: Any, shade: Any
) -> None:
    page = await running.chat(viewport=viewport, color_scheme=shade)
    address = f"/chat/files/{KEY}/{KEY}?expires=1&signature=x"
    made = {"key": KEY, "name": "bicycles.csv", "mediaType": "text/csv", "sizeBytes": 35}
    await running.far.keep(
        type="reply",
        id="r1",
        turn="t1",
        text="Here is the **list** of our bicycles.",
        agent="Ana",
        attachments=[{**made, "url": address}],
    )
    link = page.get_by_role("link", name="bicycles.csv")
    await expect(link).to_be_visible()
    href = await link.get_attribute("href")
    assert href is not None
    assert href.endswith(address)
    assert await serious_barriers(page) == []
    await keep(page, f"portal-made-{size}-{shade}")


async def test_without_files_there_is_no_clip(running: Running) -> None:
    page = await running.chat()
    await expect(page.get_by_text("Online")).to_be_visible()
    await expect(page.get_by_role("button", name="Attach files")).to_have_count(0)


async def test_what_is_too_large_says_so(running: Running) -> None:
    running.far.files = TAKEN
    page = await running.chat()
    await expect(page.get_by_role("button", name="Attach files")).to_be_visible()
    large: FilePayload = {"name": "a.png", "mimeType": "image/png", "buffer": bytes(4000)}
    await page.locator("[data-picker]").set_input_files([large])
    await expect(page.locator(".file-note")).to_have_text(
        "This file is too large. At most 2 kB can be sent."
    )
