"""What the gateway and the model service shall know of a tenant.

Both ways to run Konstruct build the snapshot here: the operator in a cluster, and the embedded mode
from a folder of YAML.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

from konstruct_crds.agent import Agent
from konstruct_crds.common import Budget as DeclaredBudget
from konstruct_crds.common import ModelChoice
from konstruct_crds.connection import ChannelConnection
from konstruct_crds.part import Part
from konstruct_operator import names
from konstruct_operator.observed import (
    Observed,
    Refusals,
    SecretReference,
    SecretView,
    secret_references,
)
from konstruct_registry import seals
from konstruct_registry.snapshot import (
    AgentSnapshot,
    Budget,
    ConnectionSnapshot,
    Memory,
    Models,
    OperatingMode,
    Retention,
    SealedSecret,
    TenantSnapshot,
    revision_of,
)

_Declared = TypeVar("_Declared", Agent, ChannelConnection)


def tenant_snapshot(
    observed: Observed, *, refused: Refusals = frozenset(), sealed: bool = True
) -> TenantSnapshot:
    """Return the whole tenant as the registry carries it.

    `refused` are the (kind, name) of objects to leave out (`checks.refused`). Without `sealed` the
    secrets have no ciphertext: enough for the digest, which never looks at it.
    """
    spec = observed.tenant.spec
    agents = tuple(
        one for one in observed.agents if (names.AGENT, one.metadata.name) not in refused
    )
    connections = tuple(
        one for one in observed.connections if (names.CONNECTION, one.metadata.name) not in refused
    )
    return TenantSnapshot(
        tenant_id=observed.tenant_id,
        name=observed.name,
        uid=observed.tenant.metadata.uid,
        id_pinned=bool(spec.id),
        display_name=spec.display_name,
        language=spec.language,
        time_zone=spec.time_zone,
        operating_mode=OperatingMode(spec.operating_mode.value),
        budget=_budget(spec.budget),
        models=_models(spec.models),
        min_replicas=spec.runtime.min_replicas,
        idle_after_seconds=spec.runtime.idle_after_seconds,
        retention=Retention(
            conversation_days=spec.retention.conversation_days,
            on_delete=spec.retention.on_delete.value,
        ),
        work_token_hashes=observed.work_token.accepted,
        agents=tuple(_agent(observed, one) for one in _by_name(agents)),
        connections=tuple(_connection(observed, one) for one in _by_name(connections)),
        secrets=_secrets(observed, agents, connections, sealed=sealed),
    )


def _agent(observed: Observed, agent: Agent) -> AgentSnapshot:
    spec = agent.spec
    unsigned = AgentSnapshot(
        agent_id=names.agent_id(observed.tenant_id, agent.metadata.name),
        name=agent.metadata.name,
        display_name=spec.display_name,
        revision="",
        role=spec.role or "",
        persona=spec.persona or "",
        instructions=spec.instructions or "",
        language=spec.language or observed.tenant.spec.language,
        models=_models(spec.models),
        avatar=_document(spec.avatar) if spec.avatar is not None else {},
        operating_mode=OperatingMode(spec.operating_mode.value),
        tools=tuple(_document(tool) for tool in spec.tools),
        escalation=tuple(_document(rule) for rule in spec.escalation),
        memory=Memory(
            window_turns=spec.memory.window_turns,
            recall=spec.memory.recall.value,
            recall_limit=spec.memory.recall_limit,
        ),
        budget=_budget(spec.budget),
    )
    return unsigned.model_copy(update={"revision": revision_of(unsigned)})


def _connection(observed: Observed, connection: ChannelConnection) -> ConnectionSnapshot:
    spec = connection.spec
    return ConnectionSnapshot(
        connection_id=names.connection_id(observed.tenant_id, connection.metadata.name),
        name=connection.metadata.name,
        type=spec.type,
        agent=spec.agent_ref.name,
        config=spec.config,
        routes=tuple(_document(route) for route in spec.routes),
        gather_milliseconds=spec.gather_milliseconds,
        access=_document(spec.access),
        reply_when=spec.reply_when.value,
    )


def _secrets(
    observed: Observed,
    agents: tuple[Agent, ...],
    connections: tuple[ChannelConnection, ...],
    *,
    sealed: bool,
) -> tuple[SealedSecret, ...]:
    if observed.seal_keys is None:
        return ()
    found = []
    for reference in secret_references(observed.tenant, agents, connections):
        secret = observed.secret(reference.secret)
        if secret is not None and secret.labels.get(names.LABEL_USE) == reference.use:
            found.append(_seal(observed, reference, secret, sealed=sealed))
    return tuple(sorted(found, key=lambda one: (one.object, one.purpose)))


def _seal(
    observed: Observed, reference: SecretReference, secret: SecretView, *, sealed: bool
) -> SealedSecret:
    if observed.seal_keys is None:
        raise ValueError("Sealing needs the public keys of the consumers.")
    recipient = observed.seal_keys.of(reference.use)
    last_four = _last_four(secret) if reference.use == "models" else ""
    if not sealed:
        return SealedSecret(
            purpose=reference.use,
            object=reference.object_name,
            recipient_key_id=seals.key_id(recipient),
            secret_uid=secret.uid,
            secret_resource_version=secret.resource_version,
            ciphertext="",
            last_four=last_four,
        )
    return seals.seal(
        secret.data,
        recipient=recipient,
        tenant_id=observed.tenant_id,
        object_name=reference.object_name,
        purpose=reference.use,
        secret_uid=secret.uid,
        secret_resource_version=secret.resource_version,
        last_four=last_four,
    )


def _last_four(secret: SecretView) -> str:
    """Return the end of the only key, if it can be read; with several, none stands for all."""
    values = [one.strip() for one in secret.data.values()]
    if len(values) != 1 or len(values[0]) <= 8 or not values[0].isprintable():  # noqa: PLR2004
        return ""
    return values[0][-4:]


def _budget(budget: DeclaredBudget | None) -> Budget | None:
    if budget is None:
        return None
    return Budget(
        monthly_micro_usd=budget.monthly_micro_usd,
        soft_percent=budget.soft_percent,
        on_limit=budget.on_limit.value,
        per_person_micro_usd=budget.per_person_micro_usd,
    )


def _models(models: ModelChoice | None) -> Models:
    if models is None:
        return Models()
    return Models(
        default=models.default or "",
        fallbacks=models.fallbacks,
        by_purpose=_document(models.by_purpose) if models.by_purpose is not None else {},
    )


def _by_name(objects: Sequence[_Declared]) -> list[_Declared]:
    return sorted(objects, key=lambda one: one.metadata.name)


def _document(part: Part) -> dict[str, Any]:
    return part.model_dump(mode="json", by_alias=True, exclude_none=True)
