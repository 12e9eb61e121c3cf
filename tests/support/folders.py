"""A small folder of resources, and what one needs to look at it."""

from pathlib import Path
from typing import Any

from konstruct_local.folder_state import FolderState

NAMESPACE = """\
apiVersion: v1
kind: Namespace
metadata:
  name: tenant-acme
  labels:
    konstruct.dev/tenant: acme
"""
TENANT = """\
apiVersion: konstruct.dev/v1alpha1
kind: Tenant
metadata:
  name: acme
spec:
  displayName: Acme
  id: 5a3c1f0e-8d2b-4c6f-9a17-3e5b7c9d1f20
  namespace: tenant-acme
"""
AGENT = """\
# Who answers on the web site.
apiVersion: konstruct.dev/v1alpha1
kind: Agent
metadata:
  name: ana
  namespace: tenant-acme
spec:
  displayName: Ana  # shown to visitors
  persona: |
    You are warm and brief.
"""
CONNECTION = """\
apiVersion: konstruct.dev/v1alpha1
kind: ChannelConnection
metadata:
  name: website
  namespace: tenant-acme
spec:
  type: WebChat
  webChat:
    visitors: Allowed
  agentRef:
    name: ana
"""


def write_samples(folder: Path) -> None:
    """Write one tenant with one agent on one web chat, a file each."""
    for name, text in (
        ("namespace", NAMESPACE),
        ("tenant", TENANT),
        ("agent", AGENT),
        ("connection", CONNECTION),
    ):
        (folder / f"{name}.yaml").write_text(text)


def document(state: FolderState, kind: str, name: str) -> dict[str, Any]:
    """Return an accepted object of a folder as plain data."""
    return next(one.content for one in state.of_kind(kind) if one.name == name)
