"""The portal of the embedded mode: logged in with what was printed, editing the folder's files."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from support.embedded import Run, Site, site
from support.folders import AGENT
from support.forms import fields_of
from support.visitor import visiting

pytestmark = [pytest.mark.process, pytest.mark.postgres]

AGENT_PAGE = "/tenants/acme/agents/ana"


async def test_an_edit_in_the_portal_keeps_the_file_s_comments_and_takes_effect() -> None:
    async with _logged_in() as (here, run, browser):
        page = await browser.get(AGENT_PAGE)
        form = fields_of(page.text, AGENT_PAGE)
        assert form["display_name"] == "Ana"
        answer = await browser.post(AGENT_PAGE, data={**form, "display_name": "Ada"})
        assert answer.status_code == 200, answer.text
        text = (here.folder / "agent.yaml").read_text()
        assert text.startswith("# Who answers on the web site.\n")
        assert "  displayName: Ada  # shown to visitors\n" in text
        await run.until_said("acme: the change is in effect")
        async with visiting(run.url, "acme/website") as visitor:
            assert "Ada" in (await visitor.ask("hello"))["text"]


async def test_an_invalid_edit_in_the_portal_writes_nothing() -> None:
    async with _logged_in() as (here, _run, browser):
        form = fields_of((await browser.get(AGENT_PAGE)).text, AGENT_PAGE)
        answer = await browser.post(AGENT_PAGE, data={**form, "language": "no such language"})
        assert answer.status_code in {200, 422}
        assert "no such language" in answer.text
        assert (here.folder / "agent.yaml").read_text() == AGENT


async def test_a_refused_edit_of_a_file_stands_on_the_agent_s_page() -> None:
    async with _logged_in() as (here, run, browser):
        broken = AGENT.replace("displayName: Ana", "displayName: 7")
        (here.folder / "agent.yaml").write_text(broken)
        await run.until_said("The edit is refused")
        page = (await browser.get(AGENT_PAGE)).text
        assert "EditRefused" in page
        assert "agent.yaml:" in page


@asynccontextmanager
async def _logged_in() -> AsyncIterator[tuple[Site, Run, httpx.AsyncClient]]:
    async with site() as here:
        run = await here.up()
        line = await run.until_said("Log in as")
        found = re.search(r"as (\S+) with the password (\S+)", line)
        assert found is not None
        async with httpx.AsyncClient(base_url=run.url, follow_redirects=True) as browser:
            form = fields_of((await browser.get("/")).text, "/login")
            answer = await browser.post(
                "/login", data={**form, "email": found[1], "password": found[2]}
            )
            assert answer.status_code == 200, answer.text
            assert "Acme" in answer.text
            yield here, run, browser
        assert await run.interrupt() == 0
