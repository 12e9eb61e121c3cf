"""A gateway with a WhatsApp connection, an agent that answers, and Meta's calls.

Replies go to a ledger in this process: what the Graph API itself does with them is tried elsewhere.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from nacl.public import PrivateKey

from konstruct_channels.outbound import Outgoing
from konstruct_registry.seals import seal
from support.channel_house import ChannelHouse
from support.far_agent import FarAgent, Script, echo, far_agent
from support.gateways import SampleTenant, running_gateway
from support.postgres import Database
from support.stack import encode_key
from support.waiting import until
from support.whatsapp_events import APP_SECRET, CONFIG, VERIFY_TOKEN, WhatsAppCaller


@dataclass
class Ledger:
    """What people see, in order; `problem` is raised instead, where it returns one."""

    sent: list[tuple[str, Outgoing]] = field(default_factory=list)
    problem: Callable[[Outgoing], Exception | None] = lambda _outgoing: None

    async def send(
        self, outgoing: Outgoing, *, config: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> str:
        assert config["phoneNumberId"] == CONFIG["phoneNumberId"]
        assert credentials["accessToken"]
        problem = self.problem(outgoing)
        if problem is not None:
            raise problem
        vendor_id = f"wamid.REPLY{len(self.sent)}"
        self.sent.append((vendor_id, outgoing))
        return vendor_id

    @property
    def texts(self) -> list[str]:
        return [one.text for _, one in self.sent]

    @property
    def readers(self) -> list[str]:
        return [one.conversation_key for _, one in self.sent]


@dataclass
class WhatsAppHouse(ChannelHouse):
    """Everything a test of WhatsApp's inbound half needs."""

    far: Ledger
    caller: WhatsAppCaller
    agent: FarAgent

    async def reports(self) -> dict[str, tuple[str, str]]:
        """Return what was reported of the connection: condition -> status and reason."""
        rows = await self.rows("SELECT condition, status, reason FROM konstruct.registry_reports")
        return {row["condition"]: (row["status"], row["reason"]) for row in rows}

    async def said(self) -> list[tuple[str, str]]:
        """Return everything that people said: conversation key and text, in order."""
        rows = await self.rows(
            "SELECT c.conversation_key, l.payload ->> 'text' AS text"
            " FROM konstruct.log AS l JOIN konstruct.conversations AS c"
            " USING (tenant_id, conversation_id) WHERE l.kind = 'Said'"
            " ORDER BY c.conversation_key, l.seq"
        )
        return [(row["conversation_key"], row["text"]) for row in rows]

    async def settled(self, replies: int, *, seconds: float = 30) -> list[str]:
        """Wait for so many replies that are recorded as sent; return all texts."""
        await until(lambda: len(self.far.sent) >= replies, seconds=seconds)
        async with asyncio.timeout(seconds):
            while await self._open():  # noqa: ASYNC110 - no event announces it
                await asyncio.sleep(0.05)
        return self.far.texts

    async def _open(self) -> int:
        [row] = await self.rows(
            "SELECT count(*) + (SELECT count(*) FROM konstruct.inbox WHERE disposition IS NULL)"
            " AS n FROM konstruct.deliveries WHERE state IN ('Queued', 'Sending')"
        )
        return int(row["n"])


def connections(tenant: SampleTenant, key: PrivateKey, **over: Any) -> None:
    """Give the tenant the WhatsApp connection `phone` with sealed credentials."""
    tenant.over["connections"] = (
        tenant.connection("phone", type="WhatsApp", config=CONFIG, **over),
    )
    tenant.over["secrets"] = (
        seal(
            {
                "appSecret": APP_SECRET,
                "verifyToken": VERIFY_TOKEN,
                "accessToken": "EAAgenuine",
            },
            recipient=key.public_key,
            tenant_id=tenant.tenant_id,
            object_name="ChannelConnection/phone",
            purpose="channel",
            secret_uid="u",
            secret_resource_version="1",
        ),
    )


@asynccontextmanager
async def whatsapp_house(
    database: Database,
    tenant: SampleTenant,
    *,
    script: Script = echo,
    connection: dict[str, Any] | None = None,
    **settings: Any,
) -> AsyncIterator[WhatsAppHouse]:
    """Run a gateway whose tenant has the WhatsApp connection `phone`, served by `script`."""
    key = PrivateKey.generate()
    connections(tenant, key, **(connection or {}))
    far = Ledger()
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(
            running_gateway(
                database.url("gateway"),
                outbounds={"WhatsApp": far},
                seal_private_keys=encode_key(key),
                **{"poll_seconds": 0.05, **settings},
            )
        )
        await tenant.register(gateway.internal_url)
        agent = await stack.enter_async_context(
            far_agent(gateway.internal_url, tenant.token, script)
        )
        client = await stack.enter_async_context(httpx.AsyncClient(timeout=120, trust_env=False))
        caller = WhatsAppCaller(client, f"{gateway.url}/hooks/whatsapp/{tenant.name}/phone")
        yield WhatsAppHouse(database, tenant, gateway, far, caller, agent)
