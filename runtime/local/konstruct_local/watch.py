"""Following the folder: a valid edit takes effect at once, an invalid one is refused in words."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import structlog
from watchfiles import Change, awatch

from konstruct_local.errors import Fault
from konstruct_local.folder import Folder
from konstruct_local.folder_disk import is_resource_file
from konstruct_local.projection import Projection
from konstruct_local.terminal import Terminal
from konstruct_local.words import mark as _
from konstruct_operator.errors import OperatorError, RetryLater
from konstruct_operator.registry.client import Registry

_DEBOUNCE_MILLISECONDS = 150
_VANISHED_SECONDS = 0.5
_RETRY_SECONDS = 1.0
_HEAL_SECONDS = 30.0
_BEGIN_SECONDS = 20.0

log = structlog.get_logger(__name__)


class Watch:
    """Keeps the projection in line with the folder, with the portal's edits, and with reports."""

    def __init__(
        self,
        *,
        folder: Folder,
        secrets: Folder,
        projection: Projection,
        registry: Registry,
        terminal: Terminal,
    ) -> None:
        self._folder = folder
        self._secrets = secrets
        self._projection = projection
        self._registry = registry
        self._terminal = terminal
        self._dirty = asyncio.Event()
        self._told: frozenset[Fault] = frozenset()

    def something_changed(self) -> None:
        """Ask for another look at the folder: an edit was written, a report came."""
        self._dirty.set()

    async def begin(self) -> None:
        """Publish what the folder declares. Raises RetryLater when the gateway stays silent."""
        deadline = asyncio.get_running_loop().time() + _BEGIN_SECONDS
        while True:
            try:
                await self._registry.refresh()
                await self._projection.apply(may_erase=False)
            except RetryLater:
                if asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(_RETRY_SECONDS / 10)
            else:
                return

    async def run(self, stopping: asyncio.Event) -> None:
        """Follow until `stopping` is set."""
        tasks: list[asyncio.Task[None]] = [
            asyncio.create_task(self._watch_files(stopping)),
            asyncio.create_task(self._work()),
            asyncio.create_task(self._listen()),
            asyncio.create_task(self._heal()),
        ]
        waiting = asyncio.create_task(stopping.wait())
        everything: set[asyncio.Task[Any]] = {waiting, *tasks}
        try:
            await asyncio.wait(everything, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()  # these never end by themselves: say why one did
        finally:
            for running in everything:
                running.cancel()
            await asyncio.gather(*everything, return_exceptions=True)

    async def _watch_files(self, stopping: asyncio.Event) -> None:
        roots = (self._folder.root, self._secrets.root)

        resolved = [root.resolve() for root in roots]

        def wanted(_change: Change, path: str) -> bool:
            place = Path(path)
            place = place.parent.resolve() / place.name
            return any(is_resource_file(place, root) for root in resolved)

        batches = awatch(
            *roots,
            watch_filter=wanted,
            debounce=_DEBOUNCE_MILLISECONDS,
            stop_event=stopping,
            recursive=True,
        )
        upcoming = asyncio.ensure_future(anext(batches))
        await asyncio.sleep(0)
        self._dirty.set()  # the watch exists from here on: one look at what changed before it
        while not stopping.is_set():
            try:
                changes = await upcoming
            except StopAsyncIteration:
                return
            upcoming = asyncio.ensure_future(anext(batches))
            log.info("files_changed", count=len(changes))
            if any(change is Change.deleted for change, _path in changes):
                # Editors and git take files away for a blink.
                await asyncio.sleep(_VANISHED_SECONDS)
            self._dirty.set()

    async def _work(self) -> None:
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            try:
                await self._look()
            except RetryLater as trouble:
                log.warning("not_applied_yet", reason=str(trouble))
                await asyncio.sleep(_RETRY_SECONDS)
                self._dirty.set()
            except Exception:
                log.exception("look_failed")
                await asyncio.sleep(_RETRY_SECONDS)

    async def _look(self) -> None:
        statuses = self._projection.statuses()
        try:
            await self._folder.read(statuses)
            await self._secrets.read(statuses)
        except OSError as error:
            self._terminal.complain(
                _("{folder} cannot be read ({reason}): what was declared stays in effect."),
                folder=self._folder.root,
                reason=error.strerror or error,
            )
            return
        self._tell_refusals()
        for name in await self._projection.apply(may_erase=True):
            self._terminal.say(_("{tenant}: the change is in effect."), tenant=name)

    def _tell_refusals(self) -> None:
        """Print each refusal once, when it is new."""
        faults = frozenset([*self._folder.state.faults, *self._secrets.state.faults])
        fresh = sorted(faults - self._told)
        for fault in fresh:
            self._terminal.murmur(str(fault))
        if fresh:
            self._terminal.complain(_("The edit is refused; the state before it stays in effect."))
        elif self._told and not faults:
            self._terminal.say(_("All files are valid again."))
        self._told = faults

    async def _listen(self) -> None:
        """Put what programs learn (budgets, channels) into conditions."""
        version = ""
        while True:
            try:
                demand = await self._registry.demand(version)
            except OperatorError as trouble:
                log.warning("demand_failed", reason=str(trouble))
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            if demand.version != version:
                version = demand.version
                self._projection.heard(demand.reports)
                await self._projection.refresh()

    async def _heal(self) -> None:
        """Look again now and then: what the registry lost is a difference, agents fail or mend."""
        while True:
            await asyncio.sleep(_HEAL_SECONDS)
            with contextlib.suppress(OperatorError):
                await self._registry.refresh()
            self._dirty.set()
