"""The exchange of a code for a bot token, against Slack's own rules."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from konstruct_channels.slack.install import (
    Fault,
    InstallRefused,
    SharedApp,
    authorize_url,
    exchange,
    installed_of,
)
from konstruct_channels.slack.manifest import ASKED_SCOPES
from support.far_slack_oauth import FarSlackOauth, FarWorkspace, far_slack_oauth

pytestmark = pytest.mark.sockets

BACK = "http://portal.example/oauth/slack/callback"


def shared(far: FarSlackOauth, **other: str) -> SharedApp:
    known = {
        "client_id": far.client_id,
        "client_secret": far.client_secret,
        "app_id": far.app_id,
        "api_url": far.url,
    }
    return SharedApp(**(known | other))


def asked_of(app: SharedApp, **more: str) -> dict[str, str]:
    address = authorize_url(app, redirect_uri=BACK, state="s", **more)
    assert urlsplit(address).path == "/oauth/v2/authorize"
    return {name: one[0] for name, one in parse_qs(urlsplit(address).query).items()}


def code_of(address: str) -> str:
    found = re.search(r"code=([\w-]+)", address)
    assert found
    return found[1]


async def refused(app: SharedApp, code: str, redirect_uri: str = BACK) -> InstallRefused:
    with pytest.raises(InstallRefused) as error:
        await exchange(app, code=code, redirect_uri=redirect_uri)
    return error.value


def test_the_address_asks_for_the_scopes_of_the_manifest() -> None:
    app = SharedApp(client_id="1.2", client_secret="x")
    asked = asked_of(app, team_id="T0ACME")
    assert asked["scope"].split(",") == list(ASKED_SCOPES)
    assert (asked["client_id"], asked["state"], asked["team"]) == ("1.2", "s", "T0ACME")
    assert authorize_url(app, redirect_uri=BACK, state="s").startswith(
        "https://slack.com/oauth/v2/authorize?"
    )
    assert "team" not in asked_of(app, team_id="E0ORG")


async def test_a_code_becomes_a_token_once() -> None:
    async with far_slack_oauth() as far:
        app = shared(far)
        code = code_of(far.approval(asked_of(app)))
        made = await exchange(app, code=code, redirect_uri=BACK)
        assert (made.app_id, made.team_id, made.name) == ("A0SHARED", "T0ACME", "Acme HQ")
        assert made.bot_token == far.given[0][1]
        assert made.bot_token not in repr(made)
        again = await refused(app, code)
        assert (again.fault, again.code) == (Fault.CODE, "code_already_used")


async def test_an_organisation_is_known_by_its_own_id() -> None:
    org = FarWorkspace(team="", name="Acme Group", enterprise="E0ACME", org_wide=True)
    async with far_slack_oauth(FarSlackOauth(workspaces=[org])) as far:
        app = shared(far)
        made = await exchange(app, code=code_of(far.approval(asked_of(app))), redirect_uri=BACK)
        assert (made.team_id, made.org_wide) == ("E0ACME", True)


async def test_every_refusal_says_who_has_to_act() -> None:
    now = [0.0]
    async with far_slack_oauth(FarSlackOauth(clock=lambda: now[0])) as far:
        app = shared(far)
        assert (await refused(app, "never-given")).fault is Fault.CODE
        code = code_of(far.approval(asked_of(app)))
        assert (await refused(app, code, BACK + "/other")).code == "bad_redirect_uri"
        wrong = shared(far, client_secret="wrong")
        assert (await refused(wrong, code)).fault is Fault.PLATFORM
        assert (await refused(shared(far, client_id="9.9"), code)).fault is Fault.PLATFORM
        another = shared(far, app_id="A0OTHER")
        assert (await refused(another, code)).code == "another_app"
        late = code_of(far.approval(asked_of(app)))
        now[0] = 601.0
        assert (await refused(app, late)).code == "invalid_code"
        far.refuse = "org_login_required"
        assert (await refused(app, "x")).fault is Fault.WORKSPACE
        far.refuse = "ratelimited"
        assert (await refused(app, "x")).fault is Fault.UNREACHED
    assert (await refused(app, "x")).fault is Fault.UNREACHED


async def test_a_token_that_would_end_is_not_taken() -> None:
    async with far_slack_oauth(FarSlackOauth(token_rotation=True)) as far:
        app = shared(far)
        code = code_of(far.approval(asked_of(app)))
        assert (await refused(app, code)).code == "token_rotation_is_on"


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"ok": True, "access_token": "xoxp-1", "token_type": "user", "team": {"id": "T1"}},
        {"access_token": "xoxb-1", "token_type": "bot", "team": None, "app_id": "A1"},
        {"access_token": 5, "token_type": "bot", "team": {"id": "T1"}, "app_id": "A1"},
        {"access_token": "xoxb-1", "token_type": "bot", "team": {"id": "T1"}, "app_id": None},
    ],
)
def test_an_answer_without_a_bot_of_a_workspace_is_refused(content: dict[str, object]) -> None:
    with pytest.raises(InstallRefused):
        installed_of(SharedApp("1.2", "x"), content)
