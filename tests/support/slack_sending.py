"""Slack's outbound half between a test and a far Slack."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import aiohttp

from konstruct_channels.outbound import Outgoing
from konstruct_channels.slack.outbound import SlackOutbound
from konstruct_channels.slack.pace import Pace
from support.far_slack import FarSlack, far_slack

CONFIG = {"appId": "A0KONSTRUCT", "teamId": "T0ACME"}
CREDENTIALS = {"botToken": "xoxb-genuine", "signingSecret": "s"}


def outgoing(text: str = "hello", **over: Any) -> Outgoing:
    values: dict[str, Any] = {
        "delivery_id": uuid4(),
        "conversation_key": "D0EVA",
        "text": text,
        "attempt": 1,
        "queued_at": datetime.now(UTC),
    }
    return Outgoing(**(values | over))


@asynccontextmanager
async def sending(**over: Any) -> AsyncIterator[tuple[FarSlack, SlackOutbound]]:
    far = FarSlack(seconds_per_message=0.0)
    async with far_slack(far), aiohttp.ClientSession() as session:
        pace = over.pop("pace", None) or Pace(seconds_per_message=0.0)
        yield far, SlackOutbound(session, far.url, pace=pace, **over)


async def send(slack: SlackOutbound, message: Outgoing) -> str:
    return await slack.send(message, config=CONFIG, credentials=CREDENTIALS)
