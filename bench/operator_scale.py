"""How long from a declared Tenant to its written children, and what a settled operator costs.

    make bench-operator                      # 1,000 tenants, then 120 that are timed
    PYTHONPATH=tests:bench .venv/bin/python bench/operator_scale.py --tenants 100

It needs a test cluster (`make testbed`, or KUBECONFIG); without one it starts its own. The operator
runs with the packages of its image and a pod's service account, which takes root. Each tenant
brings a namespace, one Agent and one web chat connection. First all are declared at once and
settle. Then more come one after another, each timed from before the Tenant's POST until a watch
shows the Deployment, which is the last child written. Then the operator idles for longer than a
sweep, and its write requests, its processor time and its memory are read.
"""

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from konstruct_operator.cluster import kinds
from konstruct_operator.cluster.client import Cluster as Door
from konstruct_operator.errors import AlreadyThere
from pods_operator import pods_operator
from support import declared
from support.cluster import Cluster, _built_cluster, given_cluster
from support.far_registry import FarRegistry, far_registry
from support.operator_process import (
    ACCOUNT,
    NAMESPACE,
    ROOT,
    OperatorProcess,
    account_kubeconfig,
    eventually,
    install_rights,
    operator_process,
)


def main() -> None:
    """Measure and print one JSON line."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--tenants", type=int, default=100)
    arguments.add_argument("--agents", type=int, default=1, help="of each of those tenants")
    arguments.add_argument("--arrivals", type=int, default=120)
    arguments.add_argument("--idle-seconds", type=float, default=70)
    chosen = arguments.parse_args()
    given = os.environ.get("KUBECONFIG")
    with given_cluster(Path(given)) if given else _built_cluster() as cluster:
        os.environ["KUBECONFIG"] = str(cluster.kubeconfig)
        print(json.dumps(_measure(cluster, chosen, leave=not given)))


def _measure(cluster: Cluster, chosen: argparse.Namespace, *, leave: bool) -> dict[str, Any]:
    """Measure; `leave` everything where it is in a cluster that ends with us."""
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", ROOT / "crds")
    install_rights(cluster)
    with tempfile.TemporaryDirectory() as folder, far_registry() as far:
        account = account_kubeconfig(cluster, Path(folder), ACCOUNT, NAMESPACE)
        program = pods_operator(account, Path(folder))
        with operator_process(
            account, far.url, Path(folder), program=program, LEASE_SECONDS="15"
        ) as operator:
            eventually(operator.leads, what="leadership")
            try:
                return asyncio.run(_scenario(operator, far, chosen))
            finally:
                if leave:
                    operator.kill()
                else:
                    _clean(cluster)


def _clean(cluster: Cluster) -> None:
    cluster.kubectl("delete", "tenants", "--all", "--timeout=600s")
    cluster.kubectl("delete", "namespaces", "-l", "konstruct.dev/tenant", "--wait=false")


async def _scenario(
    operator: OperatorProcess, far: FarRegistry, chosen: argparse.Namespace
) -> dict[str, Any]:
    door = await Door.connect()
    try:
        began = time.monotonic()
        await _declare_all(door, range(chosen.tenants), chosen.agents)
        await _deployments(door, chosen.tenants)
        all_written = time.monotonic() - began
        await _quiet(operator)
        settled = time.monotonic() - began
        busy, looked = _cpu_seconds(operator), operator.looks()
        arrivals = [await _arrival(door, f"late-{number}") for number in range(chosen.arrivals)]
        await _quiet(operator)
        busy, looked = _cpu_seconds(operator) - busy, operator.looks() - looked
        idle = await _idle(operator, far, chosen.idle_seconds)
    finally:
        await door.close()
    return {
        "tenants": chosen.tenants,
        "all_children_written_seconds": round(all_written, 1),
        "all_settled_seconds": round(settled, 1),
        "arrival_to_children_ms": _percentiles(arrivals),
        "cpu_ms_per_look": round(busy / max(1, looked) * 1000, 1),
        "looks_per_arrival": round(looked / max(1, chosen.arrivals), 1),
        "idle": idle,
        "operator_rss_mib": round(operator.resident_bytes() / 2**20, 1),
        "cpus": os.cpu_count(),
    }


async def _declare_all(door: Door, numbers: range, agents: int) -> None:
    gate = asyncio.Semaphore(16)

    async def one(number: int) -> None:
        async with gate:
            await _declare(door, f"bench-{number}", agents)

    await asyncio.gather(*(one(number) for number in numbers))


async def _declare(door: Door, name: str, agents: int) -> None:
    """Declare a tenant with its agents, each with a connection of its own."""
    place = f"team-{name}"
    for kind, document in (
        (kinds.NAMESPACE, declared.namespace(name)),
        (kinds.TENANT, declared.tenant(name, namespace=place)),
    ):
        try:
            await door.create(kind, document)
        except AlreadyThere:
            continue
    for agent in ("ana", *(f"ana-{number}" for number in range(1, agents))):
        await door.create(kinds.AGENT, declared.agent(place, agent))
        site = agent.replace("ana", "website")
        await door.create(kinds.CONNECTION, declared.connection(place, site, to=agent))


async def _arrival(door: Door, name: str) -> float:
    place = f"team-{name}"
    await door.create(kinds.NAMESPACE, declared.namespace(name))
    _, version = await door.list(kinds.DEPLOYMENT, namespace=place)
    watch = door.watch(kinds.DEPLOYMENT, namespace=place, selector="", version=version, seconds=60)
    began = time.monotonic()
    await door.create(kinds.TENANT, declared.tenant(name, namespace=place))
    async for event in watch:
        if event["type"] == "ADDED":
            break
    took = time.monotonic() - began
    await door.create(kinds.AGENT, declared.agent(place))
    await door.create(kinds.CONNECTION, declared.connection(place))
    return took * 1000


async def _deployments(door: Door, count: int) -> None:
    while True:
        found, _ = await door.list(
            kinds.DEPLOYMENT, selector="konstruct.dev/tenant", from_cache=True
        )
        if len(found) >= count:
            return
        await asyncio.sleep(0.25)


async def _quiet(operator: OperatorProcess) -> None:
    """Wait until the operator has written nothing for five seconds."""
    before: dict[str, int] = {}
    while True:
        now = await asyncio.to_thread(operator.writes)
        if now == before and now:
            return
        before = now
        await asyncio.sleep(5)


async def _idle(operator: OperatorProcess, far: FarRegistry, seconds: float) -> dict[str, Any]:
    writes, pushes, cpu = operator.writes(), far.pushes(), _cpu_seconds(operator)
    await asyncio.sleep(seconds)
    return {
        "seconds": seconds,
        "api_writes": sum(operator.writes().values()) - sum(writes.values()),
        "registry_pushes": far.pushes() - pushes,
        "cpu_percent_of_one_core": round((_cpu_seconds(operator) - cpu) / seconds * 100, 1),
    }


def _cpu_seconds(operator: OperatorProcess) -> float:
    fields = Path(f"/proc/{operator.process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _percentiles(values: list[float]) -> dict[str, float]:
    ranked = sorted(values)
    return {
        "p50": round(statistics.median(ranked), 1),
        "p99": round(ranked[min(len(ranked) - 1, int(len(ranked) * 0.99))], 1),
        "max": round(ranked[-1], 1),
        "n": len(ranked),
    }


if __name__ == "__main__":
    main()
