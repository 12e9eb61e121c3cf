"""Slack's OAuth in the portal: what comes back is believed once, in its own session, for ten
minutes; every way in which it fails is a page that says what to do."""

import re
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from konstruct_portal.pages.slack.promise import (
    Broken,
    Promise,
    StateRefused,
    open_state,
    seal,
)
from konstruct_portal.records import Role
from support.far_slack_oauth import FarWorkspace
from support.portal_fakes import ACME, GLOBEX, resource
from support.portal_site import open_site, token_of
from support.slack_portal import CALLBACK, START, Installing, open_installing

pytestmark = pytest.mark.sockets

KEY = b"k" * 32
PROMISE = Promise("acme", "ana", "", "session", "nonce", 1000)
OTHER = FarWorkspace(team="T0OTHER", name="Otra Sede!")


@pytest_asyncio.fixture
async def installing() -> AsyncIterator[Installing]:
    async with open_installing() as opened:
        yield opened


def count_connections(installing: Installing) -> int:
    return sum(1 for kind, _, _ in installing.site.resources.items if kind == "ChannelConnection")


async def test_a_click_makes_the_secret_and_the_connection(installing: Installing) -> None:
    visitor = await installing.site.signed_in(Role.ADMINISTRATOR, ACME)
    answer = await installing.install(visitor)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/tenants/acme/connections/slack-acme-hq"
    spec = installing.connection("slack-acme-hq")
    assert spec["slack"] == {"appId": "A0SHARED", "teamId": "T0ACME", "install": "Shared"}
    assert spec["agentRef"] == {"name": "ana"}
    secret = installing.secret_of(spec)
    assert secret["stringData"] == {"botToken": "xoxb-T0ACME-1"}
    assert secret["immutable"] is True
    assert secret["metadata"]["labels"] == {
        "konstruct.dev/use": "channel",
        "konstruct.dev/written-by": "portal",
    }
    shown = await visitor.get(answer.headers["location"])
    assert "Slack is connected" in shown.text
    assert "xoxb-" not in shown.text.replace("xoxb-...", "")


async def test_installing_again_rotates_the_secret_and_keeps_the_connection(
    installing: Installing,
) -> None:
    visitor = await installing.site.signed_in()
    await installing.install(visitor)
    first = installing.connection("slack-acme-hq")
    renew = f"{START}?tenant=acme&connection=slack-acme-hq"
    page = await visitor.get("/tenants/acme/connections/slack-acme-hq")
    assert renew.replace("&", "&amp;") in page.text
    assert "Connect slack-acme-hq again" in (await visitor.get(renew)).text
    asked = await installing.begin(visitor, connection="slack-acme-hq")
    assert asked["team"] == "T0ACME"
    answer = await installing.allow(visitor, asked)
    assert answer.headers["location"] == "/tenants/acme/connections/slack-acme-hq"
    second = installing.connection("slack-acme-hq")
    assert {**second, "credentialsSecretRef": first["credentialsSecretRef"]} == first
    assert second["credentialsSecretRef"] != first["credentialsSecretRef"]
    assert installing.secret_of(second)["stringData"] == {"botToken": "xoxb-T0ACME-2"}
    # So does a click that did not know of the connection.
    again = await installing.install(visitor)
    assert again.headers["location"] == "/tenants/acme/connections/slack-acme-hq"
    assert count_connections(installing) == 3


async def test_a_whole_organisation_is_one_connection(installing: Installing) -> None:
    visitor = await installing.site.signed_in()
    org = FarWorkspace(team="", name="Acme Group", enterprise="E0ACME", org_wide=True)
    await installing.install(visitor, org)
    assert installing.connection("slack-acme-group")["slack"]["teamId"] == "E0ACME"


async def test_what_comes_back_is_taken_once(installing: Installing) -> None:
    visitor = await installing.site.signed_in()
    asked = await installing.begin(visitor)
    assert (await installing.allow(visitor, asked)).status_code == 303
    again = await installing.allow(visitor, asked)
    assert again.status_code == 400
    assert "can no longer be finished" in again.text
    assert len(installing.far.given) == 1


async def test_another_session_cannot_finish_what_one_began(installing: Installing) -> None:
    one, other = await installing.site.signed_in(), await installing.site.signed_in()
    asked = await installing.begin(one)
    refused = await installing.allow(other, asked)
    assert refused.status_code == 400
    assert installing.far.given == []
    stranger = await installing.allow(installing.site.visitor(), asked)
    assert stranger.headers["location"].startswith("/login")


async def test_ten_minutes_later_it_is_too_late(
    installing: Installing, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = await installing.site.signed_in()
    asked = await installing.begin(visitor)
    late = time.time() + 601
    monkeypatch.setattr(time, "time", lambda: late)
    answer = await installing.allow(visitor, asked)
    assert answer.status_code == 400
    assert installing.far.given == []


async def test_a_person_who_says_no_reads_what_that_means(installing: Installing) -> None:
    visitor = await installing.site.signed_in()
    asked = await installing.begin(visitor)
    answer = await installing.deny(visitor, asked)
    assert answer.status_code == 403
    assert "You did not allow the app" in answer.text
    assert f"{START}?tenant=acme&amp;connection=&amp;agent=ana" in answer.text
    # The same state still serves somebody who then says yes.
    assert (await installing.allow(visitor, asked)).status_code == 303


async def test_another_tenants_workspace_is_not_taken_over(installing: Installing) -> None:
    theirs = resource(
        "ChannelConnection",
        "hq",
        "tenant-globex",
        spec={
            "type": "Slack",
            "agentRef": {"name": "gil"},
            "slack": {"appId": "A0SHARED", "teamId": "T0ACME", "install": "Shared"},
        },
    )
    installing.site.resources.add(theirs)
    visitor = await installing.site.signed_in(Role.ADMINISTRATOR, ACME)
    answer = await installing.install(visitor)
    assert answer.status_code == 409
    assert "connected elsewhere" in answer.text
    for secret in ("globex", "Globex", "tenant-globex", ">hq<"):
        assert secret not in answer.text
    assert installing.site.resources.secrets == {}


async def test_the_wrong_workspace_does_not_renew_a_connection(installing: Installing) -> None:
    visitor = await installing.site.signed_in()
    await installing.install(visitor)
    before = installing.connection("slack-acme-hq")
    answer = await installing.install(visitor, OTHER, connection="slack-acme-hq")
    assert answer.status_code == 409
    assert "another workspace" in answer.text
    assert installing.connection("slack-acme-hq") == before
    assert len(installing.site.resources.secrets) == 1
    await installing.install(visitor, OTHER)
    assert installing.connection("slack-otra-sede")["slack"]["teamId"] == "T0OTHER"


async def test_what_git_declares_is_left_alone(installing: Installing) -> None:
    visitor = await installing.site.signed_in()
    await installing.install(visitor)
    key = ("ChannelConnection", "tenant-acme", "slack-acme-hq")
    items = installing.site.resources.items
    items[key] = replace(items[key], managed_by="argocd-controller")
    before = items[key]
    answer = await installing.install(visitor)
    assert answer.status_code == 409
    assert "argocd-controller writes it" in answer.text
    assert items[key] == before
    assert len(installing.site.resources.secrets) == 1
    renew = await visitor.get(START, params={"tenant": "acme", "connection": "slack-acme-hq"})
    assert renew.status_code == 404


@pytest.mark.parametrize(
    ("refuse", "status", "words"),
    [
        ("invalid_code", 400, "can no longer be finished"),
        ("bad_client_secret", 502, "This platform&#39;s Slack app is not set up right"),
        ("org_login_required", 403, "Your workspace does not let the app in"),
        ("internal_error", 503, "Slack cannot be reached right now"),
        ("something_new", 403, "Your workspace does not let the app in"),
    ],
)
async def test_each_of_slacks_refusals_says_who_has_to_act(
    installing: Installing, refuse: str, status: int, words: str
) -> None:
    visitor = await installing.site.signed_in()
    asked = await installing.begin(visitor)
    installing.far.refuse = refuse
    answer = await installing.allow(visitor, asked)
    assert (answer.status_code, words in answer.text) == (status, True)
    assert installing.site.resources.secrets == {}
    assert count_connections(installing) == 2


async def test_a_word_of_slacks_that_is_no_word_is_not_repeated(installing: Installing) -> None:
    visitor = await installing.site.signed_in()
    asked = await installing.begin(visitor)
    forged = {"error": "<b>call 0800", "state": asked["state"]}
    answer = await visitor.get(CALLBACK, params=forged)
    assert answer.status_code == 403
    assert "0800" not in answer.text


async def test_only_administrators_of_the_tenant_connect_it(installing: Installing) -> None:
    operator = await installing.site.signed_in(Role.OPERATOR, ACME)
    assert (await operator.get(START, params={"tenant": "acme"})).status_code == 403
    stranger = await installing.site.signed_in(Role.ADMINISTRATOR, GLOBEX)
    assert (await stranger.get(START, params={"tenant": "acme"})).status_code == 404
    listed = await stranger.get(START)
    assert "Globex Foods" in listed.text
    assert "Acme" not in listed.text
    nobody = await installing.site.visitor().get(START, params={"tenant": "acme"})
    assert nobody.headers["location"].startswith("/login")


async def test_a_form_of_another_site_leads_nowhere(installing: Installing) -> None:
    visitor = await installing.site.signed_in()
    fields = {"tenant": "acme", "agent": "ana"}
    assert (await visitor.post(START, data=fields)).status_code == 403
    unknown = {**fields, "form_token": token_of(await visitor.get("/profile")), "agent": "eve"}
    assert (await visitor.post(START, data=unknown)).status_code == 404


async def test_the_policy_lets_this_form_lead_to_slack_and_to_nobody_else(
    installing: Installing,
) -> None:
    visitor = await installing.site.signed_in()
    policy = (await visitor.get("/tenants")).headers["content-security-policy"]
    origin = re.sub(r"/api/$", "", installing.far.url)
    assert f"form-action 'self' {origin};" in policy


async def test_a_platform_without_an_app_of_its_own_offers_none() -> None:
    async with open_site() as site:
        visitor = await site.signed_in()
        assert (await visitor.get(START, params={"tenant": "acme"})).status_code == 404
        assert (await visitor.get(CALLBACK)).status_code == 404
        assert START not in (await visitor.get("/tenants/acme/connect/slack")).text
        assert "form-action 'self';" in (await visitor.get("/")).headers["content-security-policy"]


def test_a_state_is_read_only_as_it_was_sealed() -> None:
    state = seal(PROMISE, KEY)
    assert open_state(state, KEY, session="session", now=999) == PROMISE
    for wrong, why in (
        (state[:-2], Broken.FORGED),
        ("x" + state, Broken.FORGED),
        (state.partition(".")[0], Broken.FORGED),
        ("", Broken.FORGED),
        ("é." + state, Broken.FORGED),
        ("a" * 5000, Broken.FORGED),
        (seal(PROMISE, b"l" * 32), Broken.FORGED),
    ):
        with pytest.raises(StateRefused) as refused:
            open_state(wrong, KEY, session="session", now=999)
        assert refused.value.why is why
    with pytest.raises(StateRefused, match="Late"):
        open_state(state, KEY, session="session", now=1000)
    with pytest.raises(StateRefused, match="Elsewhere"):
        open_state(state, KEY, session="another", now=999)
