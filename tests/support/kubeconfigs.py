"""Kubeconfigs for API servers that a test makes itself."""

from pathlib import Path

_TEXT = """
apiVersion: v1
kind: Config
current-context: here
clusters: [{{name: here, cluster: {{server: "{server}"}}}}]
contexts: [{{name: here, context: {{cluster: here, user: somebody}}}}]
users: [{{name: somebody, user: {{token: not-a-token}}}}]
"""


def kubeconfig(folder: Path, server: str) -> str:
    """Write a kubeconfig for the API server at the URL `server`; return its path."""
    path = folder / "kubeconfig"
    path.write_text(_TEXT.format(server=server))
    return str(path)
