"""Flux's real kustomize-controller on a test cluster; its source-controller is a stand-in.

The controller fetches an artifact, checks its digest, applies it on the server's side, prunes, and
waits with kstatus, as in production. Only where the artifact comes from is ours: `GitSource`
archives a commit of a real Git repository, serves the archive over HTTP and writes the status of
the GitRepository as Flux does (https://fluxcd.io/flux/components/source/gitrepositories/).
"""

import gzip
import hashlib
import http.server
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from support.cluster import TESTBED, Cluster
from support.helm import program
from support.stack import free_port

NAMESPACE = "flux-system"
SOURCE = "konstruct"
_SOURCE_KINDS = ("GitRepository", "OCIRepository", "Bucket", "ExternalArtifact")


@dataclass
class GitSource:
    """A Git repository and the artifact made of its last commit."""

    cluster: Cluster
    work: Path
    served: Path
    url: str

    def commit(self, files: dict[str, str], message: str = "Declare") -> str:
        """Replace what the repository holds, publish it as an artifact, return the commit."""
        for path in sorted(self.work.rglob("*"), reverse=True):
            if ".git" not in path.relative_to(self.work).parts and path.is_file():
                path.unlink()
        for name, text in files.items():
            target = self.work / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        self._git("add", "--all")
        self._git("commit", "--quiet", "--allow-empty", "--message", message)
        commit = self._git("rev-parse", "HEAD").decode().strip()
        self._publish(commit)
        return commit

    def _git(self, *arguments: str) -> bytes:
        identity = ("-c", "user.name=test", "-c", "user.email=test@example.com")
        return subprocess.run(
            ["git", "-C", self.work, *identity, *arguments], check=True, capture_output=True
        ).stdout

    def _publish(self, commit: str) -> None:
        archive = gzip.compress(self._git("archive", "--format=tar", commit), mtime=0)
        name = f"{commit}.tar.gz"
        (self.served / name).write_bytes(archive)
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        generation = self.cluster.get("-n", NAMESPACE, "gitrepository", SOURCE)["metadata"][
            "generation"
        ]
        status = {
            "observedGeneration": generation,
            "artifact": {
                "digest": f"sha256:{hashlib.sha256(archive).hexdigest()}",
                "lastUpdateTime": now,
                "path": name,
                "revision": f"main@sha1:{commit}",
                "size": len(archive),
                "url": f"{self.url}/{name}",
            },
            "conditions": [
                {
                    "type": "Ready",
                    "status": "True",
                    "reason": "Succeeded",
                    "message": "stored artifact",
                    "lastTransitionTime": now,
                    "observedGeneration": generation,
                }
            ],
        }
        self.cluster.kubectl(
            *("-n", NAMESPACE, "patch", "gitrepository", SOURCE, "--subresource=status"),
            *("--type=merge", "--patch", json.dumps({"status": status})),
        )


@dataclass
class Flux:
    """A running kustomize-controller and where its artifacts come from."""

    cluster: Cluster
    source: GitSource
    log: Path
    asked: int = field(default=0)

    def kustomization(self, name: str) -> dict[str, Any]:
        """Return a Kustomization as it is."""
        return self.cluster.get("-n", NAMESPACE, "kustomization", name)

    def reconcile(self, name: str) -> None:
        """Ask for a reconciliation now."""
        self.asked += 1
        mark = f"reconcile.fluxcd.io/requestedAt={self.asked}"
        self.cluster.kubectl(
            "-n", NAMESPACE, "annotate", "--overwrite", "kustomization", name, mark
        )

    def reconcile_now(self, name: str, *, seconds: float = 60.0) -> None:
        """Ask for a reconciliation and return when the controller has dealt with it."""
        self.reconcile(name)
        end = time.monotonic() + seconds
        while self.kustomization(name)["status"].get("lastHandledReconcileAt") != str(self.asked):
            assert time.monotonic() < end, self.verdict(name)
            time.sleep(0.2)

    def verdict(self, name: str) -> tuple[str, str, str]:
        """Return status, reason and message of a Kustomization's Ready."""
        found = self.kustomization(name).get("status", {}).get("conditions", [])
        ready = next((one for one in found if one["type"] == "Ready"), None)
        if ready is None:
            return ("", "", "")
        return ready["status"], ready["reason"], ready["message"]

    def until(
        self, name: str, what: Callable[[str, str, str], bool], *, seconds: float = 60.0
    ) -> tuple[str, str, str]:
        """Return the first verdict that fits."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = self.verdict(name)
            if what(*found):
                return found
            time.sleep(0.2)
        tail = "\n".join(self.log.read_text().splitlines()[-15:])
        raise AssertionError(f"{name} never got there: {self.verdict(name)}\n{tail}")


@contextmanager
def running_flux(cluster: Cluster, folder: Path) -> Iterator[Flux]:
    """Run the controller as a process with administrator's rights until the context ends."""
    _install(cluster)
    with _serving(folder) as (served, url):
        work = folder / "repository"
        work.mkdir()
        subprocess.run(["git", "init", "--quiet", "--initial-branch=main", work], check=True)
        log = folder / "kustomize-controller.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [
                    program("kustomize-controller"),
                    f"--metrics-addr=127.0.0.1:{free_port()}",
                    f"--health-addr=127.0.0.1:{free_port()}",
                    "--requeue-dependency=1s",
                ],
                env={
                    **os.environ,
                    "KUBECONFIG": str(cluster.kubeconfig),
                    "RUNTIME_NAMESPACE": NAMESPACE,
                },
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            yield Flux(cluster, GitSource(cluster, work, served, url), log)
        finally:
            process.terminate()
            process.wait(timeout=20)
            for one in cluster.get("-n", NAMESPACE, "kustomizations")["items"]:
                name = f"kustomization/{one['metadata']['name']}"
                without = '{"metadata":{"finalizers":null}}'
                cluster.kubectl("-n", NAMESPACE, "patch", name, "--type=merge", "-p", without)
            cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false", "--ignore-not-found")


def _install(cluster: Cluster) -> None:
    """Give the cluster Flux's kinds: its Kustomization as it is, its sources in name and shape."""
    module = subprocess.run(
        ["go", "list", "-m", "-f", "{{.Dir}}", "github.com/fluxcd/kustomize-controller"],
        cwd=TESTBED / "mod" / "kustomize-controller",
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    cluster.kubectl("apply", "--server-side", "-f", Path(module) / "config/crd/bases")
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    documents = [_source_kind(kind) for kind in _SOURCE_KINDS]
    together = {"apiVersion": "v1", "kind": "List", "items": [namespace, *documents]}
    cluster.kubectl("apply", "--server-side", "-f", "-", input=json.dumps(together))
    names = [f"crd/{one['metadata']['name']}" for one in documents]
    for _ in range(50):
        waited = cluster.try_kubectl("wait", "--for=condition=Established", *names)
        if waited.returncode == 0:
            return
        time.sleep(0.2)
    raise AssertionError(waited.stderr)


def _source_kind(kind: str) -> dict[str, Any]:
    plural = "ocirepositories" if kind == "OCIRepository" else _plural(kind.lower())
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.source.toolkit.fluxcd.io"},
        "spec": {
            "group": "source.toolkit.fluxcd.io",
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": anything},
                }
            ],
        },
    }


def _plural(word: str) -> str:
    return f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"


@contextmanager
def _serving(folder: Path) -> Iterator[tuple[Path, str]]:
    served = folder / "artifacts"
    served.mkdir()
    handler = partial(_Quiet, directory=str(served))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield served, f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        """Say nothing."""
