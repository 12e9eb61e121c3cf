"""manifests/gitops: valid for our kinds, in the right order, pointing at what is there."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from konstruct_crds import validate
from support.helm import ROOT

GITOPS = ROOT / "manifests" / "gitops"
OURS = "konstruct.dev/v1alpha1"


def _documents(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    return [
        (str(path.relative_to(GITOPS)), one)
        for path in sorted(folder.rglob("*.yaml"))
        for one in yaml.safe_load_all(path.read_text())
        if one
    ]


@pytest.mark.parametrize(
    ("name", "document"),
    [
        pytest.param(name, one, id=f"{name}:{one['kind']}")
        for name, one in _documents(GITOPS)
        if one["apiVersion"] == OURS
    ],
)
def test_our_kinds_are_valid(name: str, document: dict[str, Any]) -> None:
    assert validate(document) == []


def test_every_path_leads_somewhere() -> None:
    for name, one in _documents(GITOPS):
        path = one.get("spec", {}).get("path") or one.get("spec", {}).get("source", {}).get("path")
        if path:
            assert (ROOT / path).is_dir(), f"{name}: {path}"
        for resource in one.get("resources", ()):
            assert (GITOPS / name).parent.joinpath(resource).exists(), f"{name}: {resource}"


def test_argo_cd_takes_the_kinds_before_the_programs_before_the_tenants() -> None:
    waves = {
        one["metadata"]["name"]: int(one["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"])
        for _, one in _documents(GITOPS / "argocd")
        if one["kind"] == "Application"
    }
    assert waves == {"konstruct-crds": -2, "konstruct": -1, "konstruct-tenants": 0}


def test_flux_holds_the_tenants_back_until_the_platform_is_there() -> None:
    by_name = {
        (one["kind"], one["metadata"]["name"]): one
        for _, one in _documents(GITOPS / "flux")
        if "metadata" in one
    }
    tenants = by_name["Kustomization", "konstruct-tenants"]["spec"]
    assert tenants["dependsOn"] == [{"name": "konstruct-platform"}]
    assert by_name["Kustomization", "konstruct-platform"]["spec"]["wait"] is True
    release = by_name["HelmRelease", "konstruct"]["spec"]
    assert release["dependsOn"] == [{"name": "konstruct-crds"}]


def test_no_example_holds_a_secret() -> None:
    for name, one in _documents(GITOPS):
        if one["kind"] == "Secret":
            values = {**one.get("data", {}), **one.get("stringData", {})}.values()
            assert set(values) == {"put-yours-here-then-encrypt"}, name
