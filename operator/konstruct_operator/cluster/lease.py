"""One leader at a time, by a Lease of coordination.k8s.io.

Clocks of different machines are never compared: a standby measures by its own clock how long the
holder's renewal time has stood still, as client-go does.
https://kubernetes.io/docs/concepts/architecture/leases/#leader-election
"""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import structlog

from konstruct_operator import names
from konstruct_operator.cluster.client import Cluster, Document
from konstruct_operator.cluster.kinds import LEASE
from konstruct_operator.errors import AlreadyThere, OperatorError, RetryLater

STANDBY_SECONDS: Final = 1.0

log = structlog.get_logger(__name__)


class Leadership:
    """Takes, keeps and gives back the Lease `konstruct-operator` of one namespace."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        namespace: str,
        identity: str,
        seconds: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._identity = identity
        self._seconds = seconds
        self._clock = clock
        self._seen: tuple[str, str, float] = ("", "", 0.0)
        self._until = 0.0
        self.holds = False

    def leads(self) -> bool:
        """Tell whether this process may write at this moment.

        A process that was stopped for a while finds its Lease run out before any of its tasks does.
        """
        return self.holds and self._clock() < self._until

    async def acquire(self) -> None:
        """Wait until this process is the leader."""
        while not self.holds:
            try:
                self.holds = await self._try()
            except OperatorError as error:
                log.info("lease_not_taken", error=str(error))
            if not self.holds:
                await asyncio.sleep(STANDBY_SECONDS)
        log.info("leading", identity=self._identity)

    async def keep(self) -> None:
        """Renew until the Lease is lost, then return: the caller must stop writing at once.

        It counts as lost when two thirds of its time have passed without a renewal, so that the
        last third is left to end in before anybody else may lead.
        """
        while (left := self._until - self._clock()) > 0:
            await asyncio.sleep(min(self._seconds / 5, left))
            began = self._clock()
            try:
                async with asyncio.timeout(max(0.1, min(self._seconds / 3, self._until - began))):
                    if not await self._try():
                        break
            except (OperatorError, TimeoutError) as error:
                log.warning("lease_not_renewed", error=str(error))
        self.holds = False
        log.error("lease_lost", identity=self._identity)

    async def release(self) -> None:
        """Give the Lease back, so that a standby takes over within moments."""
        if not self.holds:
            return
        self.holds = False
        try:
            lease = await self._cluster.get(LEASE, names.LEASE, namespace=self._namespace)
            if lease["spec"].get("holderIdentity") == self._identity:
                lease["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1}
                await self._cluster.replace(LEASE, lease)
        except OperatorError as error:
            log.warning("lease_not_released", error=str(error))

    async def _try(self) -> bool:
        lease = await self._cluster.find(LEASE, names.LEASE, namespace=self._namespace)
        now = _now()
        if lease is None:
            began = self._clock()
            try:
                await self._cluster.create(LEASE, self._document(now))
            except AlreadyThere as error:
                raise RetryLater("Another operator took the Lease first.") from error
            self._until = began + self._seconds * 2 / 3
            return True
        spec: dict[str, Any] = lease.setdefault("spec", {})
        holder = str(spec.get("holderIdentity") or "")
        if holder not in {"", self._identity} and not self._stood_still(holder, spec):
            return False
        if holder != self._identity:
            spec["leaseTransitions"] = int(spec.get("leaseTransitions") or 0) + 1
            spec["acquireTime"] = now
        spec |= {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": self._seconds,
            "renewTime": now,
        }
        began = self._clock()  # nobody sees the renewal before it was sent
        await self._cluster.replace(LEASE, lease)
        self._until = began + self._seconds * 2 / 3
        return True

    def _stood_still(self, holder: str, spec: dict[str, Any]) -> bool:
        renewal = str(spec.get("renewTime") or "")
        if self._seen[:2] != (holder, renewal):
            self._seen = (holder, renewal, self._clock())
        seconds = int(spec.get("leaseDurationSeconds") or self._seconds)
        return self._clock() - self._seen[2] > seconds

    def _document(self, now: str) -> Document:
        return {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.kind,
            "metadata": {"name": names.LEASE, "namespace": self._namespace},
            "spec": {
                "holderIdentity": self._identity,
                "leaseDurationSeconds": self._seconds,
                "acquireTime": now,
                "renewTime": now,
                "leaseTransitions": 0,
            },
        }


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
