"""The doctor tells of every connection what is wrong with it, and what to do next."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from konstruct_gateway.doctor.self_tests import HEADER, SelfTests
from konstruct_messages import credentials
from support.doctor import examined, finding, reach, verdicts
from support.far_slack import direct
from support.gateways import CHAT_KEY, RunningGateway, SampleTenant, operator, running_gateway
from support.postgres import Database
from support.slack_house import SECRET, SlackHouse, slack_house
from support.waiting import until

pytestmark = pytest.mark.postgres


async def condition(house: SlackHouse) -> tuple[str, str, str]:
    [row] = await house.rows(
        "SELECT status, reason, message FROM konstruct.registry_reports"
        " WHERE condition = 'ChecksPassed'"
    )
    return row["status"], row["reason"], row["message"]


@asynccontextmanager
async def reached_house(
    database: Database, tenant: SampleTenant, **settings: Any
) -> AsyncIterator[SlackHouse]:
    async with slack_house(database, tenant, **settings) as house:
        reach(house.gateway, house.gateway.url)
        yield house


async def test_a_slack_connection_in_order_is_told_check_by_check(
    database: Database, tenant: SampleTenant
) -> None:
    async with reached_house(database, tenant) as house:
        assert await house.caller.deliver(direct("hello", ts="1.000100"), "Ev1")
        await house.settled(1)
        reports = house.reports
        await until_reported(house, "Receiving")
        found = await examined(house.gateway, "acme/team")
        assert (found["channel"], found["verdict"]) == ("Slack", "ok")
        assert verdicts(found) == dict.fromkeys(
            ("secret", "token", "installed", "workspace", "scopes", "address", "roundTrip"), "ok"
        ) | {"deliveries": "ok", "lastIn": "ok", "lastOut": "ok"}
        assert all(one["message"].endswith(".") for one in found["findings"])
        assert (await reports())["team", "ChecksPassed"] == "EveryCheckPassed"
        assert (await condition(house))[0] == "True"


async def until_reported(house: SlackHouse, kind: str) -> None:
    async with asyncio.timeout(20):
        while ("team", kind) not in await house.reports():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_self_test_never_becomes_a_message_and_says_nothing_about_the_vendors_secret(
    database: Database, tenant: SampleTenant
) -> None:
    async with reached_house(database, tenant) as house:
        found = await examined(house.gateway, "acme/team")
        assert finding(found, "roundTrip")["verdict"] == "ok"
        assert finding(found, "deliveries")["verdict"] == "unknown"
        assert "Slack" in finding(found, "deliveries")["message"]
        assert await house.ignored() == {}
        for table in ("inbox", "conversations", "dedupe_keys"):
            assert await house.rows(f"SELECT FROM konstruct.{table}") == []
        page = house.gateway.gateway.parts.metrics.text().decode()
        assert 'konstruct_gateway_ignored_total{channel="Slack",reason="self_test"} 1.0' in page
        status, reason, message = await condition(house)
        assert (status, reason) == ("Unknown", "DeliveriesUnknown")
        assert "In order: secret, token" in message


async def test_a_mark_is_good_for_its_body_and_its_connection_alone(
    database: Database, tenant: SampleTenant
) -> None:
    """Nobody can have a vendor's delivery thrown away by hanging a mark onto it."""
    async with reached_house(database, tenant) as house:
        caller = house.caller
        body = caller.envelope(direct("hello", ts="1.000100"), "Ev1")
        tests = SelfTests(base64.b64decode(CHAT_KEY))
        now = house.gateway.gateway.parts.hooks.now().timestamp()
        marks = {
            "of another body": tests.mark(tenant.tenant_id, "team", b"{}", now=now),
            "of another connection": tests.mark(tenant.tenant_id, "website", body, now=now),
            "of another key": SelfTests(b"x" * 32).mark(tenant.tenant_id, "team", body, now=now),
            "too old": tests.mark(tenant.tenant_id, "team", body, now=now - 120),
            "from the future": tests.mark(tenant.tenant_id, "team", body, now=now + 120),
            "no mark at all": "1.2.3",
        }
        for mark in marks.values():
            signed = sign(body)
            answer = await caller.client.post(
                caller.url, content=body, headers={**signed, HEADER: mark}
            )
            assert answer.status_code == 200
            assert HEADER not in answer.headers
        assert await house.settled(1) == ["You said: hello"]


def sign(body: bytes) -> dict[str, str]:
    from datetime import UTC, datetime  # noqa: PLC0415

    from konstruct_channels.slack import signing  # noqa: PLC0415

    return signing.sign(body, SECRET, now=datetime.now(UTC))


async def test_a_proxy_that_changes_bytes_shows(database: Database, tenant: SampleTenant) -> None:
    async with slack_house(database, tenant) as house:
        reach(house.gateway, house.gateway.url, spoils=True)
        found = finding(await examined(house.gateway, "acme/team"), "roundTrip")
        assert found["verdict"] == "failed"
        assert "bytes" in found["message"]
        assert "/hooks/" in found["nextStep"]
        # What is noted is said in the prober's next round.
        await house.gateway.gateway.parts.prober.round()
        assert ("team", "Receiving") not in await house.reports()


async def test_an_address_that_cannot_be_reached_from_here_is_unknown_not_wrong(
    database: Database, tenant: SampleTenant
) -> None:
    async with slack_house(database, tenant) as house:
        reach(house.gateway, "")
        found = finding(await examined(house.gateway, "acme/team"), "roundTrip")
        assert found["verdict"] == "unknown"
        assert "ConnectError" in found["message"]


async def test_an_address_that_vendors_never_call_is_wrong(
    database: Database, tenant: SampleTenant
) -> None:
    async with reached_house(database, tenant, public_url="http://127.0.0.1:8080") as house:
        found = finding(await examined(house.gateway, "acme/team"), "address")
        assert found["verdict"] == "failed"
        assert "KONSTRUCT_PUBLIC_URL" in found["nextStep"]


async def test_a_revoked_token_is_told_without_anybody_writing(
    database: Database, tenant: SampleTenant
) -> None:
    """No message is sent that Slack could refuse: it is asked ever again."""
    settings = {"probe_seconds": 0.3, "examine_seconds": 600.0}
    async with reached_house(database, tenant, **settings) as house:
        await until_reported(house, "ChecksPassed")
        house.far.workspaces[0].revoked = True
        async with asyncio.timeout(20):
            while (await house.reports())["team", "Authenticated"] != "TokenRefused":  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            while (await house.reports())["team", "ChecksPassed"] != "TokenFailed":  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        status, _reason, message = await condition(house)
        assert status == "False"
        assert "token: Slack does not take the bot token (token_revoked)." in message
        assert "Next: Install the app again" in message

        house.far.workspaces[0].revoked = False
        async with asyncio.timeout(20):
            while (await house.reports())["team", "Authenticated"] != "TokenAccepted":  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def test_what_stays_the_same_is_not_reported_again(
    database: Database, tenant: SampleTenant
) -> None:
    settings = {"probe_seconds": 0.05, "examine_seconds": 0.1}
    async with reached_house(database, tenant, **settings) as house:
        await until_reported(house, "ChecksPassed")
        calls = house.far.calls
        before = len(calls)
        version = "SELECT xmin::text AS version FROM konstruct.registry_reports ORDER BY condition"
        known = await house.rows(version)
        await until(lambda: len(calls) > before + 20)
        assert await house.rows(version) == known


async def test_the_portals_page_asks_with_a_desk_ticket_in_its_viewers_language(
    database: Database, tenant: SampleTenant
) -> None:
    async with reached_house(database, tenant) as house:
        url = f"{house.gateway.url}/chat/acme/portal/doctor"
        ticket = tenant.portal_ticket(
            agent="", use=credentials.CredentialUse.DESK, language="es-MX"
        )
        headers = {
            "Authorization": f"Bearer {ticket}",
            "Origin": house.gateway.settings.public_url,
        }
        async with httpx.AsyncClient(headers=headers, trust_env=False) as client:
            answer = await client.post(url, json={"action": "examine", "connection": "team"})
            assert answer.status_code == 200
            assert finding(answer.json(), "token")["message"] == "Slack acepta el token del bot."
            assert finding(answer.json(), "token")["title"] == "Token del bot"

            known = len(house.far.calls)
            again = await client.post(url, json={"action": "show", "connection": "team"})
            assert again.json()["checkedAt"] == answer.json()["checkedAt"]
            assert len(house.far.calls) == known

            missing = await client.post(url, json={"action": "show", "connection": "nobody"})
            assert missing.status_code == 404
        async with httpx.AsyncClient(trust_env=False) as stranger:
            asked = await stranger.post(url, json={"action": "show", "connection": "team"})
            assert asked.status_code in {401, 403}


async def test_credentials_are_tried_before_they_are_kept(
    database: Database, tenant: SampleTenant
) -> None:
    async with reached_house(database, tenant) as house:
        ticket = tenant.portal_ticket(agent="", use=credentials.CredentialUse.DESK)
        headers = {
            "Authorization": f"Bearer {ticket}",
            "Origin": house.gateway.settings.public_url,
        }
        trial = {
            "type": "Slack",
            "config": {"appId": "A0KONSTRUCT", "teamId": "T0ACME"},
            "credentials": {"botToken": "xoxb-mistyped", "signingSecret": "s"},
        }
        url = f"{house.gateway.url}/chat/acme/portal/doctor"
        async with httpx.AsyncClient(headers=headers, trust_env=False) as client:
            wrong = await client.post(url, json={"action": "try", "trial": trial})
            assert verdicts(wrong.json()) == {
                "token": "failed",
                "installed": "unknown",
                "workspace": "unknown",
                "scopes": "unknown",
            }
            trial["credentials"] = {"botToken": "xoxb-genuine", "signingSecret": "s"}
            right = await client.post(url, json={"action": "try", "trial": trial})
            assert set(verdicts(right.json()).values()) == {"ok"}
            for spoilt in ({"type": "Fax"}, {"type": "Slack", "config": {}}):
                bad = await client.post(url, json={"action": "try", "trial": {**trial, **spoilt}})
                assert bad.status_code == 422
        assert await house.rows("SELECT FROM konstruct.verified_credentials WHERE false") == []


async def test_web_chat_is_tried_as_a_visitor_comes(
    database: Database, tenant: SampleTenant
) -> None:
    async with running_gateway(database.url("gateway")) as gateway:
        await tenant.register(gateway.internal_url)
        reach(gateway, gateway.url)
        found = await examined(gateway, "acme/website")
        assert verdicts(found) == {
            "origins": "ok",
            "widget": "ok",
            "keys": "ok",
            "lastIn": "unknown",
        }
        assert found["verdict"] == "ok"
        staff = await examined(gateway, "acme/staff", "pt")
        assert verdicts(staff) == {"origins": "ok", "lastIn": "unknown"}
        assert finding(staff, "lastIn")["message"] == "Nada recentemente."


async def test_a_web_chat_that_no_page_may_open_is_said_to_be_so(
    database: Database, tenant: SampleTenant
) -> None:
    tenant.over["connections"] = (tenant.connection("shop", config={"visitors": "Allowed"}),)
    async with running_gateway(database.url("gateway")) as gateway:
        await tenant.register(gateway.internal_url)
        found = finding(await examined(gateway, "acme/shop"), "origins")
        assert found["verdict"] == "ok"
        assert "allowedOrigins" in found["nextStep"]


async def test_a_web_chat_that_somebody_else_answers_for_is_wrong(
    database: Database, tenant: SampleTenant
) -> None:
    """A proxy hands /chat/ to another installation, say one without this tenant."""
    async with running_gateway(database.url("gateway")) as gateway:
        await tenant.register(gateway.internal_url)
        reach(gateway, f"{gateway.url}/elsewhere")
        found = await examined(gateway, "acme/website")
        assert found["verdict"] == "failed"
        for check in ("widget", "keys"):
            assert finding(found, check)["verdict"] == "failed"
            assert "/chat/" in finding(found, check)["nextStep"]


async def test_only_who_holds_the_registrys_credential_asks_inside(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    async with httpx.AsyncClient(base_url=running.internal_url, trust_env=False) as client:
        for headers in ({}, {"Authorization": f"Bearer {tenant.token}"}):
            answer = await client.post("/internal/doctor/examine", json={}, headers=headers)
            assert answer.status_code == 401
    async with operator(running.internal_url) as client:
        answer = await client.post("/internal/doctor/examine", json={"tenant": "nobody"})
        assert answer.status_code == 404
        everything = await client.post("/internal/doctor/examine", json={})
        names = [one["connection"] for one in everything.json()["connections"]]
        assert names == ["website", "staff"]
