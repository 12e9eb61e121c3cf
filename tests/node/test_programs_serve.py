"""Programs serve in pods under the restricted level: on a migrated Postgres, modest when idle."""

import base64
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from support import pods
from support.node import NodeCluster

pytestmark = pytest.mark.node

_PASSWORD = "trial"
_KEY = base64.b64encode(b"k" * 32).decode()
_IDLE = 60 * 1024
_MEMORY = """
for line in open("/proc/1/status"):
    if line.startswith("VmRSS"):
        print(line.split()[1])
"""


@pytest.fixture(scope="module")
def place(node_cluster: NodeCluster, images: Mapping[str, str]) -> Iterator[str]:
    """A namespace with a Postgres to which the migrations were applied."""
    with node_cluster.namespace("programs") as namespace:
        database = pods.pod(
            "postgres",
            images["postgres"],
            env={"POSTGRES_PASSWORD": _PASSWORD},
            ports={"postgres": 5432},
            volumes={"data": "/var/lib/postgresql/data"},
        )
        database["spec"]["containers"][0]["readinessProbe"] = {
            "tcpSocket": {"port": 5432},
            "periodSeconds": 1,
            "failureThreshold": 60,
        }
        pods.apply(node_cluster, namespace, database, _service("postgres", 5432))
        pods.wait_ready(node_cluster, namespace, "postgres")
        migrate = pods.pod(
            "migrate",
            images["gateway"],
            command=("python", "-m", "konstruct_store", "migrate"),
            env={"KONSTRUCT_DATABASE_URL": _url("konstruct", _PASSWORD)},
        )
        pods.apply(node_cluster, namespace, migrate)
        code, said = pods.wait_ended(node_cluster, namespace, "migrate")
        assert code == 0, said
        for program in ("gateway", "llm"):
            _create_login(node_cluster, namespace, images["gateway"], program)
        yield namespace


def test_gateway_and_llm_are_ready(
    node_cluster: NodeCluster, images: Mapping[str, str], place: str
) -> None:
    common = {"KONSTRUCT_PUBLIC_URL": "http://localhost", "KONSTRUCT_CHAT_KEY": _KEY}
    tokens = {"KONSTRUCT_REGISTRY_TOKEN": "registry", "KONSTRUCT_REPLICA_TOKEN": "replica"}
    ports = {"gateway": 8000, "llm": 8002}
    for name, port in ports.items():
        login = f"konstruct_{name}_login"
        env = {"KONSTRUCT_DATABASE_URL": _url(login, _PASSWORD), **common, **tokens}
        server = pods.pod(name, images[name], env=env, ready=("/healthz", port))
        pods.apply(node_cluster, place, server)
    pods.wait_ready(node_cluster, place, *ports)


def test_an_agent_waits_for_its_gateway_in_little_memory(
    node_cluster: NodeCluster, images: Mapping[str, str], place: str
) -> None:
    env = {
        "KONSTRUCT_GATEWAY_URL": "http://gateway.invalid:8001",
        "KONSTRUCT_LLM_URL": "http://llm.invalid:8002",
        "KONSTRUCT_WORK_TOKEN": "none",
    }
    pods.apply(node_cluster, place, pods.pod("agent", images["agent"], env=env))
    pods.wait_ready(node_cluster, place, "agent")
    pods.wait_said(node_cluster, place, "agent", "claim_failed")
    kibibytes = int(pods.run_python(node_cluster, place, "agent", _MEMORY))
    assert kibibytes <= _IDLE


def _create_login(cluster: NodeCluster, namespace: str, image: str, program: str) -> None:
    name = f"login-{program}"
    env = {
        "KONSTRUCT_DATABASE_URL": _url("konstruct", _PASSWORD),
        "KONSTRUCT_LOGIN_PASSWORD": _PASSWORD,
    }
    command = ("python", "-m", "konstruct_store", "create-login", program)
    pods.apply(cluster, namespace, pods.pod(name, image, command=command, env=env))
    code, said = pods.wait_ended(cluster, namespace, name)
    assert code == 0, said


def _url(user: str, password: str) -> str:
    return f"postgresql://{user}:{password}@postgres:5432/konstruct"


def _service(name: str, port: int) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": [{"port": port}]},
    }
