"""Events: told once per transition, never about what stays the same."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from secrets import token_hex
from typing import Final

import structlog

from konstruct_operator import names
from konstruct_operator.cluster.client import Cluster, Document
from konstruct_operator.cluster.kinds import EVENT
from konstruct_operator.errors import Forbidden, OperatorError

_LONGEST_NOTE: Final = 1000
_LATER_SECONDS: Final = (0.5, 2.0, 8.0, 30.0)
_MOST_WAITING: Final = 200

log = structlog.get_logger(__name__)


class Events:
    """Writes Events about our objects; a failure to write one never stops anything else.

    The first Events in a tenant's namespace are older than our right to write there: what is
    forbidden is tried again beside everything else, `later_seconds` after one another.
    """

    def __init__(
        self, cluster: Cluster, *, instance: str, later_seconds: Sequence[float] = _LATER_SECONDS
    ) -> None:
        self._cluster = cluster
        self._instance = instance
        self._later_seconds = tuple(later_seconds)
        self._waiting: set[asyncio.Task[None]] = set()

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
        except Forbidden as error:
            if len(self._waiting) >= _MOST_WAITING:
                _lost(event, error)
                return
            task = asyncio.create_task(self._write_later(event))
            self._waiting.add(task)
            task.add_done_callback(self._waiting.discard)
        except OperatorError as error:
            _lost(event, error)

    async def _write_later(self, event: Document) -> None:
        last: OperatorError | None = None
        for pause in self._later_seconds:
            await asyncio.sleep(pause)
            try:
                await self._cluster.create(EVENT, event)
            except Forbidden as error:
                last = error
            except OperatorError as error:
                last = error
                break
            else:
                return
        _lost(event, last)


def _lost(event: Document, error: OperatorError | None) -> None:
    log.info("event_not_written", object=event["regarding"]["name"], error=str(error or ""))


def reference(kind: str, name: str, *, namespace: str = "", uid: str = "") -> Document:
    """Return what an Event needs of one of our objects."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, "uid": uid},
    }
