"""The third thing an inbound half can say; the other two are InboundMessage and Ignored."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Refusal:
    """What arrived cannot be used. `code` is for programs; it names no content."""

    code: str
