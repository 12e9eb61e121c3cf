"""What the agent reads of the snapshots that come with a turn (camelCase JSON).

The registry's own models stay out of the pod on purpose: it gets what it needs, by name.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class _Brief(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore"
    )


class AgentBrief(_Brief):
    """Who the agent is declared to be."""

    name: str = ""
    display_name: str = ""
    role: str = ""
    persona: str = ""
    instructions: str = ""
    language: str = ""
    tools: tuple[dict[str, Any], ...] = ()


class TenantBrief(_Brief):
    """What an agent may know of its tenant."""

    display_name: str = ""
    language: str = ""
    time_zone: str = Field(default="Etc/UTC")
