"""What an outbound half offers whose vendor charges for messages: what one costs."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Priced(Protocol):
    """An outbound half that knows what its connections say a message costs."""

    def price(
        self, conversation_key: str, category: str, *, config: Mapping[str, Any]
    ) -> int | None:
        """Return micro-USD for one message of the category; None: nobody said."""
        ...
