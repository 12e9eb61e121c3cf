"""`access` in web chat: who did not log in is a stranger, and lists name people by their keys."""

from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from support.chatting import chatting, opening
from support.gateways import RunningGateway, SampleTenant
from support.visitor import visiting

pytestmark = pytest.mark.postgres

ALLOWED = {"visitors": "Allowed", "allowedOrigins": ["https://www.acme.example"]}


async def declare(running: RunningGateway, tenant: SampleTenant, access: dict[str, Any]) -> None:
    connection = tenant.connection("website", config=ALLOWED, access=access)
    tenant.over["connections"] = (connection,)
    await tenant.register(running.internal_url)


async def ticket(running: RunningGateway) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.post(f"{running.url}/chat/acme/website/ticket", json={})


@pytest.mark.parametrize(
    "access",
    [
        {"policy": "Everyone", "strangers": "Denied"},
        {"policy": "Listed", "allowed": ["portal:eva"]},
    ],
)
async def test_visitors_are_strangers(
    running: RunningGateway, tenant: SampleTenant, access: dict[str, Any]
) -> None:
    await declare(running, tenant, {"policy": "Everyone"})
    given = await ticket(running)
    assert given.status_code == 200
    await declare(running, tenant, access)
    assert (await ticket(running)).status_code == 403
    # A ticket from before opens nothing any more.
    async with opening(running.url, "acme/website") as chat:
        await chat.send({"type": "auth", "ticket": given.json()["ticket"]})
        with pytest.raises(ConnectionClosed) as closed:
            await chat.next()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401


async def test_people_whom_the_portal_vouches_for_are_let_in_by_the_list(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    await declare(running, tenant, {"policy": "Listed", "allowed": ["portal:eva"]})
    eva = tenant.portal_ticket(user="eva", connection="website")
    async with chatting(running.url, "acme/website", eva):
        pass
    tom = tenant.portal_ticket(user="tom", connection="website")
    async with opening(running.url, "acme/website") as chat:
        await chat.send({"type": "auth", "ticket": tom})
        with pytest.raises(ConnectionClosed):
            await chat.next()


async def test_a_socket_that_is_open_is_told_politely_when_access_ends(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    await declare(running, tenant, {"policy": "Everyone"})
    async with visiting(running.url, "acme/website", language="pt") as visitor:
        await declare(running, tenant, {"policy": "Everyone", "strangers": "Denied"})
        await visitor.send({"type": "message", "id": "1", "text": "oi"})
        _, error = await visitor.wait_for("error")
        assert error["code"] == "refused"
        assert error["text"].startswith("Desculpe, não posso responder")
