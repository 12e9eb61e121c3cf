"""What an outbound half offers whose vendor wants approved templates from whoever writes first."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable


@dataclass(frozen=True)
class Template:
    """A template as the vendor lists it. `state` and `category` are the vendor's words."""

    name: str
    language: str
    state: str
    category: str = ""
    quality: str = ""
    words: str = ""


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
