"""What the portal is told by its environment, read once."""

import base64
import binascii
from dataclasses import replace
from urllib.parse import urlsplit

from pydantic import Field, SecretBytes, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from konstruct_channels.slack.install import SharedApp
from konstruct_telemetry.settings import TelemetrySettings

_SHORTEST_KEY = 32


class PortalSettings(TelemetrySettings):
    """Settings of the portal; each is `KONSTRUCT_<NAME>` in the environment.

    `public_url` is the origin under which people reach portal and gateway together; whether it
    is https decides cookies and HSTS. `gateway_public_url` is the origin of the chat's socket.
    """

    model_config = SettingsConfigDict(env_prefix="KONSTRUCT_", frozen=True, extra="ignore")

    database_url: str = Field(repr=False)
    public_url: str = "http://127.0.0.1:8003"
    gateway_public_url: str = ""
    chat_key: SecretBytes = Field(description="At least 32 bytes, shared with the gateway")
    host: str = "127.0.0.1"
    port: int = Field(default=8003, ge=0, le=65535)
    internal_port: int = Field(default=8004, ge=0, le=65535, description="GET /metrics")
    password_workers: int = Field(default=2, ge=1, le=16, description="Hashes made at once")
    password_waiters: int = Field(default=16, ge=1, le=256, description="Log-ins that may queue")
    login_attempts_per_account: int = Field(default=25, ge=1, description="In 15 minutes")
    login_attempts_per_address: int = Field(default=50, ge=1, description="In 15 minutes")
    trusted_proxies: str = Field(
        default="127.0.0.1", description="Peers whose X-Forwarded-For is believed; comma list or *"
    )
    slack_client_id: str = Field(default="", description="The platform's shared Slack app")
    slack_client_secret: SecretStr = Field(default=SecretStr(""), description="Of the same app")
    slack_app_id: str = Field(default="", description="Of the same app: A...")
    slack_api_url: str = Field(default="", description="Another server in Slack's place")
    namespace_prefix: str = Field(
        default="tenant-", description="Namespace of a tenant that names none"
    )

    @field_validator("chat_key", mode="before")
    @classmethod
    def _decode_key(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return base64.b64decode(value, validate=True)
        except binascii.Error as error:
            raise ValueError("KONSTRUCT_CHAT_KEY must be base64") from error

    @field_validator("chat_key")
    @classmethod
    def _long_enough(cls, value: SecretBytes) -> SecretBytes:
        if len(value.get_secret_value()) < _SHORTEST_KEY:
            raise ValueError(f"KONSTRUCT_CHAT_KEY must hold at least {_SHORTEST_KEY} bytes")
        return value

    @property
    def secure(self) -> bool:
        """Whether people reach the portal by https."""
        return urlsplit(self.public_url).scheme == "https"

    @property
    def shared_slack_app(self) -> SharedApp | None:
        """The platform's own Slack app, or None where there is none to install."""
        secret = self.slack_client_secret.get_secret_value()
        if not (self.slack_client_id and secret):
            return None
        known = SharedApp(self.slack_client_id, secret, self.slack_app_id)
        return replace(known, api_url=self.slack_api_url) if self.slack_api_url else known

    @property
    def gateway_url(self) -> str:
        """The gateway's public origin, without a slash at its end."""
        return (self.gateway_public_url or self.public_url).rstrip("/")

    @property
    def socket_origin(self) -> str:
        """The gateway's public origin as a WebSocket address: `wss://host[:port]`."""
        parts = urlsplit(self.gateway_url)
        return f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}"
