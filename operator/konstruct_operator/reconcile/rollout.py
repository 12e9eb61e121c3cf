"""Roll-outs go on at once when a wave is complete, and say so when they pause."""

import asyncio
import contextlib
from typing import Final

import structlog

from konstruct_operator import names
from konstruct_operator.cluster import kinds
from konstruct_operator.observed import Document
from konstruct_operator.plan.rollout import Decision
from konstruct_operator.reconcile.context import Context

_GATHERING: Final = 0.1
_MOST_NAMES: Final = 5

log = structlog.get_logger(__name__)


async def follow(context: Context) -> None:
    """Ask for a look at whoever's turn has come, at once; say when a roll-out pauses or goes on."""
    await context.declared.complete()
    fleet, metrics, told = context.fleet, context.metrics, Decision("")
    while True:
        fleet.changed.clear()
        decision = fleet.decision()
        for tenant in sorted(decision.turn - told.turn):
            context.tenant_changed(tenant)
        metrics.rollout_pending.set(len(decision.pending))
        metrics.rollout_paused.set(1 if decision.paused else 0)
        if decision.paused != told.paused:
            await _tell(context, decision)
        told = decision
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(fleet.seconds_to_next()):
                await fleet.changed.wait()
        await asyncio.sleep(_GATHERING)  # one decision for what comes together


async def _tell(context: Context, decision: Decision) -> None:
    """Say in one log line and one Event that a roll-out pauses, or goes on."""
    pending = len(decision.pending)
    if decision.paused:
        shown = ", ".join(decision.stuck[:_MOST_NAMES])
        log.warning("rollout_paused", wave=decision.wave, pending=pending, stuck=shown)
        note = (
            f"The pods of {len(decision.stuck)} tenants do not come up with the new agent image or"
            f" settings ({shown}); {pending} tenants keep what they have. Repair or suspend these"
            " tenants, or install an image that starts: then it goes on by itself."
        )
    else:
        log.info("rollout_goes_on", wave=decision.wave, pending=pending)
        note = f"The roll-out goes on; {pending} tenants still have the former image or settings."
    reason = "RolloutPaused" if decision.paused else "RolloutGoesOn"
    await context.events.tell(lease(context), warning=decision.paused, reason=reason, note=note)


def lease(context: Context) -> Document:
    """Return what an Event about the whole installation regards."""
    return {
        "apiVersion": kinds.LEASE.api_version,
        "kind": kinds.LEASE.kind,
        "metadata": {"name": names.LEASE, "namespace": context.settings.namespace},
    }
