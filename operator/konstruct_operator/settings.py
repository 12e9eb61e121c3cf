"""The operator's settings: read once in `main`, passed down, never looked up elsewhere."""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode, SettingsConfigDict

from konstruct_telemetry.settings import TelemetrySettings

_ALL = 100


def _split(value: Any) -> Any:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


CommaList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


def _ascending(value: tuple[int, ...]) -> tuple[int, ...]:
    if not value or list(value) != sorted(set(value)) or not 0 < value[0] <= value[-1] <= _ALL:
        raise ValueError("write ascending percentages between 1 and 100, as 5,25,100")
    return value


Percentages = Annotated[
    tuple[int, ...], NoDecode, BeforeValidator(_split), AfterValidator(_ascending)
]


class OperatorSettings(TelemetrySettings):
    """Environment variables with the prefix KONSTRUCT_; lists are separated by commas."""

    model_config = SettingsConfigDict(env_prefix="KONSTRUCT_", frozen=True, extra="ignore")

    registry_url: str = Field(description="Base address of the gateway's internal port")
    registry_token: str = Field(description="Bearer credential of the registry API", repr=False)
    gateway_seal_public_key: str = Field(description="32 bytes in base64: seals for the gateway")
    llm_seal_public_key: str = Field(description="32 bytes in base64: seals for the model service")
    namespace: str = Field(
        default="konstruct-system",
        description="The operator's own namespace: its Lease, canary and undelivered erase orders",
    )
    service_account: str = Field(
        default="konstruct-operator", description="The operator's ServiceAccount in its namespace"
    )
    identity: str = Field(default="", description="Name in the Lease; default: the pod's hostname")
    watch_namespaces: CommaList = Field(
        default=(),
        description="Serve only tenants of these namespaces, adopted, never created; empty: all",
    )
    agent_image: str = Field(default="konstruct-agent:dev", description="Image of the agent pods")
    agent_gateway_url: str = Field(default="", description="Default: the registry's address")
    agent_llm_url: str = Field(default="http://konstruct-llm.konstruct-system.svc:8002")
    public_url: str = Field(default="", description="Base of every webhook address shown in status")
    platform_namespace: str = Field(default="", description="Where gateway and llm run")
    dns_namespace: str = Field(default="kube-system", description="Where the cluster's DNS runs")
    dns_selector: str = Field(default="k8s-app=kube-dns", description="Label of the DNS pods")
    dns_cidrs: CommaList = Field(default=(), description="DNS by address, as NodeLocal DNS needs")
    dns_port: int = Field(default=53, ge=1, le=65535, description="Port of the DNS pods")
    cluster_cidrs: CommaList = Field(
        default=(), description="Ranges of the cluster that Internet egress leaves out"
    )
    traces_cidrs: CommaList = Field(
        default=(), description="Ranges of the collector of traces, if it is no Service's name"
    )
    hash_key: str = Field(
        default="", description="Keys the hashes in annotations; default: from the registry token"
    )
    workers: int = Field(default=8, ge=1, le=64, description="Tenants reconciled at once")
    sweep_seconds: float = Field(default=60, gt=0, description="How often all tenants are compared")
    lease_seconds: int = Field(default=12, ge=3, description="How long a silent leader stays it")
    missing_seconds: float = Field(
        default=120, ge=0, description="How long a missing thing is awaited before Stalled"
    )
    demand_seconds: float = Field(default=30, gt=0, description="How old demand may be to act on")
    deletion_seconds: float = Field(
        default=600, ge=0, description="How long a deletion waits for the gateway"
    )
    rollout_waves: Percentages = Field(
        default=(5, 25, 100),
        description="Ends of the waves, in percent of the tenants, in which a new agent image (or"
        " any change of the platform's part of the pods) reaches them; 100: all at once",
    )
    rollout_patience_seconds: float = Field(
        default=300, gt=0, description="How long a tenant may take before it pauses a roll-out"
    )
    rollout_settle_seconds: int = Field(
        default=15,
        ge=0,
        description="How long a pod with a new image must stay up before it counts as available",
    )
    probe_host: str = Field(default="0.0.0.0")  # noqa: S104 - the kubelet comes from outside
    probe_port: int = Field(default=8080, ge=0, le=65535, description="healthz, readyz, metrics")
    canary_seconds: float = Field(default=20, gt=0, description="Period of the liveness canary")

    @property
    def gateway_url(self) -> str:
        """Return where agents reach the gateway's internal port."""
        return self.agent_gateway_url or self.registry_url

    @property
    def annotation_key(self) -> str:
        """Return what keys the hashes in annotations, which many may read."""
        return self.hash_key or self.registry_token
