"""The installation's provider keys: from the environment, and from files that change while we run.

A mounted Secret is a folder with one file per key, which the kubelet replaces as a whole. A changed
key is tried before it is used; one that its provider refuses is not, and the former goes on working
for as long as this process runs.
"""

import asyncio
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import structlog

from konstruct_llm.keys import KeptKeys, KeyTrials
from konstruct_llm.metrics import LlmMetrics

_log = structlog.get_logger(__name__)

_AGAIN_SECONDS = 60.0
_ENDING = 4


class PoolKeys(Mapping[str, str]):
    """Variables by name, as the environment has them; those in the folder win.

    `metrics` show which key of each variable is in use and which is refused, by its last four
    characters, as vendors show keys.
    """

    def __init__(
        self, environment: Mapping[str, str], folder: Path | None, metrics: LlmMetrics
    ) -> None:
        self._environment = environment
        self._folder = folder
        self._metrics = metrics
        found = self._read()
        self._kept = KeptKeys(_version(found), found)
        self._seen = self._kept.version
        self._try_at = 0.0
        self._show(found)

    def __getitem__(self, name: str) -> str:
        return self._kept.in_use.get(name) or self._environment[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._environment, **self._kept.in_use})

    def __len__(self) -> int:
        return len({**self._environment, **self._kept.in_use})

    async def follow(self, trials: KeyTrials, *, seconds: float) -> None:
        """Look at the folder for ever."""
        while self._folder is not None:
            await asyncio.sleep(seconds)
            await self.look(trials)

    async def look(self, trials: KeyTrials) -> None:
        """Take over what changed, if its provider takes it; a refused one is tried again later."""
        found = self._read()
        version, now = _version(found), asyncio.get_running_loop().time()
        waits = bool(self._kept.refused or self._kept.untried) and now < self._try_at
        if not found or version == self._kept.version or (version == self._seen and waits):
            return
        await self._kept.take_over(found, version, trials.attempt)
        self._seen, self._try_at = version, now + _AGAIN_SECONDS
        self._show(found)
        told = {name: sorted(getattr(self._kept, name)) for name in ("refused", "untried")}
        say = _log.warning if any(told.values()) else _log.info
        say("provider_keys_changed", taken=sorted(set(found) - set().union(*told.values())), **told)

    def _read(self) -> dict[str, str]:
        """Return the folder's keys; nothing while it is not there."""
        if self._folder is None:
            return {}
        try:
            files = [one for one in self._folder.iterdir() if not one.name.startswith(".")]
            found = {one.name: one.read_text().strip() for one in sorted(files)}
        except (OSError, ValueError):
            return {}
        return {name: value for name, value in found.items() if value}

    def _show(self, declared: Mapping[str, str]) -> None:
        gauge = self._metrics.provider_keys
        gauge.clear()
        for name, value in self._kept.in_use.items():
            gauge.labels(name, value[-_ENDING:], "Running").set(1)
        for state, names in (("Refused", self._kept.refused), ("Untried", self._kept.untried)):
            for name in names:
                gauge.labels(name, declared[name][-_ENDING:], state).set(1)


def _version(keys: Mapping[str, str]) -> str:
    content = "\0".join(f"{name}={value}" for name, value in sorted(keys.items()))
    return hashlib.sha256(content.encode()).hexdigest()[:16]
