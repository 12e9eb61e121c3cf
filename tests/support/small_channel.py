"""A vendor's outbound half in memory, and a gateway whose tenant sends over it."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from nacl.public import PrivateKey

from konstruct_channels.outbound import Outgoing
from konstruct_messages import identity
from konstruct_messages.inbound import Person
from konstruct_registry.seals import seal
from konstruct_store import Store
from konstruct_store import receive as stored
from support.build import inbound
from support.far_agent import FarAgentTurn
from support.gateways import RunningGateway, SampleTenant, running_gateway
from support.postgres import Database
from support.stack import encode_key


@dataclass
class SmallChannel:
    """A vendor's outbound half that keeps what it was given; `answers` are raised in turn."""

    sent: list[Outgoing] = field(default_factory=list)
    tries: list[Outgoing] = field(default_factory=list)
    answers: dict[str, list[Exception]] = field(default_factory=lambda: defaultdict(list))
    credentials: list[Mapping[str, str]] = field(default_factory=list)
    pause: float = 0.0
    times: list[float] = field(default_factory=list)

    async def send(
        self, outgoing: Outgoing, *, config: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> str:
        self.tries.append(outgoing)
        self.times.append(time.monotonic())
        self.credentials.append(credentials)
        await asyncio.sleep(self.pause)
        if self.answers[outgoing.text]:
            raise self.answers[outgoing.text].pop(0)
        self.sent.append(outgoing)
        return f"vendor-{len(self.sent)}"


@asynccontextmanager
async def sending(
    database: Database, tenant: SampleTenant, channel: SmallChannel, **settings: Any
) -> AsyncIterator[RunningGateway]:
    """Run a gateway whose tenant has a Slack connection with sealed credentials."""
    key = PrivateKey.generate()
    tenant.over["connections"] = (
        tenant.connection("team", type="Slack", config={"appId": "A1", "teamId": "T1"}),
        tenant.connection("website"),
    )
    tenant.over["secrets"] = (
        seal(
            {"botToken": "xoxb-1"},
            recipient=key.public_key,
            tenant_id=tenant.tenant_id,
            object_name="ChannelConnection/team",
            purpose="channel",
            secret_uid="u",
            secret_resource_version="1",
        ),
    )
    async with running_gateway(
        database.url("gateway"),
        outbounds={"Slack": channel},
        seal_private_keys=encode_key(key),
        **{"poll_seconds": 0.05, **settings},
    ) as running:
        await tenant.register(running.internal_url)
        yield running


async def say(
    store: Store,
    tenant: SampleTenant,
    text: str,
    conversation: str = "D1",
    *,
    language: str = "en",
) -> None:
    """Receive a message as Slack's inbound half would."""
    team = identity.connection_id(identity.TenantId(tenant.tenant_id), "team")
    ana = tenant.agent("ana")
    person = Person(key="U1", display_name="Vera", language=language)
    message = inbound(text, conversation_key=conversation, person=person)
    await stored.receive(
        store, tenant.tenant_id, team, ana.agent_id, [message], agent_name=ana.display_name
    )


async def states(database: Database) -> dict[str, str]:
    rows = await database.run("SELECT text, state FROM konstruct.deliveries")
    return {row["text"]: row["state"] for row in rows}


async def repeat(given: FarAgentTurn) -> str:
    return given.turn.messages[-1].text
