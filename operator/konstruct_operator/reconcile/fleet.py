"""All agents' Deployments as the watch cache has them, and whose turn it is among them."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from konstruct_operator import names
from konstruct_operator.cluster import kinds
from konstruct_operator.cluster.client import Document
from konstruct_operator.cluster.declarations import Declarations
from konstruct_operator.cluster.watched import Watched
from konstruct_operator.plan import platform, rollout
from konstruct_operator.plan.rollout import Decision, Member
from konstruct_operator.settings import OperatorSettings

_LONGEST_PAUSE: Final = 30.0
_SHORTEST_PAUSE: Final = 0.1


class Fleet:
    """All agents' Deployments, parsed once per version, and whose turn it is among them."""

    def __init__(
        self,
        settings: OperatorSettings,
        watched: Watched,
        declared: Declarations,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._watched, self._declared, self._now = watched, declared, now
        self._waves = settings.rollout_waves
        self._patience = timedelta(seconds=settings.rollout_patience_seconds)
        self._target = platform.version(platform.target(settings))
        self._members: dict[str, tuple[int, Member]] = {}
        self._out_of_reach: set[str] = set()
        self._stale = True
        self._decision = Decision(self._target)
        self.changed = asyncio.Event()

    def touch(self) -> None:
        """Note that a Deployment changed."""
        self._stale = True
        self.changed.set()

    def may_move(self, tenant: str) -> bool:
        """Tell whether a tenant's pods may have the newest part of the platform now."""
        decision = self.decision()
        return tenant not in decision.pending or tenant in decision.turn

    def decision(self) -> Decision:
        """Return whose turn it is, from the Deployments as they are in the cache."""
        due = self._decision.look_again
        if self._stale or (due is not None and due <= self._now()):
            self._stale = False
            self._decision = rollout.decide(
                self._look(),
                target=self._target,
                now=self._now(),
                waves=self._waves,
                patience=self._patience,
            )
        return self._decision

    def seconds_to_next(self) -> float:
        """Return after how many seconds to decide anew although nothing changed."""
        due = self._decision.look_again
        if due is None:
            return _LONGEST_PAUSE
        return min(_LONGEST_PAUSE, max(_SHORTEST_PAUSE, (due - self._now()).total_seconds()))

    def looked(self, tenant: str, *, moved: bool) -> None:
        """Note how a look at a tenant ended: one whose Deployment stays as it is holds nobody up.

        That is so while its namespace is not ours, or the gateway or the cluster refuses it.
        """
        if moved == (tenant in self._out_of_reach):
            self._out_of_reach ^= {tenant}
            self.touch()

    def has_target(self, deployment: Document | None) -> bool:
        """Tell whether a Deployment has the newest part of the platform."""
        return platform.version(platform.remembered(deployment)) == self._target

    def _look(self) -> list[Member]:
        there = {name for _, name in self._declared.names(kinds.TENANT)}
        found: dict[str, tuple[int, Member]] = {}
        for place, name, kept in self._watched.of_kind(kinds.DEPLOYMENT):
            if name == names.AGENT_NAME:
                known = self._members.get(place)
                if known is None or known[0] != kept.version:
                    known = kept.version, rollout.member(kept.document())
                found[place] = known
        self._members = found
        within = there - self._out_of_reach
        return [replace(one, reachable=one.tenant in within) for _, one in found.values()]
