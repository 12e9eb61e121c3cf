"""Short words after something was done. A cookie carries only the name, never a text."""

from konstruct_portal.language import Translate


def toast_text(name: str, _: Translate) -> str:
    """Return what a toast says, or an empty string for a name we do not know."""
    return {
        "agent-saved": _("Saved. The agent uses it from its next answer on."),
        "connection-created": _("The connection is declared. Now set it up as described below."),
        "connection-saved": _("Saved. The connection uses it within seconds."),
        "connection-deleted": _("The connection is deleted. Its conversations are kept."),
        "credentials-rotated": _("The new credentials are kept. They are tried within seconds."),
        "slack-installed": _("Slack is connected. Write to the app, or mention it in a channel."),
        "slack-reinstalled": _("Slack is connected again, with new credentials."),
        "agent-unchanged": _("Nothing was changed."),
        "password-changed": _("Your password is changed. All other sessions are logged out."),
        "preferences-saved": _("Your preferences are saved."),
        "session-closed": _("That session is logged out."),
        "sessions-closed": _("All other sessions are logged out."),
        "logged-out": _("You are logged out."),
    }.get(name, "")
