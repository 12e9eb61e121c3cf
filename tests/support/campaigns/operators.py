"""What the operator's campaigns share: an installed cluster, a far registry, a running operator."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.campaigns.nursery import Nursery, nursery
from support.cluster import Cluster
from support.operator_process import (
    ACCOUNT,
    NAMESPACE,
    ROOT,
    OperatorProcess,
    account_kubeconfig,
    environment,
    eventually,
    install_rights,
    operator_process,
)

# Campaigns keep the machine busy; leadership is the matter of others.
_LEASE_SECONDS = "60"
_MISTAKES = ("look_failed", "loop_failed", "loops_do_not_end", "lease_lost")


def install(cluster: Cluster, folder: Path) -> Path:
    """Give the cluster our kinds and the operator's rights; return the operator's kubeconfig."""
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", ROOT / "crds")
    plurals = ("tenants", "agents", "channelconnections", "agenttemplates")
    addresses = [f"/apis/konstruct.dev/v1alpha1/{plural}" for plural in plurals]

    def served() -> bool:
        answers = [cluster.try_kubectl("get", "--raw", one) for one in addresses]
        return all(one.returncode == 0 for one in answers)

    eventually(served, seconds=60, what="our kinds")
    install_rights(cluster)
    return account_kubeconfig(cluster, folder, ACCOUNT, NAMESPACE)


@dataclass
class Watchman:
    """Looks whether an operator still lives and what it complained of."""

    operator: OperatorProcess
    read: int = 0
    mistakes: list[str] = field(default_factory=list)

    def look(self) -> list[str]:
        """Return every mistake so far: an end of the process, tracebacks, failed loops."""
        if self.operator.process.poll() is not None:
            self.mistakes.append(f"the operator ended with {self.operator.process.returncode}")
        with self.operator.log_file.open("rb") as log:
            log.seek(self.read)
            whole, _, _ = log.read().rpartition(b"\n")
        self.read += len(whole) + bool(whole)
        lines = whole.decode(errors="replace").split("\n")
        self.mistakes += [one for one in map(_mistake, lines) if one]
        return self.mistakes


@contextmanager
def watched_operator(
    cluster: Cluster, kubeconfig: Path, registry_url: str, folder: Path, **over: str
) -> Iterator[Watchman]:
    """Run an operator that leads, and somebody who looks at it."""
    over = {"LEASE_SECONDS": _LEASE_SECONDS} | over
    _end_leadership(cluster)
    try:
        with operator_process(kubeconfig, registry_url, folder, **over) as operator:
            eventually(operator.leads, seconds=120, what="leadership")
            yield Watchman(operator)
    finally:
        _end_leadership(cluster)


@dataclass
class Immortal:
    """An operator that is started again whenever it ends, as a kubelet does.

    `pause` is how many seconds it stays away the next time.
    """

    births: Nursery
    settings: dict[str, str]
    log_file: Path
    number: int = 0
    pause: float = 0.0
    starts: int = 0
    away: asyncio.Event = field(default_factory=asyncio.Event)
    mistakes: list[str] = field(default_factory=list)

    async def kill(self) -> None:
        """End it at once."""
        await self.births.kill(self.number)

    async def live(self) -> None:
        """Start it again and again, until cancelled."""
        while True:
            self.number = await self.births.start(self.settings, self.log_file)
            self.away.clear()
            self.starts += 1
            code = await self.births.ended(self.number)
            self.away.set()
            if code >= 0:
                self.mistakes.append(f"the operator ended by itself with {code}")
            await asyncio.sleep(self.pause)

    def complaints(self) -> list[str]:
        """Return every mistake in the log and in how it ended."""
        lines = self.log_file.read_text().splitlines() if self.log_file.exists() else []
        return self.mistakes + [one for one in map(_mistake, lines) if one]


@asynccontextmanager
async def immortal_operator(
    cluster: Cluster, kubeconfig: Path, registry_url: str, folder: Path, **over: str
) -> AsyncIterator[Immortal]:
    """Keep an operator running while the block does."""
    # The same identity at each start, as a container has that is started again in its pod.
    own = {"PROBE_PORT": "0", "IDENTITY": "campaign", "LEASE_SECONDS": _LEASE_SECONDS} | over
    settings = environment(kubeconfig, registry_url, **own)
    await asyncio.to_thread(_end_leadership, cluster)
    async with nursery() as births:
        found = Immortal(births, settings, folder / "operator.log")
        living = asyncio.create_task(found.live())
        try:
            yield found
        finally:
            living.cancel()
            await asyncio.gather(living, return_exceptions=True)
            if found.number:
                await births.kill(found.number)
            await asyncio.to_thread(_end_leadership, cluster)


def _end_leadership(cluster: Cluster) -> None:
    """Take the Lease from whoever died with it, so that nobody waits for its time to run out."""
    lease = ("lease", "konstruct-operator", "-n", NAMESPACE)
    cluster.kubectl("delete", *lease, "--ignore-not-found")


def _mistake(line: str) -> str:
    if not line.startswith("{"):
        return f"not a line of the log: {line[:300]}" if line.strip() else ""
    entry: dict[str, Any] = json.loads(line)
    if entry.get("event") in _MISTAKES or "Traceback" in line:
        return line[-1500:]
    return ""
