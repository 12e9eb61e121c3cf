"""The operator as its image has it: the packages of its own lock, and a pod's service account.

The development environment has more, and a library that finds the Kubernetes client imports it:
an operator measured there holds what no pod holds.
"""

import base64
import hashlib
import os
import subprocess
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import yaml

from support.operator_process import ROOT

_MEMBERS: Final = ("operator", "crds", "runtime/registry", "runtime/telemetry")
# The account lies where a pod has it, in a mount namespace of the operator's own.
_IN_A_POD: Final = """
mount -t tmpfs tmpfs /run
mkdir -p /run/secrets/kubernetes.io
cp -r "$0" /run/secrets/kubernetes.io/serviceaccount
exec "$@"
"""


def pods_operator(kubeconfig: Path, folder: Path) -> list[str]:
    """Return the command of an operator that runs as in its pod. Takes root, for its mounts.

    `kubeconfig` has the token of the operator's account; `folder` is for this operator alone.
    """
    document = yaml.safe_load(kubeconfig.read_text())
    server = document["clusters"][0]["cluster"]
    account = folder / "account"
    account.mkdir()
    (account / "token").write_text(document["users"][0]["user"]["token"])
    (account / "ca.crt").write_bytes(base64.b64decode(server["certificate-authority-data"]))
    address = urlsplit(server["server"])
    return [
        *("env", "-u", "KUBECONFIG"),
        f"KUBERNETES_SERVICE_HOST={address.hostname}",
        f"KUBERNETES_SERVICE_PORT={address.port}",
        f"PYTHONPATH={os.pathsep.join(str(ROOT / one) for one in _MEMBERS)}",
        *("unshare", "--mount", "sh", "-ec", _IN_A_POD, str(account)),
        *(str(_environment() / "bin" / "python"), "-m", "konstruct_operator"),
    ]


def _environment() -> Path:
    """Return an environment with what the operator's lock names, made once for each lock."""
    lock = ROOT / "requirements" / "operator.txt"
    name = f"operator-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    found = Path(os.environ.get("KONSTRUCT_CACHE", Path.home() / ".cache" / "konstruct")) / name
    if not (found / "done").exists():
        uv = str(ROOT / ".tools" / "bin" / "uv")
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", "3.11", found], check=True)
        subprocess.run(
            [uv, "pip", "sync", "--quiet", "--require-hashes", "--compile-bytecode", lock],
            check=True,
            env={**os.environ, "VIRTUAL_ENV": str(found)},
        )
        (found / "done").touch()
    return found
