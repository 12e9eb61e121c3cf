"""Builders of pods that the restricted Pod Security level takes, and what became of them."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from support.node import NodeCluster

Document = dict[str, Any]


def pod(name: str, image: str, **over: Any) -> Document:
    """Return a pod with one container, under the restricted level and with a read-only root.

    `command`, `args`, `env` (a mapping), `labels`, `ports` (by name), `ready` (a path and a port
    for a probe), `volumes` (mount path by name, each an emptyDir), `restart` (Never).
    """
    volumes: Mapping[str, str] = {"tmp": "/tmp", **over.get("volumes", {})}  # noqa: S108
    container: Document = {
        "name": "main",
        "image": image,
        "env": [{"name": key, "value": value} for key, value in over.get("env", {}).items()],
        "ports": [
            {"name": key, "containerPort": port} for key, port in over.get("ports", {}).items()
        ],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [{"name": key, "mountPath": path} for key, path in volumes.items()],
    }
    for part in ("command", "args"):
        if part in over:
            container[part] = list(over[part])
    if "ready" in over:
        path, port = over["ready"]
        container["readinessProbe"] = {
            "httpGet": {"path": path, "port": port},
            "periodSeconds": 1,
            "failureThreshold": 60,
        }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": over.get("labels", {"app": name})},
        "spec": {
            "restartPolicy": over.get("restart", "Never"),
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": over.get("grace", 1),
            "securityContext": {
                "runAsNonRoot": True,
                "fsGroup": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
            "volumes": [{"name": key, "emptyDir": {}} for key in volumes],
        },
    }


def apply(cluster: NodeCluster, namespace: str, *documents: Document) -> None:
    """Apply objects in a namespace."""
    listed = {"apiVersion": "v1", "kind": "List", "items": list(documents)}
    cluster.kubectl("apply", "-n", namespace, "-f", "-", input=json.dumps(listed))


def wait_ready(cluster: NodeCluster, namespace: str, *names: str, seconds: float = 180) -> None:
    """Wait until pods are Ready. One that ended, or is late, is an error that holds its words."""
    deadline = time.monotonic() + seconds
    for name in names:
        while not _is_ready(cluster, namespace, name):
            words = said(cluster, namespace, name)
            assert time.monotonic() < deadline, f"pod {name} is not Ready:\n{words}"
            time.sleep(0.2)


def _is_ready(cluster: NodeCluster, namespace: str, name: str) -> bool:
    status = cluster.get("pod", name, "-n", namespace)["status"]
    if status.get("phase") in {"Failed", "Succeeded"}:
        raise AssertionError(f"pod {name} ended:\n{said(cluster, namespace, name)}")
    conditions = {one["type"]: one["status"] for one in status.get("conditions", [])}
    return conditions.get("Ready") == "True"


def wait_said(
    cluster: NodeCluster, namespace: str, name: str, words: str, *, seconds: float = 60
) -> None:
    """Wait until a pod's container wrote some words."""
    deadline = time.monotonic() + seconds
    while words not in said(cluster, namespace, name):
        assert time.monotonic() < deadline, f"pod {name} does not say {words!r}"
        time.sleep(0.2)


def wait_ended(cluster: NodeCluster, namespace: str, name: str) -> tuple[int, str]:
    """Wait until a pod's container ended; return its exit code and what it said."""
    ended = "jsonpath={.status.containerStatuses[0].state.terminated.exitCode}"
    cluster.kubectl("wait", "-n", namespace, f"--for={ended}", "--timeout=180s", f"pod/{name}")
    code = cluster.kubectl("get", "pod", name, "-n", namespace, "-o", ended)
    return int(code), said(cluster, namespace, name)


def said(cluster: NodeCluster, namespace: str, name: str) -> str:
    """Return what a pod's container wrote so far."""
    return cluster.try_kubectl("logs", "-n", namespace, name).stdout


def run_python(cluster: NodeCluster, namespace: str, name: str, code: str, *args: str) -> str:
    """Run Python inside a running pod of ours and return what it printed."""
    python: Sequence[str] = ("python", "-c", code, *args)
    return cluster.kubectl("exec", "-n", namespace, name, "--", *python)
