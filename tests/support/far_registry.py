"""A stand-in for the gateway's registry API: real HTTP, the real rules, a ledger of requests."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from konstruct_registry.snapshot import TenantSnapshot

TOKEN = "registry-token-of-the-tests"


class RefusedRequest(Exception):
    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.reason = status, reason


@dataclass
class FarRegistry:
    """What the server knows; tests read it and change it while the operator talks to it."""

    url: str = ""
    session: int = 0
    sequence: int = 0
    tenants: dict[str, dict[str, Any]] = field(default_factory=dict)
    tombstones: dict[str, dict[str, Any]] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)
    ledger: list[tuple[str, str, int]] = field(default_factory=list)
    awake: list[str] = field(default_factory=list)
    reports: list[dict[str, Any]] = field(default_factory=list)
    down: bool = False
    version: int = 1
    changed: threading.Condition = field(default_factory=threading.Condition)

    def snapshot(self, tenant_id: str) -> TenantSnapshot:
        return TenantSnapshot.model_validate(self.tenants[tenant_id]["snapshot"])

    def named(self, name: str) -> dict[str, Any] | None:
        everyone = list(self.tenants.values())  # requests are served by other threads
        return next((one for one in everyone if one["name"] == name), None)

    def say(
        self, *, awake: list[str] | None = None, reports: list[dict[str, Any]] | None = None
    ) -> None:
        with self.changed:
            self.awake = self.awake if awake is None else awake
            self.reports = self.reports if reports is None else reports
            self.version += 1
            self.changed.notify_all()

    def restore(self, tenants: dict[str, dict[str, Any]]) -> None:
        """Become the database of an older day: its sessions and tenants."""
        with self.changed:
            self.session, self.sequence = 0, 0
            self.tenants = deepcopy(tenants)

    def pushes(self) -> int:
        return sum(1 for method, _, status in self.ledger if method == "PUT" and status < 300)

    def answer(  # noqa: PLR0911 - one for each route
        self, method: str, path: str, query: dict[str, str], body: Any
    ) -> tuple[int, Any]:
        if self.down:
            return 503, {"error": {"code": "RetryLater", "message": "down"}}
        parts = path.removeprefix("/internal/registry/").split("/")
        match (method, parts):
            case ("POST", ["sessions"]):
                self.session += 1
                self.sequence = 0
                return 200, {"session": self.session}
            case ("GET", ["tenants"]):
                return 200, {"tenants": [_bare(one) for one in self.tenants.values()]}
            case ("PUT", ["tenants", tenant_id]):
                return self._put(tenant_id, body)
            case ("POST", ["tenants", tenant_id, "tombstone"]):
                return self._bury(tenant_id, body)
            case ("GET", ["demand"]):
                return 200, self._demand(query)
        return 404, {"error": {"code": "NotFound", "message": path}}

    def _put(self, tenant_id: str, body: Any) -> tuple[int, Any]:
        with self.changed:
            self._check_order(body)
            snapshot = body["snapshot"]
            if any("\0" in one for one in _texts(snapshot)):
                # https://www.postgresql.org/docs/current/datatype-json.html: jsonb cannot hold it
                return 500, {"error": {"code": "Internal", "message": "unsupported Unicode"}}
            stored = self.tenants.get(tenant_id)
            if tenant_id in self.erased:
                raise RefusedRequest(410, "TenantIDErased", "This id was erased.")
            if stored is not None and _is_anothers(stored, snapshot):
                raise RefusedRequest(409, "TenantIDTaken", f"It is {stored['name']}'s.")
            self.tenants[tenant_id] = {
                "tenantId": tenant_id,
                "name": snapshot["name"],
                "uid": snapshot["uid"],
                "digest": body["digest"],
                "snapshot": snapshot,
            }
        return 200, {}

    def _bury(self, tenant_id: str, body: Any) -> tuple[int, Any]:
        with self.changed:
            self._check_order(body)
            self.tenants.pop(tenant_id, None)
            self.tombstones[tenant_id] = body
            if body["onDelete"] == "Erase":
                self.erased.add(tenant_id)
        return 202, {}

    def _check_order(self, body: Any) -> None:
        if body["session"] > self.session:
            raise RefusedRequest(409, "UnknownSession", "This session was never opened here.")
        if body["session"] < self.session:
            raise RefusedRequest(409, "StaleSession", "A newer operator leads.")
        if body["sequence"] <= self.sequence:
            raise RefusedRequest(409, "StaleSequence", "A later push came first.")
        self.sequence = body["sequence"]

    def _demand(self, query: dict[str, str]) -> Any:
        until = time.monotonic() + min(float(query.get("waitSeconds", "0")), 5)
        with self.changed:
            while query.get("version") == str(self.version) and time.monotonic() < until:
                self.changed.wait(0.2)
                if self.down:
                    break
            return {"version": str(self.version), "awake": self.awake, "reports": self.reports}


@contextmanager
def far_registry() -> Iterator[FarRegistry]:
    """Serve a registry on a free port of 127.0.0.1."""
    registry = FarRegistry()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # One packet for one answer: the head alone would wait 40 ms for the kernel's delayed ACK.
        wbufsize = -1
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            answer: Any
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                status, answer = 401, {"error": {"code": "Unauthorized", "message": ""}}
            else:
                try:
                    status, answer = registry.answer(self.command, parts.path, query, body)
                except RefusedRequest as refused:
                    status, answer = (
                        refused.status,
                        {"reason": refused.reason, "message": str(refused)},
                    )
            registry.ledger.append((self.command, parts.path, status))
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = _serve  # noqa: N815 - the names http.server looks for

        def log_message(self, *_: object) -> None:
            return

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            return

    server = Server(("127.0.0.1", 0), Handler)
    registry.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _is_anothers(stored: dict[str, Any], snapshot: dict[str, Any]) -> bool:
    reclaimed = stored["name"] == snapshot["name"] and bool(snapshot["idPinned"])
    return stored["uid"] != snapshot["uid"] and not reclaimed


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)


def _bare(stored: dict[str, Any]) -> dict[str, Any]:
    return {key: stored[key] for key in ("tenantId", "name", "uid", "digest")}
