"""Reading values that somebody else made: a wrong type is as good as nothing."""

from collections.abc import Mapping
from typing import Any


def mapping(value: Any) -> Mapping[str, Any]:
    """Return `value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def text(content: Mapping[str, Any], key: str) -> str:
    """Return the text under `key`, or nothing."""
    value = content.get(key)
    return value if isinstance(value, str) else ""
