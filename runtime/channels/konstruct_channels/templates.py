"""What an outbound half offers whose vendor wants approved templates from whoever writes first."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from konstruct_messages.templates import Template


@runtime_checkable
class Templated(Protocol):
    """An outbound half of a channel with templates."""

    def reopening(self, *, config: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the template that asks a person to write again; None: the connection has none."""
        ...

    async def templates(
        self, *, config: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> tuple[Template, ...]:
        """Return the templates of the connection's account. Raises ChannelError."""
        ...
