"""The tenants' agents as tasks of this process: one each, as each has its own pod in a cluster."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

import structlog

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 15.0

log = structlog.get_logger(__name__)

Run = Callable[[UUID, str, asyncio.Event], Awaitable[None]]
"""Runs one tenant's agent with its work token until the event is set."""


@dataclass
class _Running:
    token: str
    stop: asyncio.Event
    task: asyncio.Task[None]
    failure: str = ""


class Agents:
    """Keeps exactly the wanted agents running; one that fails is started again, ever slower."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._running: dict[UUID, _Running] = {}

    def is_running(self, tenant_id: UUID) -> bool:
        """Tell whether the tenant's agent works now."""
        one = self._running.get(tenant_id)
        return one is not None and not one.task.done() and not one.failure

    def failure(self, tenant_id: UUID) -> str:
        """Return why the tenant's agent does not work, or an empty text."""
        one = self._running.get(tenant_id)
        return one.failure if one is not None else ""

    async def want(self, tokens: Mapping[UUID, str]) -> None:
        """Run an agent for each of `tokens` (work token by tenant) and for nobody else."""
        unwanted = {
            tenant_id: one
            for tenant_id, one in self._running.items()
            if tokens.get(tenant_id) != one.token
        }
        await self._stop(unwanted)
        for tenant_id, token in tokens.items():
            if tenant_id not in self._running:
                stop = asyncio.Event()
                task = asyncio.create_task(self._supervise(tenant_id, token, stop))
                self._running[tenant_id] = _Running(token, stop, task)

    async def stop(self) -> None:
        """Let every agent release its turns and end."""
        await self._stop(dict(self._running))

    async def _stop(self, chosen: Mapping[UUID, _Running]) -> None:
        for one in chosen.values():
            one.stop.set()
        await asyncio.gather(*(one.task for one in chosen.values()), return_exceptions=True)
        for tenant_id in chosen:
            self._running.pop(tenant_id, None)

    async def _supervise(self, tenant_id: UUID, token: str, stop: asyncio.Event) -> None:
        pause = _FIRST_PAUSE
        while not stop.is_set():
            started = asyncio.get_running_loop().time()
            try:
                await self._run(tenant_id, token, stop)
            except Exception as error:
                log.exception("agent_failed", tenant_id=str(tenant_id))
                self._note(tenant_id, f"{type(error).__name__}: {error}")
            if stop.is_set():
                return
            if asyncio.get_running_loop().time() - started > _LONGEST_PAUSE:
                pause = _FIRST_PAUSE
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
            self._note(tenant_id, "")

    def _note(self, tenant_id: UUID, failure: str) -> None:
        one = self._running.get(tenant_id)
        if one is not None:
            one.failure = failure
