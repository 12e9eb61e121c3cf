"""A gateway with a WhatsApp connection, an agent that answers, and Meta on both of its sides."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from nacl.public import PrivateKey

from support.channel_house import ChannelHouse
from support.far_agent import FarAgent, Script, echo, far_agent
from support.far_graph import FarGraph, far_graph
from support.far_graph_rules import Document
from support.gateways import SampleTenant, running_gateway
from support.postgres import Database
from support.stack import encode_key
from support.whatsapp_events import CONFIG, EVA, WhatsAppCaller, Writer
from support.whatsapp_house import connections


@dataclass
class GraphHouse(ChannelHouse):
    """Everything a test of WhatsApp's outbound half needs."""

    far: FarGraph
    caller: WhatsAppCaller
    agent: FarAgent

    async def say(self, text: str, *, writer: Writer = EVA, **over: Any) -> str:
        """Let a person write, which opens their window at Meta; return the message's id."""
        value = self.caller.events.text(text, writer=writer, **over)
        await self.deliver(value, writer=writer)
        return str(value["messages"][0]["id"])

    async def deliver(self, value: Document, *, writer: Writer = EVA) -> None:
        """Let Meta call with what a person did."""
        self.far.wrote(writer.number or writer.user_id)
        answer = await self.caller.deliver(value)
        assert answer.status_code == 200, answer.text

    async def run(self, statement: str) -> None:
        """Change the database as its owner."""
        await self.rows(statement)

    async def states(self) -> list[tuple[str, str]]:
        """Return the texts and states of all deliveries, in order."""
        rows = await self.rows(
            "SELECT text, state FROM konstruct.deliveries ORDER BY queued_at, seq, part"
        )
        return [(row["text"], row["state"]) for row in rows]

    async def until_states(
        self, *expected: tuple[str, str], seconds: float = 30
    ) -> list[tuple[str, str]]:
        """Wait until the deliveries are these."""
        async with asyncio.timeout(seconds):
            while True:
                found = await self.states()
                if found == list(expected):
                    return found
                await asyncio.sleep(0.05)

    async def until_row(self, query: str, **expected: Any) -> Mapping[str, Any]:
        """Wait until the one row that `query` returns holds what is expected."""
        async with asyncio.timeout(30):
            while True:
                rows = await self.rows(query)
                if len(rows) == 1 and all(rows[0][key] == expected[key] for key in expected):
                    return dict(rows[0])
                await asyncio.sleep(0.05)


@asynccontextmanager
async def graph_house(
    database: Database,
    tenant: SampleTenant,
    *,
    script: Script = echo,
    config: Mapping[str, Any] | None = None,
    far: FarGraph | None = None,
    **settings: Any,
) -> AsyncIterator[GraphHouse]:
    """Run a gateway whose tenant has the WhatsApp connection `phone`, served by `script`."""
    key = PrivateKey.generate()
    connections(tenant, key)
    [connection] = tenant.over["connections"]
    tenant.over["connections"] = (
        connection.model_copy(update={"config": {**CONFIG, **(config or {})}}),
    )
    async with AsyncExitStack() as stack:
        far = await stack.enter_async_context(far_graph(far))
        gateway = await stack.enter_async_context(
            running_gateway(
                database.url("gateway"),
                seal_private_keys=encode_key(key),
                whatsapp_api_url=far.url,
                **{"poll_seconds": 0.05, **settings},
            )
        )
        await tenant.register(gateway.internal_url)
        agent = await stack.enter_async_context(
            far_agent(gateway.internal_url, tenant.token, script)
        )
        client = await stack.enter_async_context(httpx.AsyncClient(timeout=30, trust_env=False))
        hook = f"{gateway.url}/hooks/whatsapp/{tenant.name}/phone"
        for number in far.numbers:
            number.webhook = hook
        caller = WhatsAppCaller(client, hook)
        yield GraphHouse(database, tenant, gateway, far, caller, agent)
