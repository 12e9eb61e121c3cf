"""Whose cluster tests may write to, and what a killed test run leaves behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from support.cluster import Cluster, open_cluster, refuse_unless_for_tests

_TESTBED = Path(__file__).parents[1] / "support" / "testbed"


def renamed(cluster: Cluster, folder: Path, context: str) -> Cluster:
    """Return the same cluster under a context of another name."""
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    config["contexts"][0]["name"] = config["current-context"] = context
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return Cluster(kubeconfig=path, kubectl_program=cluster.kubectl_program)


@pytest.mark.cluster
def test_a_cluster_that_does_not_say_so_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    production = renamed(cluster, tmp_path, "production")
    with pytest.raises(pytest.fail.Exception, match="'production', which does not look like"):
        refuse_unless_for_tests(production)


@pytest.mark.cluster
@pytest.mark.parametrize("context", ["kind-anything", "konstruct-testbed"])
def test_a_name_says_so(cluster: Cluster, tmp_path: Path, context: str) -> None:
    refuse_unless_for_tests(renamed(cluster, tmp_path, context))


@pytest.mark.cluster
def test_a_label_says_so(cluster: Cluster, tmp_path: Path) -> None:
    label = "konstruct.dev/test-cluster"
    cluster.kubectl("label", "namespace", "kube-system", f"{label}=true", "--overwrite")
    try:
        refuse_unless_for_tests(renamed(cluster, tmp_path, "production"))
    finally:
        cluster.kubectl("label", "namespace", "kube-system", f"{label}-")


@pytest.mark.process
def test_the_next_run_clears_away_what_a_killed_one_left(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    ours = tmp_path / "testbed" / "run" / "pytest-1"
    stranger = subprocess.Popen(["sleep", "60"])
    left = subprocess.Popen(
        ["bash", "-c", 'exec -a "$0" sleep 60', f"{ours}/etcd"], start_new_session=True
    )
    try:
        ours.mkdir(parents=True)
        (ours / "owner").write_text(str(dead.pid))
        (ours / "etcd.pid").write_text(str(left.pid))
        # Its process id was given to somebody else in the meantime.
        (ours / "apiserver.pid").write_text(str(stranger.pid))
        theirs = tmp_path / "testbed" / "run" / "pytest-2"
        theirs.mkdir()
        (theirs / "owner").write_text(str(os.getpid()))
        environment = {**os.environ, "KONSTRUCT_CACHE": str(tmp_path)}
        subprocess.run([_TESTBED / "cluster.sh", "sweep"], env=environment, check=True)
        assert not ours.exists()
        assert theirs.exists()
        assert left.wait(timeout=5) != 0
        assert stranger.poll() is None
    finally:
        for process in (left, stranger):
            process.kill()
            process.wait()


@pytest.mark.process
def test_wrong_use_prints_the_manual(tmp_path: Path) -> None:
    environment = {**os.environ, "KONSTRUCT_CACHE": str(tmp_path)}
    said = subprocess.run(
        [_TESTBED / "cluster.sh"], env=environment, capture_output=True, text=True, check=False
    )
    assert said.returncode == 2
    assert "cluster.sh up | env | down | sweep" in said.stdout
    none = subprocess.run(
        [_TESTBED / "cluster.sh", "env"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert none.returncode == 1
    assert "No test bed runs" in none.stderr


_FAKE_KIND = """#!/bin/sh
echo "$@" >> "$FAKE_KIND/calls"
case "$1 $2" in
  "get clusters") cat "$FAKE_KIND/clusters" 2>/dev/null || true ;;
  "create cluster")
    for one; do case $one in --kubeconfig=*) cp "$FAKE_KIND/kubeconfig" "${one#*=}" ;; esac; done
    for one; do case $one in --name=*) echo "${one#*=}" > "$FAKE_KIND/clusters" ;; esac; done ;;
esac
"""


@pytest.mark.cluster
def test_where_docker_runs_kind_gives_the_cluster(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, text in {"kind": _FAKE_KIND, "docker": "#!/bin/sh\nexit 0\n"}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    (programs / "kubectl").symlink_to(cluster.kubectl_program)
    renamed(cluster, tmp_path, "kind-konstruct")
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_KIND", str(tmp_path))
    monkeypatch.setenv("KONSTRUCT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    here = Path.cwd()
    with open_cluster() as kind:
        assert kind.kubectl("config", "current-context").strip() == "kind-konstruct"
        assert "kube-system" in kind.kubectl("get", "namespaces")
        assert Path.cwd() == here
    calls = (tmp_path / "calls").read_text().splitlines()
    assert [one.split(" --")[0] for one in calls] == [
        "get clusters",
        "create cluster",
        "delete cluster",
    ]
