"""Report: write conditions where they changed, and tell of transitions."""

from collections.abc import Sequence
from typing import Any

from konstruct_crds.agent import Agent, AgentStatus
from konstruct_crds.common import Status
from konstruct_crds.conditions import (
    Condition,
    ConditionStatus,
    ConditionType,
    find_condition,
)
from konstruct_crds.connection import ChannelConnection, ChannelConnectionStatus
from konstruct_crds.template import AgentTemplate, AgentTemplateStatus
from konstruct_crds.tenant import Tenant, TenantStatus
from konstruct_operator import checks
from konstruct_operator.cluster.client import Document
from konstruct_operator.cluster.events import reference
from konstruct_operator.cluster.kinds import BY_NAME
from konstruct_operator.errors import NotFound
from konstruct_operator.observed import Observed
from konstruct_operator.reconcile.context import Context

_HEALTH = (
    ConditionType.READY,
    ConditionType.AUTHENTICATED,
    ConditionType.RECEIVING,
    ConditionType.CHECKS_PASSED,
)
_ASIDE = (ConditionType.RECEIVING, ConditionType.CHECKS_PASSED)
"""What Ready does not depend on, and somebody should hear of all the same."""

Declared = Tenant | Agent | ChannelConnection | AgentTemplate


async def tenant(context: Context, observed: Observed) -> float | None:
    """Report on a tenant and all its objects; return when to look again, in seconds, if ever."""
    conditions = checks.tenant_conditions(observed)
    found = [conditions]
    status = TenantStatus(
        observed_generation=observed.tenant.metadata.generation,
        conditions=conditions,
        id=str(observed.tenant_id),
        namespace=observed.namespace_name,
        provider_keys_version=checks.provider_keys_version(observed),
        agents=len(observed.agents),
        channel_connections=len(observed.connections),
    )
    await write(context, observed.tenant, status)
    _measure(context, observed, conditions)
    for agent in observed.agents:
        found.append(checks.agent_conditions(observed, agent))
        await write(
            context,
            agent,
            AgentStatus(observed_generation=agent.metadata.generation, conditions=found[-1]),
        )
    health: dict[tuple[str, str, str], bool] = {}
    refusals = checks.refused(observed)
    for connection in observed.connections:
        found.append(checks.connection_conditions(observed, connection, refusals))
        health |= _health(connection, found[-1])
        await write(context, connection, _connection_status(observed, connection, found[-1]))
    context.metrics.connections(observed.name, health)
    pauses = [
        checks.recheck_after(one, observed.now, missing_seconds=observed.missing_seconds)
        for one in found
    ]
    return min((one for one in pauses if one is not None), default=None)


async def template(context: Context, found: AgentTemplate) -> None:
    """Report on a template."""
    conditions = checks.template_conditions(found, context.now())
    status = AgentTemplateStatus(
        observed_generation=found.metadata.generation, conditions=conditions
    )
    await write(context, found, status)


async def orphan(context: Context, found: Agent | ChannelConnection) -> float | None:
    """Report on an object in a namespace of no tenant; return when to look again."""
    now, seconds = context.now(), context.settings.missing_seconds
    conditions = checks.orphan_conditions(found, now, missing_seconds=seconds)
    model = AgentStatus if isinstance(found, Agent) else ChannelConnectionStatus
    await write(
        context,
        found,
        model(observed_generation=found.metadata.generation, conditions=conditions),
    )
    return checks.recheck_after(conditions, now, missing_seconds=seconds)


async def write(context: Context, declared: Declared, status: Status) -> None:
    """Write a status if it says anything new, and tell of its transition."""
    if _same(declared.status, status):
        return
    metadata = declared.metadata
    address: dict[str, Any] = {"name": metadata.name}
    if metadata.namespace:
        address["namespace"] = metadata.namespace
    document = {
        "apiVersion": declared.api_version,
        "kind": declared.kind,
        "metadata": address | {"uid": metadata.uid},
        "status": status.model_dump(mode="json", by_alias=True, exclude_none=True),
    }
    try:
        await context.declared.written(
            (declared.kind, metadata.namespace, metadata.name),
            context.cluster.apply(BY_NAME[declared.kind], document, subresource="status"),
        )
    except NotFound:
        return  # deleted meanwhile: nobody is left to be told
    await _tell(context, declared, status.conditions)


def _same(old: Status, new: Status) -> bool:
    def by_type(status: Status) -> dict[str, Condition]:
        return {one.type: one for one in status.conditions}

    bare = {"conditions": ()}
    return by_type(old) == by_type(new) and old.model_copy(update=bare) == new.model_copy(
        update=bare
    )


async def _tell(context: Context, declared: Declared, new: Sequence[Condition]) -> None:
    metadata = declared.metadata
    about = reference(declared.kind, metadata.name, namespace=metadata.namespace, uid=metadata.uid)
    await _tell_of_ready(context, declared, new, about)
    for one in changed_aside(declared.status.conditions, new):
        fails = one.status is ConditionStatus.FALSE
        await context.events.tell(
            about, warning=fails, reason=one.reason, note=one.message or one.reason
        )


def changed_aside(before: Sequence[Condition], after: Sequence[Condition]) -> list[Condition]:
    """Return what fails now, or no longer, of what Ready does not depend on. Pure.

    What fails for the same reason as before is told already, and so is what Ready says itself.
    """
    ready = find_condition(after, ConditionType.READY)
    found = []
    for kind in _ASIDE:
        old, new = find_condition(before, kind), find_condition(after, kind)
        if new is None or (ready is not None and new.reason == ready.reason):
            continue
        failed = old is not None and old.status is ConditionStatus.FALSE
        fails = new.status is ConditionStatus.FALSE
        same = failed and old is not None and old.reason == new.reason
        mended = failed and new.status is ConditionStatus.TRUE
        if (fails and not same) or mended:
            found.append(new)
    return found


async def _tell_of_ready(
    context: Context, declared: Declared, new: Sequence[Condition], about: Document
) -> None:
    before = find_condition(declared.status.conditions, ConditionType.READY)
    now = find_condition(new, ConditionType.READY)
    if now is None or (
        before is not None and (before.status, before.reason) == (now.status, now.reason)
    ):
        return
    stalled = find_condition(new, ConditionType.STALLED)
    await context.events.tell(
        about,
        warning=stalled is not None and stalled.status is ConditionStatus.TRUE,
        reason=now.reason,
        note=now.message or now.reason,
    )


def _connection_status(
    observed: Observed, connection: ChannelConnection, conditions: tuple[Condition, ...]
) -> ChannelConnectionStatus:
    return ChannelConnectionStatus(
        observed_generation=connection.metadata.generation,
        conditions=conditions,
        webhook_url=checks.webhook_url(observed, connection),
        credentials_version=checks.credentials_version(observed, connection),
    )


def _health(
    connection: ChannelConnection, conditions: Sequence[Condition]
) -> dict[tuple[str, str, str], bool]:
    return {
        (connection.metadata.name, connection.spec.type, str(one.type)): one.status
        is ConditionStatus.TRUE
        for one in conditions
        if one.type in _HEALTH and one.status is not ConditionStatus.UNKNOWN
    }


def _measure(context: Context, observed: Observed, conditions: Sequence[Condition]) -> None:
    ready = find_condition(conditions, ConditionType.READY)
    holds = ready is not None and ready.status is ConditionStatus.TRUE
    context.metrics.ready.labels(tenant=observed.name).set(1 if holds else 0)
