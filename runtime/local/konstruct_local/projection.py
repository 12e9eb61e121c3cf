"""The folder's operator: what is declared becomes registered, running, and told in conditions.

The decisions are the cluster operator's own functions (`checks`, `plan`); the registry is written
over its own client, with sessions, sequence numbers and digests.
"""

import asyncio
import hashlib
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import structlog

from konstruct_crds import Agent, ChannelConnection, Tenant
from konstruct_crds.conditions import (
    Condition,
    ConditionStatus,
    ConditionType,
    set_condition,
)
from konstruct_local.agents import Agents
from konstruct_local.documents import Key
from konstruct_local.errors import Fault
from konstruct_local.folder import Folder
from konstruct_local.folder_state import FolderState
from konstruct_local.identities import Identities, Tenancy
from konstruct_local.keys import KeyFile, Keys
from konstruct_local.world import Status, Surroundings, TenantNow, World
from konstruct_operator import checks
from konstruct_operator.errors import RegistryRefused, RetryLater
from konstruct_operator.observed import Observed, Registration, RegistrationState
from konstruct_operator.plan.registry import tenant_snapshot
from konstruct_operator.registry.client import Registry
from konstruct_registry.wire import Report

log = structlog.get_logger(__name__)


class Projection:
    """Brings registry, agents and statuses in line with the folder, as often as it is asked to."""

    def __init__(
        self,
        *,
        folder: Folder,
        secrets: Folder,
        registry: Registry,
        agents: Agents,
        key_file: KeyFile,
        keys: Keys,
        identities: Identities,
        around: Surroundings,
        clock: Callable[[], datetime],
    ) -> None:
        self._folder = folder
        self._secrets = secrets
        self._registry = registry
        self._agents = agents
        self._key_file = key_file
        self._keys = keys
        self._identities = identities
        self._around = around
        self._clock = clock
        self._statuses: dict[Key, Status] = {}
        self._generations: dict[Key, tuple[object, int]] = {}
        self._registrations: dict[UUID, Registration] = {}
        self._reports: tuple[Report, ...] = ()
        self._turn = asyncio.Lock()

    def statuses(self) -> dict[Key, Status]:
        """Return the status of every declared object by its key."""
        return self._statuses

    def heard(self, reports: tuple[Report, ...]) -> None:
        """Remember what programs learnt; the next `apply` puts it into conditions."""
        self._reports = reports

    async def apply(self, *, may_erase: bool) -> list[str]:
        """Bring everything in line once; return the names of tenants whose registration changed.

        `may_erase` is False at the first time: a tenant whose file went while nobody looked keeps
        its data whatever it declared, for the folder may just be another one. Raises RetryLater
        when the gateway does not answer; then the same call makes the rest good.
        """
        async with self._turn:
            world = self._world()
            tenants = world.tenants()
            self._keys = self._key_file.with_work_tokens(
                self._keys, [_tenant_id(tenant) for tenant in tenants]
            )
            changed = await self._bury_absent(tenants, may_erase=may_erase)
            for tenant in tenants:
                changed += await self._register(world, tenant)
            await self._agents.want(self._wanted(tenants))
            self._tell(self._world())
            return changed

    async def refresh(self) -> None:
        """Write the statuses anew: agents start and fail without anything being declared."""
        async with self._turn:
            self._tell(self._world())

    def _world(self) -> World:
        return World(
            folder=self._folder.state,
            secrets=self._secrets.state,
            statuses=self._statuses,
            generations=self._count_generations(),
            around=self._around,
            reports=self._reports,
        )

    def _count_generations(self) -> dict[Key, int]:
        for key, document in self._folder.state.documents.items():
            spec = document.content.get("spec")
            known, generation = self._generations.get(key, (spec, 1))
            self._generations[key] = (spec, generation if known == spec else generation + 1)
        return {key: generation for key, (_spec, generation) in self._generations.items()}

    def _now(self, tenant: Tenant) -> TenantNow:
        tenant_id = _tenant_id(tenant)
        token = self._keys.work_tokens.get(tenant_id, "")
        return TenantNow(
            work_token_hash=hashlib.sha256(token.encode()).hexdigest() if token else "",
            running=self._agents.is_running(tenant_id),
            failure=self._agents.failure(tenant_id),
            registration=self._registrations.get(tenant_id, Registration()),
        )

    async def _register(self, world: World, tenant: Tenant) -> list[str]:
        """Publish a tenant unless the gateway has exactly this state; return its name if it did."""
        observed = world.observe(tenant, self._clock(), self._now(tenant))
        tenant_id = observed.tenant_id
        if not observed.owns_namespace:
            self._registrations.pop(tenant_id, None)
            return []
        refused = checks.refused(observed)
        digest = tenant_snapshot(observed, refused=refused, sealed=False).digest()
        published = False
        if not self._is_known(observed, digest):
            self._identities.save()
            try:
                await self._registry.push(tenant_snapshot(observed, refused=refused), digest)
                published = True
            except RegistryRefused as refusal:
                self._registrations[tenant_id] = Registration(
                    RegistrationState.REFUSED, digest, refusal.reason, str(refusal)
                )
                return []
            except RetryLater as trouble:
                log.warning("registry_unreachable", tenant=observed.name, reason=str(trouble))
                self._registrations.setdefault(
                    tenant_id, Registration(RegistrationState.UNREACHABLE, digest)
                )
                raise
        self._registrations[tenant_id] = Registration(RegistrationState.REGISTERED, digest)
        self._identities.publish(
            Tenancy(
                name=observed.name,
                tenant_id=tenant_id,
                uid=UUID(tenant.metadata.uid),
                folder=str(self._folder.root.resolve()),
            )
        )
        return [observed.name] if published else []

    def _is_known(self, observed: Observed, digest: str) -> bool:
        stored = self._registry.known.get(observed.tenant_id)
        return stored is not None and (stored.digest, stored.uid, stored.name) == (
            digest,
            observed.tenant.metadata.uid,
            observed.name,
        )

    async def _bury_absent(self, tenants: list[Tenant], *, may_erase: bool) -> list[str]:
        """Bury the published tenants that this folder no longer declares."""
        declared = {_tenant_id(tenant) for tenant in tenants}
        here = str(self._folder.root.resolve())
        names_of_buried = []
        for tenancy in self._identities.published:
            if tenancy.tenant_id in declared or tenancy.folder != here:
                continue
            erase = may_erase and self._declared_erasure(tenancy)
            await self._registry.bury(
                tenancy.tenant_id,
                name=tenancy.name,
                uid=str(tenancy.uid),
                on_delete="Erase" if erase else "Keep",
            )
            self._identities.bury(tenancy, forget=erase)
            self._registrations.pop(tenancy.tenant_id, None)
            names_of_buried.append(tenancy.name)
        return names_of_buried

    def _declared_erasure(self, tenancy: Tenancy) -> bool:
        spec, _generation = self._generations.get(("Tenant", "", tenancy.name), ({}, 0))
        retention = spec.get("retention") if isinstance(spec, dict) else None
        return isinstance(retention, dict) and retention.get("onDelete") == "Erase"

    def _wanted(self, tenants: list[Tenant]) -> dict[UUID, str]:
        """Return the work token of every tenant whose agent is to run."""
        running = [
            _tenant_id(tenant)
            for tenant in tenants
            if str(tenant.spec.operating_mode) != "Suspended"
        ]
        return {
            tenant_id: self._keys.work_tokens[tenant_id]
            for tenant_id in running
            if self._registrations.get(tenant_id, Registration()).state
            is RegistrationState.REGISTERED
        }

    def _tell(self, world: World) -> None:
        """Write every object's status."""
        statuses: dict[Key, Status] = {}
        told: set[tuple[str, str]] = set()
        now = self._clock()
        for tenant in world.tenants():
            observed = world.observe(tenant, now, self._now(tenant))
            statuses |= _statuses_of(observed)
            told.add(("", observed.namespace_name))
        for template in world.templates():
            key = ("AgentTemplate", "", template.metadata.name)
            statuses[key] = _status(checks.template_conditions(template, now))
        orphans: list[Agent | ChannelConnection] = [*world.agents(), *world.connections()]
        for orphan in orphans:
            if ("", orphan.metadata.namespace) not in told:
                conditions = checks.orphan_conditions(orphan, now, missing_seconds=0)
                statuses[_key(orphan)] = _status(conditions, orphan)
        self._statuses = _with_refusals(statuses, world.folder, now)


def _statuses_of(observed: Observed) -> dict[Key, Status]:
    statuses: dict[Key, Status] = {
        ("Tenant", "", observed.name): {
            **_status(checks.tenant_conditions(observed), observed.tenant),
            "id": str(observed.tenant_id),
            "namespace": observed.namespace_name,
            "agents": len(observed.agents),
            "channelConnections": len(observed.connections),
        }
    }
    for agent in observed.agents:
        statuses[_key(agent)] = _status(checks.agent_conditions(observed, agent), agent)
    for connection in observed.connections:
        conditions = checks.connection_conditions(observed, connection)
        shown = {
            "webhookURL": checks.webhook_url(observed, connection),
            "credentialsVersion": checks.credentials_version(observed, connection),
        }
        statuses[_key(connection)] = {
            **_status(conditions, connection),
            **{key: value for key, value in shown.items() if value is not None},
        }
    return statuses


def _with_refusals(
    statuses: dict[Key, Status], folder: FolderState, now: datetime
) -> dict[Key, Status]:
    """Put the reason of a refused edit onto the objects whose old state it left in effect."""
    for file, faults in folder.refused.items():
        accepted = folder.files.get(file)
        for document in accepted.documents if accepted is not None else ():
            status = statuses.get(document.key)
            if status is not None:
                conditions = [Condition.model_validate(one) for one in status["conditions"]]
                refused = set_condition(conditions, _edit_refused(faults[0], now))
                statuses[document.key] = {**status, **_status(refused)}
    return statuses


def _edit_refused(fault: Fault, now: datetime) -> Condition:
    return Condition(
        type=ConditionType.STALLED,
        status=ConditionStatus.TRUE,
        reason="EditRefused",
        message=f"The file's last edit is refused and the state before it stays: {fault}"[:4096],
        last_transition_time=now,
    )


def _status(
    conditions: tuple[Condition, ...], declared: Tenant | Agent | ChannelConnection | None = None
) -> Status:
    status: Status = {
        "conditions": [one.model_dump(mode="json", by_alias=True) for one in conditions]
    }
    if declared is not None:
        status["observedGeneration"] = declared.metadata.generation
    return status


def _key(declared: Agent | ChannelConnection) -> Key:
    return (declared.kind, declared.metadata.namespace, declared.metadata.name)


def _tenant_id(tenant: Tenant) -> UUID:
    return UUID(str(tenant.spec.id or tenant.metadata.uid))
