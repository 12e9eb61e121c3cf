"""The gateway's settings: `KONSTRUCT_` in the environment, read once in `main`."""

import base64
import binascii
import os
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from nacl.public import PrivateKey
from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from konstruct_media.settings import MediaSettings
from konstruct_registry.errors import SealRefused
from konstruct_registry.seals import private_key_from_text
from konstruct_telemetry.settings import TelemetrySettings

_SHORTEST_KEY = 32
_VENDOR = re.compile(r"KONSTRUCT_([A-Z0-9_]+)_API_URL")


class GatewaySettings(MediaSettings, TelemetrySettings):
    """Every setting of the program; sizes in bytes, times in seconds."""

    model_config = SettingsConfigDict(env_prefix="KONSTRUCT_", frozen=True, extra="ignore")

    #: The gateway's own log-in to Postgres.
    database_url: SecretStr
    #: Base of every public address, without a slash at the end.
    public_url: str
    #: Signs tickets and resume credentials; shared with the portal. Base64 of 32 bytes or more.
    chat_key: SecretStr
    #: The operator's bearer token for `/internal/registry`.
    registry_token: SecretStr
    #: The replicas' bearer token for `/internal/replicas`.
    replica_token: SecretStr
    #: The base URL under which the other replicas reach this one; empty: this is the only one.
    replica_url: str = ""
    #: Private halves of the seals, base64, the current one first, separated by commas.
    seal_private_keys: SecretStr = SecretStr("")

    host: str = "0.0.0.0"  # noqa: S104 - a pod's port is its door
    port: int = Field(default=8000, ge=0, le=65_535)
    internal_port: int = Field(default=8001, ge=0, le=65_535)
    #: Addresses of proxies whose X-Forwarded-For is believed, separated by commas.
    trusted_proxies: str = "127.0.0.1"
    #: Connections to Postgres.
    database_connections: int = Field(default=16, ge=2, le=200)

    #: Vendors' addresses, so that another server can stand in; empty: the vendor's own.
    slack_api_url: str = ""
    #: The Signing Secret of the platform's own Slack app, which connections may share
    #: (`install: Shared`); empty: there is none, and `/hooks/slack` answers 404.
    slack_signing_secret: SecretStr = SecretStr("")
    whatsapp_api_url: str = ""
    #: The same of any other channel, by its folder: KONSTRUCT_TELEGRAM_API_URL.
    vendor_api_urls: dict[str, str] = Field(default_factory=lambda: _vendors_in(os.environ))

    #: Files of one tenant that may be on their way in at once.
    max_uploads_per_tenant: int = Field(default=8, ge=1)

    lease_seconds: float = Field(default=15.0, gt=0)
    turn_deadline_seconds: int = Field(default=3600, ge=1)
    #: Lease expiries without a new step before a turn is given up.
    max_attempts: int = Field(default=5, ge=1)
    #: After this long without a reply the person is told that it comes later.
    later_seconds: float = Field(default=60.0, gt=0)
    #: How often the registry, due turns and the other replicas are looked at.
    poll_seconds: float = Field(default=1.0, gt=0)
    sweep_seconds: float = Field(default=5.0, gt=0)
    tidy_seconds: float = Field(default=60.0, gt=0)
    #: How often the deliveries that wait or were not delivered are counted for the metrics.
    backlog_seconds: float = Field(default=15.0, gt=0)

    #: How long a connection's credentials go untried at most, so that a revoked token shows;
    #: 0: until they change.
    probe_seconds: float = Field(default=40.0, ge=0)
    #: How long until all of a connection is looked at again; 0: only when somebody asks.
    examine_seconds: float = Field(default=600.0, ge=0)

    #: The largest body of the work API.
    max_body: int = Field(default=2_097_152, ge=1024)
    #: The largest body of the registry API: one whole tenant.
    max_registry_body: int = Field(default=33_554_432, ge=1024)
    #: The largest WebSocket message that is read at all; over it the socket is closed (1009).
    max_socket_message: int = Field(default=4_194_304, ge=131_072)

    #: Web chat: how long a socket may be silent before its ticket.
    authenticate_seconds: float = Field(default=10.0, gt=0)
    #: Web chat: sockets of this replica, of one address and of one person.
    max_sockets: int = Field(default=10_000, ge=1)
    max_sockets_per_address: int = Field(default=500, ge=1)
    max_sockets_per_person: int = Field(default=20, ge=1)
    #: Web chat: messages of one person per minute, and how many may come at once.
    messages_per_minute: float = Field(default=60.0, gt=0)
    messages_burst: int = Field(default=30, ge=1)
    #: Web chat: tickets for one address per minute, and how many may be taken at once.
    tickets_per_minute: float = Field(default=120.0, gt=0)
    tickets_burst: int = Field(default=240, ge=1)
    #: Web chat: frames of one address per minute, and how many may come at once.
    frames_per_minute: float = Field(default=6000.0, gt=0)
    frames_burst: int = Field(default=2000, ge=1)

    #: Messages of one tenant that may be on their way into the store at once.
    max_receiving_per_tenant: int = Field(default=64, ge=1)
    #: Claims of one tenant that may wait at once.
    max_waiting_per_tenant: int = Field(default=128, ge=1)
    #: Work API requests of one tenant per second, and how many may come at once.
    work_per_second: float = Field(default=500.0, gt=0)
    work_burst: int = Field(default=2000, ge=1)

    @field_validator("public_url", "replica_url")
    @classmethod
    def _without_slash(cls, value: str) -> str:
        if value and urlsplit(value).scheme not in {"http", "https"}:
            raise ValueError("must be an http or https address")
        return value.rstrip("/")

    @field_validator("chat_key")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if len(_decoded(value.get_secret_value())) < _SHORTEST_KEY:
            raise ValueError("must be base64 of at least 32 bytes")
        return value

    @field_validator("seal_private_keys")
    @classmethod
    def _readable(cls, value: SecretStr) -> SecretStr:
        try:
            _private_keys(value.get_secret_value())
        except SealRefused as error:
            raise ValueError(str(error)) from error
        return value

    @property
    def api_urls(self) -> dict[str, str]:
        """Vendors' addresses by the channel's folder, where they are not the vendor's own."""
        return {
            **self.vendor_api_urls,
            "slack": self.slack_api_url,
            "whatsapp": self.whatsapp_api_url,
        }

    @property
    def platform_credentials(self) -> dict[str, dict[str, str]]:
        """Credentials of the platform's own apps by the channel's folder; only those there are."""
        secret = self.slack_signing_secret.get_secret_value()
        return {"slack": {"signingSecret": secret}} if secret else {}

    @property
    def chat_key_bytes(self) -> bytes:
        """The key of tickets and resume credentials."""
        return _decoded(self.chat_key.get_secret_value())

    @property
    def private_keys(self) -> tuple[PrivateKey, ...]:
        """The private halves of the seals, the current one first."""
        return _private_keys(self.seal_private_keys.get_secret_value())


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _private_keys(text: str) -> tuple[PrivateKey, ...]:
    return tuple(private_key_from_text(one.strip()) for one in text.split(",") if one.strip())


def _vendors_in(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the vendors' addresses that an environment names, by the channel's folder."""
    found = ((_VENDOR.fullmatch(name), value) for name, value in environment.items())
    return {match[1].lower(): value for match, value in found if match and value}
