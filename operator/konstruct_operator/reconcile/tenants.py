"""One tenant, looked at from beginning to end."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from konstruct_operator import names
from konstruct_operator.cluster import kinds
from konstruct_operator.errors import Refused
from konstruct_operator.observed import Observed
from konstruct_operator.reconcile import apply, deletion, observe, report
from konstruct_operator.reconcile.context import Context


async def reconcile(context: Context, name: str) -> float | None:
    """Bring a tenant's world in line with its declaration.

    Returns in how many seconds to look again, if nothing happens before; None: no need. Raises
    OperatorError when it should be tried again with a growing pause.
    """
    observed = await observe.tenant(context, name)
    if observed is None:
        context.forget(name)
        return None
    if observed.tenant.metadata.deletion_timestamp is not None:
        context.fleet.looked(name, moved=False)
        return await deletion.delete(context, observed)
    proven = await _hold(context, observed)
    if not proven and not context.registry.knows(observed.tenant_id):
        # Else what an old event tells of would be registered, and nobody would bury it.
        await apply.prove(context, observed)
        proven = True
    if await apply.foundation(context, observed, proven=proven):
        observed = await observe.tenant(context, name) or observed
    problem: Refused | None = None
    if observed.owns_namespace:
        async with _beside(apply.fences(context, observed)) as fences:
            observed = await observe.with_secrets(context, observed)
            try:
                observed = await apply.everything(context, observed, fences)
            except Refused as refused:
                problem = refused
                observed = dataclasses.replace(observed, problem=str(refused))
        observed = observe.with_pods(context, observed)
    deployed = observed.children.get(("Deployment", names.AGENT_NAME))
    context.fleet.looked(name, moved=not observed.turn or context.fleet.has_target(deployed))
    pause = await report.tenant(context, observed)
    if problem is not None:
        raise problem
    return pause


async def _hold(context: Context, observed: Observed) -> bool:
    """Put our finalizer on the Tenant before anything exists that must be cleaned up.

    Tell whether that was done now, which shows that the Tenant is there.
    """
    metadata = observed.tenant.metadata
    if names.FINALIZER in metadata.finalizers:
        return False
    patch = {
        "resourceVersion": metadata.resource_version,
        "finalizers": [*metadata.finalizers, names.FINALIZER],
    }
    await context.declared.written(
        (names.TENANT, "", observed.name),
        context.cluster.merge(kinds.TENANT, observed.name, {"metadata": patch}),
    )
    return True


@contextlib.asynccontextmanager
async def _beside(step: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.Task[None]]:
    """Take a step beside the block; it does not outlive the block, whatever becomes of either."""
    task = asyncio.create_task(step)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
