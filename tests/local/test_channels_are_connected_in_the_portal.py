"""From an empty workspace to a first answer by the portal alone: by form, and by a click."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from support.embedded import Run, Site, site
from support.far_slack import FarSlack, SlackCaller, Workspace, direct
from support.far_slack_oauth import FarSlackOauth, far_slack_oauth
from support.forms import fields_of
from support.waiting import until

pytestmark = [pytest.mark.process, pytest.mark.postgres]

NEW, TEAM = "/tenants/acme/connect/slack", "/tenants/acme/connections/team"
SIGNING, PLATFORM = "0123456789abcdef0123456789abcdef", "signing-secret-of-the-platform"
FORM = {
    "name": "team",
    "agent": "ana",
    "gather": "0",
    "config.appId": "A0KONSTRUCT",
    "config.teamId": "T0ACME",
    "secret.signingSecret": SIGNING,
}


def secrets_of(here: Site) -> list[Path]:
    return sorted((here.home / "secrets").glob("tenant-acme-*.yaml"))


async def test_a_form_connects_slack_and_new_credentials_replace_the_old() -> None:
    vendor = FarSlack([Workspace(token="xoxb-1"), Workspace(token="xoxb-2")])
    far = FarSlackOauth(slack=vendor)
    async with far_slack_oauth(far) as slack, _portal(slack) as (here, run, browser):
        untouched = (here.folder / "connection.yaml").read_text()
        await _send(browser, NEW, **FORM, **{"secret.botToken": "xoxb-1"})
        [first] = secrets_of(here)
        assert first.stat().st_mode & 0o777 == 0o600
        caller = SlackCaller(browser, f"{run.url}/hooks/slack/acme/team", SIGNING)
        assert await caller.deliver(direct("Hello!", ts="1.000001"), "Ev1")
        await until(lambda: vendor.ledger, seconds=60)
        page = (await browser.get(TEAM)).text
        assert "Last message in" in page
        given = {"secret.signingSecret": SIGNING, "secret.botToken": "xoxb-2"}
        await _send(browser, f"{TEAM}/credentials", **given)
        [second] = secrets_of(here)
        assert second != first
        vendor.workspaces[0].revoked = True
        assert await caller.deliver(direct("Still there?", ts="2.000001"), "Ev2")
        await until(lambda: len(vendor.ledger) == 2, seconds=60)
        declared = (here.folder / "tenant-acme-channelconnection-team.yaml").read_text()
        (here.folder / "tenant-acme-channelconnection-team.yaml").write_text(
            f"# Our help desk.\n{declared}"
        )
        await _send(browser, f"{TEAM}/edit", reply_when="Always")
        text = (here.folder / "tenant-acme-channelconnection-team.yaml").read_text()
        assert text.startswith("# Our help desk.\n")
        assert "replyWhen: Always" in text
        await _send(browser, f"{TEAM}/delete", typed="team")
        assert secrets_of(here) == []
        assert (here.folder / "connection.yaml").read_text() == untouched
        assert await run.interrupt() == 0


async def test_a_click_connects_slack_through_the_platforms_app() -> None:
    vendor = FarSlack([])
    far = FarSlackOauth(slack=vendor)
    async with far_slack_oauth(far) as slack, _portal(slack) as (here, run, browser):
        start = f"{run.url}/oauth/slack/start"
        form = fields_of((await browser.get(start, params={"tenant": "acme"})).text, "/start")
        answer = await browser.post(start, data=form, follow_redirects=False)
        asked = {name: one[0] for name, one in parse_qs(_query(answer)).items()}
        done = await browser.get(slack.approval(asked))
        assert done.status_code == 200, done.text
        assert str(done.url).endswith("/connections/slack-acme-hq")
        assert len(secrets_of(here)) == 1
        caller = SlackCaller(browser, f"{run.url}/hooks/slack", PLATFORM, app="A0SHARED")
        await until(lambda: ("auth.test", 200) in vendor.calls)
        assert await caller.deliver(direct("Hello!", ts="1.000001"), "Ev1")
        await until(lambda: vendor.ledger, seconds=60)
        removed = {"type": "app_uninstalled"}
        assert await caller.deliver(removed, "Ev2")
        shown = ""
        async with asyncio.timeout(20):
            while "AppUninstalled" not in shown:
                shown = (await browser.get("/tenants/acme/connections/slack-acme-hq")).text
        assert "Install the app again" in shown
        assert await run.interrupt() == 0


def _query(answer: httpx.Response) -> str:
    assert answer.status_code == 303, answer.text
    return urlsplit(answer.headers["location"]).query


async def _send(browser: httpx.AsyncClient, page: str, **fields: str) -> None:
    """Fill in the form of a page and send it."""
    found = fields_of((await browser.get(page)).text, page)
    answer = await browser.post(page, data={**found, **fields})
    assert answer.status_code == 200, answer.text


@asynccontextmanager
async def _portal(
    slack: FarSlackOauth,
) -> AsyncIterator[tuple[Site, Run, httpx.AsyncClient]]:
    async with site() as here:
        run = await here.up(
            environment={
                "KONSTRUCT_SLACK_API_URL": slack.url,
                "KONSTRUCT_SLACK_SIGNING_SECRET": PLATFORM,
                "KONSTRUCT_SLACK_CLIENT_ID": slack.client_id,
                "KONSTRUCT_SLACK_CLIENT_SECRET": slack.client_secret,
                "KONSTRUCT_SLACK_APP_ID": slack.app_id,
            }
        )
        found = re.search(r"as (\S+) with the password (\S+)", await run.until_said("Log in as"))
        assert found is not None
        async with httpx.AsyncClient(base_url=run.url, follow_redirects=True) as browser:
            form = fields_of((await browser.get("/")).text, "/login")
            await browser.post("/login", data={**form, "email": found[1], "password": found[2]})
            yield here, run, browser
