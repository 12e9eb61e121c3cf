"""The programs of the product inside this process, each made by its own factory."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from pydantic import SecretBytes, SecretStr
from starlette.types import ASGIApp

from konstruct_agent.main import run_agent
from konstruct_agent.settings import AgentSettings
from konstruct_gateway.app import open_gateway
from konstruct_gateway.settings import GatewaySettings
from konstruct_llm.app import open_llm
from konstruct_llm.settings import LlmSettings
from konstruct_local.database import Database
from konstruct_local.dispatcher import Dispatcher
from konstruct_local.keys import Keys
from konstruct_local.settings import LocalSettings
from konstruct_portal.app import open_portal
from konstruct_portal.resources import Resources
from konstruct_portal.settings import PortalSettings


@dataclass(frozen=True)
class Places:
    """Where things answer: the public origin, and the loopback address of internal calls."""

    public_url: str
    internal_url: str


@dataclass(frozen=True)
class Programs:
    """What the two servers serve. Before they stop, `say_goodbye` sends clients away politely."""

    public: ASGIApp
    internal: ASGIApp
    say_goodbye: Callable[[], Awaitable[None]]


@asynccontextmanager
async def open_programs(
    *,
    settings: LocalSettings,
    keys: Keys,
    database: Database,
    places: Places,
    models_file: Path | None,
    media_url: str,
    resources: Resources,
) -> AsyncIterator[Programs]:
    """Open gateway, model service and portal; close them in the opposite order."""

    def database_url(program: str) -> str:
        return database.url(program, keys.database_passwords[program])

    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(
            open_gateway(
                GatewaySettings(
                    database_url=SecretStr(database_url("gateway")),
                    public_url=places.public_url,
                    chat_key=SecretStr(keys.chat_key),
                    registry_token=SecretStr(keys.registry_token),
                    replica_token=SecretStr(keys.replica_token),
                    replica_url="",
                    seal_private_keys=SecretStr(",".join(keys.gateway_seal_keys)),
                    turn_deadline_seconds=settings.turn_deadline_seconds,
                    media_url=media_url,
                )
            )
        )
        llm = await stack.enter_async_context(
            open_llm(
                LlmSettings(
                    database_url=SecretStr(database_url("llm")),
                    models_file=models_file,
                    media_url=media_url,
                    seal_private_keys=SecretStr(",".join(keys.llm_seal_keys)),
                )
            )
        )
        portal = await stack.enter_async_context(
            open_portal(
                PortalSettings(
                    database_url=database_url("portal"),
                    public_url=places.public_url,
                    chat_key=SecretBytes(base64.b64decode(keys.chat_key)),
                ),
                resources=resources,
            )
        )
        yield Programs(
            public=Dispatcher(
                {"/chat": gateway.public_app, "/hooks": gateway.public_app}, portal.app
            ),
            internal=Dispatcher({"/v1": llm.app}, gateway.internal_app),
            say_goodbye=gateway.say_goodbye,
        )


async def run_tenant(places: Places, tenant_id: UUID, token: str, stop: asyncio.Event) -> None:
    """Run one tenant's agent until `stop` is set, as its pod would."""
    settings = AgentSettings(
        gateway_url=places.internal_url,
        llm_url=places.internal_url,
        work_token=SecretStr(token),
        tenant_id=str(tenant_id),
        pod_name=f"local-{tenant_id}",
    )
    await run_agent(settings, stop=stop)
