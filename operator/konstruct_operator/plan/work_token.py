"""The work token: by it the gateway knows whose pod is calling."""

import base64
import hashlib
from uuid import UUID

from konstruct_operator import names
from konstruct_operator.observed import Document, Observed, WorkToken
from konstruct_operator.plan.metadata import child_labels


def token(tenant_id: UUID, random: bytes) -> str:
    """Return the work token made from at least 32 random bytes."""
    return f"kw_{tenant_id}_{base64.urlsafe_b64encode(random).decode().rstrip('=')}"


def hash_of(text: str) -> str:
    """Return what the registry carries instead of the token: its SHA-256 in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def secret(observed: Observed, text: str) -> Document:
    """Return the Secret with a new token. It is created once and never rendered again.

    The token is no resource of the plan: deleting the Secret rotates it. So it must not be
    immutable: a kubelet never reads an immutable Secret again while any pod of its node refers to
    it, and would give new pods the deleted token.
    https://kubernetes.io/docs/concepts/configuration/secret/#secret-immutable
    """
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": names.WORK_TOKEN_SECRET,
            "namespace": observed.namespace_name,
            "labels": child_labels(observed.name),
        },
        "type": "Opaque",
        "stringData": {names.WORK_TOKEN_KEY: text},
    }


def rolled(deployment: Document | None, current: str, *, rolled_out: bool) -> tuple[str, ...]:
    """Return the hashes of older tokens that pods of the Deployment may still hold."""
    if deployment is None:
        return ()
    annotations = deployment["metadata"].get("annotations", {})
    newest = annotations.get(names.ANNOTATION_TOKEN_HASH, "")
    previous = annotations.get(names.ANNOTATION_OLD_TOKEN_HASH, "")
    held = [newest] if rolled_out else [newest, *previous.split(",")]
    return tuple(one for one in dict.fromkeys(held) if one and one != current)


def annotations(work_token: WorkToken) -> dict[str, str]:
    """Return what a Deployment remembers of the tokens its pods may hold."""
    remembered = {names.ANNOTATION_TOKEN_HASH: work_token.current}
    if work_token.rolled:
        remembered[names.ANNOTATION_OLD_TOKEN_HASH] = ",".join(work_token.rolled)
    return remembered
