"""Connections in the portal: made, changed, given new credentials, deleted; and left alone."""

import json
from dataclasses import replace
from typing import Any

import httpx
import pytest

from konstruct_portal.errors import Problem, ResourceConflict, ResourceInvalid
from konstruct_portal.records import Role
from support.portal_fakes import ACME
from support.portal_site import Site, submit, token_of

NEW, TEAM = "/tenants/acme/connect/slack", "/tenants/acme/connections/team"
KEY = ("ChannelConnection", "tenant-acme", "team")
SECRET = "0123456789abcdef0123456789abcdef"
FILLED = {
    "name": "helpdesk",
    "agent": "bruno",
    "access_policy": "Listed",
    "allowed": "U0EVA\n U0NOAH \n\nU0EVA",
    "reply_when": "Always",
    "gather": "2000",
    "config.appId": "A0KONSTRUCT",
    "config.teamId": "T0ACME",
    "config.transport": "HTTP",
    "config.suggestedPrompts": "Prices | What does it cost?\nHours | When are you open?",
    "secret.signingSecret": SECRET,
    "secret.botToken": "xoxb-1-2-abc",
}


def declared(site: Site, name: str) -> dict[str, Any]:
    return site.resources.items["ChannelConnection", "tenant-acme", name].spec


async def check(visitor: httpx.AsyncClient, page: str, **fields: str) -> dict[str, list[str]]:
    token = token_of(await visitor.get(page))
    answer = await visitor.post(f"{page}/check", data={"form_token": token, **fields})
    assert answer.headers["cache-control"] == "no-store"
    problems: dict[str, list[str]] = answer.json()["problems"]
    return problems


async def test_a_connection_is_made_with_its_secret(site: Site) -> None:
    visitor = await site.signed_in(Role.ADMINISTRATOR, ACME)
    answer = await submit(visitor, NEW, **FILLED)
    assert answer.headers["location"] == "/tenants/acme/connections/helpdesk"
    spec = declared(site, "helpdesk")
    secret = spec.pop("credentialsSecretRef")["name"]
    assert spec == {
        "type": "Slack",
        "agentRef": {"name": "bruno"},
        "access": {"policy": "Listed", "allowed": ["U0EVA", "U0NOAH"]},
        "replyWhen": "Always",
        "gatherMilliseconds": 2000,
        "slack": {
            "appId": "A0KONSTRUCT",
            "teamId": "T0ACME",
            "suggestedPrompts": [
                {"title": "Prices", "message": "What does it cost?"},
                {"title": "Hours", "message": "When are you open?"},
            ],
        },
    }
    assert secret.startswith("helpdesk-")
    kept = site.resources.secrets["tenant-acme", secret]
    assert kept["stringData"] == {"signingSecret": SECRET, "botToken": "xoxb-1-2-abc"}


async def test_socket_mode_asks_for_its_own_token_and_for_no_signing_secret(site: Site) -> None:
    visitor = await site.signed_in()
    over = {"config.transport": "SocketMode", "secret.signingSecret": "", "name": "socket"}
    missing = await submit(visitor, NEW, **(FILLED | over))
    assert missing.status_code == 422
    assert (await check(visitor, NEW, **(FILLED | over))) == {
        "secret.appToken": ["This is needed."]
    }
    await submit(visitor, NEW, **(FILLED | over | {"secret.appToken": "xapp-1-a"}))
    name = declared(site, "socket")["credentialsSecretRef"]["name"]
    kept = site.resources.secrets["tenant-acme", name]["stringData"]
    assert kept == {"botToken": "xoxb-1-2-abc", "appToken": "xapp-1-a"}


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "", "This is needed."),
        ("name", "Help Desk", "lower-case letters"),
        ("name", "portal", "reserved"),
        ("name", "team", "There is a connection of this name."),
        ("name", "x" * 41, "at most 40"),
        ("agent", "", "Choose an agent"),
        ("allowed", " \n", "List at least one person"),
        ("gather", "soon", "Write a whole number."),
        ("config.appId", "", "This is needed."),
        ("config.appId", "B0", "It looks like this: A0123456789"),
        ("config.teamId", "T" * 30, "at most 24 characters"),
        ("config.transport", "Pigeon", "Choose one of the values."),
        ("config.suggestedPrompts", "\n".join(["a | b"] * 5), "at most 4"),
        ("secret.botToken", "xoxp-1", "It looks like this: xoxb-..."),
        ("secret.botToken", "xoxb-1 2", "space or a line break"),
        ("secret.signingSecret", "", "This is needed."),
    ],
)
async def test_each_value_is_checked_as_it_is_entered_and_when_it_is_sent(
    site: Site, field: str, value: str, words: str
) -> None:
    visitor = await site.signed_in()
    problems = await check(visitor, NEW, **(FILLED | {field: value}))
    assert list(problems) == [field]
    assert words in problems[field][0]
    answer = await submit(visitor, NEW, **(FILLED | {field: value}))
    assert answer.status_code == 422
    assert problems[field][0].replace("'", "&#39;") in answer.text
    assert site.resources.secrets == {}
    for secret in (SECRET, "xoxb-1"):
        assert f'value="{secret}' not in answer.text
    assert 'value="A0KONSTRUCT"' in answer.text or field == "config.appId"


async def test_a_name_that_is_taken_meanwhile_leaves_no_secret_behind(site: Site) -> None:
    visitor = await site.signed_in()
    site.resources.refuse = ResourceConflict("", "There is one.")
    answer = await submit(visitor, NEW, **FILLED)
    assert answer.status_code == 409
    assert "There is a connection of this name." in answer.text
    site.resources.refuse = ResourceInvalid(
        [Problem("spec.slack.appId", "is odd"), Problem("spec.newer", "is unknown")]
    )
    answer = await submit(visitor, NEW, **FILLED)
    assert answer.status_code == 422
    assert "is odd" in answer.text.partition('id="config-appId-problems"')[2][:300]
    assert "<code>spec.newer</code>" in answer.text
    assert site.resources.secrets == {}


async def test_an_edit_keeps_what_the_form_does_not_show(site: Site) -> None:
    visitor = await site.signed_in()
    item = site.resources.items[KEY]
    routes = [{"name": "money", "match": {"textBegins": "invoice"}, "agentRef": {"name": "bruno"}}]
    site.resources.add(
        replace(item, spec={**item.spec, "routes": routes, "slack": {**item.spec["slack"], "x": 1}})
    )
    before = declared(site, "team")
    page = await visitor.get(f"{TEAM}/edit")
    assert 'value="A0KONSTRUCT"' in page.text
    fields = {"agent": "bruno", "access_policy": "Everyone", "config.teamId": "T0OTHER"}
    answer = await submit(visitor, f"{TEAM}/edit", **fields)
    assert answer.status_code == 303
    after = declared(site, "team")
    assert after == {
        **before,
        "agentRef": {"name": "bruno"},
        "slack": {**before["slack"], "teamId": "T0OTHER"},
    }
    untouched = await submit(visitor, f"{TEAM}/edit")
    assert untouched.status_code == 303
    assert declared(site, "team") == after
    assert site.resources.items[KEY].resource_version == "2"


async def test_routes_are_lines_of_the_form(site: Site) -> None:
    visitor = await site.signed_in()
    lines = "invoices | bruno | | | Invoice\nsales | ana | C0SALES, C0DEALS | U0EVA"
    answer = await submit(visitor, f"{TEAM}/edit", routes=lines)
    assert answer.status_code == 303
    invoices = {
        "name": "invoices",
        "match": {"textBegins": "Invoice"},
        "agentRef": {"name": "bruno"},
    }
    sales = {
        "name": "sales",
        "match": {"channels": ["C0SALES", "C0DEALS"], "people": ["U0EVA"]},
        "agentRef": {"name": "ana"},
    }
    assert declared(site, "team")["routes"] == [invoices, sales]
    shown = await visitor.get(f"{TEAM}/edit")
    assert "invoices | bruno |  |  | Invoice\nsales | ana | C0SALES, C0DEALS | U0EVA" in shown.text
    # What the form does not show of a route stays when the route is changed.
    item = site.resources.items[KEY]
    newer = [{**invoices, "later": 1}, sales]
    site.resources.add(replace(item, spec={**item.spec, "routes": newer}))
    await submit(visitor, f"{TEAM}/edit", routes="invoices | ana | | | Invoice")
    expected = {**invoices, "agentRef": {"name": "ana"}, "later": 1}
    assert declared(site, "team")["routes"] == [expected]
    await submit(visitor, f"{TEAM}/edit", routes="")
    assert "routes" not in declared(site, "team")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("invoices", "Line 1: begin with a name"),
        ("Two Words | bruno | | | x", "Line 1: begin with a name"),
        ("a | bruno | C1\nb | nobody | C1", "Line 2: there is no agent"),
        ("a | bruno | | |", "Line 1: say which messages"),
        (f"a | bruno | | | {'x' * 65}", "Line 1: the first words are too long"),
        ("a | bruno | C1\na | ana | C2", "Two lines have the same name."),
        ("\n".join(f"r{number} | ana | C1" for number in range(33)), "at most 32"),
    ],
)
async def test_a_wrong_route_is_told_by_its_line(site: Site, lines: str, said: str) -> None:
    visitor = await site.signed_in()
    before = declared(site, "team")
    problems = await check(visitor, f"{TEAM}/edit", routes=lines)
    assert said in " ".join(problems["routes"])
    answer = await submit(visitor, f"{TEAM}/edit", routes=lines)
    assert answer.status_code == 422
    assert declared(site, "team") == before


async def test_a_change_in_between_keeps_what_was_typed(site: Site) -> None:
    visitor = await site.signed_in()
    fields = {"config.appId": "A0TYPED", "resource_version": "0"}
    answer = await submit(visitor, f"{TEAM}/edit", **fields)
    assert answer.status_code == 409
    assert "Somebody else saved this while you were typing" in answer.text
    assert 'value="A0TYPED"' in answer.text
    assert (await check(visitor, f"{TEAM}/edit", **{"config.appId": "x"}))["config.appId"]


async def test_new_credentials_are_a_new_secret_to_which_the_connection_points(site: Site) -> None:
    visitor = await site.signed_in()
    page = f"{TEAM}/credentials"
    shown = await visitor.get(page)
    assert "Signing Secret" in shown.text
    assert "App-Level Token" not in shown.text
    half = await submit(visitor, page, **{"secret.botToken": "xoxb-9"})
    assert half.status_code == 422
    before = declared(site, "team")
    given = {"secret.signingSecret": SECRET, "secret.botToken": "xoxb-9"}
    answer = await submit(visitor, page, **given)
    assert answer.headers["location"] == TEAM
    after = declared(site, "team")
    name = after["credentialsSecretRef"]["name"]
    assert after == {**before, "credentialsSecretRef": {"name": name}}
    assert site.resources.secrets["tenant-acme", name]["stringData"]["botToken"] == "xoxb-9"
    # A refusal is found out before any Secret is made.
    site.resources.refuse = ResourceConflict("kubectl", "kubectl has it.")
    refused = await submit(visitor, page, **given)
    assert refused.status_code == 409
    assert "This is written by kubectl" in refused.text
    assert len(site.resources.secrets) == 1
    nothing_to_enter = "/tenants/acme/connections/website/credentials"
    assert (await visitor.get(nothing_to_enter)).status_code == 404


async def test_deleting_wants_the_name_once_more(site: Site) -> None:
    visitor = await site.signed_in()
    page = f"{TEAM}/delete"
    asked = await visitor.get(page)
    assert "Type team to confirm" in asked.text
    wrong = await submit(visitor, page, typed="Team")
    assert wrong.status_code == 422
    assert "Nothing was deleted" in wrong.text
    assert KEY in site.resources.items
    done = await submit(visitor, page, typed=" team ")
    assert done.headers["location"] == "/tenants/acme"
    assert KEY not in site.resources.items
    assert "Its conversations are kept" in (await visitor.get("/tenants/acme")).text
    assert (await visitor.get(page)).status_code == 404


@pytest.mark.parametrize(
    ("managed_by", "annotations", "owner"),
    [
        ("argocd-controller", {}, "argocd-controller"),
        ("konstruct, kustomize-controller", {}, "kustomize-controller"),
        ("", {"argocd.argoproj.io/tracking-id": "x"}, "Argo CD"),
    ],
)
async def test_what_git_declares_is_read_only_and_says_whose_it_is(
    site: Site, managed_by: str, annotations: dict[str, str], owner: str
) -> None:
    visitor = await site.signed_in()
    item = site.resources.items[KEY]
    site.resources.add(replace(item, managed_by=managed_by, annotations=annotations))
    page = await visitor.get(TEAM)
    assert f"{owner} declares this connection" in page.text
    token = token_of(page)
    for part in ("edit", "credentials", "delete"):
        assert f"{TEAM}/{part}" not in page.text
        assert (await visitor.get(f"{TEAM}/{part}")).status_code == 409
        answer = await visitor.post(
            f"{TEAM}/{part}", data={"form_token": token, "typed": "team", "agent": "bruno"}
        )
        assert answer.status_code == 409
    assert site.resources.items[KEY].spec == item.spec
    assert site.resources.secrets == {}


async def test_what_kubectl_wrote_can_be_changed_here(site: Site) -> None:
    visitor = await site.signed_in()
    site.resources.add(replace(site.resources.items[KEY], managed_by="kubectl-client-side-apply"))
    page = await visitor.get(TEAM)
    assert f"{TEAM}/edit" in page.text
    assert "kubectl-client-side-apply" in page.text


async def test_operators_look_and_do_not_touch(site: Site) -> None:
    visitor = await site.signed_in(Role.OPERATOR, ACME)
    page = await visitor.get(TEAM)
    token = token_of(page)
    assert '/tenants/acme/connect"' not in (await visitor.get("/tenants/acme")).text
    for address in ("/tenants/acme/connect", NEW, *(f"{TEAM}/{one}" for one in ("edit", "delete"))):
        assert f'href="{address}"' not in page.text
        assert (await visitor.get(address)).status_code == 403
        if address != "/tenants/acme/connect":
            answer = await visitor.post(address, data={"form_token": token, "typed": "team"})
            assert answer.status_code == 403
    assert KEY in site.resources.items


async def test_a_connection_shows_how_it_is_doing_and_what_to_do_next(site: Site) -> None:
    visitor = await site.signed_in()
    text = (await visitor.get(TEAM)).text
    assert f'href="{TEAM}/credentials">Enter new credentials' in text
    for word in ("unknown_type", "unknown kind", "not_addressed", "148", "12 minutes ago"):
        assert word in text
    assert "http://127.0.0.1:8003/hooks/slack/acme/team" in text
    website = (await visitor.get("/tenants/acme/connections/website")).text
    assert "/hooks/" not in website
    assert "&lt;script src=&#34;http://127.0.0.1:8003/chat/acme/website/widget.js" in website
    assert "Last reply out" not in website


async def test_a_channel_that_this_version_does_not_carry_is_shown_and_not_offered(
    site: Site,
) -> None:
    visitor = await site.signed_in()
    item = site.resources.items[KEY]
    site.resources.add(replace(item, spec={**item.spec, "type": "Pigeon"}))
    page = await visitor.get(TEAM)
    assert page.status_code == 200
    assert "Pigeon" in page.text
    assert f"{TEAM}/edit" not in page.text
    assert (await visitor.get(f"{TEAM}/edit")).status_code == 404
    assert (await visitor.get("/tenants/acme/connect/pigeon")).status_code == 404


async def test_the_offered_app_has_the_address_of_the_name_that_is_typed(site: Site) -> None:
    visitor = await site.signed_in()
    whole = await visitor.get(NEW)
    assert "hooks%2Fslack%2Facme%2Fslack" in whole.text
    part = await visitor.get(
        NEW, params={"name": "helpdesk", "agent": "bruno"}, headers={"HX-Request": "true"}
    )
    assert "<html" not in part.text
    assert "hooks%2Fslack%2Facme%2Fhelpdesk" in part.text
    assert "Bruno" in part.text
    manifest = part.text.partition("<code>")[2].partition("</code>")[0].replace("&#34;", '"')
    events = json.loads(manifest)["settings"]["event_subscriptions"]
    assert events["request_url"] == "http://127.0.0.1:8003/hooks/slack/acme/helpdesk"
