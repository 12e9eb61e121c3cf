"""What is looked at about a web chat: pure, since there is no vendor to ask."""

from collections.abc import Mapping
from typing import Any

from konstruct_channels.checks import Check, Finding, ok, step
from konstruct_channels.marking import mark as _
from konstruct_channels.webchat.spec import Visitors, WebChatConfig

ORIGINS, WIDGET, KEYS = "origins", "widget", "keys"

CHECKS = (
    Check(ORIGINS, _("Pages that may open it")),
    Check(WIDGET, _("Script of the widget")),
    Check(KEYS, _("Tickets of visitors")),
)


def judge(config: Mapping[str, Any]) -> list[Finding]:
    """Tell whether a page could open the chat at all."""
    return [_origins(config)]


def _origins(config: Mapping[str, Any]) -> Finding:
    chat = WebChatConfig.model_validate(config)
    if chat.visitors is not Visitors.ALLOWED:
        return ok(ORIGINS, _("Only people whom the portal vouches for chat here."))
    if not chat.allowed_origins:
        return ok(
            ORIGINS,
            _("No page of yours may open the chat: visitors come by programs alone."),
            then=step(
                _("List the origins of your pages in allowedOrigins (https://www.example.com).")
            ),
        )
    plain = [one for one in chat.allowed_origins if one.startswith("http://") and not _is_near(one)]
    if plain:
        return ok(
            ORIGINS,
            _("Pages may open it; {origins} is not encrypted."),
            origins=", ".join(plain),
            then=step(_("Serve these pages over https, and list them so.")),
        )
    return ok(
        ORIGINS, _("Pages of {origins} may open it."), origins=", ".join(chat.allowed_origins)
    )


def _is_near(origin: str) -> bool:
    host = origin.removeprefix("http://").partition(":")[0]
    return host in {"localhost", "127.0.0.1"}
