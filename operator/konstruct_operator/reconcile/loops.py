"""The loops of a leader: workers, the slow sweep, and the gateway's demand."""

import asyncio
import time
from typing import Any
from uuid import UUID

import structlog

from konstruct_crds.agent import Agent
from konstruct_crds.connection import ChannelConnection
from konstruct_crds.tenant import Tenant
from konstruct_operator import names
from konstruct_operator.cluster import kinds
from konstruct_operator.errors import OperatorError, RetryLater
from konstruct_operator.reconcile import deletion, others, tenants
from konstruct_operator.reconcile.context import NAMESPACE_KEY, Context, Declared, Known
from konstruct_operator.reconcile.queue import Key

log = structlog.get_logger(__name__)


async def work(context: Context) -> None:
    """Take keys from the queue and look at them, for ever."""
    while True:
        key = await context.queue.take()
        failed = True
        began = time.monotonic()
        try:
            pause = await _look(context, key)
            failed = False
            if pause is not None:
                context.queue.put(key, after=pause)
            context.metrics.reconciled.labels(kind=key.kind, outcome="done").inc()
        except RetryLater as error:
            context.metrics.reconciled.labels(kind=key.kind, outcome="retried").inc()
            log.info("retry_later", kind=key.kind, name=key.name, error=str(error))
        except OperatorError as error:
            context.metrics.reconciled.labels(kind=key.kind, outcome="failed").inc()
            log.warning("refused", kind=key.kind, name=key.name, error=str(error))
        except Exception:
            context.metrics.reconciled.labels(kind=key.kind, outcome="failed").inc()
            log.exception("look_failed", kind=key.kind, name=key.name)
        finally:
            context.queue.done(key, failed=failed)
            context.metrics.seconds.labels(kind=key.kind).observe(time.monotonic() - began)
            context.metrics.waiting.set(context.queue.due())
            for resource, count in context.cluster.writes.items():
                context.metrics.writes.labels(resource=resource).set(count)


async def sweep(context: Context) -> None:
    """Compare everything with its declaration, again and again, slowly.

    It finds what no watch tells of: changed Secrets, a gateway that lost something, a silent watch.
    """
    first = True
    while True:
        try:
            await _sweep_once(context, spread=0.0 if first else context.settings.sweep_seconds / 2)
            first = False
        except OperatorError as error:
            log.warning("sweep_failed", error=str(error))
        await asyncio.sleep(1.0 if first else context.settings.sweep_seconds)


async def follow_demand(context: Context) -> None:
    """Keep listening to the gateway; an outage is one Event and a metric, not many."""
    version, reachable = "", True
    while True:
        try:
            demand = await context.registry.demand(version)
        except OperatorError as error:
            version = ""
            context.metrics.gateway.set(0)
            if reachable:
                reachable = False
                await _tell_of_gateway(context, note=str(error), away=True)
            await asyncio.sleep(2)
            continue
        context.metrics.gateway.set(1)
        if not reachable:
            reachable = True
            await _tell_of_gateway(context, note="The gateway answers again.", away=False)
            await _after_outage(context)
        version = demand.version
        changed = context.board.hear(demand)
        for name, known in list(context.tenants.items()):
            if known.tenant_id in changed:
                context.tenant_changed(name)


async def _look(context: Context, key: Key) -> float | None:
    if key.kind == names.TENANT:
        return await tenants.reconcile(context, key.name)
    if key.kind == NAMESPACE_KEY:
        return await others.orphans(context, key.name)
    await others.template(context, key.name)
    return None


async def _sweep_once(context: Context, *, spread: float) -> None:
    since = context.changes
    found, _ = await context.cluster.list(kinds.TENANT)
    agents = await _by_namespace(context, kinds.AGENT)
    connections = await _by_namespace(context, kinds.CONNECTION)
    templates, _ = await context.cluster.list(kinds.TEMPLATE)
    context.hearing.listed(
        (one["metadata"]["uid"], one["metadata"]["resourceVersion"])
        for one in (*found, *templates, *_flat(agents), *_flat(connections))
    )
    await _compare_registry(context)
    owned = set()
    for position, document in enumerate(found):
        await asyncio.sleep(0)  # between two tenants everybody else has a turn
        tenant = Tenant.model_validate(document)
        name = tenant.metadata.name
        place = names.namespace_of(name, tenant.spec.namespace or "")
        owned.add(place)
        declared = Declared(
            tenant,
            tuple(Agent.model_validate(one) for one in agents.get(place, ())),
            tuple(ChannelConnection.model_validate(one) for one in connections.get(place, ())),
        )
        context.take_listed(declared, since=since)
        if name not in context.tenants:
            context.tenants[name] = _known(tenant, place)
        context.queue.put(Key(names.TENANT, name), after=spread * position / len(found))
    for place in (agents.keys() | connections.keys()) - owned:
        context.queue.put(Key(NAMESPACE_KEY, place))
    for document in templates:
        context.template_changed(document["metadata"]["name"])


async def _after_outage(context: Context) -> None:
    """Publish at once what could not be published during the outage."""
    await _compare_registry(context)
    for name in list(context.tenants):
        context.tenant_changed(name)


async def _compare_registry(context: Context) -> None:
    """Read what the gateway has, so that what it lost is pushed anew; deliver what waits."""
    try:
        await context.registry.open()
        await context.registry.refresh()
        await deletion.deliver_orders(context)
    except OperatorError as error:
        log.warning("registry_not_compared", error=str(error))


async def _by_namespace(context: Context, kind: kinds.Kind) -> dict[str, list[dict[str, Any]]]:
    grouped: dict[str, list[dict[str, Any]]] = {}
    places = context.settings.watch_namespaces or ("",)
    for place in places:
        for document in (await context.cluster.list(kind, namespace=place))[0]:
            grouped.setdefault(document["metadata"]["namespace"], []).append(document)
    return grouped


def _flat(grouped: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return [one for group in grouped.values() for one in group]


async def _tell_of_gateway(context: Context, *, note: str, away: bool) -> None:
    lease = {
        "apiVersion": kinds.LEASE.api_version,
        "kind": kinds.LEASE.kind,
        "metadata": {"name": names.LEASE, "namespace": context.settings.namespace},
    }
    reason = "GatewayUnreachable" if away else "GatewayReachable"
    await context.events.tell(lease, warning=away, reason=reason, note=note)


def _known(tenant: Tenant, place: str) -> Known:
    return Known(UUID(str(tenant.spec.id or tenant.metadata.uid)), place)
