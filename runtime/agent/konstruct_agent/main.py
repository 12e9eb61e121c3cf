"""The agent's program: one process per tenant."""

import asyncio
import signal
import sys
from datetime import UTC, datetime
from uuid import uuid4

import structlog
import uvloop

from konstruct_agent.means import Means
from konstruct_agent.model import ModelClient
from konstruct_agent.settings import AgentSettings
from konstruct_agent.transport import Transport, open_session
from konstruct_agent.work import WorkClient
from konstruct_agent.worker import Worker
from konstruct_messages.translations import load_catalogues
from konstruct_telemetry.settings import read_settings
from konstruct_telemetry.traces import open_traces

_log = structlog.get_logger(__name__)


async def run_agent(settings: AgentSettings, *, stop: asyncio.Event) -> None:
    """Claim and answer turns until `stop` is set; then release what is left."""
    async with open_session(settings.work_token.get_secret_value()) as session:
        gateway = Transport(session, settings.gateway_url, name="gateway")
        llm = Transport(session, settings.llm_url, name="model service")
        boot_id = uuid4()
        traces = open_traces(settings, "agent")
        means = Means(
            work=WorkClient(gateway, boot_id=boot_id, pod=settings.pod_name),
            model=ModelClient(llm, timeout_seconds=settings.model_timeout_seconds),
            catalogues=load_catalogues("konstruct_agent"),
            now=lambda: datetime.now(UTC),
            tool_timeout_seconds=settings.tool_timeout_seconds,
            model_timeout_seconds=settings.model_timeout_seconds,
            model_patience_seconds=settings.model_patience_seconds,
            model_absence_seconds=settings.model_absence_seconds,
            traces=traces,
        )
        worker = Worker(
            means,
            concurrency=settings.concurrency,
            claim_wait_seconds=settings.claim_wait_seconds,
            heartbeat_seconds=settings.heartbeat_seconds,
            stop_seconds=settings.stop_seconds,
        )
        _log.info("agent_started", tenant_id=settings.tenant_id, boot_id=str(boot_id))
        try:
            await worker.run(stop)
        finally:
            await traces.close()


def main() -> None:
    """Run until SIGTERM or SIGINT. Exit code 2: a setting is missing or wrong."""
    settings = read_settings(AgentSettings, "agent")
    if settings is None:
        sys.exit(2)
    uvloop.run(_serve(settings))


async def _serve(settings: AgentSettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await run_agent(settings, stop=stop)
