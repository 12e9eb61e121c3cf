"""An outbound half that can greet: what a person sees before writing the first message."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Welcoming(Protocol):
    """Shows what may be asked, in a conversation that a person has just opened."""

    async def welcome(
        self, room: str, *, config: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> None:
        """Show the connection's suggested prompts in `room`; nothing where it has none.

        Raises ChannelError; nobody tries again.
        """
        ...
