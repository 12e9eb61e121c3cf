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
    """All agents' Deployments, parsed once per version, and whose turn it is among them.

    While all of them have the newest part of the platform, which is nearly always, a change of one
    costs the parsing of that one, however many there are.
    """

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
        self._behind: set[str] = set()
        self._changed_places: set[str] = set()
        self._out_of_reach: set[str] = set()
        self._stale = True
        self._decision = Decision(self._target)
        self.changed = asyncio.Event()

    def touch(self, place: str = "") -> None:
        """Note that the Deployment in the namespace `place` changed; '': who is reachable did."""
        if place:
            self._changed_places.add(place)
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
            self._look()
            self._decision = self._decide() if self._behind else Decision(self._target)
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

    def _look(self) -> None:
        """Take in the Deployments that changed since the last look."""
        for place in self._changed_places:
            kept = self._watched.kept(kinds.DEPLOYMENT, names.AGENT_NAME, namespace=place)
            known = self._members.get(place)
            if kept is None:
                self._members.pop(place, None)
                self._behind.discard(place)
            elif known is None or known[0] != kept.version:
                found = rollout.member(kept.document())
                self._members[place] = kept.version, found
                if found.platform == self._target:
                    self._behind.discard(place)
                else:
                    self._behind.add(place)
        self._changed_places.clear()

    def _decide(self) -> Decision:
        within = {name for _, name in self._declared.names(kinds.TENANT)} - self._out_of_reach
        return rollout.decide(
            [replace(one, reachable=one.tenant in within) for _, one in self._members.values()],
            target=self._target,
            now=self._now(),
            waves=self._waves,
            patience=self._patience,
        )
