"""Slack's declaration.

Limits: https://docs.slack.dev/reference/methods/chat.postMessage (4,000 characters of text are
the best length; over 40,000 are cut off).
"""

from enum import StrEnum

from pydantic import Field

from konstruct_channels.spec import (
    HIDDEN,
    LABEL,
    ChannelConfig,
    ChannelSpec,
    Conflict,
    Credentials,
    Limits,
    SecretKey,
)


class Install(StrEnum):
    """Whose app is installed in the workspace."""

    OWN = "Own"
    SHARED = "Shared"


class EventTransport(StrEnum):
    """How Slack's deliveries come in."""

    HTTP = "HTTP"
    SOCKET_MODE = "SocketMode"


class SuggestedPrompt(ChannelConfig):
    """Something that a person may ask with one click."""

    title: str = Field(
        min_length=1, max_length=75, description="What the person reads on the button."
    )
    message: str = Field(
        min_length=1, max_length=1000, description="What is said when it is clicked."
    )


class SlackConfig(ChannelConfig):
    """A Slack app installed in one workspace. Deliveries that name another are ignored."""

    app_id: str = Field(
        min_length=2,
        max_length=24,
        pattern=r"^A[A-Z0-9]+$",
        description="The Slack app's id (A...), from the app's Basic Information page.",
        examples=["A0123456789"],
        json_schema_extra={LABEL: "App ID"},
    )
    team_id: str = Field(
        min_length=2,
        max_length=24,
        pattern=r"^[TE][A-Z0-9]+$",
        description="The workspace's id (T...), or the organisation's (E...) where the app is"
        " installed for a whole Enterprise organisation.",
        examples=["T0123456789"],
        json_schema_extra={LABEL: "Workspace ID"},
    )
    install: Install = Field(
        default=Install.OWN,
        description="Own: an app that this customer made; its deliveries come to the connection's"
        " own address. Shared: the platform's app, installed by a click in the portal; the"
        " connection gets what is for teamId once its botToken has proven to be of that"
        " installation.",
        json_schema_extra={HIDDEN: True},
    )
    transport: EventTransport = Field(
        default=EventTransport.HTTP,
        description="HTTP: Slack calls status.webhookURL, as it recommends for production."
        " SocketMode: Konstruct keeps a connection to Slack open, for machines without a public"
        " address.",
        json_schema_extra={LABEL: "How Slack's deliveries come in"},
    )
    suggested_prompts: tuple[SuggestedPrompt, ...] = Field(
        default=(),
        max_length=4,
        description="What a person who opens the agent's messages is offered to ask, in this"
        " order.",
        json_schema_extra={"x-kubernetes-list-type": "atomic", LABEL: "Suggested prompts"},
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
            title="Signing Secret",
            example="0123456789abcdef0123456789abcdef",
            pattern=r"[0-9a-zA-Z]{16,64}",
            only_with={"install": "Own", "transport": "HTTP"},
            description="The app's Signing Secret (Basic Information, App Credentials); not for"
            " install: Shared or transport: SocketMode.",
        ),
        SecretKey(
            key="botToken",
            title="Bot User OAuth Token",
            example="xoxb-...",
            pattern=r"(xoxe\.)?xoxb-[A-Za-z0-9-]+",
            description="The Bot User OAuth Token (xoxb-...; OAuth & Permissions).",
        ),
        SecretKey(
            key="appToken",
            title="App-Level Token",
            example="xapp-...",
            pattern=r"xapp-[A-Za-z0-9-]+",
            only_with={"transport": "SocketMode"},
            description="An App-Level Token (xapp-...; Basic Information) with the scope"
            " connections:write; only for transport: SocketMode.",
        ),
    ),
    webhook_with={"install": "Own", "transport": "HTTP"},
    conflicts=(
        Conflict(
            name="slack-shared-app-has-no-socket",
            fields={"install": "Shared", "transport": "SocketMode"},
            blamed="transport",
            message="The platform's shared app is called over HTTP: write transport: HTTP, or make"
            " an app of your own (install: Own) for Socket Mode.",
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
