import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from konstruct_local.postgres import EmbeddedPostgres
from konstruct_messages import identity
from konstruct_store import Store
from konstruct_store import receive as stored
from support.chatting import chatting, take_ticket
from support.faithful_visitor import FaithfulVisitor
from support.far_agent import FarAgentTurn, far_agent
from support.gateways import SampleTenant, running_gateway
from support.postgres import PASSWORD, TEMPLATE, owned_postgres
from support.stack import free_port, running_stack

pytestmark = pytest.mark.postgres


async def repeat_nonces(given: FarAgentTurn) -> str:
    return " ".join(re.findall(r"nonce:(\S+)", given.text))


@pytest.mark.process
async def test_a_gateway_killed_after_the_commit_and_before_the_answer_loses_and_doubles_nothing(
    tenant: SampleTenant, tmp_path: Path
) -> None:
    async with running_stack(tmp_path) as stack:
        public, internal = free_port(), free_port()
        gateway = await stack.start_gateway(public_port=public, internal_port=internal)
        await stack.push(tenant.snapshot())
        given = await take_ticket(stack.gateway_url, "acme/website")
        async with (
            _one_way(stack.gateway_url) as deaf,
            chatting(deaf.url, "acme/website", given["ticket"]) as chat,
        ):
            conversation = chat.ready["conversation"]
            deaf.hears = False
            await chat.send({"type": "message", "id": "m-1", "text": "hello nonce:one"})
            await _until_stored(stack.database_url("gateway"), tenant, conversation)
            await gateway.kill()
        await stack.start_gateway(public_port=public, internal_port=internal)
        given = await take_ticket(stack.gateway_url, "acme/website", resume=given["resume"])
        again = chatting(
            stack.gateway_url, "acme/website", given["ticket"], conversation=conversation
        )
        async with (
            far_agent(stack.gateway_internal_url, tenant.token, repeat_nonces),
            again as chat,
        ):
            await chat.send({"type": "message", "id": "m-1", "text": "hello nonce:one"})
            assert (await chat.until("accepted"))["seq"] == 1
            await chat.send({"type": "message", "id": "m-2", "text": "and nonce:two"})
            replies = [(await chat.until("reply"))["text"]]
            while "two" not in replies[-1]:
                replies.append((await chat.until("reply"))["text"])
        assert " ".join(replies).split() == ["one", "two"]
        assert await stack.programs[-1].stop() == 0


async def test_postgres_restarted_under_load_is_a_503_and_then_all_is_well(
    tenant: SampleTenant,
) -> None:
    async with owned_postgres() as server:
        url = server.url(TEMPLATE, user="konstruct_gateway_login", password=PASSWORD)
        async with running_gateway(url, messages_burst=1000) as running:
            await tenant.register(running.internal_url)
            async with far_agent(running.internal_url, tenant.token, repeat_nonces):
                visitors = [FaithfulVisitor(running.url, "acme/website") for _ in range(4)]
                async with asyncio.TaskGroup() as group:
                    for number, visitor in enumerate(visitors):
                        group.create_task(_write(visitor, number))
                    group.create_task(_restart(server, running.internal_url))
                for number, visitor in enumerate(visitors):
                    ledger = visitor.ledger
                    assert ledger.contradictions == []
                    said = [
                        one for seq in sorted(ledger.replies) for one in ledger.replies[seq].split()
                    ]
                    expected = sorted(ledger.accepted, key=lambda one: ledger.accepted[one])
                    assert said == expected
                    assert len(expected) == 15, number


async def _write(visitor: FaithfulVisitor, number: int) -> None:
    async with visitor:
        for count in range(15):
            await visitor.say(f"v{number}-{count}")
            await asyncio.sleep(0.05)
        await visitor.until_answered(seconds=30)


async def _restart(server: EmbeddedPostgres, internal_url: str) -> None:
    await asyncio.sleep(0.4)
    async with httpx.AsyncClient(base_url=internal_url, trust_env=False) as client:
        os.kill(server.pid, signal.SIGKILL)
        await _until_status(client, 503)
        await server.restart()
        await _until_status(client, 200)


async def _until_status(client: httpx.AsyncClient, status: int) -> None:
    async with asyncio.timeout(15):
        while (await client.get("/readyz")).status_code != status:  # noqa: ASYNC110 - over HTTP
            await asyncio.sleep(0.05)


async def _until_stored(url: str, tenant: SampleTenant, conversation: str) -> None:
    store = await Store.connect(url)
    connection = identity.connection_id(identity.TenantId(tenant.tenant_id), "website")
    try:
        async with asyncio.timeout(5):
            while (  # noqa: ASYNC110 - in a database
                await stored.find_conversation(store, tenant.tenant_id, connection, conversation)
                is None
            ):
                await asyncio.sleep(0.01)
    finally:
        await store.close()


class _OneWay:
    """A wire to a gateway that can stop carrying its answers."""

    def __init__(self, target: str) -> None:
        self.hears = True
        self.url = ""
        self._host, port = target.removeprefix("http://").split(":")
        self._port = int(port)

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(self._host, self._port)

        async def there() -> None:
            while data := await reader.read(65_536):
                far_writer.write(data)
                await far_writer.drain()

        async def back() -> None:
            while data := await far_reader.read(65_536):
                if self.hears:
                    writer.write(data)
                    await writer.drain()

        directions = [asyncio.create_task(one()) for one in (there, back)]
        await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        for one in directions:
            one.cancel()
        await asyncio.gather(*directions, return_exceptions=True)
        for end in (writer, far_writer):
            end.transport.abort()


@asynccontextmanager
async def _one_way(target: str) -> AsyncIterator[_OneWay]:
    wire = _OneWay(target)
    server = await asyncio.start_server(wire.carry, "127.0.0.1", 0)
    wire.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield wire
