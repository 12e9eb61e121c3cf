"""What becomes of a Socket Mode connection, as conditions for an operator."""

from typing import Literal

from konstruct_channels.inbound import Learnt


def _receiving(status: Literal["True", "False", "Unknown"], reason: str, message: str) -> Learnt:
    return Learnt(condition="Receiving", status=status, reason=reason, message=message)


OPEN = _receiving("True", "SocketOpen", "The Socket Mode connection is open.")
NO_TOKEN = _receiving(
    "False",
    "AppTokenMissing",
    "spec.slack.transport is SocketMode, and the Secret has no appToken. Make an App-Level Token"
    " with the scope connections:write (api.slack.com/apps, Basic Information, App-Level Tokens)"
    " and put it into the Secret as appToken.",
)
DISABLED = _receiving(
    "False",
    "SocketModeDisabled",
    "Slack closed the connection because Socket Mode is off for this app. Turn it on"
    " (api.slack.com/apps, Socket Mode), or write transport: HTTP.",
)


def greeted(app: str, ours: str) -> Learnt:
    """Return the condition of an open connection, by the app that Slack greets us as."""
    if app in {"", ours}:
        return OPEN
    return _receiving(
        "False",
        "AppTokenOfAnotherApp",
        f"The appToken is of the app {app}, and the connection names {ours}: what comes is ignored."
        " Put the right App-Level Token into the Secret, or correct spec.slack.appId.",
    )


def token_refused(code: str) -> Learnt:
    """Return the condition while Slack does not take the app-level token."""
    return _receiving(
        "False",
        "AppTokenRefused",
        f"Slack does not take the appToken ({code}). Make an App-Level Token with the scope"
        " connections:write (api.slack.com/apps, Basic Information, App-Level Tokens) and put it"
        " into the Secret as appToken.",
    )


def refused(code: str) -> Learnt:
    """Return the condition while Slack opens no connection, for another reason than the token."""
    return _receiving(
        "False",
        "SocketNotOpened",
        f"Slack opens no Socket Mode connection ({code}). Is Socket Mode on for this app"
        " (api.slack.com/apps, Socket Mode)?",
    )


def not_open(why: str) -> Learnt:
    """Return the condition while a connection is tried again."""
    return _receiving(
        "Unknown",
        "SocketNotReached",
        f"The Socket Mode connection could not be opened ({why}); it is tried again.",
    )
