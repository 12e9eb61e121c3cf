"""What a folder declares becomes registered, running, and told in conditions."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from konstruct_operator.errors import RetryLater
from konstruct_registry import seals
from support.folders import AGENT, CONNECTION, TENANT
from support.projections import TENANT_ID, Bench

SECRET = """\
apiVersion: v1
kind: Secret
metadata:
  name: provider-keys
  namespace: tenant-acme
  labels:
    konstruct.dev/use: models
stringData:
  OPENAI_API_KEY: sk-own-1234
"""
SLACK = """\
apiVersion: v1
kind: Secret
metadata:
  name: slack
  namespace: tenant-acme
  labels:
    konstruct.dev/use: channel
stringData:
  botToken: xoxb-1
  signingSecret: s
---
apiVersion: konstruct.dev/v1alpha1
kind: ChannelConnection
metadata:
  name: team
  namespace: tenant-acme
spec:
  type: Slack
  slack:
    appId: A0123
    teamId: T0123
  credentialsSecretRef:
    name: slack
  agentRef:
    name: ana
"""
KEYED = f"{TENANT}  models:\n    providerKeysSecretRef:\n      name: provider-keys\n"


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path)
    yield made
    await made.agents.stop()


async def test_what_is_declared_is_registered_and_runs(bench: Bench) -> None:
    assert await bench.begin() == ["acme"]
    snapshot = bench.snapshot()
    assert snapshot.agent("ana").display_name == "Ana"
    assert snapshot.connection("website").agent == "ana"
    await asyncio.sleep(0)
    token = bench.running[TENANT_ID]
    assert snapshot.work_token_hashes == (hashlib.sha256(token.encode()).hexdigest(),)
    for kind, name in (("Tenant", "acme"), ("Agent", "ana"), ("ChannelConnection", "website")):
        assert bench.condition(kind, name, "Ready")["status"] == "True", (kind, name)


async def test_looking_again_writes_nothing(bench: Bench) -> None:
    await bench.begin()
    before = (bench.far.pushes(), bench.projection.statuses())
    for _ in range(3):
        assert await bench.look() == []
    assert (bench.far.pushes(), bench.projection.statuses()) == before


async def test_an_edit_is_published_once(bench: Bench) -> None:
    await bench.begin()
    (bench.root / "agent.yaml").write_text(AGENT.replace("displayName: Ana", "displayName: Ada"))
    assert await bench.look() == ["acme"]
    assert await bench.look() == []
    assert bench.snapshot().agent("ana").display_name == "Ada"
    assert bench.condition("Agent", "ana", "Ready")["observedGeneration"] == 2


async def test_a_refused_edit_is_told_on_what_it_left_in_effect(bench: Bench) -> None:
    await bench.begin()
    (bench.root / "agent.yaml").write_text(AGENT.replace("displayName: Ana", "displayName: 7"))
    assert await bench.look() == []
    stalled = bench.condition("Agent", "ana", "Stalled")
    assert (stalled["status"], stalled["reason"]) == ("True", "EditRefused")
    assert "agent.yaml:" in stalled["message"]
    assert bench.condition("Agent", "ana", "Ready")["status"] == "True"
    (bench.root / "agent.yaml").write_text(AGENT)
    await bench.look()
    assert bench.condition("Agent", "ana", "Stalled")["status"] == "False"


async def test_a_connection_without_its_agent_is_left_out_and_says_so(bench: Bench) -> None:
    (bench.root / "connection.yaml").write_text(CONNECTION.replace("name: ana", "name: eva"))
    await bench.begin()
    assert bench.snapshot().connection("website") is None
    ready = bench.condition("ChannelConnection", "website", "Ready")
    assert ready["status"] == "False"
    assert "eva" in ready["message"]


async def test_a_connection_shows_its_address_and_which_credentials_run(bench: Bench) -> None:
    (bench.root / "slack.yaml").write_text(SLACK)
    await bench.begin()
    status = bench.projection.statuses()["ChannelConnection", "tenant-acme", "team"]
    assert status["webhookURL"] == "http://127.0.0.1:8080/hooks/slack/acme/team"
    first = status["credentialsVersion"]
    (bench.root / "slack.yaml").write_text(SLACK.replace("xoxb-1", "xoxb-2"))
    await bench.look()
    status = bench.projection.statuses()["ChannelConnection", "tenant-acme", "team"]
    uid, version = status["credentialsVersion"].split("/")
    assert first.startswith(f"{uid}/")
    assert first != f"{uid}/{version}"
    website = bench.projection.statuses()["ChannelConnection", "tenant-acme", "website"]
    assert not {"webhookURL", "credentialsVersion"} & website.keys()


async def test_a_secret_from_the_home_is_sealed_to_the_model_service(bench: Bench) -> None:
    (bench.root / "tenant.yaml").write_text(KEYED)
    await bench.begin()
    assert bench.condition("Tenant", "acme", "SecretsReady")["reason"] == "SecretNotFound"
    (bench.home / "secrets" / "keys.yaml").write_text(SECRET)
    assert await bench.look() == ["acme"]
    assert bench.condition("Tenant", "acme", "SecretsReady")["status"] == "True"
    (sealed,) = bench.snapshot().secrets
    private = seals.private_key_from_text(bench.keys.llm_seal_keys[0])
    opened = seals.open_sealed(sealed, keys=[private], tenant_id=TENANT_ID)
    assert opened == {"OPENAI_API_KEY": "sk-own-1234"}
    assert sealed.last_four == "1234"
    assert await bench.look() == []
    (bench.home / "secrets" / "keys.yaml").write_text(SECRET.replace("1234", "5678"))
    assert await bench.look() == ["acme"]


async def test_a_tenant_whose_file_is_gone_is_buried_and_its_agent_ends(bench: Bench) -> None:
    await bench.begin()
    (bench.root / "tenant.yaml").unlink()
    assert await bench.look() == ["acme"]
    assert bench.far.tombstones[str(TENANT_ID)]["onDelete"] == "Keep"
    assert bench.running == {}
    assert bench.condition("Agent", "ana", "Ready")["reason"] == "TenantNotFound"
    (bench.root / "tenant.yaml").write_text(TENANT)
    assert await bench.look() == ["acme"]
    assert bench.condition("Agent", "ana", "Ready")["status"] == "True"


async def test_erasing_is_done_only_while_somebody_looks_on(bench: Bench) -> None:
    erasing = f"{TENANT}  retention:\n    onDelete: Erase\n"
    (bench.root / "tenant.yaml").write_text(erasing)
    await bench.begin()
    (bench.root / "tenant.yaml").unlink()
    bench.restart(bench.root)
    await bench.begin()
    assert bench.far.tombstones[str(TENANT_ID)]["onDelete"] == "Keep"
    (bench.root / "tenant.yaml").write_text(erasing)
    await bench.look()
    (bench.root / "tenant.yaml").unlink()
    await bench.look()
    assert bench.far.tombstones[str(TENANT_ID)]["onDelete"] == "Erase"


async def test_an_erased_id_is_refused_and_the_reason_told(bench: Bench) -> None:
    bench.far.erased.add(str(TENANT_ID))
    await bench.begin()
    assert bench.condition("Tenant", "acme", "Registered")["reason"] == "TenantIDErased"
    assert bench.running == {}


async def test_another_folder_s_tenants_are_left_alone(bench: Bench, tmp_path: Path) -> None:
    await bench.begin()
    other = tmp_path / "other"
    other.mkdir()
    bench.restart(other)
    await bench.begin()
    assert bench.far.tombstones == {}


async def test_identities_outlive_the_process(bench: Bench) -> None:
    await bench.begin()
    before = bench.snapshot().uid
    bench.restart(bench.root)
    assert await bench.begin() == []
    assert bench.snapshot().uid == before


async def test_a_suspended_tenant_runs_no_agent_and_is_ready(bench: Bench) -> None:
    await bench.begin()
    (bench.root / "tenant.yaml").write_text(f"{TENANT}  operatingMode: Suspended\n")
    await bench.look()
    assert bench.running == {}
    ready = bench.condition("Tenant", "acme", "Ready")
    assert (ready["status"], ready["reason"]) == ("True", "Suspended")


async def test_a_silent_gateway_is_waited_for(bench: Bench) -> None:
    bench.far.down = True
    with pytest.raises(RetryLater):
        await bench.begin()
    bench.far.down = False
    assert await bench.begin() == ["acme"]


async def test_what_the_registry_lost_is_published_again(bench: Bench) -> None:
    await bench.begin()
    bench.far.restore({})
    with pytest.raises(RetryLater):  # the restored database does not know our session
        await bench.begin()
    assert await bench.begin() == ["acme"]
    assert bench.snapshot().agent("ana")


async def test_a_namespace_that_belongs_to_nobody_is_told(bench: Bench) -> None:
    (bench.root / "namespace.yaml").unlink()
    await bench.begin()
    assert bench.far.tenants == {}
    ready = bench.condition("Tenant", "acme", "NamespaceReady")
    assert ready["reason"] == "NamespaceNotFound"
    assert "tenant-acme" in ready["message"]
