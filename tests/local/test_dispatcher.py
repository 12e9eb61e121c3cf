"""One origin: the gateway's addresses go to the gateway, all others to the portal."""

from typing import Any

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from konstruct_local.dispatcher import Dispatcher


@pytest.mark.parametrize(
    ("kind", "path", "expected"),
    [
        ("http", "/chat/acme/website/ticket", "gateway"),
        ("websocket", "/chat/acme/website/ws", "gateway"),
        ("http", "/hooks/slack", "gateway"),
        ("http", "/hooks", "gateway"),
        ("http", "/", "portal"),
        ("http", "/chatter", "portal"),
        ("http", "/tenants/chat", "portal"),
        ("websocket", "/elsewhere", "portal"),
        ("http", "/v1/chat/completions", "portal"),
    ],
)
async def test_the_first_segment_decides(kind: str, path: str, expected: str) -> None:
    taken: list[str] = []
    gateway = _naming("gateway", taken)
    dispatcher = Dispatcher({"/chat": gateway, "/hooks": gateway}, _naming("portal", taken))
    await dispatcher({"type": kind, "path": path}, _nothing, _nowhere)
    assert taken == [f"{expected} {path}"]


def _naming(name: str, taken: list[str]) -> ASGIApp:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        taken.append(f"{name} {scope['path']}")

    return application


async def _nothing() -> dict[str, Any]:
    return {}


async def _nowhere(message: Any) -> None:
    raise AssertionError(message)
