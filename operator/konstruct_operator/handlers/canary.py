"""The canary: an object written and seen again through a watch, because watches can go silent."""

import asyncio
import time
from collections.abc import Callable
from secrets import token_hex

import structlog

from konstruct_operator import names
from konstruct_operator.cluster import kinds
from konstruct_operator.cluster.client import Cluster
from konstruct_operator.errors import NotFound, OperatorError

log = structlog.get_logger(__name__)


class Canary:
    """A ConfigMap in the operator's namespace whose round trip shows that we hear the cluster."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        namespace: str,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._seconds = seconds
        self._clock = clock
        self._heard_at: float | None = None
        self._song = ""

    def problem(self) -> str:
        """Return '' while the canary sings, else since when it is silent."""
        if self._heard_at is None:
            return ""
        silent = self._clock() - self._heard_at
        if silent <= self._seconds * 3:
            return ""
        return f"The canary object was not seen again for {silent:.0f} s: watches are silent."

    async def run(self) -> None:
        """Sing and listen until cancelled."""
        self._heard_at = self._clock()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._sing())
            group.create_task(self._listen())

    async def _sing(self) -> None:
        while True:
            self._song = token_hex(8)
            try:
                await self._cluster.merge(
                    kinds.CONFIG_MAP,
                    names.CANARY,
                    {"data": {"song": self._song}},
                    namespace=self._namespace,
                )
            except NotFound:
                await self._hatch()
                continue
            except OperatorError as error:
                log.warning("canary_not_written", error=str(error))
            await asyncio.sleep(self._seconds)

    async def _hatch(self) -> None:
        document = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": names.CANARY,
                "namespace": self._namespace,
                "labels": {names.LABEL_MANAGED_BY: names.MANAGED_BY, names.CANARY_LABEL: "canary"},
            },
        }
        try:
            await self._cluster.create(kinds.CONFIG_MAP, document)
        except OperatorError as error:
            log.warning("canary_not_made", error=str(error))
            await asyncio.sleep(1)

    async def _listen(self) -> None:
        selector = f"{names.CANARY_LABEL}=canary"
        while True:
            try:
                _, version = await self._cluster.list(
                    kinds.CONFIG_MAP, namespace=self._namespace, selector=selector
                )
                events = self._cluster.watch(
                    kinds.CONFIG_MAP,
                    namespace=self._namespace,
                    selector=selector,
                    version=version,
                    seconds=300,
                )
                async for event in events:
                    if event["object"].get("data", {}).get("song") == self._song:
                        self._heard_at = self._clock()
            except OperatorError as error:
                log.warning("canary_not_heard", error=str(error))
                await asyncio.sleep(1)
