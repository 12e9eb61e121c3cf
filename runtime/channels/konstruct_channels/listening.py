"""A channel's listening half: it keeps a connection to the vendor open, over which deliveries come.

For machines that the vendor cannot call. The module `listening` of a channel has
`open_listening(api_url)`, an asynchronous context manager that yields a Listening, and its inbound
half has `read_envelope(envelope, connection)`. Like the outbound half it may use the vendor's
library: it speaks to the vendor, and decides nothing about what it hears.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from konstruct_channels.inbound import Learnt

Take = Callable[[Mapping[str, Any]], Awaitable[None]]
Say = Callable[[Learnt], Awaitable[None]]


class Listening(Protocol):
    """Listens for connections whose config wants it."""

    def wanted(self, config: Mapping[str, Any]) -> bool:
        """Tell whether the connection's deliveries come this way."""
        ...

    async def listen(
        self,
        *,
        config: Mapping[str, Any],
        credentials: Mapping[str, str],
        take: Take,
        say: Say,
    ) -> None:
        """Keep a connection until cancelled, whatever the vendor does.

        Each delivery is acknowledged once `take` has returned, and never when it raised: the vendor
        delivers it again. `say` is told what becomes of the connection. Neither may be called after
        the cancellation.
        """
        ...
