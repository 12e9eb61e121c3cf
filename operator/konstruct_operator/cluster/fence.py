"""The fence: an operator whose Lease has run out writes nothing but Leases."""

from collections.abc import Callable
from typing import Any

import aiohttp

from konstruct_operator.cluster.kinds import LEASE
from konstruct_operator.errors import RetryLater


class Fence:
    """Asks `leads` before a write, and once more when the write has its connection.

    Between the two lie a queue for connections, a handshake, and any time for which the process is
    stopped. What is on its way to the kernel when a process is stopped no fence of ours can hold.
    `base`: what the API server's paths begin with, where a proxy before it has others too.
    """

    def __init__(self, base: str = "") -> None:
        self.leads: Callable[[], bool] = lambda: True
        self._base = base.rstrip("/")

    def check(self, method: str, path: str) -> None:
        """Raise RetryLater where this write is not to be made."""
        if method != "GET" and plural_of(path) != LEASE.plural and not self.leads():
            raise RetryLater(f"Not {method} {path}: this operator's Lease has run out.")

    def request_class(self) -> type[aiohttp.ClientRequest]:
        """Return requests that are checked when they have their connection."""
        check, base = self.check, self._base

        class FencedRequest(aiohttp.ClientRequest):
            async def send(self, *args: Any) -> aiohttp.ClientResponse:
                check(self.method, self.url.path.removeprefix(base))
                return await super().send(*args)

        return FencedRequest


def plural_of(path: str) -> str:
    """Return which collection an address leads to: 'deployments', 'tenants/status'."""
    parts = path.strip("/").split("/")
    rest = parts[2:] if parts[0] == "api" else parts[3:]
    if rest[0] == "namespaces" and len(rest) > 2:  # noqa: PLR2004 - namespaces/NAME/plural
        rest = rest[2:]
    return "/".join([rest[0], *rest[2:3]])
