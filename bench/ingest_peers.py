"""The two servers that the gateway's ingest is measured beside; neither keeps a message."""

import asyncio
import json
import sys
from typing import Any

import uvicorn
from slack_bolt.adapter.asgi.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult

SIGNING_SECRET = "sample-signing-secret-not-real"  # noqa: S105 - plainly fake, both ends are here


async def bare(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer every WebSocket message at once."""
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    while True:
        event = await receive()
        if event["type"] != "websocket.receive":
            return
        message = json.loads(event["text"])
        answer = {"type": "accepted", "id": message["id"], "seq": 1}
        await send({"type": "websocket.send", "text": json.dumps(answer)})


def slack_bolt() -> Any:
    """Return slack_bolt's async app with one listener, as its documentation sets it up."""

    async def authorize(**_arguments: Any) -> AuthorizeResult:
        await asyncio.sleep(0)
        return AuthorizeResult(
            enterprise_id=None,
            team_id="T1",
            bot_token="sample",  # noqa: S106 - plainly fake
            bot_id="B1",
            bot_user_id="U0",
        )

    app = AsyncApp(signing_secret=SIGNING_SECRET, authorize=authorize)

    @app.event("app_mention")
    async def mentioned(event: dict[str, Any]) -> None:
        await asyncio.sleep(0)
        assert event["text"]

    return AsyncSlackRequestHandler(app, path="/slack/events")


if __name__ == "__main__":
    chosen: Any = bare if sys.argv[1] == "bare" else slack_bolt()
    uvicorn.run(
        chosen,
        host="127.0.0.1",
        port=int(sys.argv[2]),
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_keep_alive=3600,
    )
