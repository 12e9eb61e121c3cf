"""The widget on a customer's own page: Chromium, a real gateway, a far agent."""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from support.desk import act, desk_ticket
from support.far_agent import FarAgentTurn, far_agent, until_stopped
from support.gateways import RunningGateway, SampleTenant, running_gateway
from support.postgres import Database
from support.sockets import serve
from support.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.postgres]

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1440, "height": 900}
ANSWER = (
    "Yes, **we do**. The shop is open:\n\n- Monday to Friday, 9:00 to 18:00\n- Saturday, 10:00 to"
    " 14:00\n\nMore at [our page](https://www.acme.example/hours)."
)


@dataclass
class Customer:
    """A customer's page with the widget on it, and a browser in front."""

    gateway: RunningGateway
    browser: Browser
    page_url: str
    complaints: list[str] = field(default_factory=list)

    async def page(self, path: str = "/", **options: Any) -> Page:
        context = await self.browser.new_context(**{"viewport": DESK, "locale": "en", **options})
        page = await context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on(
            "console",
            lambda said: self.complaints.append(said.text) if "Security" in said.text else None,
        )
        await page.goto(self.page_url + path)
        return page

    async def opened(self, path: str = "/", **options: Any) -> Page:
        page = await self.page(path, **options)
        await page.locator(".launch").click()
        await expect(page.locator(".state")).not_to_have_text("Connecting …")
        return page


def customers_site(gateway_url: str) -> Starlette:
    """A page with a strict policy: one script from the gateway, one line to it."""
    wires = f"{gateway_url} {gateway_url.replace('http', 'ws', 1)}"
    policy = f"default-src 'none'; script-src {gateway_url}; connect-src {wires}; style-src 'self'"

    async def show(request: Request) -> Response:
        language = request.query_params.get("lang", "en")
        more = " ".join(f'data-{k}="{v}"' for k, v in request.query_params.items() if k != "lang")
        script = f'<script src="{gateway_url}/chat/acme/website/widget.js" {more} async></script>'
        page = (
            f'<!doctype html><html lang="{language}"><head><title>Acme</title>'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"{script}</head><body><main><h1>Acme tools</h1><p>Everything for the garden.</p>"
            '<a href="/more">More</a></main></body></html>'
        )
        return HTMLResponse(page, headers={"Content-Security-Policy": policy})

    return Starlette(routes=[Route("/", show)])


@pytest_asyncio.fixture
async def customer(database: Database, tenant: SampleTenant) -> AsyncIterator[Customer]:
    async with (
        running_gateway(database.url("gateway")) as gateway,
        serve(customers_site(gateway.url)) as page_url,
        async_playwright() as playwright,
    ):
        config = {
            "visitors": "Allowed",
            "allowedOrigins": [page_url],
            "greeting": "Ask me about tools, orders and opening hours.",
        }
        tenant.over["connections"] = (tenant.connection("website", config=config),)
        await tenant.register(gateway.internal_url)
        browser = await playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        made = Customer(gateway, browser, page_url)
        try:
            yield made
        finally:
            await browser.close()
        assert made.complaints == []


async def say(page: Page, text: str) -> None:
    box = page.locator("textarea")
    await box.fill(text)
    await box.press("Enter")


async def answers(_given: FarAgentTurn) -> str:
    return ANSWER


async def barriers(page: Page) -> list[str]:
    found = await Axe().run(page)
    return [
        f"{one['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
        for one in found.response["violations"]
        if one["impact"] in {"serious", "critical"}
        for node in one["nodes"]
    ]


async def keep(page: Page, name: str) -> None:
    """Keep a screenshot where somebody wants to look at it."""
    folder = os.environ.get("KONSTRUCT_SCREENSHOTS")
    if folder:
        await page.screenshot(path=Path(folder) / f"{name}.png")


@pytest.mark.parametrize("shade", ["light", "dark"])
@pytest.mark.parametrize(("size", "viewport"), [("390", PHONE), ("1440", DESK)])
async def test_a_person_asks_on_the_page_and_is_answered(
    customer: Customer, tenant: SampleTenant, size: str, viewport: Any, shade: Any
) -> None:
    async with far_agent(customer.gateway.internal_url, tenant.token, answers):
        page = await customer.page(viewport=viewport, color_scheme=shade)
        await keep(page, f"closed-{size}-{shade}")
        await page.locator(".launch").click()
        await expect(page.locator(".hello")).to_contain_text("Ask me about tools")
        assert await barriers(page) == []
        await keep(page, f"hello-{size}-{shade}")
        await say(page, "Are you open on Saturdays?")
        reply = page.locator(".log .row:not(.mine)")
        await expect(reply.locator("strong")).to_have_text("we do")
        await say(page, "help")
        await expect(page.locator(".note")).to_contain_text("You can also write:")
        assert await barriers(page) == []
        await page.locator(".scroll").evaluate("one => one.scrollTo(0, 0)")
        await keep(page, f"talk-{size}-{shade}")
        box = await page.locator("textarea").bounding_box()
        assert box
        assert box["y"] + box["height"] <= viewport["height"]


async def test_what_is_being_written_streams_and_can_be_stopped(
    customer: Customer, tenant: SampleTenant
) -> None:
    async def slowly(given: FarAgentTurn) -> str | None:
        await given.work.note(given.turn, "Looking at the clock")
        await given.work.deltas(given.turn, ["It is ", "**noon"])
        await until_stopped(given)
        await given.work.complete(given.turn)
        return None

    async with far_agent(customer.gateway.internal_url, tenant.token, slowly):
        page = await customer.opened()
        await say(page, "What time is it?")
        await expect(page.locator(".steps")).to_have_text("Looking at the clock")
        await expect(page.locator(".drafts .bubble")).to_contain_text("It is")
        await keep(page, "streaming")
        await page.get_by_role("button", name="Stop the answer").click()
        await expect(page.locator(".note")).to_have_text("Stopped.")
        await expect(page.locator(".drafts .row")).to_have_count(0)


async def test_a_human_who_takes_over_is_named_and_ends_the_draft(
    customer: Customer, tenant: SampleTenant
) -> None:
    async def slowly(given: FarAgentTurn) -> str:
        await given.work.deltas(given.turn, ["Let me "])
        await until_stopped(given)
        return "too late"

    async with far_agent(customer.gateway.internal_url, tenant.token, slowly) as agent:
        page = await customer.opened()
        await say(page, "hello")
        await expect(page.locator(".drafts .bubble")).to_contain_text("Let me")
        conversation = agent.turns[0].conversation_id
        for wish in ({"action": "take"}, {"action": "write", "id": "1", "text": "I am Eva."}):
            answer = await act(customer.gateway, conversation, desk_ticket(tenant), **wish)
            assert answer.status_code == 200
        await expect(page.locator(".log .foot").last).to_contain_text("Eva · Human")
        await expect(page.locator(".drafts .row")).to_have_count(0)
        await expect(page.get_by_role("button", name="Good answer")).to_have_count(0)
        await expect(page.get_by_text("too late")).to_have_count(0)


async def test_a_reload_comes_back_as_the_same_person(
    customer: Customer, tenant: SampleTenant
) -> None:
    async with far_agent(customer.gateway.internal_url, tenant.token):
        page = await customer.opened()
        await say(page, "remember me")
        await expect(page.locator(".log .row")).to_have_count(2)
        await page.reload()
        await page.locator(".launch").click()
        await expect(page.locator(".log .row")).to_have_count(2)
        await page.get_by_role("button", name="New conversation").click()
        await expect(page.locator(".log .row")).to_have_count(0)


async def test_a_broken_line_loses_and_doubles_nothing(
    customer: Customer, tenant: SampleTenant
) -> None:
    async with far_agent(customer.gateway.internal_url, tenant.token):
        page = await customer.opened()
        await say(page, "one")
        await expect(page.locator(".log .row")).to_have_count(2)
        for listener in customer.gateway.gateway.parts.hub.listeners:
            await listener.move()
        await say(page, "two")
        await expect(page.locator(".log .row")).to_have_count(4, timeout=15_000)
        await expect(page.locator(".sending")).to_have_count(0)


async def test_feedback_is_given_with_a_thumb(customer: Customer, tenant: SampleTenant) -> None:
    async with far_agent(customer.gateway.internal_url, tenant.token):
        page = await customer.opened()
        await say(page, "hello")
        thumb = page.get_by_role("button", name="Good answer")
        await thumb.click()
        await expect(thumb).to_have_attribute("aria-pressed", "true")
        counted = customer.gateway.gateway.parts.metrics.feedback.labels("WebChat", "up")
        await until(lambda: counted._value.get() == 1)


async def test_the_keyboard_alone_is_enough(customer: Customer, tenant: SampleTenant) -> None:
    async with far_agent(customer.gateway.internal_url, tenant.token):
        page = await customer.page()
        await page.get_by_role("link", name="More").focus()
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.locator("textarea")).to_be_focused()
        await expect(page.locator(".state")).to_have_text("AI assistant")
        await page.keyboard.type("hello")
        await page.keyboard.press("Enter")
        await expect(page.locator(".log .row")).to_have_count(2)
        for _ in range(12):
            await page.keyboard.press("Tab")
            inside = "document.activeElement.shadowRoot?.activeElement?.closest('.panel') != null"
            assert await page.evaluate(inside)
        await page.keyboard.press("Escape")
        await expect(page.locator(".panel")).to_be_hidden()
        await expect(page.locator(".launch")).to_be_focused()


async def test_nothing_that_was_written_is_read_as_markup(
    customer: Customer, tenant: SampleTenant
) -> None:
    async def evil(_given: FarAgentTurn) -> str:
        return (
            '<img src=x onerror="window.broken=1"><script>window.broken=1</script>'
            " [click](javascript:alert(1))"
        )

    async with far_agent(customer.gateway.internal_url, tenant.token, evil):
        page = await customer.opened()
        await say(page, "<b>hello</b>")
        await expect(page.locator(".log .row")).to_have_count(2)
        assert await page.locator(".log").locator("img, script, b, a").count() == 0
        assert await page.evaluate("window.broken") is None


@pytest.mark.parametrize(("tag", "label"), [("es-MX", "Abrir el chat"), ("pt", "Abrir o chat")])
async def test_the_page_decides_the_language(customer: Customer, tag: str, label: str) -> None:
    page = await customer.page(f"/?lang={tag}")
    await expect(page.get_by_role("button", name=label)).to_be_visible()


async def test_colours_side_and_theme_come_from_the_tag(customer: Customer) -> None:
    page = await customer.opened("/?accent=%23ffd43b&position=left&theme=dark")
    colours = "one => [getComputedStyle(one).backgroundColor, getComputedStyle(one).color]"
    assert await page.locator(".launch").evaluate(colours) == [
        "rgb(255, 212, 59)",
        "rgb(17, 17, 17)",
    ]
    box = await page.locator(".launch").bounding_box()
    assert box
    assert box["x"] < 100
    await keep(page, "accent-left-dark")
    assert await barriers(page) == []


async def test_a_page_that_is_not_allowed_says_so(customer: Customer, tenant: SampleTenant) -> None:
    tenant.over["connections"] = (
        tenant.connection("website", config={"visitors": "Allowed", "allowedOrigins": []}),
    )
    await tenant.register(customer.gateway.internal_url)
    page = await customer.page()
    await page.locator(".launch").click()
    await expect(page.locator(".state")).to_have_text("The connection broke. Trying again …")
