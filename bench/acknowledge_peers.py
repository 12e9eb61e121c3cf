"""slack_bolt as its documentation sets it up, three ways: sync, async, async with a durable insert.

    python bench/acknowledge_peers.py MODE PORT WORKED_FILE WORK_SECONDS [DATABASE_URL]

`WORKED_FILE` gets a line per message whose work is done; the work takes `WORK_SECONDS`.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import uvicorn
from fastapi import FastAPI, Request
from slack_bolt import App
from slack_bolt.adapter.asgi.async_handler import AsyncSlackRequestHandler
from slack_bolt.adapter.fastapi import SlackRequestHandler
from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_bolt.authorization import AuthorizeResult

from slack_load import SIGNING_SECRET, TEAM

PATH = "/slack/events"
TABLE = """
CREATE TABLE IF NOT EXISTS received (
    key text PRIMARY KEY, body jsonb NOT NULL, received_at timestamptz NOT NULL DEFAULT now()
)
"""
_INSERT = "INSERT INTO received (key, body) VALUES ($1, $2) ON CONFLICT DO NOTHING"
_IDENTITY = AuthorizeResult(
    enterprise_id=None,
    team_id=TEAM,
    bot_token="sample",  # noqa: S106 - plainly fake
    bot_id="B0BOT0000",
    bot_user_id="U0BOT0000",
)


def note(file: int, text: str) -> None:
    """Write down that a message's work is done: its last word is the event's id."""
    os.write(file, text.rsplit(" ", 1)[-1].encode() + b"\n")


def sync_app(file: int, work_seconds: float) -> Any:
    """Return the sync app behind FastAPI, as in the documentation's FastAPI example."""

    def authorize(**_arguments: Any) -> AuthorizeResult:
        return _IDENTITY

    app = App(signing_secret=SIGNING_SECRET, authorize=authorize)

    @app.event("message")
    def said(event: dict[str, Any]) -> None:
        time.sleep(work_seconds)
        note(file, event["text"])

    handler, api = SlackRequestHandler(app), FastAPI()

    @api.post(PATH)
    async def endpoint(request: Request) -> Any:
        return await handler.handle(request)

    return api


def async_app(file: int, work_seconds: float, database_url: str = "") -> Any:
    """Return the async app behind slack_bolt's own ASGI adapter, the leanest that is documented."""

    async def authorize(**_arguments: Any) -> AuthorizeResult:
        await asyncio.sleep(0)
        return _IDENTITY

    app = AsyncApp(signing_secret=SIGNING_SECRET, authorize=authorize)

    if database_url:
        pools: list[asyncpg.Pool] = []
        opening = asyncio.Lock()

        async def pool() -> asyncpg.Pool:
            async with opening:
                if not pools:
                    pools.append(await asyncpg.create_pool(database_url, min_size=4, max_size=16))
            return pools[0]

        @app.middleware
        async def keep(req: AsyncBoltRequest, next: Callable[[], Awaitable[None]]) -> None:  # noqa: A002 - slack_bolt's name
            async with (await pool()).acquire() as connection:
                await connection.execute(_INSERT, req.body["event_id"], json.dumps(req.body))
            await next()

    @app.event("message")
    async def said(event: dict[str, Any]) -> None:
        await asyncio.sleep(work_seconds)
        note(file, event["text"])

    return AsyncSlackRequestHandler(app, path=PATH)


def main() -> None:
    """Serve until killed."""
    mode, port, worked, work_seconds, *url = sys.argv[1:]
    file = os.open(worked, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    app = (
        sync_app(file, float(work_seconds))
        if mode == "sync"
        else async_app(file, float(work_seconds), *url)
    )
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(port),
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_keep_alive=3600,
    )


if __name__ == "__main__":
    main()
