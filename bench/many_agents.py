"""Many agents at once: what operator and gateway hold, and whether every agent answers.

    make bench-many-agents                   # 51 tenants with 100 agents each
    PYTHONPATH=tests:bench .venv/bin/python bench/many_agents.py --tenants 5 --agents 20

Each agent has a web chat of its own. Everything is declared on a real Kubernetes API, each tenant's
pod is a process with exactly the environment that its Deployment gives it, and once all tenants are
registered a visitor asks every agent one question. The model is a far end that repeats the
question's nonce.
"""

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from konstruct_operator.cluster import kinds
from konstruct_operator.cluster.client import Cluster as Door
from pods_operator import pods_operator
from processes import percentile, resident_mib
from support import declared
from support.cluster import Cluster, _built_cluster, given_cluster
from support.far_model import FarModel
from support.nodeless import environment_of_the_pod, operator_of
from support.operator_process import ROOT, OperatorProcess, install_rights
from support.stack import Program, Stack, running_stack
from support.visitor import arriving

_AT_ONCE = 32
_REGISTER_SECONDS = 1200.0


def main() -> None:
    """Measure and print one JSON line."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--tenants", type=int, default=51)
    arguments.add_argument("--agents", type=int, default=100, help="of each tenant")
    chosen = arguments.parse_args()
    given = os.environ.get("KUBECONFIG")
    with (
        given_cluster(Path(given)) if given else _built_cluster() as cluster,
        tempfile.TemporaryDirectory(prefix="konstruct-bench-") as folder,
    ):
        Path(folder).chmod(0o755)
        os.environ["KUBECONFIG"] = str(cluster.kubeconfig)
        cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", ROOT / "crds")
        install_rights(cluster)
        print(json.dumps(asyncio.run(_measure(cluster, Path(folder), chosen))))


async def _measure(cluster: Cluster, folder: Path, chosen: argparse.Namespace) -> dict[str, Any]:
    names = [f"many-{number}" for number in range(chosen.tenants)]
    agents = [f"agent-{number}" for number in range(chosen.agents)]
    async with FarModel() as model, running_stack(folder) as stack:
        gateway = await stack.start_gateway(environment=_no_limits())
        llm = await stack.start_llm_with(model.url, model.key)
        with operator_of(
            cluster, stack, folder, program=pods_operator, LEASE_SECONDS="12"
        ) as operator:
            began = time.monotonic()
            await _declare(names, agents)
            await _registered(operator, stack, len(names))
            registered = time.monotonic() - began
            for name in names:
                await stack.start_agent_with(environment_of_the_pod(cluster, f"team-{name}"))
            holds = _held(operator, gateway, llm)
            asked = time.monotonic()
            took = await _ask_all(stack, [(one, other) for one in names for other in agents])
            seconds = time.monotonic() - asked
            return {
                "tenants": len(names),
                "agents_each": len(agents),
                "registered_seconds": round(registered, 1),
                "questions": len(names) * len(agents),
                "answered": len(took),
                "asked_seconds": round(seconds, 1),
                "answer_seconds_p50": round(statistics.median(took), 2),
                "answer_seconds_p99": round(percentile(took, 0.99), 2),
                "before_mib": holds,
                "after_mib": _held(operator, gateway, llm),
            }


def _held(operator: OperatorProcess, *programs: Program) -> dict[str, float]:
    """Return the proportional set size of each program, and the operator's resident one."""
    found = {one.name: round(resident_mib(one.process.pid), 1) for one in programs}
    found["operator"] = round(resident_mib(operator.process.pid), 1)
    found["operator_rss"] = round(operator.resident_bytes() / 2**20, 1)
    return found


def _no_limits() -> dict[str, str]:
    """Return settings under which one address may be thousands of visitors."""
    return {"KONSTRUCT_TICKETS_BURST": "1000000", "KONSTRUCT_MESSAGES_BURST": "1000000"}


async def _declare(names: Sequence[str], agents: Sequence[str]) -> None:
    """Declare every tenant with its agents, each with a web chat of its own."""
    door = await Door.connect()
    gate = asyncio.Semaphore(16)

    async def create(kind: kinds.Kind, document: dict[str, Any]) -> None:
        async with gate:
            await door.create(kind, document)

    async def one(name: str) -> None:
        place = f"team-{name}"
        await create(kinds.NAMESPACE, declared.namespace(name))
        await create(kinds.TENANT, declared.tenant(name, namespace=place))
        for agent in agents:
            await create(kinds.AGENT, declared.agent(place, agent))
            await create(kinds.CONNECTION, declared.connection(place, agent, to=agent))

    try:
        await asyncio.gather(*(one(name) for name in names))
    finally:
        await door.close()


async def _registered(operator: OperatorProcess, stack: Stack, count: int) -> None:
    """Wait until the operator is quiet, and each tenant has its Deployment and is registered."""
    door = await Door.connect()
    ends = time.monotonic() + _REGISTER_SECONDS
    before: dict[str, int] = {}
    try:
        while time.monotonic() < ends:
            await asyncio.sleep(5)
            found, _ = await door.list(kinds.TENANT)
            ready = sum(_is_registered(one) for one in found)
            if operator.process.poll() is not None:
                raise RuntimeError(f"The operator ended:\n{operator.log[-2000:]}")
            now = await asyncio.to_thread(operator.writes)
            if ready >= count and now == before:
                return
            before = now
    finally:
        await door.close()
    raise TimeoutError(f"{ready} of {count} tenants are registered; {stack.programs[0].tail()}")


def _is_registered(tenant: dict[str, Any]) -> bool:
    conditions = tenant.get("status", {}).get("conditions", [])
    return any(one["type"] == "Registered" and one["status"] == "True" for one in conditions)


async def _ask_all(stack: Stack, whom: Sequence[tuple[str, str]]) -> list[float]:
    """Ask each agent one question; return the seconds of those that were answered rightly."""
    gate, took = asyncio.Semaphore(_AT_ONCE), []

    async def one(tenant: str, agent: str) -> None:
        async with gate, arriving(stack.gateway_url, f"{tenant}/{agent}", seconds=30) as visitor:
            began = time.monotonic()
            name = uuid.uuid4().hex
            reply = await visitor.ask(f"hello nonce:{name}", seconds=120)
            if reply["agent"] == agent.title():
                took.append(time.monotonic() - began)

    await asyncio.gather(*(one(*each) for each in whom))
    return took


if __name__ == "__main__":
    main()
