"""The operator as a real process under its real rights, against a test cluster."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import yaml
from nacl.public import PrivateKey

from support.cluster import Cluster
from support.far_registry import TOKEN
from support.stack import encode_public_key, free_port

ROOT = Path(__file__).parents[2]
NAMESPACE = "konstruct-system"
ACCOUNT = "konstruct-operator"
AS_INSTALLED_HERE = (sys.executable, "-m", "konstruct_operator")
GATEWAY_KEY = PrivateKey(bytes(range(32)))
LLM_KEY = PrivateKey(bytes(range(1, 33)))

Result = TypeVar("Result")


def eventually(
    look: Callable[[], Result | None], *, seconds: float = 20.0, what: str = "this"
) -> Result:
    """Return the first true result of `look`. Fails after `seconds`."""
    end = time.monotonic() + seconds
    found: Any = None
    problem: Exception | None = None
    while time.monotonic() < end:
        try:
            found = look()
            if found:
                return found  # type: ignore[no-any-return]
        except (AssertionError, KeyError, LookupError, httpx.HTTPError) as error:
            problem = error
        time.sleep(0.1)
    raise AssertionError(f"{what} did not happen within {seconds} s: {problem or found!r}")


def operators_rights() -> list[dict[str, Any]]:
    """Return what the installed manifest grants the operator, and what it fences it in with."""
    documents = yaml.safe_load_all((ROOT / "manifests/install.yaml").read_text())
    programs = {"Deployment", "PodDisruptionBudget", "NetworkPolicy"}
    return [
        one
        for one in documents
        if one["metadata"]["labels"].get("app.kubernetes.io/component") == "operator"
        and one["kind"] not in programs
    ]


def install_rights(cluster: Cluster) -> None:
    """Give the cluster the operator's account, rights and admission policies."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    cluster.kubectl("apply", "--server-side", "-f", "-", input=json.dumps(namespace))
    rights = yaml.safe_dump_all(operators_rights(), sort_keys=False)
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=rights)


def account_kubeconfig(cluster: Cluster, folder: Path, account: str, namespace: str) -> Path:
    """Return a kubeconfig with a fresh token of a ServiceAccount."""
    token = cluster.kubectl("-n", namespace, "create", "token", account, "--duration=2h").strip()
    document = yaml.safe_load(cluster.kubectl("config", "view", "--raw", "--flatten", "--minify"))
    document["users"] = [{"name": account, "user": {"token": token}}]
    document["contexts"][0]["context"]["user"] = account
    path = folder / f"{account}.conf"
    path.write_text(yaml.safe_dump(document))
    return path


@dataclass
class OperatorProcess:
    """One operator. `kill` and `terminate` end it; `log` is what it wrote."""

    process: subprocess.Popen[bytes]
    log_file: Path
    probe_port: int
    identity: str
    started: float = field(default_factory=time.monotonic)

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def events(self, name: str) -> list[dict[str, Any]]:
        found = []
        for line in self.log.splitlines():
            if line.startswith("{"):
                entry = json.loads(line)
                if entry.get("event") == name:
                    found.append(entry)
        return found

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.probe_port}{path}", timeout=5)

    def writes(self) -> dict[str, int]:
        """Return the write requests so far by collection, without those of the Lease and canary."""
        found = re.findall(
            r'konstruct_operator_api_writes\{resource="([^"]+)"\} ([0-9.e+]+)',
            self.get("/metrics").text,
        )
        return {
            name: int(float(count)) for name, count in found if name not in {"leases", "configmaps"}
        }

    def looks(self) -> int:
        """Return how many times a Tenant was reconciled so far, whatever came of it."""
        name = 'konstruct_operator_reconciles_total{kind="Tenant"'
        lines = [one for one in self.get("/metrics").text.splitlines() if one.startswith(name)]
        return int(sum(float(one.rsplit(" ", 1)[1]) for one in lines))

    def resident_bytes(self) -> int:
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) * 1024
        return 0

    def leads(self) -> bool:
        return bool(self.events("leading"))

    def terminate(self, *, seconds: float = 15) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)


def environment(kubeconfig: Path, registry_url: str, **over: str) -> dict[str, str]:
    """Return the operator's environment; `over` are settings without their prefix."""
    settings = {
        "REGISTRY_URL": registry_url,
        "REGISTRY_TOKEN": TOKEN,
        "GATEWAY_SEAL_PUBLIC_KEY": encode_public_key(GATEWAY_KEY),
        "LLM_SEAL_PUBLIC_KEY": encode_public_key(LLM_KEY),
        "NAMESPACE": NAMESPACE,
        "AGENT_IMAGE": "registry.example/konstruct/agent:test",
        "AGENT_GATEWAY_URL": "http://konstruct-gateway.konstruct-system.svc:8001",
        "AGENT_LLM_URL": "http://konstruct-llm.konstruct-system.svc:8002",
        "PUBLIC_URL": "https://chat.example",
        "PROBE_HOST": "127.0.0.1",
        "LEASE_SECONDS": "5",
    } | over
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {
        **inherited,
        "KUBECONFIG": str(kubeconfig),
        "MALLOC_ARENA_MAX": "2",  # as its Deployment has it
        **{f"KONSTRUCT_{name}": value for name, value in settings.items()},
    }


@contextmanager
def operator_process(
    kubeconfig: Path,
    registry_url: str,
    folder: Path,
    *,
    name: str = "first",
    program: Sequence[str] = AS_INSTALLED_HERE,
    **over: str,
) -> Iterator[OperatorProcess]:
    """Run an operator while the context lasts."""
    port = free_port()
    log_file = folder / f"operator-{name}-{time.monotonic_ns()}.log"
    over = {"PROBE_PORT": str(port), "IDENTITY": name, **over}
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            program,
            env=environment(kubeconfig, registry_url, **over),
            stdout=log,
            stderr=log,
        )
    running = OperatorProcess(process, log_file, port, name)
    try:
        yield running
    finally:
        try:
            running.terminate()
        except subprocess.TimeoutExpired:
            running.kill()
