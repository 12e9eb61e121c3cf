"""The settings of the agent, read once from the environment."""

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from konstruct_telemetry.settings import TelemetrySettings


class AgentSettings(TelemetrySettings):
    """Each field is the environment variable KONSTRUCT_<NAME>."""

    model_config = SettingsConfigDict(env_prefix="KONSTRUCT_", frozen=True, extra="ignore")

    gateway_url: str = Field(description="The gateway's internal base URL")
    llm_url: str = Field(description="The model service's base URL")
    work_token: SecretStr = Field(description="The tenant's work token")
    tenant_id: str = Field(default="", description="The tenant's id, for logs only")
    pod_name: str = Field(default="agent", description="The pod's name, stable over restarts")
    concurrency: int = Field(default=8, ge=1, le=64, description="Turns worked on at once")
    claim_wait_seconds: float = Field(default=25.0, ge=0, le=30, description="One long poll")
    heartbeat_seconds: float = Field(default=5.0, gt=0, description="Pause between heartbeats")
    model_timeout_seconds: float = Field(default=150.0, gt=0, description="One model step in all")
    model_patience_seconds: float = Field(
        default=30.0, ge=0, description="How long a model service that cannot serve is waited for"
    )
    model_absence_seconds: float = Field(
        default=600.0, ge=0, description="How long one is waited for that nobody can connect to"
    )
    tool_timeout_seconds: float = Field(default=30.0, gt=0, description="One tool step")
    stop_seconds: float = Field(
        default=3.0, ge=0, description="How long SIGTERM lets replies in transmission finish"
    )
