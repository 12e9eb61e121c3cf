"""Lists and watches one kind over and over, and writes what it hears into the knowledge."""

import http.client
import json
import ssl
import time
from dataclasses import dataclass
from typing import Any

from support.testbed.node.enforcer.knowledge import READERS, Knowledge
from support.testbed.node.enforcer.objects import Document
from support.testbed.node.enforcer.said import say

_PATHS = {
    "pods": "/api/v1/pods",
    "namespaces": "/api/v1/namespaces",
    "networkpolicies": "/apis/networking.k8s.io/v1/networkpolicies",
}
_WATCH_SECONDS = 290
_PAUSE_SECONDS = 0.5


class WatchEndedError(Exception):
    """The API server refused or ended a watch; list again."""


@dataclass(frozen=True)
class Server:
    """Where the API server is and how to be let in."""

    address: str
    tls: ssl.SSLContext

    def get(self, path: str, seconds: float) -> http.client.HTTPResponse:
        """Return the answer, to be read. Raises WatchEndedError unless it is 200."""
        host, _, port = self.address.rpartition(":")
        connection = http.client.HTTPSConnection(host, int(port), context=self.tls, timeout=seconds)
        connection.request("GET", path, headers={"Accept": "application/json"})
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            raise WatchEndedError(f"{path}: {answer.status} {answer.read(300)!r}")
        return answer


def follow(server: Server, kind: str, knowledge: Knowledge) -> None:
    """Keep one kind known, for ever."""
    while True:
        try:
            version = _list(server, kind, knowledge)
            while True:
                version = _watch(server, kind, version, knowledge)
        except (WatchEndedError, OSError, http.client.HTTPException, ValueError) as error:
            say(f"watch of {kind}: {error!r}")
            time.sleep(_PAUSE_SECONDS)


def _list(server: Server, kind: str, knowledge: Knowledge) -> str:
    with server.get(_PATHS[kind], 30) as answer:
        listed: dict[str, Any] = json.load(answer)
    read = READERS[kind]
    with knowledge.changed:
        knowledge.objects[kind] = {_name(one): read(one) for one in listed.get("items") or []}
        knowledge.complete.add(kind)
        knowledge.touch()
    return str(listed["metadata"]["resourceVersion"])


def _watch(server: Server, kind: str, version: str, knowledge: Knowledge) -> str:
    query = f"watch=1&allowWatchBookmarks=true&timeoutSeconds={_WATCH_SECONDS}"
    with server.get(
        f"{_PATHS[kind]}?{query}&resourceVersion={version}", _WATCH_SECONDS + 40
    ) as answer:
        for line in answer:
            event = json.loads(line)
            if event["type"] == "ERROR":
                raise WatchEndedError(str(event["object"])[:200])
            version = event["object"]["metadata"]["resourceVersion"]
            if event["type"] != "BOOKMARK":
                _take(knowledge, kind, event)
    return version


def _take(knowledge: Knowledge, kind: str, event: dict[str, Any]) -> None:
    name = _name(event["object"])
    with knowledge.changed:
        known = knowledge.objects[kind]
        if event["type"] == "DELETED":
            if known.pop(name, None) is not None:
                knowledge.touch()
            return
        new = READERS[kind](event["object"])
        if known.get(name) != new:
            known[name] = new
            knowledge.touch()


def _name(document: Document) -> str:
    metadata = document["metadata"]
    namespace = metadata.get("namespace")
    return f"{namespace}/{metadata['name']}" if namespace else metadata["name"]
