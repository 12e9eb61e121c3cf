"""A gateway inside the test's event loop: real sockets, a real database, one registered tenant."""

import asyncio
import base64
import hashlib
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx

from konstruct_channels.outbound import Outbound
from konstruct_gateway.app import Gateway, open_gateway
from konstruct_gateway.main import server
from konstruct_gateway.settings import GatewaySettings
from konstruct_messages import credentials, identity
from konstruct_registry.snapshot import (
    AgentSnapshot,
    ConnectionSnapshot,
    OperatingMode,
    TenantSnapshot,
)
from konstruct_registry.wire import Push
from support.waiting import until

CHAT_KEY = base64.b64encode(b"k" * 32).decode()
REGISTRY_TOKEN = "registry-token-of-the-tests"
REPLICA_TOKEN = "replica-token-of-the-tests"


def settings_for(database_url: str, **over: Any) -> GatewaySettings:
    """Return settings with short waits and the tests' keys."""
    values: dict[str, Any] = {
        "database_url": database_url,
        "public_url": "https://chat.example.com",
        "chat_key": CHAT_KEY,
        "registry_token": REGISTRY_TOKEN,
        "replica_token": REPLICA_TOKEN,
        "host": "127.0.0.1",
        "port": 0,
        "internal_port": 0,
        "database_connections": 8,
        "sweep_seconds": 0.3,
        "examine_seconds": 0.0,
    }
    return GatewaySettings(**(values | over))


@dataclass(frozen=True)
class RunningGateway:
    """A gateway that is served on two loopback ports."""

    gateway: Gateway
    settings: GatewaySettings
    url: str
    internal_url: str


@asynccontextmanager
async def running_gateway(
    database_url: str,
    *,
    outbounds: Mapping[str, Outbound] | None = None,
    **over: Any,
) -> AsyncIterator[RunningGateway]:
    """Open a gateway and serve both its ports; all is gone afterwards."""
    public, internal = _listener(), _listener()
    internal_url = _url(internal)
    if over.pop("among_replicas", False):
        over["replica_url"] = internal_url
    settings = settings_for(database_url, **over)
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(open_gateway(settings, outbounds=outbounds))
        servers = [
            server(gateway.public_app, settings, port=0),
            server(gateway.internal_app, settings, port=0),
        ]
        running = [
            asyncio.create_task(one.serve(sockets=[listener]))
            for one, listener in zip(servers, (public, internal), strict=True)
        ]
        await until(lambda: all(one.started for one in servers))
        try:
            yield RunningGateway(gateway, settings, _url(public), internal_url)
        finally:
            await gateway.say_goodbye()
            for one in servers:
                one.should_exit = True
            await asyncio.gather(*running)


def _listener() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


def _url(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


@dataclass
class SampleTenant:
    """A tenant as the operator would push it: agents ana and bert, web chats, one portal."""

    name: str = "acme"
    tenant_id: UUID = field(default_factory=uuid4)
    over: dict[str, Any] = field(default_factory=dict)
    sequence: int = 0

    @property
    def token(self) -> str:
        """The tenant's work token."""
        return f"kw_{self.tenant_id}_secret"

    def agent(self, name: str, **over: Any) -> AgentSnapshot:
        values: dict[str, Any] = {
            "agent_id": identity.agent_id(identity.TenantId(self.tenant_id), name),
            "name": name,
            "display_name": name.capitalize(),
            "revision": "1",
        }
        return AgentSnapshot(**(values | over))

    def connection(self, name: str, **over: Any) -> ConnectionSnapshot:
        values: dict[str, Any] = {
            "connection_id": identity.connection_id(identity.TenantId(self.tenant_id), name),
            "name": name,
            "type": "WebChat",
            "agent": "ana",
            "config": {"visitors": "Allowed", "allowedOrigins": ["https://www.acme.example"]},
        }
        return ConnectionSnapshot(**(values | over))

    def snapshot(self) -> TenantSnapshot:
        values: dict[str, Any] = {
            "tenant_id": self.tenant_id,
            "name": self.name,
            "uid": f"uid-{self.name}",
            "display_name": self.name.capitalize(),
            "work_token_hashes": (hashlib.sha256(self.token.encode()).hexdigest(),),
            "agents": (self.agent("ana"), self.agent("bert")),
            "connections": (
                self.connection("website"),
                self.connection("staff", config={"visitors": "Denied"}),
            ),
        }
        return TenantSnapshot(**(values | self.over))

    def suspended(self) -> None:
        self.over["operating_mode"] = OperatingMode.SUSPENDED

    def resumed(self) -> None:
        self.over["operating_mode"] = OperatingMode.RUNNING

    async def register(self, internal_url: str) -> None:
        """Push the tenant as a new leader would."""
        async with operator(internal_url) as client:
            session = (await client.post("/internal/registry/sessions")).json()["session"]
            answer = await self.push(client, session)
            assert answer.status_code == 204, answer.text

    async def push(
        self, client: httpx.AsyncClient, session: int, *, sequence: int | None = None
    ) -> httpx.Response:
        self.sequence += 1
        snapshot = self.snapshot()
        push = Push(
            session=session,
            sequence=sequence or self.sequence,
            digest=snapshot.digest(),
            snapshot=snapshot,
        )
        return await client.put(
            f"/internal/registry/tenants/{self.tenant_id}",
            content=push.model_dump_json(by_alias=True),
            headers={"Content-Type": "application/json"},
        )

    def portal_ticket(self, agent: str = "ana", user: str = "eva", **over: Any) -> str:
        """Return a ticket as the portal signs it."""
        values: dict[str, Any] = {
            "use": credentials.CredentialUse.TICKET,
            "tenant_id": self.tenant_id,
            "connection": "portal",
            "person_key": f"portal:{user}",
            "agent": agent,
            "expires_at": datetime.now(UTC) + timedelta(minutes=1),
        }
        credential = credentials.ChatCredential(**(values | over))
        return credentials.sign(credential, base64.b64decode(CHAT_KEY))


def operator(internal_url: str) -> httpx.AsyncClient:
    """Return a client with the operator's credential."""
    return httpx.AsyncClient(
        base_url=internal_url,
        headers={"Authorization": f"Bearer {REGISTRY_TOKEN}"},
        timeout=40,
        trust_env=False,
    )
