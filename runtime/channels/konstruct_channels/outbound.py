"""What every sending channel's outbound half offers; the gateway's sender drives it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID


@dataclass(frozen=True)
class Outgoing:
    """One part of a reply on its way. `delivery_id` is our own mark on it, the same at each try."""

    delivery_id: UUID
    conversation_key: str
    text: str
    attempt: int


class Outbound(Protocol):
    """Sends to one vendor. It keeps no state of its own between calls."""

    async def send(
        self, outgoing: Outgoing, *, config: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> str:
        """Hand the message to the vendor; return the vendor's id of it.

        Raises SendRefused, SendLater or SendUnknown. Before a second attempt (`attempt` > 1) the
        channel asks the vendor whether the first one arrived, where the vendor can tell.
        """
        ...
