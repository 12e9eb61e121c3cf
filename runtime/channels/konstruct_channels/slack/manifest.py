"""The manifest from which Slack makes a customer's own app.

https://docs.slack.dev/reference/app-manifest
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from konstruct_channels.presentation import AppOffer
from konstruct_messages.translations import choose_language, load_catalogues

NEEDED_SCOPES = (
    "app_mentions:read",
    "channels:history",
    "chat:write",
    "chat:write.customize",
    "groups:history",
    "im:history",
    "mpim:history",
)
"""Reading is for follow-ups in threads, and for asking Slack after a lost answer."""

EVENTS = (
    "app_home_opened",
    "app_mention",
    "app_uninstalled",
    "message.channels",
    "message.groups",
    "message.im",
    "message.mpim",
    "tokens_revoked",
)
_LONGEST_NAME = 35
_LONGEST_DESCRIPTION = 140


def manifest(webhook_url: str, *, name: str = "Konstruct", language: str = "en") -> dict[str, Any]:
    """Return the manifest of an app whose events go to `webhook_url`."""
    _ = load_catalogues("konstruct_channels")[choose_language(language)].gettext
    description = _("An AI employee. Write to it directly, or mention it in a channel.")
    return {
        "_metadata": {"major_version": 1, "minor_version": 1},
        "display_information": {
            "name": name[:_LONGEST_NAME],
            "description": description[:_LONGEST_DESCRIPTION],
        },
        "features": {
            "app_home": {
                "home_tab_enabled": False,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": name[:_LONGEST_NAME], "always_online": True},
        },
        "oauth_config": {"scopes": {"bot": list(NEEDED_SCOPES)}},
        "settings": {
            "event_subscriptions": {"request_url": webhook_url, "bot_events": list(EVENTS)},
            "interactivity": {"is_enabled": False},
            "org_deploy_enabled": False,
            "socket_mode_enabled": False,
            "token_rotation_enabled": False,
        },
    }


_NEW_APP = "https://api.slack.com/apps"
"""https://docs.slack.dev/app-manifests/configuring-apps-with-app-manifests#sharing"""


def offer(webhook_url: str, *, name: str, language: str, config: Mapping[str, Any]) -> AppOffer:
    """Return the app that a customer makes by following a link: this manifest, filled in."""
    made = manifest(webhook_url, name=name or "Konstruct", language=language)
    if config.get("transport") == "SocketMode":
        made["settings"]["socket_mode_enabled"] = True
        del made["settings"]["event_subscriptions"]["request_url"]
    compact = json.dumps(made, separators=(",", ":"), ensure_ascii=False)
    return AppOffer(
        url=f"{_NEW_APP}?{urlencode({'new_app': '1', 'manifest_json': compact})}",
        document=json.dumps(made, indent=2, ensure_ascii=False),
    )
