"""One tenant in web chat and in Slack, and the programs that serve it, with all their far ends."""

import random
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from konstruct_registry.seals import seal
from konstruct_registry.snapshot import TenantSnapshot
from support.build import agent_snapshot, connection_snapshot, tenant_snapshot
from support.far_graph import TOKEN
from support.postgres import TEMPLATE
from support.stack import Program, Stack, free_port, work_token
from support.whatsapp_events import APP_SECRET, CONFIG

SECRET = "signing-secret-of-the-campaign"
WEB_CHAT, SLACK, WHATSAPP = "acme/website", "acme/team", "acme/phone"
NO_LIMITS = {
    "KONSTRUCT_FRAMES_BURST": "1000000",
    "KONSTRUCT_MESSAGES_BURST": "1000000",
    "KONSTRUCT_TICKETS_BURST": "1000000",
    "KONSTRUCT_LEASE_SECONDS": "6",
    "KONSTRUCT_MAX_ATTEMPTS": "1000",
}


@dataclass(frozen=True)
class Addresses:
    """Where the programs find each other and the vendors: the real thing, or a proxy before it.

    An empty address is the real thing's own.
    """

    model: str
    slack: str
    gateway: str = ""
    llm: str = ""
    whatsapp: str = ""
    databases: Mapping[str, str] = field(default_factory=dict)
    """The Postgres URLs of gateway and llm."""


@dataclass
class Product:
    """The programs of one tenant, each on ports that outlive it. `seed` makes the tenant's id."""

    stack: Stack
    addresses: Addresses
    seed: int
    model_key: str
    environment: Mapping[str, str] = field(default_factory=lambda: NO_LIMITS)
    gather_milliseconds: int = 400
    pod: Mapping[str, str] = field(default_factory=dict)
    public_port: int = field(default_factory=free_port)
    internal_port: int = field(default_factory=free_port)
    llm_port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        self.tenant_id = uuid.UUID(int=random.Random(self.seed).getrandbits(128), version=4)
        self._token, self._digest = work_token(self.tenant_id)

    @property
    def starts(self) -> dict[str, Callable[[], Awaitable[Program]]]:
        """How each program is started, in the order in which they are."""
        return {"gateway": self.start_gateway, "llm": self.start_llm, "agent": self.start_agent}

    @property
    def url(self) -> str:
        """The public address."""
        return f"http://127.0.0.1:{self.public_port}"

    @property
    def slack_hook(self) -> str:
        """Where Slack calls the tenant's own app."""
        return f"{self.url}/hooks/slack/{SLACK}"

    @property
    def whatsapp_hook(self) -> str:
        """Where Meta calls the tenant's app."""
        return f"{self.url}/hooks/whatsapp/{WHATSAPP}"

    async def start_gateway(self) -> Program:
        """Start the gateway and wait until it is ready."""
        return await self.stack.start_gateway(
            public_port=self.public_port,
            internal_port=self.internal_port,
            environment={
                **self.environment,
                "KONSTRUCT_SLACK_API_URL": self.addresses.slack,
                "KONSTRUCT_WHATSAPP_API_URL": self.addresses.whatsapp,
                **self._database("gateway"),
            },
        )

    async def start_llm(self) -> Program:
        """Start the model service and wait until it is ready."""
        return await self.stack.start_llm_with(
            self.addresses.model,
            self.model_key,
            environment={"KONSTRUCT_PORT": str(self.llm_port), **self._database("llm")},
        )

    async def start_agent(self) -> Program:
        """Start the tenant's pod."""
        return await self.stack.start_agent_with(
            {
                "KONSTRUCT_GATEWAY_URL": self.addresses.gateway
                or f"http://127.0.0.1:{self.internal_port}",
                "KONSTRUCT_LLM_URL": self.addresses.llm or f"http://127.0.0.1:{self.llm_port}",
                "KONSTRUCT_TENANT_ID": str(self.tenant_id),
                "KONSTRUCT_WORK_TOKEN": self._token,
                "KONSTRUCT_POD_NAME": "ana-0",
                "KONSTRUCT_CONCURRENCY": "16",
                "KONSTRUCT_HEARTBEAT_SECONDS": "2",
                **self.pod,
            }
        )

    async def push(self) -> None:
        """Write the tenant into the registry."""
        await self.stack.push(self.snapshot())

    def snapshot(self) -> TenantSnapshot:
        """Return the tenant: agent ana, a web chat, a Slack app and a WhatsApp number."""
        slack_keys = {"botToken": "xoxb-genuine", "signingSecret": SECRET}
        meta_keys = {"accessToken": TOKEN, "appSecret": APP_SECRET, "verifyToken": "v"}
        common = {
            "tenant_id": self.tenant_id,
            "agent": "ana",
            "gather_milliseconds": self.gather_milliseconds,
        }
        slack = {"appId": "A0KONSTRUCT", "teamId": "T0ACME"}
        return tenant_snapshot(
            tenant_id=self.tenant_id,
            name="acme",
            work_token_hashes=(self._digest,),
            agents=(agent_snapshot(tenant_id=self.tenant_id, name="ana"),),
            connections=(
                connection_snapshot(name="website", **common),
                connection_snapshot(name="team", type="Slack", config=slack, **common),
                connection_snapshot(name="phone", type="WhatsApp", config=CONFIG, **common),
            ),
            secrets=(self._sealed("team", slack_keys), self._sealed("phone", meta_keys)),
        )

    def _sealed(self, connection: str, credentials: dict[str, str]) -> Any:
        return seal(
            credentials,
            recipient=self.stack.gateway_seal.public_key,
            tenant_id=self.tenant_id,
            object_name=f"ChannelConnection/{connection}",
            purpose="channel",
            secret_uid="u",
            secret_resource_version="1",
        )

    async def unknown_texts(self) -> list[str]:
        """Return what is shown as Unknown; empty while the database is away."""
        try:
            connection = await asyncpg.connect(self.stack.postgres.url(TEMPLATE), timeout=5)
            try:
                rows = await connection.fetch(
                    "SELECT text FROM konstruct.deliveries WHERE state = 'Unknown'"
                )
            finally:
                await connection.close()
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return []
        return [row["text"] for row in rows]

    async def end_delivery_leases(self) -> None:
        """Let every delivery that somebody claimed be due, as if its sender's lease had ended.

        Only for when the senders that claimed them are dead.
        """
        connection = await asyncpg.connect(self.stack.postgres.url(TEMPLATE))
        try:
            await connection.execute(
                "UPDATE konstruct.delivery_dispatch SET due_at = now() WHERE due_at > now()"
            )
        finally:
            await connection.close()

    def _database(self, program: str) -> dict[str, str]:
        given = self.addresses.databases.get(program)
        return {"KONSTRUCT_DATABASE_URL": given} if given else {}
