"""Campaign: an earlier version is upgraded to this one and rolled back while people write.

    make campaign-upgrade                  # from the commit before the newest migration
    make campaign-upgrade FROM=v0.1.0      # after `make cluster`, else it starts one (root)

Both versions are real images, each built by its own tree's `images/build.sh`, and both charts are
those of their trees; Postgres is on a volume, so it rolls too. Visitors write all along, each when
the last message is answered, on two tenants; beside them tickets are asked for ten times a second,
as a measure of the front door. Prints one JSON line; ends with 1 if anything was lost or doubled.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from support import former, helm
from support.campaigns import report
from support.demo_talk import assert_nothing_lost_or_doubled, talking
from support.faithful_visitor import FaithfulVisitor
from support.node import NodeCluster, open_node_cluster
from support.operator_process import eventually
from support.release import VALUES, Release, dns, install, kinds_installed, place, volume

_TENANTS = ("mover", "shaker")
_BEAT_SECONDS = 0.1
_ROLLED_SECONDS = 900


def main() -> int:
    """Run the campaign; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="commit", default="", help="default: see above")
    parser.add_argument("--visitors", type=int, default=4)
    options = parser.parse_args()
    commit = options.commit or former.before_the_newest_migration()
    old = former.tree(commit)
    now = helm.ROOT
    began = time.monotonic()
    with open_node_cluster() as cluster, tempfile.TemporaryDirectory() as data:
        report.say(f"building {commit[:12]} (schema {former.schema_of(old)})")
        before = former.images(old, cluster.registry)
        report.say(f"building this tree (schema {former.schema_of(now)})")
        after = former.images(now, cluster.registry)
        with kinds_installed(cluster):
            common = {**volume(cluster, Path(data)), **dns(cluster)}
            release = install(
                cluster,
                {**common, "image.digests": before},
                file=old / "tests/end_to_end/cluster/values.yaml",
                chart=old / "charts/konstruct",
                seconds=_ROLLED_SECONDS,
            )
            try:
                with release.tenants(*_TENANTS):
                    release.wait_ready(*_TENANTS)
                    values = {**common, "image.digests": after}
                    figures = asyncio.run(_campaign(release, values, before, options.visitors))
            finally:
                release.uninstall()
                cluster.try_kubectl("delete", "pvc", "--all", "-n", release.namespace)
                cluster.try_kubectl("delete", "pv", "konstruct-test", "--timeout=30s")
    clean = not figures["lost"] and not figures["doubled"]
    schemas = [former.schema_of(old), former.schema_of(now)]
    versions = {"from": commit[:12], "schemas": schemas}
    return report.finish(
        report.line("upgrade", seed=0, clean=clean, began=began, **versions, **figures)
    )


async def _campaign(
    release: Release,
    values: Mapping[str, Any],
    before: Mapping[str, str],
    people: int,
) -> dict[str, Any]:
    connections = [f"{_TENANTS[one % 2]}/website" for one in range(people)]
    door: Counter[str] = Counter()
    seconds: dict[str, float] = {}
    async with (
        _knocking(release.gateway_url, door),
        talking(release.gateway_url, *connections) as visitors,
    ):
        await _phase("still", seconds, asyncio.sleep(10))
        up = asyncio.to_thread(_upgrade, release.cluster, values)
        await _phase("upgrade", seconds, up)
        await _phase("after", seconds, asyncio.sleep(10))
        back = asyncio.to_thread(_roll_back, release, before)
        await _phase("rollback", seconds, back)
        await _phase("back", seconds, asyncio.sleep(10))
    return {**_judged(visitors), "tickets": dict(door), "phase_seconds": seconds}


async def _phase(name: str, seconds: dict[str, float], work: Any) -> None:
    report.say(name)
    began = time.monotonic()
    await work
    seconds[name] = round(time.monotonic() - began, 1)


def _upgrade(cluster: NodeCluster, values: Mapping[str, Any]) -> None:
    where = ("--kubeconfig", cluster.kubeconfig, "--namespace", helm.NAMESPACE)
    helm.run("helm", "upgrade", "konstruct-crds", helm.CRDS, "--wait", *where)
    _wait_for_agents(
        install(cluster, values, file=VALUES, seconds=_ROLLED_SECONDS), values["image.digests"]
    )


def _roll_back(release: Release, before: Mapping[str, str]) -> None:
    release.rollback(seconds=_ROLLED_SECONDS)
    _wait_for_agents(release, before)


def _wait_for_agents(release: Release, digests: Mapping[str, str]) -> None:
    """Wait until the waves have brought every tenant the agent of this version."""

    def rolled() -> bool:
        for name in _TENANTS:
            pods = release.pods("agent", place(name))
            images = [pod["spec"]["containers"][0]["image"] for pod in pods]
            if not images or any(digests["agent"] not in image for image in images):
                return False
        return True

    eventually(rolled, seconds=_ROLLED_SECONDS, what="the agents' roll-out")
    release.wait_ready(*_TENANTS, seconds=_ROLLED_SECONDS)


@asynccontextmanager
async def _knocking(url: str, door: Counter[str]) -> AsyncIterator[None]:
    """Ask for a ticket ten times a second, each over a connection of its own, and count answers."""

    async def knock() -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
            try:
                answer = await client.post(f"{url}/chat/{_TENANTS[0]}/website/ticket")
                door[str(answer.status_code)] += 1
            except httpx.HTTPError as error:
                door[type(error).__name__] += 1

    async def knocks() -> None:
        async with asyncio.TaskGroup() as tasks:
            while True:
                tasks.create_task(knock())
                await asyncio.sleep(_BEAT_SECONDS)

    task = asyncio.create_task(knocks())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _judged(visitors: list[FaithfulVisitor]) -> dict[str, Any]:
    waited = sorted(one for visitor in visitors for one in visitor.ledger.waited)
    lost, doubled = 0, 0
    for visitor in visitors:
        lost += len(visitor.unanswered())
        try:
            assert_nothing_lost_or_doubled(visitor)
        except AssertionError as error:
            report.say(str(error))
            doubled += not visitor.unanswered()
    return {
        "messages": len(waited),
        "lost": lost,
        "doubled": doubled,
        "accepted_seconds": report.percentiles(waited),
        "reconnects": sum(one.ledger.connections - 1 for one in visitors),
        "failed_connects": sum(one.ledger.failures for one in visitors),
        "refused_and_sent_again": sum(len(one.ledger.errors) for one in visitors),
        "notices": dict(Counter(one for visitor in visitors for one in visitor.ledger.notices)),
    }


if __name__ == "__main__":
    sys.exit(main())
