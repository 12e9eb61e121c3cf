"""Campaign S5: a million forged webhooks, none of which may be taken, and every genuine one is.

Every channel that receives webhooks is found by its folder, with the examples it carries. Most
requests go to the gateway's public app in this process; some go over sockets to a real server, with
what only a socket can do wrong. The oracle knows what it made; an answer of 2xx to a mutant is a
break-in, an answer of 5xx is a fault.
"""

import asyncio
import dataclasses
import random
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from nacl.public import PrivateKey
from starlette.types import ASGIApp

from konstruct_gateway.app import open_gateway
from konstruct_gateway.edge.apps import public_app
from konstruct_gateway.main import server
from konstruct_registry.seals import seal
from konstruct_registry.snapshot import TenantSnapshot
from support.build import agent_snapshot, connection_snapshot, tenant_snapshot
from support.campaigns.asgi import call
from support.campaigns.mutants import Request, Target, mutant
from support.campaigns.raw_http import send_raw, tricks
from support.campaigns.report import progress, silent_logs
from support.channel_examples import NOW, Example, load_examples
from support.gateways import settings_for
from support.postgres import Database, open_store
from support.stack import encode_key
from support.waiting import until
from support.working import publish

_GENUINE_EVERY = 50
_SOCKET_EVERY = 250
_SHOWN = 10


@dataclass(frozen=True)
class Plan:
    """`mutants` forged requests; among them a genuine one now and then."""

    seed: int
    mutants: int
    at_once: int = 16
    seconds: float = 7200.0
    quiet: bool = False


@dataclass
class Result:
    """What was answered to what."""

    mutants: int = 0
    accepted: int = 0
    faults: int = 0
    genuine: int = 0
    genuine_refused: int = 0
    over_sockets: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    channels: Counter[str] = field(default_factory=Counter)
    """How many requests went to each channel's addresses."""
    answers: Counter[int] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)
    """What the gateway logged of errors it did not expect."""

    @property
    def clean(self) -> bool:
        """Tell whether nothing forged was taken, nothing genuine refused, and nothing broke."""
        return not (self.accepted or self.faults or self.genuine_refused)

    def note(self, request: Request, target: Target, status: int) -> None:
        """Judge one answer. Status 0 is a connection closed without one."""
        self.answers[status] += 1
        self.channels[target.example.spec.folder] += 1
        wrong = ""
        if request.kind.startswith("genuine"):
            self.genuine += 1
            self.genuine_refused += status != 200
            wrong = "genuine refused" if status != 200 else ""
        else:
            self.mutants += 1
            self.kinds[request.kind] += 1
            self.accepted += 200 <= status < 300
            wrong = "accepted" if 200 <= status < 300 else ""
        if status >= 500:
            self.faults += 1
            wrong = wrong or "fault"
        if wrong and len(self.examples) < _SHOWN:
            self.examples.append(f"{wrong}: {request.kind} of {target.example}, {status}")


async def run(plan: Plan, database: Database) -> Result:
    """Run the campaign on a migrated database of its own."""
    key = PrivateKey.generate()
    chance = random.Random(plan.seed)
    called = [one for one in load_examples() if has_own_address(one)]
    tenants, targets = _tenants_of(called, key)
    settings = settings_for(
        database.url("gateway"), seal_private_keys=encode_key(key), later_seconds=1e6
    )
    result = Result()
    async with AsyncExitStack() as exits:
        result.mistakes = exits.enter_context(silent_logs())
        store = await exits.enter_async_context(open_store(database, "gateway"))
        await publish(store, *tenants)
        gateway = await exits.enter_async_context(open_gateway(settings, outbounds={}))
        hooks = dataclasses.replace(gateway.parts.hooks, now=lambda: NOW)
        app = public_app(dataclasses.replace(gateway.parts, hooks=hooks))
        port = await exits.enter_async_context(_served(app, settings))
        forger = _Forger(plan, targets, app, port, result, chance)
        async with progress(forger.told, quiet=plan.quiet), asyncio.timeout(plan.seconds):
            await asyncio.gather(*(forger.work() for _ in range(plan.at_once)))
    return result


@dataclass
class _Forger:
    plan: Plan
    targets: list[Target]
    app: ASGIApp
    port: int
    result: Result
    chance: random.Random
    made: int = 0

    def told(self) -> str:
        found = self.result
        return f"{found.mutants}/{self.plan.mutants} mutants, {found.accepted} accepted"

    async def work(self) -> None:
        """Send one request after another until enough were made."""
        while self.made < self.plan.mutants:
            self.made += 1
            target = self.chance.choice(self.targets)
            if self.made % _GENUINE_EVERY == 0:
                await self._in_process(target, target.genuine(self.chance))
            if self.made % _SOCKET_EVERY == 0:
                await self._over_socket(target)
                continue
            await self._in_process(target, mutant(target, self.chance))

    async def _in_process(self, target: Target, request: Request) -> None:
        status = await call(
            self.app,
            request.path,
            request.body,
            request.headers,
            method=request.method,
            query=request.query,
        )
        self.result.note(request, target, status)

    async def _over_socket(self, target: Target) -> None:
        for wire in tricks(target, self.chance):
            self.result.over_sockets += 1
            status = await send_raw(self.port, wire)
            self.result.note(wire.request, target, status)


class _served:  # noqa: N801 - a context manager, used like a function
    """Serve an app with uvicorn on a loopback port."""

    def __init__(self, app: ASGIApp, settings: Any) -> None:
        self._server = server(app, settings, port=0)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> int:
        self._task = asyncio.create_task(self._server.serve())
        await until(lambda: self._server.started)
        return int(self._server.servers[0].sockets[0].getsockname()[1])

    async def __aexit__(self, *_exception: object) -> None:
        self._server.should_exit = True
        if self._task is not None:
            await self._task


def _tenants_of(
    examples: list[Example], key: PrivateKey
) -> tuple[list[TenantSnapshot], list[Target]]:
    """Return two tenants with a connection for every example's configuration each."""
    names = ("acme", "globex")
    ids = {name: UUID(int=uuid4().int) for name in names}
    connections: dict[tuple[str, str], tuple[str, Example]] = {}
    for example in examples:
        shape = (
            example.spec.folder,
            repr((example.content["config"], example.connection.reply_when)),
        )
        connections.setdefault(shape, (f"c{len(connections)}", example))
    tenants = [_tenant(name, ids[name], [*connections.values()], key) for name in names]
    targets = []
    for example in examples:
        shape = (
            example.spec.folder,
            repr((example.content["config"], example.connection.reply_when)),
        )
        connection, _ = connections[shape]
        others = [one for folder_shape, (one, _) in connections.items() if folder_shape != shape]
        folder = example.spec.folder
        targets.append(
            Target(
                example,
                f"/hooks/{folder}/acme/{connection}",
                credentials(example, "acme"),
                (
                    f"/hooks/{folder}/globex/{connection}",
                    *(f"/hooks/{folder}/globex/{one}" for one in others[:2]),
                    f"/hooks/{folder}/nobody/{connection}",
                    f"/hooks/{folder}/acme/none",
                    f"/hooks/{folder}",
                ),
                (credentials(example, "globex"),),
            )
        )
    return tenants, targets


def has_own_address(example: Example) -> bool:
    """Tell whether the vendor calls the example's connection at an address of its own."""
    needed = example.spec.webhook_with.items()
    config = example.content["config"]
    return all(config.get(name, value) == value for name, value in needed)


def _shape(example: Example) -> tuple[str, str]:
    """Return what tells connections apart: folder and configuration."""
    known = example.connection
    return example.spec.folder, repr((known.config, known.reply_when))


def credentials(example: Example, tenant: str) -> dict[str, str]:
    """Return a tenant's secrets for the example's channel."""
    return {key: f"{value}-at-{tenant}" for key, value in example.credentials.items()}


def _tenant(
    name: str, tenant_id: UUID, connections: list[tuple[str, Example]], key: PrivateKey
) -> TenantSnapshot:
    def sealed(connection: str, secrets: Mapping[str, str]) -> Any:
        return seal(
            dict(secrets),
            recipient=key.public_key,
            tenant_id=tenant_id,
            object_name=f"ChannelConnection/{connection}",
            purpose="channel",
            secret_uid="u",
            secret_resource_version="1",
        )

    return tenant_snapshot(
        tenant_id=tenant_id,
        name=name,
        uid=f"uid-{name}",
        agents=(agent_snapshot(tenant_id=tenant_id),),
        connections=tuple(
            connection_snapshot(
                tenant_id=tenant_id,
                name=connection,
                type=example.spec.channel_type,
                config=example.content["config"],
                reply_when=example.connection.reply_when,
            )
            for connection, example in connections
        ),
        secrets=tuple(
            sealed(connection, credentials(example, name)) for connection, example in connections
        ),
    )
