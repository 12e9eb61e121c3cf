"""Files end with their tenant, or because nobody sent them; objects before rows."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest
import pytest_asyncio

from konstruct_media.errors import MediaAway
from konstruct_store import Store, media
from support.files import kept
from support.gateways import RunningGateway, SampleTenant, running_gateway
from support.postgres import Database
from support.uploading import sender

pytestmark = pytest.mark.postgres


@pytest_asyncio.fixture
async def keeping(
    database: Database, tenant: SampleTenant, tmp_path: Path
) -> AsyncIterator[RunningGateway]:
    async with running_gateway(
        database.url("gateway"), media_url=f"file://{tmp_path}", tidy_seconds=3600
    ) as one:
        await tenant.register(one.internal_url)
        yield one


async def test_an_upload_that_nobody_sent_is_forgotten(
    keeping: RunningGateway,
    tenant: SampleTenant,
    database: Database,
    tmp_path: Path,
    gateway_store: Store,
) -> None:
    person = await sender(keeping.url)
    old, fresh = await person.uploaded(), await person.uploaded()
    await database.run(
        "UPDATE konstruct.media SET created_at = now() - interval '25 hours' WHERE media_id = $1",
        UUID(old["key"]),
    )
    await keeping.gateway.parts.housekeeper.tidy()
    assert [one.name for one in kept(tmp_path)] == [fresh["key"]]
    assert await media.find_media(gateway_store, tenant.tenant_id, UUID(old["key"])) is None
    assert (await person.download(old["url"])).status_code == 404


async def test_an_erased_tenant_leaves_no_objects(
    keeping: RunningGateway,
    tenant: SampleTenant,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await (await sender(keeping.url)).uploaded()
    await database.run(
        "UPDATE konstruct.registry_claims SET state = 'Erasing',"
        " buried_at = now() - interval '1 hour'",
    )
    files = keeping.gateway.parts.housekeeper.files

    async def away(tenant_id: UUID) -> int:
        raise MediaAway("away")

    with monkeypatch.context() as patched:
        patched.setattr(files.require(), "erase", away)
        await keeping.gateway.parts.housekeeper.tidy()
    assert await _state(database) == "Erasing"
    assert len(kept(tmp_path)) == 1
    await keeping.gateway.parts.housekeeper.tidy()
    assert await _state(database) == "Erased"
    assert kept(tmp_path) == []


async def _state(database: Database) -> str:
    [row] = await database.run("SELECT state FROM konstruct.registry_claims")
    return str(row["state"])
