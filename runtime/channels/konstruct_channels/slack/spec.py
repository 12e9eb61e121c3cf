"""Slack's declaration.

Limits: https://docs.slack.dev/reference/methods/chat.postMessage (4,000 characters of text are
the best length; over 40,000 are cut off).
"""

from pydantic import Field

from konstruct_channels.spec import ChannelConfig, ChannelSpec, Credentials, Limits, SecretKey


class SlackConfig(ChannelConfig):
    """A Slack app installed in one workspace. Deliveries that name another are ignored."""

    app_id: str = Field(
        min_length=2,
        max_length=24,
        pattern=r"^A[A-Z0-9]+$",
        description="The Slack app's id (A...), from the app's Basic Information page.",
    )
    team_id: str = Field(
        min_length=2,
        max_length=24,
        pattern=r"^[TE][A-Z0-9]+$",
        description="The workspace's id (T...), or the organisation's (E...) where the app is"
        " installed for a whole Enterprise organisation.",
    )


SPEC = ChannelSpec(
    channel_type="Slack",
    block="slack",
    folder="slack",
    title="Slack",
    description="Direct messages to the app and mentions of it in channels.",
    config=SlackConfig,
    credentials=Credentials.REQUIRED,
    secret_keys=(
        SecretKey(
            key="signingSecret",
            description="The app's Signing Secret (Basic Information, App Credentials).",
        ),
        SecretKey(
            key="botToken",
            description="The Bot User OAuth Token (xoxb-...; OAuth & Permissions).",
        ),
    ),
    limits=Limits(
        inbound_text_characters=40_000,
        outbound_text_characters=4_000,
        inbound_body_bytes=1_048_576,
        dedupe_days=3,
    ),
    sends=True,
    signs_time=True,
    api_url="https://slack.com/api/",
)
