"""What one part of the gateway tells the others, here and on other replicas.

Hints are lost without harm: due turns are asked for every second, sockets read the log.
"""

from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class Hint(BaseModel):
    """`Due`: the tenant has a turn to claim. `Log`: a conversation's log reached `seq`.
    `Frame`: something to show for a while (typing, step, delta).

    `connection_id` and `conversation_key` come with the hint about a conversation's messages, for
    sockets that joined before the conversation had an id. `ended_turn` comes with a reply;
    `queued` says that a vendor carries what was logged: this replica's sender looks at once.
    """  # noqa: D205 - three kinds, one sentence each

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: Literal["Due", "Log", "Frame"]
    tenant_id: UUID
    conversation_id: UUID | None = None
    connection_id: UUID | None = None
    conversation_key: str = ""
    seq: int = 0
    ended_turn: UUID | None = None
    queued: bool = False
    frame: dict[str, Any] = Field(default_factory=dict)


class Hints(BaseModel):
    """Body of `POST /internal/replicas/events`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    events: tuple[Hint, ...] = Field(max_length=10_000)
