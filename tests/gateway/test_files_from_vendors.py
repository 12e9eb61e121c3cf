"""What people send over a vendor is fetched before its turn, once, or said to be missing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from konstruct_messages.inbound import Attachment
from konstruct_messages.turns import ClaimedTurn
from konstruct_store import Store, media, receive
from konstruct_store.media import Media
from support.build import inbound
from support.far_agent import FarAgent, far_agent
from support.far_files import GONE, LATER, FarFetching, FarFiles, Page, far_files
from support.files import PNG, pdf
from support.gateways import RunningGateway, SampleTenant, running_gateway
from support.postgres import Database
from support.waiting import until

pytestmark = pytest.mark.postgres

CONFIG = {"appId": "A0FAR", "teamId": "T0FAR"}


@pytest_asyncio.fixture
async def far() -> AsyncIterator[FarFiles]:
    async with far_files() as one:
        yield one


@asynccontextmanager
async def fetching(
    database: Database, tenant: SampleTenant, vendor: FarFetching, folder: Path, **over: Any
) -> AsyncIterator[RunningGateway]:
    tenant.over["connections"] = (tenant.connection("slack", type="Slack", config=CONFIG),)
    settings = {"media_url": f"file://{folder}", "poll_seconds": 0.05, **over}
    async with running_gateway(
        database.url("gateway"), outbounds={"Slack": vendor}, **settings
    ) as one:
        await tenant.register(one.internal_url)
        yield one


async def arrive(running: RunningGateway, tenant: SampleTenant, *keys: str) -> None:
    """Let a message with files arrive over the vendor."""
    connection = tenant.snapshot().connections[0]
    files = tuple(Attachment(key=key, name=f"{key}.bin") for key in keys)
    await receive.receive(
        running.gateway.parts.store,
        tenant.tenant_id,
        connection.connection_id,
        tenant.agent("ana").agent_id,
        [inbound("look", attachments=files, conversation_key="D1")],
        agent_name="Ana",
    )


async def first_turn(agent: FarAgent) -> ClaimedTurn:
    await until(lambda: bool(agent.turns), seconds=20)
    return agent.turns[0]


async def known(store: Store, tenant: SampleTenant, turn: ClaimedTurn) -> list[Media]:
    keys = [UUID(one.key) for one in turn.messages[0].attachments]
    said = await media.said_in(store, tenant.tenant_id, turn.conversation_id, keys)
    return [said[key] for key in keys]


async def test_files_are_there_when_their_turn_begins(
    database: Database, tenant: SampleTenant, far: FarFiles, tmp_path: Path, gateway_store: Store
) -> None:
    far.pages |= {"/F1": Page(PNG), "/F2": Page(pdf("The bill is 42 euro"))}
    vendor = FarFetching(far)
    async with (
        fetching(database, tenant, vendor, tmp_path) as running,
        far_agent(running.internal_url, tenant.token) as agent,
    ):
        await arrive(running, tenant, "F1", "F2")
        turn = await first_turn(agent)
        found = await known(gateway_store, tenant, turn)
        whole = [
            await running.gateway.parts.chat.files.require().read(
                tenant.tenant_id, one.media_id, most=100_000
            )
            for one in found
        ]
    assert [(one.state, one.media_type) for one in found] == [
        ("Stored", "image/png"),
        ("Stored", "application/pdf"),
    ]
    assert found[1].words == "The bill is 42 euro"
    assert whole == [PNG, pdf("The bill is 42 euro")]
    assert sorted(vendor.located) == ["F1", "F2"]


@pytest.mark.parametrize(
    ("said", "page", "failure", "reason"),
    [
        ({}, Page(status=404), None, "status_404"),
        ({}, Page(PNG), GONE, "SendRefused"),
        ({"sha256": "0" * 64}, Page(PNG), None, "ChecksumWrong"),
        ({"size_bytes": 200_000_000}, Page(PNG), None, "TooLarge"),
        ({}, Page(b"x", headers={"Content-Length": "200000000"}), None, "TooLarge"),
        ({"url": "https://evil.example/F1"}, Page(PNG), None, "host_not_allowed"),
        (
            {},
            Page(status=302, headers={"Location": "http://169.254.169.254/"}),
            None,
            "host_not_allowed",
        ),
    ],
)
async def test_a_file_that_is_not_to_be_had_holds_nobody_up(
    database: Database,
    tenant: SampleTenant,
    far: FarFiles,
    tmp_path: Path,
    gateway_store: Store,
    said: dict[str, Any],
    page: Page,
    failure: Exception | None,
    reason: str,
) -> None:
    far.pages["/F1"] = page
    vendor = FarFetching(far, said=said, failures=[failure] if failure else [])
    async with (
        fetching(database, tenant, vendor, tmp_path) as running,
        far_agent(running.internal_url, tenant.token) as agent,
    ):
        await arrive(running, tenant, "F1")
        [found] = await known(gateway_store, tenant, await first_turn(agent))
    assert (found.state, found.reason) == ("Failed", reason)
    assert [one for one in tmp_path.rglob("*") if one.is_file()] == []


async def test_a_busy_vendor_is_asked_again(
    database: Database, tenant: SampleTenant, far: FarFiles, tmp_path: Path, gateway_store: Store
) -> None:
    far.pages["/F1"] = Page(PNG)
    vendor = FarFetching(far, failures=[LATER, LATER])
    async with (
        fetching(database, tenant, vendor, tmp_path) as running,
        far_agent(running.internal_url, tenant.token) as agent,
    ):
        await arrive(running, tenant, "F1")
        [found] = await known(gateway_store, tenant, await first_turn(agent))
    assert found.state == "Stored"
    assert vendor.located == ["F1"] * 3


async def test_a_vendor_that_stays_busy_is_given_up(
    database: Database, tenant: SampleTenant, far: FarFiles, tmp_path: Path, gateway_store: Store
) -> None:
    vendor = FarFetching(far, failures=[LATER] * 20)
    async with (
        fetching(database, tenant, vendor, tmp_path) as running,
        far_agent(running.internal_url, tenant.token) as agent,
    ):
        await arrive(running, tenant, "F1")
        [found] = await known(gateway_store, tenant, await first_turn(agent))
    assert (found.state, found.reason) == ("Failed", "TimedOut")
    assert len(vendor.located) == 5


async def test_another_replica_goes_on_with_what_a_crash_left(
    database: Database, tenant: SampleTenant, far: FarFiles, tmp_path: Path, gateway_store: Store
) -> None:
    far.pages["/F1"] = Page(PNG[:10], length=len(PNG), hang=True)
    vendor = FarFetching(far)
    async with fetching(database, tenant, vendor, tmp_path) as running:
        await arrive(running, tenant, "F1")
        await until(lambda: far.asked == ["/F1"], seconds=20)
    far.pages["/F1"] = Page(PNG)
    async with gateway_store.connection() as connection:
        await connection.execute("UPDATE konstruct.media_dispatch SET due_at = now()")
    async with (
        fetching(database, tenant, vendor, tmp_path) as running,
        far_agent(running.internal_url, tenant.token) as agent,
    ):
        [found] = await known(gateway_store, tenant, await first_turn(agent))
    assert found.state == "Stored"


async def test_without_a_place_for_files_the_turn_goes_on(
    database: Database, tenant: SampleTenant, far: FarFiles, tmp_path: Path, gateway_store: Store
) -> None:
    async with (
        fetching(database, tenant, FarFetching(far), tmp_path, media_url="") as running,
        far_agent(running.internal_url, tenant.token) as agent,
    ):
        await arrive(running, tenant, "F1")
        [found] = await known(gateway_store, tenant, await first_turn(agent))
    assert (found.state, found.reason) == ("Failed", "NotFetchable")
