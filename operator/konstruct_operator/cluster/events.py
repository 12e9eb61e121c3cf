"""Events: told once per transition, never about what stays the same."""

from datetime import UTC, datetime
from secrets import token_hex
from typing import Final

import structlog

from konstruct_operator import names
from konstruct_operator.cluster.client import Cluster, Document
from konstruct_operator.cluster.kinds import EVENT
from konstruct_operator.errors import OperatorError

_LONGEST_NOTE: Final = 1000

log = structlog.get_logger(__name__)


class Events:
    """Writes Events about our objects; a failure to write one never stops anything else."""

    def __init__(self, cluster: Cluster, *, instance: str) -> None:
        self._cluster = cluster
        self._instance = instance

    async def tell(self, about: Document, *, warning: bool, reason: str, note: str) -> None:
        """Write an Event about an object; those of cluster-scoped objects go to `default`."""
        metadata = about["metadata"]
        namespace = metadata.get("namespace") or "default"
        regarding = {
            "apiVersion": about["apiVersion"],
            "kind": about["kind"],
            "name": metadata["name"],
            "namespace": metadata.get("namespace") or "",
            "uid": metadata.get("uid", ""),
        }
        event: Document = {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.kind,
            "metadata": {
                "name": f"{metadata['name'][:200]}.{token_hex(8)}",
                "namespace": namespace,
            },
            "eventTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "reportingController": "konstruct.dev/operator",
            "reportingInstance": self._instance[:128],
            "action": "Reconcile",
            "type": "Warning" if warning else "Normal",
            "reason": reason[:128],
            "note": note[:_LONGEST_NOTE],
            "regarding": {key: value for key, value in regarding.items() if value},
        }
        try:
            await self._cluster.create(EVENT, event)
        except OperatorError as error:
            log.info("event_not_written", object=metadata["name"], error=str(error))


def reference(kind: str, name: str, *, namespace: str = "", uid: str = "") -> Document:
    """Return what an Event needs of one of our objects."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, "uid": uid},
    }
