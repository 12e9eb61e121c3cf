"""Whose turn it is when the platform's part of all agents' pods changes: waves, not all at once.

A pure decision over all Deployments as they are. Nothing is remembered: whoever decides from the
same Deployments decides the same, before a restart and after it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil
from typing import Any, Final

from konstruct_operator import names
from konstruct_operator.observed import Document
from konstruct_operator.plan import platform

WAVES: Final = (5, 25, 100)


class Health(StrEnum):
    """How the pods of one Deployment are."""

    IDLE = "Idle"  # none are wanted: asleep or suspended
    WELL = "Well"  # all run as declared
    WAKING = "Waking"  # they came up with this template before, and are not all up now
    COMING = "Coming"  # not all run yet
    FAILED = "Failed"  # the cluster has given up on them
    ILL_BEFORE = "IllBefore"  # none ran before this part of the platform came either


@dataclass(frozen=True)
class Member:
    """One tenant's Deployment. `waiting_since` is when it last came nearer to running."""

    tenant: str
    tenant_id: str
    platform: str
    health: Health
    waiting_since: datetime | None = None
    reachable: bool = True


@dataclass(frozen=True)
class Decision:
    """Who may take the target now, who still lacks it, and what holds the others up.

    `wave` counts from 1, 0 when nothing is rolled out. `look_again` is when a tenant that still
    may come up counts as stuck.
    """

    target: str
    turn: frozenset[str] = frozenset()
    pending: frozenset[str] = frozenset()
    stuck: tuple[str, ...] = ()
    wave: int = 0
    look_again: datetime | None = None

    @property
    def paused(self) -> bool:
        """Return whether nobody further is touched."""
        return bool(self.stuck and self.pending)


def decide(
    members: Sequence[Member],
    *,
    target: str,
    now: datetime,
    waves: Sequence[int] = WAVES,
    patience: timedelta,
) -> Decision:
    """Return whose turn it is.

    A wave (its end in percent of all tenants, at least one) begins when everybody of the waves
    before has the target and is well. One of them that stays ill for `patience` stops everything.
    Tenants that cannot be reached at present, and those that were ill before, hold nobody up.
    """
    pending = frozenset(one.tenant for one in members if one.platform != target)
    if not pending:
        return Decision(target)
    order = sorted(members, key=lambda one: (_place(target, one.tenant_id), one.tenant))
    wave, opened = _opened(order, target, waves)
    waiting = [
        one
        for one in opened
        if one.platform == target
        and one.reachable
        and one.health in {Health.COMING, Health.FAILED, Health.WAKING}
    ]
    stuck = tuple(sorted(one.tenant for one in waiting if _is_stuck(one, now, patience)))
    later = [one.waiting_since + patience for one in waiting if one.waiting_since is not None]
    turn = frozenset() if stuck else frozenset(one.tenant for one in opened) & pending
    return Decision(
        target,
        turn=turn,
        pending=pending,
        stuck=stuck,
        wave=wave,
        look_again=min((one for one in later if one > now), default=None),
    )


def ends(count: int, waves: Sequence[int]) -> list[int]:
    """Return where each wave over `count` tenants ends; every wave has at least one more."""
    found: list[int] = []
    for percent in (*waves, 100):
        end = min(count, max(ceil(count * percent / 100), (found[-1] if found else 0) + 1))
        if end > (found[-1] if found else 0):
            found.append(end)
    return found


def member(deployment: Document, *, reachable: bool = True) -> Member:
    """Return what the decision needs of a tenant's Deployment as it was observed."""
    metadata = deployment["metadata"]
    annotations = metadata.get("annotations", {})
    since = platform.moment(annotations.get(names.ANNOTATION_PLATFORM_SINCE, ""))
    available = _condition(deployment, "Available")
    progressing = _condition(deployment, "Progressing")
    away_since = (
        platform.moment(available.get("lastTransitionTime", ""))
        if available.get("status") == "False"
        else None
    )
    moments = (since, away_since, platform.moment(progressing.get("lastUpdateTime", "")))
    return Member(
        tenant=metadata.get("labels", {}).get(names.LABEL_TENANT, ""),
        tenant_id=_tenant_id(deployment),
        platform=platform.version(platform.remembered(deployment)),
        health=_health(deployment, since=since, away_since=away_since),
        waiting_since=max((one for one in moments if one is not None), default=None),
        reachable=reachable,
    )


def _opened(
    order: Sequence[Member], target: str, waves: Sequence[int]
) -> tuple[int, Sequence[Member]]:
    found = ends(len(order), waves)
    for number, end in enumerate(found, start=1):
        if not all(_is_done(one, target) for one in order[:end]):
            return number, order[:end]
    return len(found), order


def _is_done(one: Member, target: str) -> bool:
    if one.platform != target:
        return not one.reachable
    return one.health not in {Health.COMING, Health.FAILED} or not one.reachable


def _is_stuck(one: Member, now: datetime, patience: timedelta) -> bool:
    if one.health is Health.FAILED:
        return True
    return one.waiting_since is not None and now >= one.waiting_since + patience


def _place(target: str, tenant_id: str) -> str:
    return hashlib.sha256(f"{target}/{tenant_id}".encode()).hexdigest()


def _health(deployment: Document, *, since: datetime | None, away_since: datetime | None) -> Health:
    status = deployment.get("status", {})
    wanted = int(deployment["spec"].get("replicas") or 0)
    if wanted == 0:
        return Health.IDLE
    seen = status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
    counts = [int(status.get(key) or 0) for key in ("replicas", "updatedReplicas")]
    if seen and counts == [wanted, wanted] and int(status.get("availableReplicas") or 0) >= wanted:
        return Health.WELL
    if since is not None and away_since is not None and away_since < since:
        return Health.ILL_BEFORE
    progressing = _condition(deployment, "Progressing")
    if seen and progressing.get("status") == "False":
        return Health.FAILED
    came_up = progressing.get("reason") == "NewReplicaSetAvailable" and counts[0] == counts[1]
    return Health.WAKING if seen and came_up else Health.COMING


def _condition(deployment: Document, kind: str) -> dict[str, Any]:
    conditions = deployment.get("status", {}).get("conditions", [])
    return next((one for one in conditions if one["type"] == kind), {})


def _tenant_id(deployment: Document) -> str:
    containers = deployment["spec"]["template"]["spec"].get("containers", [])
    variables = [variable for one in containers for variable in one.get("env") or []]
    found = (one.get("value", "") for one in variables if one["name"] == platform.TENANT_ID)
    return str(next(found, ""))
