"""A folder as `make new-channel` writes it receives genuine webhooks and answers, as it is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web
from nacl.public import PrivateKey

from konstruct_registry.seals import seal
from support.far_agent import far_agent
from support.gateways import SampleTenant, running_gateway
from support.new_channel import found_in, message
from support.postgres import Database
from support.serving import served
from support.stack import encode_key
from support.waiting import until

pytestmark = pytest.mark.postgres

SECRETS = {"signingSecret": "of-the-account", "accessToken": "token-1"}


@asynccontextmanager
async def far_vendor() -> AsyncIterator[tuple[str, list[tuple[Any, Any]]]]:
    """The vendor's own API: what arrives at it, with whose token and under which key."""
    taken: list[tuple[Any, Any]] = []

    async def take(request: web.Request) -> web.Response:
        taken.append((dict(request.headers), await request.json()))
        return web.json_response({"id": f"sent-{len(taken)}"})

    app = web.Application()
    app.router.add_post("/messages", take)
    async with served(app) as base:
        yield f"{base}/", taken


async def test_it_receives_and_answers_without_a_line_written_elsewhere(
    database: Database,
    tenant: SampleTenant,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import_module("konstruct_gateway.app")  # before the folder is found: it is not needed there
    key = PrivateKey.generate()
    with found_in(tmp_path, monkeypatch, "telegram"):
        tenant.over["connections"] = (
            tenant.connection("ark", type="Telegram", config={"accountId": "account-1"}),
        )
        tenant.over["secrets"] = (
            seal(
                SECRETS,
                recipient=key.public_key,
                tenant_id=tenant.tenant_id,
                object_name="ChannelConnection/ark",
                purpose="channel",
                secret_uid="u",
                secret_resource_version="1",
            ),
        )
        async with far_vendor() as (url, taken):
            monkeypatch.setenv("KONSTRUCT_TELEGRAM_API_URL", url)
            async with running_gateway(
                database.url("gateway"), seal_private_keys=encode_key(key), poll_seconds=0.05
            ) as running:
                await tenant.register(running.internal_url)
                async with (
                    far_agent(running.internal_url, tenant.token),
                    httpx.AsyncClient(base_url=running.url, trust_env=False) as client,
                ):
                    for _ in range(2):
                        assert (await _deliver(client, message())).status_code == 200
                    assert (await _deliver(client, {"type": "parade"})).status_code == 200
                    forged = await client.post("/hooks/telegram/acme/ark", json=message())
                    assert forged.status_code == 401
                    await until(lambda: taken)
        [(headers, body)] = taken
        assert body == {"account": "account-1", "room": "r-1", "text": "You said: Hello"}
        assert headers["Authorization"] == "Bearer token-1"
        assert headers["Idempotency-Key"].endswith("/0")


async def _deliver(client: httpx.AsyncClient, content: dict[str, Any]) -> httpx.Response:
    inbound = import_module("konstruct_channels.telegram.inbound")
    request = client.build_request("POST", "/hooks/telegram/acme/ark", json=content)
    request.headers.update(inbound.sign(request.content, SECRETS, now=datetime.now(UTC)))
    return await client.send(request)
