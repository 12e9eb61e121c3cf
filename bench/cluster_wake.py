"""How fast a new tenant is Ready and a sleeping one answers, on a cluster with a node.

    make bench-wake                                     # after `make cluster images`
    PYTHONPATH=tests:bench .venv/bin/python bench/cluster_wake.py --tenants 20

It installs the charts as the end-to-end tests do. Tenants are declared one after another, each
timed from before `kubectl apply` until its condition Ready is seen: half of them with a pod that
runs, half with `minReplicas: 0`, who are ready asleep. Then a visitor writes to each sleeper, one
after another: timed from the message on its socket to the first word of the demo model, so that the
model's request is a moment before it. Then the memory of the woken pods is read, as they wait.
"""

import argparse
import asyncio
import json
import statistics
import time
from pathlib import Path
from typing import Any

from support import declared, pods
from support.node import open_node_cluster
from support.release import Release, installed, place, whole
from support.visitor import arriving

_SLEEPS = {"runtime": {"minReplicas": 0, "idleAfterSeconds": 3600}}
_RESIDENT = """
print(next(line.split()[1] for line in open("/proc/1/status") if line.startswith("VmRSS")))
"""


def main() -> None:
    """Measure and print one JSON line."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--tenants", type=int, default=20, help="of each sort")
    chosen = arguments.parse_args()
    runners = [f"runner-{number}" for number in range(chosen.tenants)]
    sleepers = [f"sleeper-{number}" for number in range(chosen.tenants)]
    with open_node_cluster() as cluster, installed(cluster) as release:
        try:
            running = [_declared(release, name) for name in runners]
            _delete(release, runners)
            asleep = [_declared(release, name, **_SLEEPS) for name in sleepers]
            woken = [asyncio.run(_woken(release, name)) for name in sleepers]
            resident = [_resident(release, name) for name in sleepers]
        finally:
            _delete(release, [*runners, *sleepers])
    print(
        json.dumps(
            {
                "tenants": chosen.tenants,
                "load": Path("/proc/loadavg").read_text().split()[0],
                "ready_seconds": _spread(running),
                "ready_asleep_seconds": _spread(asleep),
                "wake_seconds": _spread(woken),
                "agent_idle_mib": round(statistics.median(resident) / 1024, 1),
            }
        )
    )


def _delete(release: Release, names: list[str]) -> None:
    release.cluster.kubectl("delete", "kt", *names, "--ignore-not-found")
    places = map(place, names)
    release.cluster.kubectl("delete", "namespace", *places, "--ignore-not-found", "--timeout=180s")


def _declared(release: Release, name: str, **spec: Any) -> float:
    began = time.monotonic()
    declared.apply(release.cluster, *whole(name, **spec))
    release.cluster.kubectl("wait", "--for=condition=Ready", f"kt/{name}", "--timeout=60s")
    return time.monotonic() - began


async def _woken(release: Release, name: str) -> float:
    assert release.pods("agent", place(name)) == []
    async with arriving(release.gateway_url, f"{name}/website") as visitor:
        began = time.monotonic()
        await visitor.say("Hello!")
        first, _ = await visitor.wait_for("delta", seconds=60)
        await visitor.wait_for("reply", seconds=60)
    return first - began


def _resident(release: Release, name: str) -> int:
    (pod,) = release.pods("agent", place(name))
    said = pods.run_python(release.cluster, place(name), pod["metadata"]["name"], _RESIDENT)
    return int(said)


def _spread(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {
        "p50": round(statistics.median(ordered), 2),
        "p99": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))], 2),
    }


if __name__ == "__main__":
    main()
