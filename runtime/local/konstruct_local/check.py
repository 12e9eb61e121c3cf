"""The check command: what `konstruct up` and the API server would say about a folder."""

import os
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from nacl.public import PrivateKey

from konstruct_crds import Agent, ChannelConnection
from konstruct_crds.conditions import (
    Condition,
    ConditionStatus,
    ConditionType,
    find_condition,
)
from konstruct_llm.errors import PoolInvalid
from konstruct_llm.pool import load_pool
from konstruct_local.documents import Key
from konstruct_local.errors import Fault, InvalidResources, UnusableSystem
from konstruct_local.folder_disk import MODELS_FILE, read_folder
from konstruct_local.folder_state import KINDS, FolderState, advance
from konstruct_local.terminal import Terminal
from konstruct_local.words import mark as _
from konstruct_local.world import Surroundings, TenantNow, World
from konstruct_operator import checks
from konstruct_operator.observed import Registration, RegistrationState, SealKeys

# Secrets often come from elsewhere (External Secrets, SOPS): their absence is no fault of a folder.
_ELSEWHERE = frozenset({"SecretNotFound"})


def run_check(folder: Path, terminal: Terminal) -> int:
    """Check a folder and say what is wrong; return the exit code. Raises InvalidResources."""
    texts, unreadable = read_folder(folder)
    state = advance(FolderState(), texts)
    faults = sorted([*unreadable, *state.faults])
    if faults:
        raise InvalidResources(faults)
    _check_models(folder)
    found = list(findings(state))
    warnings = [fault for fault, reason in found if reason in _ELSEWHERE]
    for warning in warnings:
        terminal.complain(_("Warning: {text}"), text=warning)
    serious = [fault for fault, reason in found if reason not in _ELSEWHERE]
    if serious:
        raise InvalidResources(sorted(serious))
    count = sum(1 for key in state.documents if key[0] in KINDS)
    terminal.say(
        _("{folder} is valid: {count} resources in {files} files."),
        folder=folder,
        count=count,
        files=len(state.files),
    )
    return 0


def _check_models(folder: Path) -> None:
    path = folder / MODELS_FILE
    try:
        load_pool(path if path.is_file() else None, os.environ)
    except PoolInvalid as error:
        raise UnusableSystem(_("The model pool is refused: {reason}"), reason=error) from error


def findings(state: FolderState) -> Iterator[tuple[Fault, str]]:
    """Yield what the operator's checks would complain about, each with its reason. Pure."""
    now = datetime.now(UTC)
    world = World(
        folder=state,
        secrets=FolderState(),
        statuses={},
        generations={},
        around=Surroundings(
            seal_keys=_seal_keys(),
            digest_key=b"check",
            public_url="http://127.0.0.1",
            uid_of=lambda key: uuid.uuid5(uuid.NAMESPACE_OID, "/".join(key)),
        ),
    )
    well = TenantNow(running=True, registration=Registration(RegistrationState.REGISTERED))
    owned: set[str] = set()
    for tenant in world.tenants():
        observed = world.observe(tenant, now, well)
        owned.add(observed.namespace_name)
        key: Key = ("Tenant", "", observed.name)
        yield from _finding(state, key, checks.tenant_conditions(observed))
        for agent in observed.agents:
            key = ("Agent", agent.metadata.namespace, agent.metadata.name)
            yield from _finding(state, key, checks.agent_conditions(observed, agent))
        for one in observed.connections:
            key = ("ChannelConnection", one.metadata.namespace, one.metadata.name)
            yield from _finding(state, key, checks.connection_conditions(observed, one))
    for template in world.templates():
        key = ("AgentTemplate", "", template.metadata.name)
        yield from _finding(state, key, checks.template_conditions(template, now))
    others: list[Agent | ChannelConnection] = [*world.agents(), *world.connections()]
    for orphan in others:
        if orphan.metadata.namespace not in owned:
            key = (orphan.kind, orphan.metadata.namespace, orphan.metadata.name)
            yield from _finding(state, key, checks.orphan_conditions(orphan, now))


def _finding(
    state: FolderState, key: Key, conditions: tuple[Condition, ...]
) -> Iterator[tuple[Fault, str]]:
    """Yield what keeps an object from being ready, at the object's first line."""
    ready = find_condition(conditions, ConditionType.READY)
    if ready is not None and ready.status is ConditionStatus.FALSE:
        document = state.documents[key]
        yield document.fault("spec", ready.message), ready.reason


def _seal_keys() -> SealKeys:
    key = PrivateKey.generate().public_key
    return SealKeys(gateway=key, llm=key)
