"""What is looked at about a Slack connection, and what Slack's answers say of it: pure.

https://docs.slack.dev/reference/methods/auth.test
"""

from collections.abc import Mapping, Sequence
from typing import Any

from konstruct_channels.checks import Check, Finding, failed, ok, step, unknown
from konstruct_channels.marking import mark as _
from konstruct_channels.slack.fields import mapping, text
from konstruct_channels.slack.manifest import ASKED_SCOPES, NEEDED_SCOPES
from konstruct_channels.slack.spec import Install

_TOKEN, _INSTALLED, _WORKSPACE, _SCOPES = "token", "installed", "workspace", "scopes"

CHECKS = (
    Check(_TOKEN, _("Bot token")),
    Check(_INSTALLED, _("App installed")),
    Check(_WORKSPACE, _("Workspace and app")),
    Check(_SCOPES, _("Permissions of the app")),
)

_REMOVED = frozenset({"account_inactive", "token_revoked", "token_expired"})
_INSTALL_AGAIN = step(
    _(
        "Install the app again (api.slack.com/apps, Install App) and put its Bot User OAuth Token"
        " into the Secret as botToken."
    )
)
_INSTALL_SHARED = step(_("Install the app again from the portal (Channels, Add to Slack)."))


def refused(code: str, config: Mapping[str, Any]) -> list[Finding]:
    """Return the findings where Slack does not take the token."""
    again = _INSTALL_SHARED if config.get("install") == Install.SHARED else _INSTALL_AGAIN
    token = failed(_TOKEN, _("Slack does not take the bot token ({code})."), code=code, then=again)
    if code in _REMOVED:
        gone = _("The app was removed from the workspace, or its token was revoked.")
        installed = failed(_INSTALLED, gone, then=again)
    else:
        installed = unknown(_INSTALLED, _UNASKED)
    return [token, installed, unknown(_WORKSPACE, _UNASKED), unknown(_SCOPES, _UNASKED)]


def not_reached(why: str) -> list[Finding]:
    """Return the findings while Slack cannot be asked."""
    sentence = _("Slack could not be asked ({reason}); it is tried again.")
    return [unknown(one.name, sentence, reason=why) for one in CHECKS]


def taken(
    whose: Mapping[str, Any],
    headers: Mapping[str, Any],
    config: Mapping[str, Any],
    bot: Mapping[str, Any] | None,
) -> list[Finding]:
    """Return the findings where Slack takes the token.

    `whose` and `headers` are what auth.test answered, `bot` what bots.info did; None: not known.
    """
    return [
        ok(_TOKEN, _("Slack takes the bot token.")),
        ok(_INSTALLED, _("The app is installed.")),
        _workspace(whose, config, bot),
        _scopes(headers),
    ]


def _workspace(
    whose: Mapping[str, Any], config: Mapping[str, Any], bot: Mapping[str, Any] | None
) -> Finding:
    wanted = str(config.get("teamId", ""))
    if wanted not in {text(whose, "team_id"), text(whose, "enterprise_id")}:
        return failed(
            _WORKSPACE,
            _("The token is of the workspace {found}, and the connection names {wanted}."),
            found=text(whose, "team_id") or "?",
            wanted=wanted,
            then=step(_("Put the right token into the Secret, or correct spec.slack.teamId.")),
        )
    app = text(mapping(mapping(bot).get("bot")), "app_id")
    if app and app != config.get("appId"):
        return failed(
            _WORKSPACE,
            _("The token is of the app {found}, and the connection names {wanted}."),
            found=app,
            wanted=str(config.get("appId", "")),
            then=step(_("Put the right token into the Secret, or correct spec.slack.appId.")),
        )
    return ok(_WORKSPACE, _("The token is of the workspace {wanted}."), wanted=wanted)


def _scopes(headers: Mapping[str, Any]) -> Finding:
    lower = {str(name).lower(): str(value) for name, value in headers.items()}
    if "x-oauth-scopes" not in lower:
        return unknown(_SCOPES, _("Slack did not say what the app may do."))
    have = {one.strip() for one in lower["x-oauth-scopes"].split(",")}
    add = step(
        _(
            "Add them under OAuth & Permissions (or use the generated manifest) and install the app"
            " again."
        )
    )
    missing = _missing(NEEDED_SCOPES, have)
    if missing:
        return failed(_SCOPES, _("The app lacks the scopes {scopes}."), scopes=missing, then=add)
    fewer = _missing(ASKED_SCOPES, have)
    if fewer:
        sentence = _("The app may do what is needed; without {scopes} something less works.")
        return ok(_SCOPES, sentence, scopes=fewer, then=add)
    return ok(_SCOPES, _("The app may do all that is used."))


def _missing(wanted: Sequence[str], have: set[str]) -> str:
    return ", ".join(one for one in wanted if one not in have)


_UNASKED = _("It cannot be asked without a token that Slack takes.")
