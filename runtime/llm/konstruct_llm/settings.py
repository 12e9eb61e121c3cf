"""The settings of the model service, read once from the environment."""

from pathlib import Path

from nacl.public import PrivateKey
from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from konstruct_media.settings import MediaSettings
from konstruct_registry import seals
from konstruct_telemetry.settings import TelemetrySettings


class LlmSettings(MediaSettings, TelemetrySettings):
    """Each field is the environment variable KONSTRUCT_<NAME>."""

    model_config = SettingsConfigDict(env_prefix="KONSTRUCT_", frozen=True, extra="ignore")

    database_url: SecretStr = Field(description="Postgres URL of this program's log-in")
    models_file: Path | None = Field(
        default=None, description="The model pool (models.yaml); without it a pool by keys"
    )
    seal_private_keys: SecretStr = Field(
        default=SecretStr(""), description="Private seal keys in base64, comma-separated"
    )
    keys_folder: Path | None = Field(
        default=None,
        description="Provider keys as files by their variables' names, taken over as they change",
    )
    keys_seconds: float = Field(default=5.0, gt=0, description="How often they are looked at")
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
    registry_seconds: float = Field(
        default=1.0, gt=0, description="How often the registry's version is looked at"
    )

    def private_keys(self) -> tuple[PrivateKey, ...]:
        """Return the seal keys, the current one first. Raises SealRefused on a malformed one."""
        text = self.seal_private_keys.get_secret_value()
        return tuple(
            seals.private_key_from_text(part.strip()) for part in text.split(",") if part.strip()
        )
