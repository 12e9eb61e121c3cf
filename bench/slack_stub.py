"""A Slack that says yes to everything: replies cost the gateway what they cost, and no more."""

import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from slack_load import TEAM

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
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}/api/"
    finally:
        await runner.cleanup()
