"""A Slack that says yes to everything: replies cost the gateway what they cost, and no more."""

import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from slack_load import TEAM
from support.serving import served

_SCOPES = "assistant:write,chat:write,im:history,users:read"


@asynccontextmanager
async def yes_slack() -> AsyncIterator[str]:
    """Serve it on a loopback port and yield its address, the setting KONSTRUCT_SLACK_API_URL."""
    numbers = itertools.count(1)

    async def handle(request: web.Request) -> web.Response:
        await request.read()
        answer = {
            "ok": True,
            "ts": f"{int(time.time())}.{next(numbers) % 1_000_000:06d}",
            "channel": "D1",
            "messages": [],
            "team_id": TEAM,
            "user_id": "U0BOT0000",
            "bot_id": "B0BOT0000",
        }
        return web.json_response(answer, headers={"X-OAuth-Scopes": _SCOPES})

    app = web.Application()
    app.router.add_route("*", "/api/{method}", handle)
    async with served(app) as base:
        yield f"{base}/api/"
