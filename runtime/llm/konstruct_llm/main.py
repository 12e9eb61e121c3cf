"""The program: `python -m konstruct_llm` serves; `... openapi [FOLDER]` writes its API document."""

import asyncio
import contextlib
import gc
import json
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import structlog
import uvicorn
import uvloop

from konstruct_llm.app import Llm, open_llm, openapi_document
from konstruct_llm.errors import PoolInvalid
from konstruct_llm.settings import LlmSettings
from konstruct_store.errors import StoreError
from konstruct_telemetry.settings import read_settings

_DOCUMENT = "llm.openapi.json"
FAILED, WRONG_USE = 1, 2


def main(arguments: Sequence[str] = ()) -> int:
    """Serve until SIGTERM or SIGINT, or write the OpenAPI document; return the exit code."""
    match arguments:
        case []:
            return _run()
        case ["openapi"]:
            _write_document(Path("docs/reference"))
        case ["openapi", folder]:
            _write_document(Path(folder))
        case _:
            sys.stderr.write("Usage: python -m konstruct_llm [openapi [FOLDER]]\n")
            return WRONG_USE
    return 0


def _run() -> int:
    settings = read_settings(LlmSettings, "llm")
    if settings is None:
        return WRONG_USE
    try:
        uvloop.run(_serve(settings))
    except (PoolInvalid, StoreError) as error:
        log = structlog.get_logger(__name__)
        log.error("cannot_start", reason=str(error))  # noqa: TRY400 - the reason says it all
        return FAILED
    return 0


def _write_document(folder: Path) -> None:
    text = json.dumps(openapi_document(), indent=2, sort_keys=True) + "\n"
    (folder / _DOCUMENT).write_text(text)


class _Server(uvicorn.Server):
    """A server that ends when it is asked to, and lets the program end well after it.

    uvicorn's own raises the signal once more when it has ended, which kills the process before
    calls in progress are settled and the last traces are sent.
    """

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the signals for as long as the server runs."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


async def _serve(settings: LlmSettings) -> None:
    async with open_llm(settings) as llm:
        config = uvicorn.Config(
            llm.app,
            host=settings.host,
            port=settings.port,
            access_log=False,
            log_config=None,
            lifespan="off",
            timeout_graceful_shutdown=20,
        )
        calming = asyncio.create_task(_calm_collector(llm))
        try:
            await _Server(config).serve()
        finally:
            calming.cancel()
            await asyncio.gather(calming, return_exceptions=True)


async def _calm_collector(llm: Llm) -> None:
    """Keep the garbage collector from standing in everybody's way.

    A full collection walks all of litellm, in which time nobody is answered; what is there once it
    is loaded stays for good, and the rest is collected seldom.
    """
    await llm.loaded()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
