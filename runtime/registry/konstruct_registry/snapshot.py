"""One whole tenant as the registry carries it: camelCase JSON, stored as one document."""

import hashlib
import json
from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel


class Wire(BaseModel):
    """A value that travels as camelCase JSON; unknown fields of newer peers are ignored."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore"
    )


class OperatingMode(StrEnum):
    """Whether a tenant or an agent works. Suspended stores messages and answers none."""

    RUNNING = "Running"
    SUSPENDED = "Suspended"


class Budget(Wire):
    """A monthly limit in integer micro-USD (calendar month in the tenant's time zone)."""

    monthly_micro_usd: int = Field(ge=0)
    soft_percent: int = Field(default=80, ge=1, le=100)
    on_limit: Literal["Refuse", "UseFallbackModel"] = "Refuse"
    per_person_micro_usd: int | None = Field(default=None, ge=0)


class Models(Wire):
    """Which models of the pool to use; empty means the platform's default."""

    default: str = ""
    fallbacks: tuple[str, ...] = ()
    by_purpose: dict[str, str] = Field(default_factory=dict)


class Retention(Wire):
    """How long settled conversations stay, and what the end of the tenant does to its data."""

    conversation_days: int = Field(default=365, ge=1)
    on_delete: Literal["Keep", "Erase"] = "Keep"


class Memory(Wire):
    """Short-term window in turns, and whether past conversations are recalled."""

    window_turns: int = Field(default=20, ge=0)
    recall: Literal["Enabled", "Disabled"] = "Disabled"
    recall_limit: int = Field(default=8, ge=0)


class AgentSnapshot(Wire):
    """An Agent with its template and defaults applied. `revision` is a digest of the rest."""

    agent_id: UUID
    name: str
    display_name: str
    revision: str
    role: str = ""
    persona: str = ""
    instructions: str = ""
    language: str = ""
    models: Models = Models()
    avatar: dict[str, str] = Field(default_factory=dict)
    operating_mode: OperatingMode = OperatingMode.RUNNING
    tools: tuple[dict[str, JsonValue], ...] = ()
    escalation: tuple[dict[str, JsonValue], ...] = ()
    memory: Memory = Memory()
    budget: Budget | None = None


class ConnectionSnapshot(Wire):
    """A ChannelConnection. `type` and `config` (the kind's block) are as the resource has them."""

    connection_id: UUID
    name: str
    type: str
    agent: str
    config: dict[str, JsonValue] = Field(default_factory=dict)
    routes: tuple[dict[str, JsonValue], ...] = ()
    gather_milliseconds: int = Field(default=0, ge=0)
    access: dict[str, JsonValue] = Field(default_factory=dict)
    reply_when: str = ""


class SealedSecret(Wire):
    """A Secret's data sealed to one consumer. Which Secret and which version it was is public."""

    purpose: Literal["channel", "models", "tool"]
    object: str = Field(description="The kind and name that refers to it, as 'Agent/ana'")
    recipient_key_id: str
    secret_uid: str
    secret_resource_version: str
    ciphertext: str = Field(description="Base64 of a libsodium sealed box")
    last_four: str = Field(default="", max_length=4)

    @property
    def version(self) -> str:
        """Return which version of which Secret this is, as statuses show it."""
        return f"{self.secret_uid}/{self.secret_resource_version}"


class TenantSnapshot(Wire):
    """Everything the runtime knows of one tenant."""

    tenant_id: UUID
    name: str
    uid: str
    id_pinned: bool = False
    display_name: str
    language: str = ""
    time_zone: str = "Etc/UTC"
    operating_mode: OperatingMode = OperatingMode.RUNNING
    budget: Budget | None = None
    models: Models = Models()
    min_replicas: int = Field(default=1, ge=0)
    idle_after_seconds: int = Field(default=900, ge=0)
    retention: Retention = Retention()
    work_token_hashes: tuple[str, ...] = Field(
        default=(), description="SHA-256 in hexadecimal of each accepted work token"
    )
    agents: tuple[AgentSnapshot, ...] = ()
    connections: tuple[ConnectionSnapshot, ...] = ()
    secrets: tuple[SealedSecret, ...] = ()

    def agent(self, name: str) -> AgentSnapshot | None:
        """Return the agent called `name`, or None."""
        return next((agent for agent in self.agents if agent.name == name), None)

    def connection(self, name: str) -> ConnectionSnapshot | None:
        """Return the connection called `name`, or None."""
        return next((one for one in self.connections if one.name == name), None)

    def digest(self) -> str:
        """Return what two equal declarations share, in hexadecimal.

        Ciphertext is left out: sealing the same Secret twice gives different bytes. A Secret is
        known by its UID, resourceVersion and the key it was sealed to.
        """
        document = self.model_dump(mode="json", by_alias=True)
        for secret in document["secrets"]:
            del secret["ciphertext"]
        canonical = json.dumps(document, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


def revision_of(agent: AgentSnapshot) -> str:
    """Return the revision of an agent: a digest over everything but the revision itself."""
    document = agent.model_dump(mode="json", by_alias=True, exclude={"revision"})
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
