"""The manifest from which Slack makes a customer's own app.

https://docs.slack.dev/reference/app-manifest
"""

import json
from collections.abc import Mapping, Sequence
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
"""Without these nobody is answered. Reading is for follow-ups in threads, and for asking Slack
after a lost answer."""

SHARING_SCOPE = "files:write"
"""Without it people get a link that expires in the place of a file."""

ASKED_SCOPES = tuple(
    sorted((*NEEDED_SCOPES, "assistant:write", "files:read", SHARING_SCOPE, "users:read"))
)
"""What an app asks for: `assistant:write` is for the agent view and its suggested prompts,
`files:read` for the files that people send, `files:write` for those that the agent makes,
`users:read` for telling guests from members, and which app a token is of."""

EVENTS = (
    "agent_session_stopped",
    "app_context_changed",
    "app_home_opened",
    "app_mention",
    "app_uninstalled",
    "message.channels",
    "message.groups",
    "message.im",
    "message.mpim",
    "tokens_revoked",
)
"""Without `agent_session_stopped`, Slack shows people no Stop button."""

_LONGEST_NAME = 35
_LONGEST_DESCRIPTION = 140
_NEW_APP = "https://api.slack.com/apps"
"""https://docs.slack.dev/app-manifests/configuring-apps-with-app-manifests#sharing"""


def manifest(
    webhook_url: str,
    *,
    name: str = "Konstruct",
    language: str = "en",
    prompts: Sequence[Mapping[str, str]] = (),
) -> dict[str, Any]:
    """Return the manifest of an app whose events and clicks go to `webhook_url`.

    With an empty `webhook_url` they come over Socket Mode. `prompts` (`title`, `message`) are what
    Slack offers before the agent has said anything.
    """
    _ = load_catalogues("konstruct_channels")[choose_language(language)].gettext
    description = _("An AI employee. Write to it directly, or mention it in a channel.")
    description = description[:_LONGEST_DESCRIPTION]
    address = {"request_url": webhook_url} if webhook_url else {}
    return {
        "_metadata": {"major_version": 1, "minor_version": 1},
        "display_information": {"name": name[:_LONGEST_NAME], "description": description},
        "features": {
            "agent_view": {
                "agent_description": description,
                "suggested_prompts": [
                    {"title": one["title"], "message": one["message"]} for one in prompts
                ],
            },
            "app_home": {
                "home_tab_enabled": False,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": name[:_LONGEST_NAME], "always_online": True},
        },
        "oauth_config": {"scopes": {"bot": list(ASKED_SCOPES)}},
        "settings": {
            "event_subscriptions": {**address, "bot_events": list(EVENTS)},
            "interactivity": {"is_enabled": True, **address},
            "org_deploy_enabled": False,
            "socket_mode_enabled": not webhook_url,
            "token_rotation_enabled": False,
        },
    }


def offer(webhook_url: str, *, name: str, language: str, config: Mapping[str, Any]) -> AppOffer:
    """Return the app that a customer makes by following a link: this manifest, filled in."""
    prompts = config.get("suggestedPrompts")
    made = manifest(
        "" if config.get("transport") == "SocketMode" else webhook_url,
        name=name or "Konstruct",
        language=language,
        prompts=prompts if isinstance(prompts, list) else (),
    )
    compact = json.dumps(made, separators=(",", ":"), ensure_ascii=False)
    return AppOffer(
        url=f"{_NEW_APP}?{urlencode({'new_app': '1', 'manifest_json': compact})}",
        document=json.dumps(made, indent=2, ensure_ascii=False),
    )
