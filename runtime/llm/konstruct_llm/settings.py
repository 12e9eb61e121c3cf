"""The settings of the model service, read once from the environment."""

from pathlib import Path

from nacl.public import PrivateKey
from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from konstruct_media.objects import ObjectAddress
from konstruct_registry import seals
from konstruct_telemetry.settings import TelemetrySettings


class LlmSettings(TelemetrySettings):
    """Each field is the environment variable KONSTRUCT_<NAME>."""

    model_config = SettingsConfigDict(env_prefix="KONSTRUCT_", frozen=True, extra="ignore")

    database_url: SecretStr = Field(description="Postgres URL of this program's log-in")
    models_file: Path | None = Field(
        default=None, description="The model pool (models.yaml); without it a pool by keys"
    )
    seal_private_keys: SecretStr = Field(
        default=SecretStr(""), description="Private seal keys in base64, comma-separated"
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on")
    port: int = Field(default=8002, ge=0, le=65_535, description="Port to listen on")
    call_deadline_seconds: float = Field(
        default=120.0, gt=0, description="One call in all, with retries and fallbacks"
    )
    first_token_seconds: float = Field(
        default=30.0, gt=0, description="How long one attempt may stay silent before it begins"
    )
    token_gap_seconds: float = Field(
        default=20.0, gt=0, description="How long a stream may stay silent in its middle"
    )
    tenant_concurrency: int = Field(
        default=32, ge=1, description="Calls of one tenant in progress at once"
    )
    max_body_bytes: int = Field(default=4 * 1024 * 1024, ge=1024, description="Largest request")
    media_url: str = Field(
        default="",
        description="Where people's files are: s3://bucket/prefix or file:///folder",
    )
    media_endpoint_url: str = Field(
        default="", description="An S3-compatible server's address; empty: Amazon's own"
    )
    media_region: str = Field(default="us-east-1", description="The bucket's region")
    media_access_key_id: str = Field(
        default="", description="Key of the bucket (reading suffices); empty: the environment's"
    )
    media_secret_access_key: SecretStr = Field(
        default=SecretStr(""), description="The key's secret"
    )
    registry_seconds: float = Field(
        default=1.0, gt=0, description="How often the registry's version is looked at"
    )

    @property
    def media_address(self) -> ObjectAddress | None:
        """Where files are kept; None: nowhere."""
        if not self.media_url:
            return None
        return ObjectAddress(
            url=self.media_url,
            endpoint_url=self.media_endpoint_url,
            region=self.media_region,
            access_key_id=self.media_access_key_id,
            secret_access_key=self.media_secret_access_key,
        )

    def private_keys(self) -> tuple[PrivateKey, ...]:
        """Return the seal keys, the current one first. Raises SealRefused on a malformed one."""
        text = self.seal_private_keys.get_secret_value()
        return tuple(
            seals.private_key_from_text(part.strip()) for part in text.split(",") if part.strip()
        )
