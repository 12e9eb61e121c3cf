"""How this channel's halves call Slack, without knowing its library."""

import re
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Protocol

_EMOJI_NAME = re.compile(r":?([a-z0-9_+'-]+):?")
_OTHER_NAMES = MappingProxyType(
    {
        "grinning_face": "grinning",
        "heavy_black_heart": "heart",
        "high_voltage_sign": "zap",
        "smiling_face_with_sunglasses": "sunglasses",
        "sparkles": "sparkles",
        "waving_hand_sign": "wave",
        "white_medium_star": "star",
    }
)


class Call(Protocol):
    """Calls one workspace's methods at its pace."""

    team: str
    app: str

    async def __call__(
        self,
        method: str,
        arguments: Mapping[str, Any],
        *,
        channel: str = "",
        spare: float = 0.0,
        seconds: float | None = None,
    ) -> Mapping[str, Any]:
        """Call `method` and return what it answered.

        `channel` keeps the pace of its messages; `spare` is the share of the method's tier that is
        left to others; `seconds` replaces the usual time-out. Raises SendRefused with Slack's code,
        SendLater or SendUnclear.
        """
        ...


def whereabouts(conversation_key: str) -> tuple[str, str]:
    """Return channel and thread of a conversation; the thread is empty for a channel's own line."""
    channel, _, thread = conversation_key.partition(":")
    return channel, thread


def face(agent_name: str, avatar: Mapping[str, str] | None) -> dict[str, Any]:
    """Return the arguments that show a message with an agent's name and picture."""
    shown: dict[str, Any] = {"username": agent_name} if agent_name else {}
    picture = avatar or {}
    if picture.get("emoji"):
        shown["icon_emoji"] = f":{_emoji_name(picture['emoji'])}:"
    elif picture.get("url"):
        shown["icon_url"] = picture["url"]
    return shown


def _emoji_name(emoji: str) -> str:
    """Return Slack's name of an emoji, which is mostly the character's own in Unicode."""
    named = _EMOJI_NAME.fullmatch(emoji.strip())
    if named:
        return named[1]
    name = unicodedata.name(emoji.strip()[:1], "robot face").lower()
    name = re.sub(r"[^a-z0-9]+", "_", name)
    return _OTHER_NAMES.get(name, name)
