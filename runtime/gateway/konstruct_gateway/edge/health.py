"""Alive, ready, and the figures."""

import time
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from konstruct_gateway.edge import metrics
from konstruct_gateway.registry.view import RegistryView
from konstruct_store.errors import StoreError
from konstruct_store.store import Store

_REMEMBER_SECONDS = 1.0


class Health:
    """Ready means: the store answers as it must, the registry was read, and nobody said goodbye.

    The store is asked at most once a second, however often the question comes.
    """

    def __init__(
        self,
        store: Store,
        view: RegistryView,
        figures: metrics.Metrics,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._view = view
        self._figures = figures
        self._clock = clock
        self._going = False
        self._asked_at = float("-inf")
        self._problem = ""

    def say_goodbye(self) -> None:
        """Be ready no longer: the replica goes down."""
        self._going = True

    async def healthz(self, _request: Request) -> Response:
        """Answer that the process is alive."""
        return JSONResponse({"status": "alive"})

    async def readyz(self, _request: Request) -> Response:
        """Answer whether the gateway can do its work, and why not."""
        problem = await self._reason()
        if problem:
            return JSONResponse({"status": "not ready", "reason": problem}, status_code=503)
        return JSONResponse({"status": "ready"})

    async def metrics(self, _request: Request) -> Response:
        """Return all figures."""
        return Response(self._figures.text(), media_type=metrics.CONTENT_TYPE)

    async def _reason(self) -> str:
        if self._going:
            return "shutting down"
        if not self._view.read:
            return "the registry has not been read"
        now = self._clock()
        if now - self._asked_at >= _REMEMBER_SECONDS:
            self._asked_at = now
            try:
                await self._store.check()
            except StoreError as error:
                self._problem = str(error)
            else:
                self._problem = ""
        return self._problem
