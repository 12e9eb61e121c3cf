"""The loops of a leader: workers, the slow sweep, and the gateway's demand."""

import asyncio
import time
from typing import Final

import structlog

from konstruct_operator import names
from konstruct_operator.cluster import kinds
from konstruct_operator.errors import OperatorError, RetryLater
from konstruct_operator.reconcile import deletion, others, rollout, tenants
from konstruct_operator.reconcile.context import NAMESPACE_KEY, Context
from konstruct_operator.reconcile.queue import Key

_SWEPT_SHARE: Final = 0.9
"""A sweep takes its time: whoever changes something meanwhile shares the processor with it."""
_LARGE_OBJECTS: Final = 50
_LARGE_AT_ONCE: Final = 2
_LARGE_PAUSE_SECONDS: Final = 0.1
"""A parsed agent takes 11 KiB: eight looks at tenants of hundreds would hold tens of megabytes.
Whoever is deferred leaves the worker to the others."""

log = structlog.get_logger(__name__)


async def work(context: Context) -> None:
    """Take keys from the queue and look at them, for ever, once everything was listed."""
    await context.declared.complete()
    while True:
        key = await context.queue.take()
        large = _is_large(context, key)
        if large and context.large_looks >= _LARGE_AT_ONCE:
            context.queue.defer(key, after=_LARGE_PAUSE_SECONDS)
            continue
        context.large_looks += large
        try:
            await _work_on(context, key)
        finally:
            context.large_looks -= large


async def _work_on(context: Context, key: Key) -> None:
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


async def sweep(context: Context) -> None:
    """Compare everything with its declaration, again and again, slowly.

    It finds what no watch tells of: changed Secrets, a gateway that lost something, events that
    never came.
    """
    first = True
    while True:
        try:
            await _sweep_once(context, first=first)
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
        for name in context.roster.of_ids(changed):
            context.tenant_changed(name)


def _is_large(context: Context, key: Key) -> bool:
    """Tell whether a look at this holds megabytes while it lasts."""
    if key.kind != names.TENANT:
        return False
    return context.declared.count(context.roster.namespace_of(key.name)) > _LARGE_OBJECTS


async def _look(context: Context, key: Key) -> float | None:
    if key.kind == names.TENANT:
        return await tenants.reconcile(context, key.name)
    if key.kind == NAMESPACE_KEY:
        return await others.orphans(context, key.name)
    await others.template(context, key.name)
    return None


async def _sweep_once(context: Context, *, first: bool) -> None:
    spread = 0.0 if first else context.settings.sweep_seconds * _SWEPT_SHARE
    declared = context.declared
    places = context.settings.watch_namespaces or ("",)
    context.hearing.listed(await declared.read(context.cluster, places))
    if not first:  # then everything was listed a moment ago
        await context.watched.compare()
    await _compare_registry(context)
    tenants_there = declared.names(kinds.TENANT)
    for position, (_, name) in enumerate(tenants_there):
        context.queue.put(Key(names.TENANT, name), after=spread * position / len(tenants_there))
    for kind in (kinds.AGENT, kinds.CONNECTION):
        for place, _ in declared.names(kind):
            if not context.roster.of_namespace(place):
                context.queue.put(Key(NAMESPACE_KEY, place))
    for _, name in declared.names(kinds.TEMPLATE):
        context.template_changed(name)


async def _after_outage(context: Context) -> None:
    """Publish at once what could not be published during the outage."""
    await _compare_registry(context)
    for name in context.roster.names():
        context.tenant_changed(name)


async def _compare_registry(context: Context) -> None:
    """Read what the gateway has, so that what it lost is pushed anew; deliver what waits."""
    try:
        await context.registry.open()
        await context.registry.refresh()
        await deletion.deliver_orders(context)
    except OperatorError as error:
        log.warning("registry_not_compared", error=str(error))


async def _tell_of_gateway(context: Context, *, note: str, away: bool) -> None:
    lease = rollout.lease(context)
    reason = "GatewayUnreachable" if away else "GatewayReachable"
    await context.events.tell(lease, warning=away, reason=reason, note=note)
