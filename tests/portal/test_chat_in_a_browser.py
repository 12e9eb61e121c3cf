"""The chat page against a real WebSocket: nothing typed is lost, nothing is shown twice."""

import pytest
from playwright.async_api import Page, expect

from support.portal_browser import PHONE, Running, serious_barriers
from support.waiting import until

pytestmark = pytest.mark.browser


async def say(page: Page, text: str) -> None:
    box = page.get_by_label("Write a message")
    await box.fill(text)
    await box.press("Enter")


async def test_a_message_is_answered_and_drawn(running: Running) -> None:
    page = await running.chat()
    await expect(page.get_by_text("Online")).to_be_visible()
    await say(page, "hello")
    reply = page.locator("[data-log] .from-agent")
    await expect(reply).to_have_count(1)
    await expect(reply.locator("strong")).to_have_text("hello")
    await expect(page.locator("[data-log] .from-person")).to_have_count(1)
    await expect(page.locator(".draft")).to_have_count(0)
    assert running.far.said() == ["hello"]
    assert running.far.credentials[0].agent == "ana"


async def test_what_is_being_written_is_seen_step_by_step(running: Running) -> None:
    running.far.silent = True
    page = await running.chat()
    await expect(page.get_by_text("Online")).to_be_visible()
    await say(page, "what time is it?")
    await running.far.show(type="step", turn="t1", text="Looking at the clock")
    await expect(page.get_by_text("Looking at the clock")).to_be_visible()
    await running.far.show(type="delta", turn="t1", attempt=1, offset=0, text="It is **no")
    await expect(page.locator(".draft .bubble")).to_have_text("It is **no")
    await running.far.show(type="delta", turn="t1", attempt=1, offset=10, text="on** 🕛")
    await expect(page.locator(".draft strong")).to_have_text("noon")
    await running.far.show(type="delta", turn="t1", attempt=1, offset=99, text="lost before this")
    await running.far.show(type="delta", turn="t1", attempt=2, offset=0, text="Again: ")
    await expect(page.locator(".draft .bubble")).to_have_text("Again:")
    await running.far.show(type="delta", turn="t1", attempt=1, offset=0, text="too late")
    await running.far.keep(type="reply", id="r1", turn="t1", text="It is *noon*.", agent="Ana")
    await expect(page.locator("[data-log] .from-agent em")).to_have_text("noon")
    await expect(page.locator(".draft")).to_have_count(0)
    await running.far.show(type="delta", turn="t1", attempt=2, offset=0, text="too late")
    await page.wait_for_timeout(100)
    await expect(page.locator(".draft")).to_have_count(0)


async def test_nothing_is_lost_or_doubled_when_the_line_breaks(running: Running) -> None:
    page = await running.chat()
    await expect(page.get_by_text("Online")).to_be_visible()
    await say(page, "one")
    await expect(page.locator("[data-log] .from-agent")).to_have_count(1)
    running.far.deaf = True
    await say(page, "two")
    await expect(page.locator(".is-sending")).to_have_count(1)
    running.far.deaf = False
    await running.far.drop()
    await expect(page.locator(".is-sending")).to_have_count(0)
    await expect(page.locator("[data-log] .from-agent")).to_have_count(2)
    await running.far.drop()
    await running.far.keep(type="reply", id="late", turn="t9", text="While away.", agent="Ana")
    await expect(page.get_by_text("While away.")).to_have_count(1)
    await expect(page.locator("[data-log] .from-person")).to_have_count(2)
    assert running.far.said() == ["one", "two"]
    resumed = [one for one in running.far.heard if one["type"] == "auth"][-1]
    assert resumed["conversation"] == running.far.conversation
    assert resumed["after"] >= 4


async def test_a_message_typed_while_offline_waits_and_goes(running: Running) -> None:
    page = await running.chat()
    await expect(page.get_by_text("Online")).to_be_visible()
    running.far.close_with = [1012, 1012]
    await running.far.drop()
    await say(page, "kept")
    await expect(page.get_by_text("Waiting for the connection").last).to_be_attached()
    await expect(page.locator("[data-log] .from-agent")).to_have_count(1, timeout=15_000)
    assert running.far.said() == ["kept"]


async def test_a_reload_shows_the_conversation_again(running: Running) -> None:
    page = await running.chat()
    await expect(page.get_by_text("Online")).to_be_visible()
    await say(page, "remember me")
    await expect(page.locator("[data-log] .from-agent")).to_have_count(1)
    await page.reload()
    await expect(page.locator("[data-log] .from-person")).to_have_count(1)
    await expect(page.locator("[data-log] .from-agent")).to_have_count(1)
    await expect(page.get_by_text("remember me").first).to_be_visible()


async def test_a_refused_ticket_is_replaced_by_a_fresh_one(running: Running) -> None:
    running.far.close_with = [4401]
    page = await running.chat()
    await expect(page.get_by_text("Online")).to_be_visible()


async def test_anothers_conversation_says_so_and_a_new_one_can_be_begun(running: Running) -> None:
    running.far.close_with = [4403]
    page = await running.chat()
    await expect(page.get_by_text("This conversation belongs to somebody else")).to_be_visible()
    await page.get_by_role("button", name="New conversation").click()
    await expect(page.get_by_text("Online")).to_be_visible()
    newest = [one for one in running.far.heard if one["type"] == "auth"][-1]
    assert "conversation" not in newest


async def test_too_fast_waits_and_goes_on(running: Running) -> None:
    running.far.close_with = [4429]
    page = await running.chat()
    await expect(page.get_by_text("You are writing very fast.")).to_be_visible()
    await expect(page.get_by_text("Online")).to_be_visible(timeout=10_000)


async def test_an_ended_session_offers_the_log_in(running: Running) -> None:
    page = await running.chat()
    await expect(page.get_by_text("Online")).to_be_visible()
    running.site.records.open_sessions.clear()
    await running.far.drop()
    link = page.get_by_role("link", name="Your session has ended")
    await expect(link).to_be_visible()
    assert "after=%2Ftenants%2Facme%2Fagents%2Fana%2Fchat" in (
        await link.get_attribute("href") or ""
    )


async def test_an_answer_can_be_stopped(running: Running) -> None:
    running.far.silent = True
    page = await running.chat()
    await expect(page.get_by_text("Online")).to_be_visible()
    await say(page, "tell me everything")
    await running.far.show(type="delta", turn="t1", attempt=1, offset=0, text="Once upon")
    await page.get_by_role("button", name="Stop the answer").click()
    await until(lambda: any(one["type"] == "stop" for one in running.far.heard))
    stop = next(one for one in running.far.heard if one["type"] == "stop")
    assert stop["turn"] == "t1"
    await running.far.keep(type="reply", id="r", turn="t1", text="Once upon", agent="Ana")
    await running.far.keep(type="notice", code="Stopped", text="Stopped.")
    await expect(page.get_by_role("note").filter(has_text="Stopped.")).to_be_visible()
    await expect(page.get_by_role("button", name="Stop the answer")).to_be_hidden()


async def test_what_a_model_writes_is_never_markup(running: Running) -> None:
    running.far.silent = True
    page = await running.chat()
    await expect(page.get_by_text("Online")).to_be_visible()
    evil = (
        '<img src=x onerror="window.broken=1"> <script>window.broken=1</script>\n\n'
        "[click](javascript:alert(1)) [data](data:text/html,x) [fine](https://example.com/a_(b))\n\n"
        "```html\n<b>code</b>\n```\n\n1. one\n2. two\n   - inner\n\n> quote\n\n"
        "**bold *both* bold** `<i>` https://example.org/x?a=b.\n"
    )
    await running.far.keep(type="reply", id="r", turn="t", text=evil, agent="Ana")
    body = page.locator("[data-log] .from-agent [data-body]")
    await expect(body).to_be_visible()
    assert await page.evaluate("window.broken") is None
    assert await body.locator("img, script, b").count() == 0
    links = [await one.get_attribute("href") for one in await body.locator("a").all()]
    assert links == ["https://example.com/a_(b)", "https://example.org/x?a=b"]
    assert await body.locator("pre code").inner_text() == "<b>code</b>"
    assert await body.locator("ol > li").count() == 2
    assert await body.locator("ol ul li").inner_text() == "inner"
    assert await body.locator("blockquote p").inner_text() == "quote"
    assert await body.locator("strong em").inner_text() == "both"
    assert await body.locator("p > code").inner_text() == "<i>"


async def test_an_error_is_told_at_the_message_it_is_about(running: Running) -> None:
    running.far.silent = True
    page = await running.chat()
    await expect(page.get_by_text("Online")).to_be_visible()
    await say(page, "far too long")
    await until(lambda: any(one["type"] == "message" for one in running.far.heard))
    told = next(one for one in running.far.heard if one["type"] == "message")
    await running.far.show(type="error", code="too_long", text="Write less.", id=told["id"])
    await expect(page.locator(".is-refused footer")).to_have_text("Write less.")
    await running.far.show(type="error", code="too_fast", text="Slow down, please.")
    await expect(page.get_by_role("note").filter(has_text="Slow down")).to_be_visible()


async def test_unknown_frames_are_ignored(running: Running) -> None:
    page = await running.chat()
    await expect(page.get_by_text("Online")).to_be_visible()
    for frame in ({"type": "constructor"}, {"type": "toString"}, {"type": 7}, {"no": "type"}):
        await running.far.show(**frame)
    await say(page, "still here")
    await expect(page.locator("[data-log] .from-agent")).to_have_count(1)


async def test_on_a_phone_the_whole_chat_fits_the_screen(running: Running) -> None:
    page = await running.chat(viewport=PHONE, has_touch=True, is_mobile=True)
    await expect(page.get_by_text("Online")).to_be_visible()
    for number in range(6):
        await running.far.keep(
            type="reply", id=f"r{number}", turn=f"t{number}", text="A line.\n\n" * 8, agent="Ana"
        )
    await expect(page.locator("[data-log] .from-agent")).to_have_count(6)
    box = await page.get_by_label("Write a message").bounding_box()
    assert box
    assert box["y"] + box["height"] <= PHONE["height"]
    assert await page.evaluate("document.documentElement.scrollHeight") <= PHONE["height"]
    await expect(page.get_by_text("A line.").last).to_be_in_viewport()
    assert await serious_barriers(page) == []
