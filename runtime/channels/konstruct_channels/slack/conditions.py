"""What Slack's own events say about a connection, as conditions for an operator."""

from konstruct_channels import authenticated
from konstruct_channels.inbound import Learnt
from konstruct_channels.slack.spec import Install, SlackConfig


def uninstalled(config: SlackConfig) -> Learnt:
    """Return the condition of a connection whose app was removed."""
    return authenticated.refused(
        "AppUninstalled", f"The app was removed from the workspace. {_install_again(config)}"
    )


def revoked(config: SlackConfig) -> Learnt:
    """Return the condition of a connection whose bot token Slack revoked."""
    return authenticated.refused(
        "TokenRevoked", f"Slack revoked the bot token. {_install_again(config)}"
    )


def access_revoked() -> Learnt:
    """Return the condition of a workspace that the organisation took the app from."""
    return authenticated.refused(
        "WorkspaceAccessRevoked",
        "The organisation no longer lets the app into this workspace. Ask an organisation's owner"
        " to add the workspace to the app again (Organisation settings, Integrations).",
    )


def rate_limited() -> Learnt:
    """Return the condition while Slack holds events back."""
    return Learnt(
        condition="Receiving",
        status="False",
        reason="SlackLimitsEvents",
        message="Slack holds events back because this app got more than 30,000 in an hour."
        " Subscribe to fewer events or leave busy channels; it ends by itself.",
    )


def _install_again(config: SlackConfig) -> str:
    if config.install is Install.SHARED:
        return "Install it again from the portal (Channels, Add to Slack)."
    return (
        "Install it again (api.slack.com/apps, Install App) and put the new Bot User OAuth Token"
        " into the Secret as botToken."
    )
