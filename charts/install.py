"""Writes manifests/install.yaml: the chart with its default values, for those without Helm.

    python charts/install.py HELM [--check]     exit 1 when the committed file differs

HELM is the program. What makes sense only under Helm is left out: the hook that refuses an
uninstallation. The other hooks' Jobs are plain Jobs here; what they do, they do once.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "manifests" / "install.yaml"
NAMESPACE = "konstruct-system"
_HOOK = "helm.sh/hook"
_HEAD = """\
# Generated from charts/konstruct with its default values by `make manifests`; edit the chart.
# The kinds come first: kubectl apply --server-side -f crds/
# Make the Secret konstruct-database before (charts/konstruct/README.md), then:
#   kubectl apply --server-side -f manifests/install.yaml
"""


def render(helm: str) -> str:
    """Return the manifest's text. Raises CalledProcessError when Helm refuses the chart."""
    done = subprocess.run(  # noqa: S603 - the program that the caller names
        [helm, "template", "konstruct", str(ROOT / "charts/konstruct"), "--namespace", NAMESPACE],
        capture_output=True,
        text=True,
        check=True,
    )
    documents = [one for one in yaml.safe_load_all(done.stdout) if one]
    kept = [_plain(one) for one in documents if not _only_for_uninstalling(one)]
    kept.sort(key=_order)
    texts = [yaml.safe_dump(one, sort_keys=False, width=110) for one in (_namespace(), *kept)]
    return _HEAD + "---\n" + "---\n".join(texts)


def _only_for_uninstalling(document: dict[str, Any]) -> bool:
    annotations: dict[str, str] = document["metadata"].get("annotations", {})
    return annotations.get(_HOOK) == "pre-delete"


def _plain(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document without Helm's own marks."""
    metadata = document["metadata"]
    annotations = {
        key: value
        for key, value in metadata.get("annotations", {}).items()
        if not key.startswith("helm.sh/")
    }
    metadata.pop("annotations", None)
    if annotations:
        metadata["annotations"] = annotations
    metadata["labels"].pop("helm.sh/chart", None)
    metadata["labels"]["app.kubernetes.io/managed-by"] = "kubectl"
    return document


_FIRST = (
    "ServiceAccount",
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "NetworkPolicy",
)


def _order(document: dict[str, Any]) -> tuple[int, str, str]:
    kind = document["kind"]
    place = _FIRST.index(kind) if kind in _FIRST else len(_FIRST)
    return place, kind, document["metadata"]["name"]


def _namespace() -> dict[str, Any]:
    level = "pod-security.kubernetes.io"
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": NAMESPACE,
            "labels": {
                "app.kubernetes.io/name": "konstruct",
                f"{level}/enforce": "restricted",
                f"{level}/warn": "restricted",
            },
        },
    }


def main(arguments: list[str]) -> int:
    """Write the file, or compare it with `--check`."""
    text = render(arguments[0])
    if arguments[1:] == ["--check"]:
        if not TARGET.exists() or TARGET.read_text() != text:
            sys.stderr.write(
                "manifests/install.yaml differs from the chart: run `make manifests`.\n"
            )
            return 1
        return 0
    TARGET.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
