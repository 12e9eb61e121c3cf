"""An outbound half that can ask its vendor what a person is to the connection's workspace."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from konstruct_channels.inbound import Standing


@dataclass(frozen=True)
class Acquaintance:
    """What the vendor says of a person; `language` is BCP 47 and may be empty."""

    standing: Standing
    language: str = ""


@runtime_checkable
class Knowing(Protocol):
    """Asks about people whose messages do not say enough."""

    async def who(
        self, person_key: str, *, config: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> Acquaintance:
        """Return what the person is; Unknown where the vendor knows no such person.

        Raises ChannelError: SendRefused where it will never say, SendLater or SendUnclear where it
        does not say now.
        """
        ...
