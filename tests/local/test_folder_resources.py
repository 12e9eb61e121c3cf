"""The portal's port over a folder: what is read, what is written, what is refused."""

import asyncio
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from konstruct_local.documents import Key
from konstruct_local.folder import Folder, FolderResources
from konstruct_portal.resources import (
    Resource,
    ResourceConflict,
    ResourceInvalid,
    ResourceNotFound,
    ResourcesUnavailable,
)
from support.folders import AGENT, write_samples


class Desk:
    """A folder of samples behind the port, and how often a change was told."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = Folder(root)
        self.statuses: dict[Key, dict[str, Any]] = {}
        self.told = 0
        self.secrets = Folder(root / ".konstruct" / "secrets")
        self.resources = FolderResources(
            self.folder,
            secrets=self.secrets,
            statuses=lambda: self.statuses,
            changed=self._tell,
        )

    def _tell(self) -> None:
        self.told += 1

    async def agent(self) -> Resource:
        return await self.resources.get("Agent", "ana", namespace="tenant-acme")


@pytest.fixture
async def desk(tmp_path: Path) -> Desk:
    write_samples(tmp_path)
    desk = Desk(tmp_path)
    await desk.folder.read()
    return desk


async def test_a_resource_says_where_it_is_declared_and_how_it_is(desk: Desk) -> None:
    desk.statuses["Agent", "tenant-acme", "ana"] = {"conditions": [{"type": "Ready"}]}
    agent = await desk.agent()
    assert agent.source == f"{desk.root / 'agent.yaml'}:2"
    assert agent.spec["displayName"] == "Ana"
    assert agent.status["conditions"] == [{"type": "Ready"}]


async def test_resources_are_listed_by_kind_and_namespace(desk: Desk) -> None:
    assert [one.name for one in await desk.resources.list("Agent")] == ["ana"]
    assert await desk.resources.list("Agent", namespace="elsewhere") == []
    assert [one.namespace for one in await desk.resources.list("Tenant")] == [""]
    with pytest.raises(ResourceNotFound):
        await desk.resources.get("Agent", "nobody")


async def test_an_edit_goes_into_the_file_and_keeps_its_comments(desk: Desk) -> None:
    agent = await desk.agent()
    stored = await desk.resources.replace_spec(agent, {**agent.spec, "displayName": "Ada"})
    text = (desk.root / "agent.yaml").read_text()
    assert text == AGENT.replace("displayName: Ana", "displayName: Ada")
    assert stored.spec["displayName"] == "Ada"
    assert stored.resource_version != agent.resource_version
    assert desk.told == 1


async def test_a_file_keeps_its_mode(desk: Desk) -> None:
    (desk.root / "agent.yaml").chmod(0o640)
    agent = await desk.agent()
    await desk.resources.replace_spec(agent, {**agent.spec, "displayName": "Ada"})
    assert (desk.root / "agent.yaml").stat().st_mode & 0o777 == 0o640
    assert not list(desk.root.glob(".*"))


async def test_an_invalid_spec_is_refused_and_the_file_stays(desk: Desk) -> None:
    agent = await desk.agent()
    with pytest.raises(ResourceInvalid) as refusal:
        await desk.resources.replace_spec(agent, {**agent.spec, "displayName": ""})
    assert refusal.value.problems[0].path == "spec.displayName"
    assert (desk.root / "agent.yaml").read_text() == AGENT
    assert desk.told == 0


async def test_an_edit_on_what_somebody_changed_meanwhile_is_a_conflict(desk: Desk) -> None:
    agent = await desk.agent()
    (desk.root / "agent.yaml").write_text(AGENT.replace("warm", "calm"))
    with pytest.raises(ResourceConflict):
        await desk.resources.replace_spec(agent, {**agent.spec, "displayName": "Ada"})
    assert "calm" in (desk.root / "agent.yaml").read_text()


async def test_an_edit_never_overwrites_an_edit_that_is_refused(desk: Desk) -> None:
    agent = await desk.agent()
    broken = AGENT.replace("displayName: Ana", "displayName: [")
    (desk.root / "agent.yaml").write_text(broken)
    with pytest.raises(ResourceConflict) as conflict:
        await desk.resources.replace_spec(agent, {**agent.spec, "displayName": "Ada"})
    assert conflict.value.owner.endswith("agent.yaml")
    assert (desk.root / "agent.yaml").read_text() == broken


async def test_of_two_edits_at_once_one_is_a_conflict(desk: Desk) -> None:
    agent = await desk.agent()
    outcomes = await asyncio.gather(
        *(
            desk.resources.replace_spec(agent, {**agent.spec, "displayName": name})
            for name in ("Ada", "Eva")
        ),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in outcomes) == ["Resource", "ResourceConflict"]


async def test_a_new_resource_gets_a_file_of_its_own(desk: Desk) -> None:
    agent = await desk.agent()
    fresh = dataclasses.replace(
        agent, name="bia", resource_version="", spec={"displayName": "Bia", "role": "Helps\nout.\n"}
    )
    stored = await desk.resources.create(fresh)
    assert stored.spec == fresh.spec
    assert (desk.root / "tenant-acme-agent-bia.yaml").exists()
    with pytest.raises(ResourceConflict):
        await desk.resources.create(fresh)


async def test_a_removed_resource_takes_its_file_with_it(desk: Desk) -> None:
    await desk.resources.delete(await desk.agent())
    assert not (desk.root / "agent.yaml").exists()
    with pytest.raises(ResourceNotFound):
        await desk.agent()


async def test_a_folder_that_is_gone_is_unavailable(desk: Desk) -> None:
    agent = await desk.agent()
    desk.root.rename(desk.root.with_name("elsewhere"))
    with pytest.raises(ResourcesUnavailable):
        await desk.resources.replace_spec(agent, {**agent.spec, "displayName": "Ada"})


TEAM = Resource(
    "ChannelConnection",
    "team",
    "tenant-acme",
    {
        "type": "Slack",
        "agentRef": {"name": "ana"},
        "slack": {"appId": "A0KONSTRUCT", "teamId": "T0ACME"},
    },
)


async def _keep(desk: Desk, token: str) -> str:
    data = {"botToken": token, "signingSecret": "0123"}
    return await desk.resources.create_secret("tenant-acme", "team-", data, use="channel")


def _with_secret(resource: Resource, name: str) -> dict[str, Any]:
    return {**resource.spec, "credentialsSecretRef": {"name": name}}


async def test_a_secret_is_a_file_of_its_own_that_only_its_owner_reads(desk: Desk) -> None:
    name = await _keep(desk, "xoxb-1")
    path = desk.secrets.root / f"tenant-acme-{name}.yaml"
    assert path.stat().st_mode & 0o777 == 0o600
    kept = desk.secrets.state.documents["Secret", "tenant-acme", name].content
    assert kept["stringData"] == {"botToken": "xoxb-1", "signingSecret": "0123"}
    assert kept["immutable"] is True
    assert kept["metadata"]["labels"] == {
        "konstruct.dev/use": "channel",
        "konstruct.dev/written-by": "portal",
    }


async def test_a_replaced_secret_goes_and_those_of_others_stay(desk: Desk) -> None:
    first, unused = await _keep(desk, "xoxb-1"), await _keep(desk, "xoxb-0")
    made = await desk.resources.create(dataclasses.replace(TEAM, spec=_with_secret(TEAM, first)))
    second = await _keep(desk, "xoxb-2")
    changed = await desk.resources.replace_spec(made, _with_secret(made, second))
    names = {one.name for one in desk.secrets.state.of_kind("Secret")}
    assert names == {second, unused}
    await desk.resources.delete(changed)
    assert {one.name for one in desk.secrets.state.of_kind("Secret")} == {unused}
    assert not list(desk.root.glob("*channelconnection-team*"))


async def test_a_dry_run_says_what_is_wrong_and_writes_nothing(desk: Desk) -> None:
    with pytest.raises(ResourceInvalid) as refused:
        await desk.resources.create(TEAM, dry_run=True)
    assert [one.path for one in refused.value.problems] == ["spec.credentialsSecretRef"]
    await desk.resources.create(
        dataclasses.replace(TEAM, spec=_with_secret(TEAM, "x")), dry_run=True
    )
    assert [one.name for one in await desk.resources.list("ChannelConnection")] == ["website"]
    agent = await desk.agent()
    await desk.resources.replace_spec(agent, {**agent.spec, "displayName": "Ada"}, dry_run=True)
    assert (desk.root / "agent.yaml").read_text() == AGENT
