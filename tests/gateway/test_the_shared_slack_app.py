"""The platform's own Slack app: one address, many tenants, and nothing in the wrong hands."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from nacl.public import PrivateKey

from konstruct_registry.seals import seal
from support.far_agent import far_agent
from support.far_slack import SCOPES, FarSlack, SlackCaller, Workspace, direct, far_slack
from support.gateways import RunningGateway, SampleTenant, running_gateway
from support.postgres import Database
from support.stack import encode_key
from support.waiting import until

pytestmark = pytest.mark.postgres

SECRET = "signing-secret-of-the-platform"
APP = "A0KONSTRUCT"


@dataclass
class Platform:
    """A gateway with the platform's app, and two workspaces that may have it."""

    database: Database
    gateway: RunningGateway
    far: FarSlack
    key: PrivateKey
    client: httpx.AsyncClient
    stack: AsyncExitStack

    async def join(
        self, name: str, *, team: str, token: str, known: SampleTenant | None = None
    ) -> SampleTenant:
        """Declare a tenant whose connection claims `team`, with an agent that answers."""
        tenant = known or SampleTenant(name)
        config = {"appId": APP, "teamId": team, "install": "Shared"}
        tenant.over["connections"] = (tenant.connection("team", type="Slack", config=config),)
        tenant.over["secrets"] = (
            seal(
                {"botToken": token},
                recipient=self.key.public_key,
                tenant_id=tenant.tenant_id,
                object_name="ChannelConnection/team",
                purpose="channel",
                secret_uid=token,
                secret_resource_version="1",
            ),
        )
        await tenant.register(self.gateway.internal_url)
        if known is None:

            async def answer(given: Any) -> str:
                return f"{name}: {given.text}"

            await self.stack.enter_async_context(
                far_agent(self.gateway.internal_url, tenant.token, answer)
            )
        return tenant

    def caller(self, team: str = "T0ACME", secret: str = SECRET) -> SlackCaller:
        return SlackCaller(self.client, f"{self.gateway.url}/hooks/slack", secret, team=team)

    @asynccontextmanager
    async def second_gateway(self) -> AsyncIterator[RunningGateway]:
        async with running_gateway(
            self.database.url("gateway"),
            seal_private_keys=self.gateway.settings.seal_private_keys.get_secret_value(),
            slack_api_url=self.far.url,
            slack_signing_secret=SECRET,
            poll_seconds=0.05,
        ) as second:
            yield second

    async def rows(self, query: str) -> list[Any]:
        return await self.database.run(query)

    async def reason(self, tenant: SampleTenant, condition: str) -> str:
        rows = await self.rows("SELECT * FROM konstruct.registry_reports")
        found = [one for one in rows if one["tenant_id"] == tenant.tenant_id]
        return next((one["reason"] for one in found if one["condition"] == condition), "")

    async def until_reason(self, tenant: SampleTenant, reason: str) -> None:
        async with asyncio.timeout(20):
            while await self.reason(tenant, "Authenticated") != reason:  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    def counted(self, reason: str) -> float:
        metrics = self.gateway.gateway.parts.metrics
        return float(metrics.ignored.labels("Slack", reason)._value.get())

    async def settled(self, replies: int) -> list[tuple[str, str]]:
        """Wait for so many replies, and long enough to see one too many: (team, text)."""
        await until(lambda: len(self.far.ledger) >= replies, seconds=20)
        await asyncio.sleep(0.4)
        return sorted((one.team, one.text) for one in self.far.ledger)


@pytest.fixture
async def platform(database: Database) -> AsyncIterator[Platform]:
    async with _platform(database) as found:
        yield found


@asynccontextmanager
async def _platform(database: Database, **settings: Any) -> AsyncIterator[Platform]:
    key = PrivateKey.generate()
    workspaces = [
        Workspace(team="T0ACME", token="xoxb-acme", scopes=SCOPES),
        Workspace(team="T0GLOBEX", token="xoxb-globex", scopes=SCOPES),
        Workspace(team="T0BRANCH", token="xoxb-org", enterprise="E0ORG", scopes=SCOPES),
    ]
    async with AsyncExitStack() as stack:
        far = await stack.enter_async_context(far_slack(FarSlack(workspaces=workspaces)))
        gateway = await stack.enter_async_context(
            running_gateway(
                database.url("gateway"),
                seal_private_keys=encode_key(key),
                slack_api_url=far.url,
                **{"poll_seconds": 0.05, "slack_signing_secret": SECRET, **settings},
            )
        )
        client = await stack.enter_async_context(httpx.AsyncClient(timeout=20, trust_env=False))
        yield Platform(database, gateway, far, key, client, stack)


async def test_each_workspace_is_answered_by_its_own_tenant(platform: Platform) -> None:
    for name, team in (("acme", "T0ACME"), ("globex", "T0GLOBEX")):
        tenant = await platform.join(name, team=team, token=f"xoxb-{name}")
        await platform.until_reason(tenant, "TokenAccepted")
    for number, team in enumerate(("T0ACME", "T0GLOBEX")):
        event = direct("hello", ts=f"1.00000{number}")
        # Slack repeats, and what stands at the top is somebody else's team.
        for _ in range(2):
            body = platform.caller(team).envelope(event, f"Ev{number}")
            body = body.replace(f'"team_id":"{team}"'.encode(), b'"team_id":"T0PARTNER"', 1)
            assert (await platform.caller(team).call(body)).status_code == 200
    assert await platform.settled(2) == [
        ("T0ACME", "acme: hello"),
        ("T0GLOBEX", "globex: hello"),
    ]


async def test_an_installation_that_nobody_claims_is_counted(platform: Platform) -> None:
    await platform.join("acme", team="T0ACME", token="xoxb-acme")
    assert await platform.caller("T0NOBODY").deliver(direct("hello", ts="1.000001"), "Ev1")
    assert platform.counted("unclaimed_installation") == 1
    assert await platform.rows("SELECT * FROM konstruct.inbox") == []


async def test_a_claim_without_a_token_of_the_workspace_gets_nothing(platform: Platform) -> None:
    acme = await platform.join("acme", team="T0ACME", token="xoxb-acme")
    thieves = [
        await platform.join("mallory", team="T0ACME", token="xoxb-globex"),
        await platform.join("trent", team="T0ACME", token="xoxb-invented"),
    ]
    await platform.until_reason(acme, "TokenAccepted")
    await platform.until_reason(thieves[0], "TokenOfAnotherWorkspace")
    await platform.until_reason(thieves[1], "TokenRefused")
    assert await platform.caller().deliver(direct("a secret", ts="1.000001"), "Ev1")
    assert await platform.settled(1) == [("T0ACME", "acme: a secret")]
    rows = await platform.rows("SELECT tenant_id FROM konstruct.inbox")
    assert [row["tenant_id"] for row in rows] == [acme.tenant_id]


async def test_a_token_of_another_app_in_the_same_workspace_proves_nothing(
    platform: Platform,
) -> None:
    platform.far.workspaces.append(Workspace(team="T0ACME", token="xoxb-own", scopes=SCOPES))
    platform.far.people.apps["xoxb-own"] = "A0MALLORYS"
    mallory = await platform.join("mallory", team="T0ACME", token="xoxb-own")
    await platform.until_reason(mallory, "TokenOfAnotherApp")
    assert await platform.caller().deliver(direct("a secret", ts="1.000001"), "Ev1")
    rows = await platform.rows("SELECT reason FROM konstruct.ignored_items")
    assert [row["reason"] for row in rows] == ["unproven_installation"]
    assert await platform.rows("SELECT * FROM konstruct.inbox") == []


async def test_two_that_have_proven_the_same_get_nothing_and_are_told(platform: Platform) -> None:
    both = [
        await platform.join(name, team="T0ACME", token="xoxb-acme") for name in ("acme", "twin")
    ]
    for one in both:
        await platform.until_reason(one, "TokenAccepted")
    assert await platform.caller().deliver(direct("whose?", ts="1.000001"), "Ev1")
    assert await platform.rows("SELECT * FROM konstruct.inbox") == []
    for one in both:
        assert await platform.reason(one, "Receiving") == "InstallationContested"
    both[1].over["connections"] = ()
    await both[1].register(platform.gateway.internal_url)
    assert await platform.caller().deliver(direct("mine again", ts="1.000002"), "Ev2")
    assert await platform.settled(1) == [("T0ACME", "acme: mine again")]


async def test_an_organisations_installation_serves_its_workspaces(platform: Platform) -> None:
    tenant = await platform.join("org", team="E0ORG", token="xoxb-org")
    await platform.until_reason(tenant, "TokenAccepted")
    caller = platform.caller("T0BRANCH")
    body = caller.envelope(direct("hello", ts="1.000001"), "Ev1")
    whole = body.replace(b'"enterprise_id":null', b'"enterprise_id":"E0ORG"').replace(
        b'"is_enterprise_install":false', b'"is_enterprise_install":true'
    )
    assert (await caller.call(whole)).status_code == 200
    assert await platform.settled(1) == [("T0BRANCH", "org: hello")]
    # A single workspace's install is not the organisation's.
    single = whole.replace(b"true}", b"false}").replace(b"Ev1", b"Ev2")
    assert b'"is_enterprise_install":false' in single
    assert (await caller.call(single)).status_code == 200
    assert platform.counted("unclaimed_installation") == 1


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"type": "app_uninstalled"}, "AppUninstalled"),
        ({"type": "tokens_revoked", "tokens": {"bot": ["U0BOT"]}}, "TokenRevoked"),
        ({"type": "team_access_revoked", "team_ids": ["E0ORG"]}, "WorkspaceAccessRevoked"),
    ],
)
async def test_what_carries_only_the_organisation_becomes_a_condition(
    platform: Platform, event: dict[str, Any], reason: str
) -> None:
    org = await platform.join("org", team="E0ORG", token="xoxb-org")
    acme = await platform.join("acme", team="T0ACME", token="xoxb-acme")
    for one in (org, acme):
        await platform.until_reason(one, "TokenAccepted")
    body = (
        b'{"token":"t","enterprise_id":"E0ORG","api_app_id":"A0KONSTRUCT","type":"event_callback",'
        b'"event_id":"EvGone","event":%s}' % httpx.Request("POST", "http://x", json=event).content
    )
    assert (await platform.caller().call(body)).status_code == 200
    assert await platform.reason(org, "Authenticated") == reason
    assert await platform.reason(acme, "Authenticated") == "TokenAccepted"
    # Installed again, with a new token: the new one is asked about and clears it.
    platform.far.workspaces[2].token = "xoxb-org-2"
    await platform.join("org", team="E0ORG", token="xoxb-org-2", known=org)
    await platform.until_reason(org, "TokenAccepted")


async def test_slacks_questions_are_answered_before_any_matching(database: Database) -> None:
    question = b'{"token":"t","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY","type":"url_verification"}'
    async with _platform(database) as platform:
        answer = await platform.caller().call(question)
        assert (answer.status_code, answer.text) == (200, "3eZbrw1aBm2rZgRNFdxV2595E9CY")
        assert (await platform.caller().call(b"ssl_check=1&token=t")).status_code == 200
        # Nothing is known of any tenant yet: come again.
        event = platform.caller().envelope(direct("hello", ts="1.000001"), "Ev1")
        assert (await platform.caller().call(event)).status_code == 503
        await platform.join("acme", team="T0ACME", token="xoxb-acme")
        assert (await platform.caller(secret="of-another-tenant").call(event)).status_code == 401
        unsigned = await platform.client.post(platform.caller().url, content=event)
        assert unsigned.status_code == 401


async def test_what_names_no_installation_is_counted_as_what_it_is(platform: Platform) -> None:
    await platform.join("acme", team="T0ACME", token="xoxb-acme")
    for body in (
        b'{"type":"event_callback","event":{"type":"message"}}',
        b"payload=%7B%22type%22%3A%22shortcut%22%2C%22team%22%3A%7B%22id%22%3A%22T0ACME%22%7D%7D",
    ):
        assert (await platform.caller().call(body)).status_code == 200
    assert platform.counted("names_no_installation") == 2
    assert (await platform.caller().call(b"\xff")).status_code == 200
    assert platform.counted("malformed") == 1


async def test_without_a_platforms_secret_there_is_no_such_address(database: Database) -> None:
    async with _platform(database, slack_signing_secret="") as platform:
        await platform.join("acme", team="T0ACME", token="xoxb-acme")
        for secret in ("", SECRET):
            caller = platform.caller(secret=secret)
            body = caller.envelope(direct("hello", ts="1.000001"), "Ev1")
            assert (await caller.call(body)).status_code == 404


async def test_a_gateway_that_cannot_ask_slack_waits_unless_it_was_asked_before(
    platform: Platform,
) -> None:
    tenant = await platform.join("acme", team="T0ACME", token="xoxb-acme")
    await platform.until_reason(tenant, "TokenAccepted")
    platform.far.troubles["auth.test"].extend(["internal_error"] * 50)
    async with platform.second_gateway() as second:
        caller = platform.caller()
        caller.url = f"{second.url}/hooks/slack"
        assert await caller.deliver(direct("hello", ts="1.000001"), "Ev1")
        assert await platform.settled(1) == [("T0ACME", "acme: hello")]
        newcomer = await platform.join("globex", team="T0GLOBEX", token="xoxb-globex")
        await platform.until_reason(newcomer, "SlackNotReached")
        other = platform.caller("T0GLOBEX")
        body = other.envelope(direct("hello", ts="1.000002"), "Ev2")
        assert (await other.call(body)).status_code == 503


async def test_one_event_at_two_replicas_is_one_answer(platform: Platform) -> None:
    tenant = await platform.join("acme", team="T0ACME", token="xoxb-acme")
    await platform.until_reason(tenant, "TokenAccepted")
    async with platform.second_gateway() as second:
        one, two = platform.caller(), platform.caller()
        two.url = f"{second.url}/hooks/slack"
        events = [direct(str(n), ts=f"1.00000{n}", channel=f"D0C{n}") for n in range(5)]
        await asyncio.gather(
            *(
                caller.deliver(event, f"Ev{number}")
                for number, event in enumerate(events)
                for caller in (one, two)
            )
        )
        assert await platform.settled(5) == [("T0ACME", f"acme: {n}") for n in range(5)]
