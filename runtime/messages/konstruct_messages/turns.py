"""A turn: one or more messages of one conversation, worked on once, ended by one reply."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import Field, JsonValue

from konstruct_messages.inbound import Attachment, Frozen


class TurnState(StrEnum):
    """Where a turn is. These are also the state names of the Promela model."""

    QUEUED = "Queued"
    CLAIMED = "Claimed"
    ANSWERED = "Answered"
    DEAD = "Dead"
    CANCELLED = "Cancelled"


class Disposition(StrEnum):
    """How an acknowledged item ended. Every item gets exactly one."""

    ANSWERED = "Answered"
    IGNORED = "Ignored"
    SILENCED = "Silenced"
    DEAD = "Dead"
    EXPIRED = "Expired"
    ERASED = "Erased"


class ConversationMode(StrEnum):
    """Who answers a conversation."""

    AGENT = "Agent"
    HUMAN = "Human"


class StepKind(StrEnum):
    """What a step did. Model steps are written by the llm service, tool steps by the agent."""

    MODEL = "Model"
    TOOL = "Tool"


class StepState(StrEnum):
    """Started without Done means: the outcome is unknown, and it is never run again."""

    STARTED = "Started"
    DONE = "Done"


class Step(Frozen):
    """One journalled step of a turn. `number` counts from 0 and keys it: (tenant, turn, number).

    `request` is what was asked (for a tool: name and arguments; for a model: empty), `result` what
    came back (for a model: the assistant message in OpenAI's shape). Both at most 256 KiB of JSON.
    """

    number: int = Field(ge=0, le=999)
    kind: StepKind
    state: StepState
    name: str = Field(default="", max_length=128)
    request: dict[str, JsonValue] = Field(default_factory=dict)
    result: dict[str, JsonValue] = Field(default_factory=dict)


class Speaker(StrEnum):
    """Who said a line of a conversation."""

    PERSON = "Person"
    AGENT = "Agent"
    HUMAN = "Human"
    SYSTEM = "System"


class Line(Frozen):
    """One line of a conversation as the agent sees it: window or new message."""

    speaker: Speaker
    name: str = ""
    text: str
    at: datetime
    attachments: tuple[Attachment, ...] = ()


class ClaimedTurn(Frozen):
    """A turn as a claim hands it out: frozen at the first claim, the same at every later one.

    `turn_token` is random per claim, and with `attempt` it fences every write. `agent` is the
    AgentSnapshot (konstruct_registry, camelCase JSON) of the revision the turn was frozen with.
    `steps` are the journalled steps of earlier attempts, in order.
    """

    tenant_id: UUID
    turn_id: UUID
    conversation_id: UUID
    attempt: int = Field(ge=1)
    turn_token: str = Field(min_length=32)
    lease_seconds: float
    deadline: datetime
    agent: dict[str, Any]
    tenant: dict[str, Any] = Field(default_factory=dict)
    language: str = ""
    person_name: str = ""
    window: tuple[Line, ...] = ()
    messages: tuple[Line, ...]
    steps: tuple[Step, ...] = ()


class Verdict(StrEnum):
    """What a heartbeat or a step answers. Lost: somebody else has the turn, or it is settled."""

    CONTINUE = "Continue"
    STOP = "Stop"
    LOST = "Lost"
