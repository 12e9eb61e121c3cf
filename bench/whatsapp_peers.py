"""pywa on FastAPI as its documentation sets it up, with plain handlers and with async ones.

    python bench/whatsapp_peers.py MODE PORT WORKED_FILE WORK_SECONDS

`WORKED_FILE` gets a line per message whose work is done; the work takes `WORK_SECONDS`.
"""

import asyncio
import os
import sys
import time
from typing import Any

import uvicorn
from fastapi import FastAPI
from pywa.client import WhatsApp
from pywa_async.client import WhatsApp as AsyncWhatsApp

from acknowledge_peers import note
from support.whatsapp_events import APP_SECRET, PHONE_NUMBER_ID, VERIFY_TOKEN
from whatsapp_load import PATH


def plain_app(file: int, work_seconds: float) -> FastAPI:
    """Return pywa behind FastAPI; handlers run in FastAPI's threads."""
    api = FastAPI()
    client: Any = WhatsApp(
        phone_id=PHONE_NUMBER_ID,
        token="sample",  # noqa: S106 - plainly fake
        server=api,
        webhook_endpoint=PATH,
        verify_token=VERIFY_TOKEN,
        app_secret=APP_SECRET,
    )

    @client.on_message  # type: ignore[untyped-decorator]
    def said(_client: WhatsApp, message: Any) -> None:
        time.sleep(work_seconds)
        note(file, message.text or "")

    return api


def async_app(file: int, work_seconds: float) -> FastAPI:
    """Return pywa's async client behind FastAPI."""
    api = FastAPI()
    client: Any = AsyncWhatsApp(
        phone_id=PHONE_NUMBER_ID,
        token="sample",  # noqa: S106 - plainly fake
        server=api,
        webhook_endpoint=PATH,
        verify_token=VERIFY_TOKEN,
        app_secret=APP_SECRET,
    )

    @client.on_message  # type: ignore[untyped-decorator]
    async def said(_client: AsyncWhatsApp, message: Any) -> None:
        await asyncio.sleep(work_seconds)
        note(file, message.text or "")

    return api


def main() -> None:
    """Serve until killed."""
    mode, port, worked, work_seconds = sys.argv[1:]
    file = os.open(worked, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    make = plain_app if mode == "pywa" else async_app
    uvicorn.run(
        make(file, float(work_seconds)),
        host="127.0.0.1",
        port=int(port),
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_keep_alive=3600,
    )


if __name__ == "__main__":
    main()
