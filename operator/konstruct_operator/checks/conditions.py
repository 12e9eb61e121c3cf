"""From findings to the conditions of a status: which kind has which, and what Ready means."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from konstruct_crds.agent import Agent
from konstruct_crds.conditions import (
    Condition,
    ConditionStatus,
    ConditionType,
    Progress,
    find_condition,
    set_conditions,
    set_progress,
)
from konstruct_crds.connection import ChannelConnection
from konstruct_crds.template import AgentTemplate
from konstruct_operator import names
from konstruct_operator.checks.agents import agent_is_accepted, template_is_ready
from konstruct_operator.checks.connections import (
    agent_is_resolved,
    channel_is_authenticated,
    channel_is_receiving,
    checks_passed,
)
from konstruct_operator.checks.finding import Finding, Verdict
from konstruct_operator.checks.namespaces import namespace_is_ready
from konstruct_operator.checks.secrets import secrets_are_ready
from konstruct_operator.checks.tenants import (
    budget_is_available,
    models_are_ready,
    pods_are_available,
    tenant_is_registered,
)
from konstruct_operator.observed import (
    Observed,
    Refusals,
    references_of_agent,
    references_of_connection,
    references_of_tenant,
)

_LONGEST_MESSAGE = 4096


@dataclass(frozen=True)
class _Object:
    """What settling needs of the object the conditions belong to."""

    conditions: tuple[Condition, ...]
    generation: int
    now: datetime
    missing_seconds: float


def refused(observed: Observed) -> Refusals:
    """Return which agents and connections are kept out of the registry, as (kind, name)."""
    agents = frozenset(
        (names.AGENT, agent.metadata.name)
        for agent in observed.agents
        if agent_is_accepted(agent).verdict is not Verdict.HOLDS
    )
    connections = frozenset(
        (names.CONNECTION, one.metadata.name)
        for one in observed.connections
        if agent_is_resolved(observed, one, agents).verdict is not Verdict.HOLDS
        or str(one.spec.type) not in observed.served_channels
    )
    return agents | connections


def tenant_conditions(observed: Observed) -> tuple[Condition, ...]:
    """Return the conditions of the Tenant, complete, the unchanged ones with their old times."""
    tenant = observed.tenant
    counted = (
        namespace_is_ready(observed),
        secrets_are_ready(observed, references_of_tenant(tenant)),
        tenant_is_registered(observed),
        pods_are_available(observed),
    )
    settled = _Object(
        tuple(tenant.status.conditions),
        tenant.metadata.generation,
        observed.now,
        observed.missing_seconds,
    )
    aside = (budget_is_available(observed), models_are_ready(observed))
    return _settle(settled, counted, aside=aside, good=_mode(observed))


def agent_conditions(observed: Observed, agent: Agent) -> tuple[Condition, ...]:
    """Return the conditions of one Agent of the tenant."""
    shown = (agent_is_accepted(agent), secrets_are_ready(observed, references_of_agent(agent)))
    around = (
        namespace_is_ready(observed),
        tenant_is_registered(observed),
        pods_are_available(observed),
    )
    suspended = str(agent.spec.operating_mode) == "Suspended"
    good = ("Suspended", "Suspended as declared.") if suspended else _mode(observed)
    return _settle(_object(observed, agent), shown, around=around, good=good)


def connection_conditions(
    observed: Observed, connection: ChannelConnection, refusals: Refusals | None = None
) -> tuple[Condition, ...]:
    """Return the conditions of one ChannelConnection of the tenant.

    `refusals`: what `refused` found, for whoever asks about many connections.
    """
    refusals = refused(observed) if refusals is None else refusals
    shown = (
        agent_is_resolved(observed, connection, refusals),
        secrets_are_ready(observed, references_of_connection(connection)),
        channel_is_authenticated(observed, connection),
    )
    around = (namespace_is_ready(observed), tenant_is_registered(observed))
    aside = (channel_is_receiving(observed, connection), checks_passed(observed, connection))
    good = ("Ready", "Messages are received and answered.")
    if observed.suspended:
        good = ("Suspended", "Messages are stored; the tenant is suspended as declared.")
    return _settle(_object(observed, connection), shown, around=around, aside=aside, good=good)


def template_conditions(template: AgentTemplate, now: datetime) -> tuple[Condition, ...]:
    """Return the conditions of an AgentTemplate."""
    ready = template_is_ready(template)
    settled = _Object(
        tuple(template.status.conditions), template.metadata.generation, now, missing_seconds=0
    )
    return _settle(settled, (), around=(ready,), good=(ready.reason, ready.message))


def orphan_conditions(
    orphan: Agent | ChannelConnection, now: datetime, *, missing_seconds: float = 120.0
) -> tuple[Condition, ...]:
    """Return the conditions of an object in a namespace that belongs to no Tenant."""
    namespace = orphan.metadata.namespace
    nobody = Finding(
        ConditionType.READY,
        Verdict.MISSING,
        "TenantNotFound",
        f"No Tenant has the namespace {namespace}. Create one with spec.namespace: {namespace},"
        " or move this object to a tenant's namespace (kubectl get kt -o wide).",
    )
    settled = _Object(
        tuple(orphan.status.conditions), orphan.metadata.generation, now, missing_seconds
    )
    return _settle(settled, (), around=(nobody,), good=("Ready", ""))


def recheck_after(
    conditions: Sequence[Condition], now: datetime, *, missing_seconds: float = 120.0
) -> float | None:
    """Return in how many seconds something missing turns into Stalled, None if nothing does."""
    reconciling = find_condition(conditions, ConditionType.RECONCILING)
    if reconciling is None or reconciling.status is not ConditionStatus.TRUE:
        return None
    left = [
        (one.last_transition_time + timedelta(seconds=missing_seconds) - now).total_seconds()
        for one in conditions
        if one.reason == reconciling.reason and one.status is ConditionStatus.FALSE
    ]
    later = [seconds for seconds in left if seconds > 0]
    return min(later) + 1 if later else None


def _object(observed: Observed, declared: Agent | ChannelConnection) -> _Object:
    return _Object(
        tuple(declared.status.conditions),
        declared.metadata.generation,
        observed.now,
        observed.missing_seconds,
    )


def _mode(observed: Observed) -> tuple[str, str]:
    available = pods_are_available(observed)
    if available.reason in {"Suspended", "Asleep"}:
        return available.reason, available.message
    return "Ready", "What is declared is in effect."


def _settle(
    declared: _Object,
    shown: Sequence[Finding],
    *,
    around: Sequence[Finding] = (),
    aside: Sequence[Finding] = (),
    good: tuple[str, str],
) -> tuple[Condition, ...]:
    """Return all conditions: `shown` and `aside` as such; Ready is about `shown` and `around`."""
    counted = [one for one in (*shown, *around) if one.verdict is not Verdict.HOLDS]
    first = counted[0] if counted else None
    ready = _condition(
        Finding(ConditionType.READY, first.verdict, first.reason, first.message)
        if first
        else Finding(ConditionType.READY, Verdict.HOLDS, *good),
        declared,
    )
    ours = {ready.type, ConditionType.RECONCILING, ConditionType.STALLED}
    ours |= {one.about for one in (*shown, *aside)}
    kept = tuple(one for one in declared.conditions if one.type in ours)
    result = set_conditions(kept, [*(_condition(one, declared) for one in (*shown, *aside)), ready])
    progress, cause = _progress(counted, declared)
    return set_progress(
        result,
        progress,
        reason=cause.reason if cause else "Settled",
        message=cause.message[:_LONGEST_MESSAGE] if cause else "",
        generation=declared.generation,
        now=declared.now,
    )


def _progress(counted: Sequence[Finding], declared: _Object) -> tuple[Progress, Finding | None]:
    for finding in counted:
        if finding.verdict is Verdict.WRONG or (
            finding.verdict is Verdict.MISSING and _is_overdue(finding, declared)
        ):
            return Progress.STALLED, finding
    if counted:
        return Progress.RECONCILING, counted[0]
    return Progress.SETTLED, None


def _is_overdue(finding: Finding, declared: _Object) -> bool:
    known = find_condition(declared.conditions, finding.about)
    if known is None or known.status is not ConditionStatus.FALSE:
        return declared.missing_seconds <= 0
    if known.reason != finding.reason:
        # The same condition was False for another reason; this thing's own time begins now,
        # and the next look finds the reason in place.
        return False
    waited = (declared.now - known.last_transition_time).total_seconds()
    return waited >= declared.missing_seconds


def _condition(finding: Finding, declared: _Object) -> Condition:
    return Condition(
        type=finding.about,
        status=finding.status,
        reason=finding.reason,
        message=finding.message[:_LONGEST_MESSAGE],
        observed_generation=declared.generation,
        last_transition_time=declared.now,
    )
