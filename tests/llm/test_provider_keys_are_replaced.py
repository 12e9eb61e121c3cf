"""A new provider key is tried before it is used; a refused one leaves the former at work."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from nacl.public import PrivateKey

from konstruct_llm.compatible import DirectVendor
from konstruct_llm.keys import KeyTrials, Trial
from konstruct_llm.metrics import LlmMetrics
from konstruct_llm.pool import Pool, load_pool
from konstruct_llm.pool_keys import PoolKeys
from konstruct_llm.provider import LateVendor
from konstruct_registry import seals
from konstruct_registry.snapshot import SealedSecret, TenantSnapshot
from konstruct_registry.wire import Report
from konstruct_store import Store, registry
from support.far_model import Answer, Failure, FarModel
from support.models import (
    Caller,
    far_pool_model,
    known_tenant,
    serving_llm,
    write_pool,
)
from support.postgres import Database
from support.working import Office, publish

GOOD = "sk-far-end"
DIRECT = {"client": "Direct"}


@pytest.fixture
def pool(far: FarModel, tmp_path: Path) -> Pool:
    return load_pool(write_pool(tmp_path, far_pool_model(far, **DIRECT)), {})


@pytest.fixture
def trials(pool: Pool, vendor: LateVendor, direct: DirectVendor) -> KeyTrials:
    return KeyTrials(pool, vendor.get, direct)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A mounted Secret with a key that works."""
    mounted = tmp_path / "keys"
    mounted.mkdir()
    (mounted / "..data").mkdir()
    (mounted / "KEY_FAR").write_text(f"{GOOD}\n")
    return mounted


@pytest.mark.sockets
async def test_what_a_provider_says_of_a_key(far: FarModel, trials: KeyTrials) -> None:
    assert await trials.attempt("KEY_FAR", GOOD) is Trial.TAKEN
    assert await trials.attempt("KEY_FAR", "sk-wrong") is Trial.REFUSED
    assert await trials.attempt("KEY_NOBODY_USES", "anything") is Trial.TAKEN
    far.script(Failure(status=500), Failure(status=429), Answer("ok"))
    assert await trials.attempt("KEY_FAR", GOOD) is Trial.UNKNOWN
    assert await trials.attempt("KEY_FAR", GOOD) is Trial.TAKEN


@pytest.mark.sockets
async def test_a_changed_file_is_taken_over_once_the_provider_takes_it(
    far: FarModel, trials: KeyTrials, folder: Path
) -> None:
    metrics = LlmMetrics()
    keys = PoolKeys({"OTHER": "other"}, folder, metrics)
    assert (keys["KEY_FAR"], keys["OTHER"], keys.get("NONE")) == (GOOD, "other", None)
    (folder / "KEY_FAR").write_text("sk-a-new-one")
    await keys.look(trials)
    assert keys["KEY_FAR"] == GOOD
    shown = metrics.render().decode()
    assert 'ending="-end",state="Running",variable="KEY_FAR"' in shown
    assert 'ending="-one",state="Refused",variable="KEY_FAR"' in shown
    far.key = "sk-better"
    (folder / "KEY_FAR").write_text("sk-better")
    await keys.look(trials)
    assert keys["KEY_FAR"] == "sk-better"
    assert "Refused" not in metrics.render().decode().partition("konstruct_llm_provider_keys{")[2]


@pytest.mark.sockets
async def test_a_refused_key_is_not_tried_all_the_time(
    far: FarModel, trials: KeyTrials, folder: Path
) -> None:
    keys = PoolKeys({}, folder, LlmMetrics())
    (folder / "KEY_FAR").write_text("sk-wrong")
    for _ in range(5):
        await keys.look(trials)
    assert len(far.ledger) == 1


@pytest.mark.sockets
async def test_a_folder_that_is_away_takes_no_key_away(trials: KeyTrials, folder: Path) -> None:
    keys = PoolKeys({}, folder, LlmMetrics())
    folder.rename(folder.with_name("elsewhere"))
    await keys.look(trials)
    assert keys["KEY_FAR"] == GOOD


@pytest.fixture
async def tenants_model(
    database: Database, far: FarModel, tmp_path: Path
) -> AsyncIterator[tuple[str, Callable[[str, str], SealedSecret]]]:
    """The service, and how a tenant's key is sealed to it."""
    key = PrivateKey.generate()
    encoded = base64.b64encode(bytes(key)).decode()
    file = write_pool(tmp_path, far_pool_model(far, **DIRECT))

    def sealed(value: str, version: str) -> SealedSecret:
        return seals.seal(
            {"KEY_FAR": value},
            recipient=key.public_key,
            tenant_id=known_tenant().tenant_id,
            object_name="Tenant/acme",
            purpose="models",
            secret_uid="u",
            secret_resource_version=version,
        )

    over = {"seal_private_keys": encoded, "registry_seconds": 0.1}
    async with serving_llm(database, models_file=file, **over) as url:
        yield url, sealed


@pytest.mark.postgres
async def test_a_tenants_new_key_is_tried_and_a_refused_one_is_told(
    far: FarModel,
    gateway_store: Store,
    tenants_model: tuple[str, Callable[[str, str], SealedSecret]],
) -> None:
    url, sealed = tenants_model
    await publish(gateway_store, known_tenant())
    office = Office(gateway_store, known_tenant(secrets=(sealed(GOOD, "1"),)))
    await publish(gateway_store, office.tenant)
    assert (await _told(gateway_store, office.tenant, "KeysTaken")).version == "u/1"

    await publish(gateway_store, known_tenant(secrets=(sealed("sk-wrong", "2"),)))
    refused = await _told(gateway_store, office.tenant, "NewKeysRefused")
    assert (refused.status, refused.version) == ("False", "u/1")
    assert "sk-" not in refused.message
    await office.write("hello")
    caller = Caller(url, await office.must_claim())
    assert (await caller.ask()).status_code == 200

    far.key = "sk-renewed"
    await publish(gateway_store, known_tenant(secrets=(sealed("sk-renewed", "3"),)))
    taken = await _told(gateway_store, office.tenant, "KeysTaken")
    assert (taken.status, taken.version) == ("True", "u/3")


async def _told(store: Store, tenant: TenantSnapshot, reason: str) -> Report:
    """Wait for what the service reports of the tenant's models."""
    async with asyncio.timeout(60):
        while True:
            report = await registry.last_report(
                store, tenant.tenant_id, "Tenant", tenant.name, "ModelsReady"
            )
            if report is not None and report.reason == reason:
                return report
            await asyncio.sleep(0.1)
