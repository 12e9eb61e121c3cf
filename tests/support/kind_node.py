"""The same cluster where Docker runs: kind, with a registry beside it (kind's "local registry").

https://kind.sigs.k8s.io/docs/user/local-registry/ is the recipe.
"""

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest_kind.cluster

from support.cluster import KIND_VERSION, cache

REGISTRY = "127.0.0.1:5000"
_NAME = "konstruct"
_REGISTRY_CONTAINER = "konstruct-registry"
_REGISTRY_IMAGE = "docker.io/library/registry:2"
_CONFIGURATION = """\
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
containerdConfigPatches:
- |-
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "/etc/containerd/certs.d"
"""


def up(*, kept: bool) -> Path:
    """Start the cluster and its registry if need be; return the kubeconfig."""
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    if kept:
        (folder / "kept").touch()
    kind, kubeconfig = _kind(), folder / "kubeconfig"
    if _NAME not in _output(kind, "get", "clusters").split():
        configuration = folder / "kind.yaml"
        configuration.write_text(_CONFIGURATION)
        image = os.environ.get("KIND_IMAGE")
        _run(
            *(kind, "create", "cluster", f"--name={_NAME}", "--wait=180s"),
            *(f"--config={configuration}", f"--kubeconfig={kubeconfig}"),
            *((f"--image={image}",) if image else ()),
        )
    else:
        _run(kind, "export", "kubeconfig", f"--name={_NAME}", f"--kubeconfig={kubeconfig}")
    _registry(kind)
    return kubeconfig


def down() -> None:
    """End both."""
    _run(_kind(), "delete", "cluster", f"--name={_NAME}")
    subprocess.run(["docker", "rm", "-f", _REGISTRY_CONTAINER], capture_output=True, check=False)
    shutil.rmtree(_folder(), ignore_errors=True)


def is_kept() -> bool:
    """Tell whether a person asked for the cluster."""
    return (_folder() / "kept").exists()


def _registry(kind: str) -> None:
    running = subprocess.run(
        ["docker", "inspect", "-f", "{{.State.Running}}", _REGISTRY_CONTAINER],
        capture_output=True,
        text=True,
        check=False,
    )
    if running.stdout.strip() != "true":
        subprocess.run(
            ["docker", "rm", "-f", _REGISTRY_CONTAINER], capture_output=True, check=False
        )
        _run(
            *("docker", "run", "--detach", "--restart=always", "--publish", f"{REGISTRY}:5000"),
            *("--network", "bridge", "--name", _REGISTRY_CONTAINER, _REGISTRY_IMAGE),
        )
    hosts = f'[host."http://{_REGISTRY_CONTAINER}:5000"]\n'
    place = f"/etc/containerd/certs.d/{REGISTRY}"
    for node in _output(kind, "get", "nodes", f"--name={_NAME}").split():
        _run("docker", "exec", node, "mkdir", "-p", place)
        _run("docker", "exec", "-i", node, "cp", "/dev/stdin", f"{place}/hosts.toml", text=hosts)
    networks = _output(
        "docker", "inspect", "-f", "{{json .NetworkSettings.Networks}}", _REGISTRY_CONTAINER
    )
    if '"kind"' not in networks:
        _run("docker", "network", "connect", "kind", _REGISTRY_CONTAINER)


def _kind() -> str:
    installed = shutil.which("kind")
    if installed:
        return installed
    # pytest_kind knows where kind is to be had, and keeps it in the working directory.
    pytest_kind.cluster.KIND_VERSION = os.environ.get("KIND_VERSION", KIND_VERSION)
    folder = cache() / "kind"
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.chdir(folder):
        downloaded = pytest_kind.cluster.KindCluster(_NAME)
        downloaded.ensure_kind()
        return str(Path(downloaded.kind_path).absolute())


def _folder() -> Path:
    return cache() / "kind" / _NAME


def _run(*command: str, text: str | None = None) -> None:
    subprocess.run(command, input=text, text=True, stdout=subprocess.DEVNULL, check=True)


def _output(*command: str) -> str:
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
