"""A gateway with a Slack connection, an agent that answers, and Slack on both of its sides."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
from nacl.public import PrivateKey

from konstruct_registry.seals import seal
from support.channel_house import ChannelHouse
from support.far_agent import FarAgent, Script, echo, far_agent
from support.far_slack import FarSlack, SlackCaller, far_slack
from support.gateways import RunningGateway, SampleTenant, running_gateway
from support.postgres import Database
from support.stack import encode_key
from support.waiting import until

SECRET = "signing-secret-of-acme"


@dataclass
class SlackHouse(ChannelHouse):
    """Everything a Slack test needs."""

    far: FarSlack
    caller: SlackCaller
    agent: FarAgent
    key: PrivateKey

    @asynccontextmanager
    async def second_gateway(self, **settings: Any) -> AsyncIterator[RunningGateway]:
        """Run another gateway beside the first; yield it once it knows the tenant."""
        async with running_gateway(
            self.database.url("gateway"),
            seal_private_keys=self.gateway.settings.seal_private_keys.get_secret_value(),
            slack_api_url=self.far.url,
            **{"poll_seconds": 0.05, **settings},
        ) as second:
            await until(lambda: second.gateway.parts.view.version > 0)
            yield second

    async def reports(self) -> dict[tuple[str, str], str]:
        """Return what was reported of connections: (name, condition) -> reason."""
        rows = await self.rows("SELECT name, condition, reason FROM konstruct.registry_reports")
        return {(row["name"], row["condition"]): row["reason"] for row in rows}

    async def settled(self, replies: int, *, seconds: float = 30) -> list[str]:
        """Wait for so many replies, and long enough to see one too many; return all texts."""
        await until(lambda: len(self.far.ledger) >= replies, seconds=seconds)
        await asyncio.sleep(0.4)
        return self.far.texts


def connections(tenant: SampleTenant, key: PrivateKey, **over: Any) -> None:
    """Give the tenant the Slack connection `team` with sealed credentials."""
    config = {"appId": "A0KONSTRUCT", "teamId": "T0ACME"}
    tenant.over["connections"] = (tenant.connection("team", type="Slack", config=config, **over),)
    tenant.over["secrets"] = (sealed(tenant.tenant_id, key),)


def sealed(
    tenant_id: UUID, key: PrivateKey, *, token: str = "xoxb-genuine", version: int = 1
) -> Any:
    return seal(
        {"botToken": token, "signingSecret": SECRET},
        recipient=key.public_key,
        tenant_id=tenant_id,
        object_name="ChannelConnection/team",
        purpose="channel",
        secret_uid="u",
        secret_resource_version=str(version),
    )


@asynccontextmanager
async def slack_house(
    database: Database,
    tenant: SampleTenant,
    *,
    script: Script = echo,
    connection: dict[str, Any] | None = None,
    far: FarSlack | None = None,
    shared_channel: bool = False,
    former_key: PrivateKey | None = None,
    **settings: Any,
) -> AsyncIterator[SlackHouse]:
    """Run a gateway whose tenant has the Slack connection `team`, served by `script`.

    `former_key`: another private key of the gateway, to which the credentials are sealed at first.
    `shared_channel`: what is said is said in channels of Slack Connect.
    """
    key = PrivateKey.generate()
    connections(tenant, former_key or key, **(connection or {}))
    keys = [key, *([former_key] if former_key is not None else [])]
    async with AsyncExitStack() as stack:
        far = await stack.enter_async_context(far_slack(far))
        gateway = await stack.enter_async_context(
            running_gateway(
                database.url("gateway"),
                seal_private_keys=",".join(encode_key(one) for one in keys),
                slack_api_url=far.url,
                **{"poll_seconds": 0.05, **settings},
            )
        )
        await tenant.register(gateway.internal_url)
        agent = await stack.enter_async_context(
            far_agent(gateway.internal_url, tenant.token, script)
        )
        client = await stack.enter_async_context(httpx.AsyncClient(timeout=20, trust_env=False))
        url = f"{gateway.url}/hooks/slack/{tenant.name}/team"
        caller = SlackCaller(client, url, SECRET, shared_channel=shared_channel)
        yield SlackHouse(database, tenant, gateway, far, caller, agent, key)


def stamps(start: int = 1_767_225_600) -> Any:
    """Return an iterator of Slack's message times, each one once."""
    return (f"{start + number // 100}.{number % 100:06d}" for number in itertools.count(1))
