"""Clicks on choices: what a channel shows of a question that is answered or over."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable


@dataclass(frozen=True)
class Click:
    """Where a choice was clicked, and by whom.

    `message_id` is the vendor's id of the question, `text` and `blocks` what it shows, in the
    vendor's own shape.
    """

    person_key: str
    room: str
    thread: str
    message_id: str
    text: str = ""
    blocks: tuple[Mapping[str, Any], ...] = ()


@runtime_checkable
class Choosing(Protocol):
    """An outbound half whose buttons stay after a click until they are taken away.

    Both raise ChannelError; nobody tries again.
    """

    async def settle_choice(
        self, click: Click, words: str, *, config: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> None:
        """Show `words` to everybody in the place of the question's buttons."""
        ...

    async def whisper(
        self, click: Click, words: str, *, config: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> None:
        """Tell `words` to the person who clicked, and to nobody else."""
        ...
