"""kubeconform, with the schemas of the real API server: what we ship has no unknown field."""

from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

from support import api_schemas, foreign_kinds
from support.cluster import Cluster
from support.helm import CHART, CRDS, ROOT, run, supported
from support.operator_process import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.process]

# What nobody here has the schema of.
FOREIGN = ("postgresql.cnpg.io/v1/Cluster",)
FOREIGN_SCHEMAS = (
    "gateway.networking.k8s.io/httproute_v1.json",
    "monitoring.coreos.com/podmonitor_v1.json",
    "monitoring.coreos.com/prometheusrule_v1.json",
)
MANIFESTS = (ROOT / "manifests/samples", ROOT / "manifests/install.yaml", ROOT / "crds")


@pytest.fixture(scope="module")
def schemas(cluster_with_crds: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the schema of every kind that the API server serves, others' included."""
    folder = tmp_path_factory.mktemp("schemas")
    foreign_kinds.apply(cluster_with_crds)
    theirs = [folder / one for one in FOREIGN_SCHEMAS]
    # A new kind is served before it is explained, and each group on its own.
    eventually(
        lambda: (
            api_schemas.write(cluster_with_crds, folder) > 100
            and all(one.exists() for one in theirs)
        ),
        seconds=60,
        what="the schemas of others' kinds",
    )
    assert (folder / "konstruct.dev" / "tenant_v1alpha1.json").exists()
    return folder


@pytest.mark.parametrize("values", supported(), ids=lambda path: path.stem)
def test_every_configuration_fits(schemas: Path, values: Path, tmp_path: Path) -> None:
    rendered = tmp_path / "rendered.yaml"
    rendered.write_text(run("helm", "template", "x", CHART, "--values", values).stdout)
    _conform(schemas, [rendered])


def test_the_kinds_fit(schemas: Path, tmp_path: Path) -> None:
    rendered = tmp_path / "kinds.yaml"
    rendered.write_text(run("helm", "template", "x", CRDS).stdout)
    _conform(schemas, [rendered])


def test_what_is_applied_without_helm_fits(schemas: Path) -> None:
    _conform(schemas, [file for one in MANIFESTS for file in _files(one)])


def test_an_unknown_field_is_found(schemas: Path, tmp_path: Path) -> None:
    """The check itself works: at the top of one of our kinds, and deep in a built-in one."""
    ours = yaml.safe_load((ROOT / "manifests/samples/30-agent-ana.yaml").read_text())
    ours["spec"]["avatar"]["emojy"] = "x"
    theirs = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "x"},
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {"spec": {"containers": [{"name": "x", "imagePullPolcy": "Always"}]}},
        },
    }
    for number, one in enumerate((ours, theirs)):
        wrong = tmp_path / f"{number}.yaml"
        wrong.write_text(yaml.safe_dump(one))
        assert _checked(schemas, [wrong])[0] != 0


def _files(path: Path) -> list[Path]:
    return sorted(path.glob("*.yaml")) if path.is_dir() else [path]


def _conform(schemas: Path, files: Iterable[Path]) -> None:
    code, words = _checked(schemas, files)
    assert code == 0, words


def _checked(schemas: Path, files: Iterable[Path]) -> tuple[int, str]:
    location = f"{schemas}/{api_schemas.LOCATION}"
    done = run(
        "kubeconform",
        *("-strict", "-schema-location", location, "-skip", ",".join(FOREIGN), *files),
        check=False,
    )
    return done.returncode, done.stdout + done.stderr
