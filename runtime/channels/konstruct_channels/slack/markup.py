"""Slack's own markup, read: what a person wrote, as plain text.

https://docs.slack.dev/messaging/formatting-message-text
"""

import re

_SPECIAL = re.compile(r"<([^<>\n]{1,4000})>")


def plain(text: str) -> str:
    """Return `text` with Slack's references as words and its three escapes undone."""
    return unescape(_SPECIAL.sub(lambda found: _word(found[1]), text))


def unescape(text: str) -> str:
    """Undo Slack's escapes: `&`, `<` and `>` and no other."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _word(inside: str) -> str:
    target, _, label = inside.partition("|")
    kind, rest = target[:1], target[1:]
    if kind == "@":
        return f"@{label or rest}"
    if kind == "#":
        return f"#{label or rest}"
    if kind == "!":
        return label or f"@{rest.split('^')[-1]}"
    shown = target.removeprefix("mailto:").removeprefix("tel:")
    return shown if not label or label == shown else f"{label} ({shown})"
