"""The model service's program."""

import asyncio
import logging

import structlog
import uvicorn

from konstruct_llm.app import open_llm
from konstruct_llm.settings import LlmSettings


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    asyncio.run(_serve(LlmSettings()))


async def _serve(settings: LlmSettings) -> None:
    async with open_llm(settings) as llm:
        config = uvicorn.Config(
            llm.app,
            host=settings.host,
            port=settings.port,
            access_log=False,
            log_level="warning",
            lifespan="off",
            timeout_graceful_shutdown=20,
        )
        await uvicorn.Server(config).serve()
