"""Bodies of the work API. JSON is snake_case, as the vocabulary's own models dump."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from konstruct_messages.replies import LARGEST_MADE, ReplyPart
from konstruct_messages.turns import Disposition, Step, Verdict

Pod = Annotated[str, StringConstraints(max_length=253)]
TurnToken = Annotated[str, StringConstraints(min_length=1, max_length=128)]

LONGEST_WAIT_SECONDS = 30.0


class Body(BaseModel):
    """Unknown fields of newer agents are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ClaimRequest(Body):
    """`claim_id` is the client's own: the same id returns the same turn; `fresh` says that it was
    never sent before. A new `boot_id` of a `pod` lets go of what the pod held before.
    """  # noqa: D205 - two facts

    claim_id: UUID
    boot_id: UUID
    pod: Pod = ""
    wait_seconds: float = Field(default=0.0, ge=0, le=LONGEST_WAIT_SECONDS)
    fresh: bool = False


class HeldTurnBody(Body):
    """A turn that an agent works on."""

    turn_id: UUID
    attempt: int = Field(ge=1)
    turn_token: TurnToken


class HeartbeatRequest(Body):
    """One heartbeat names all turns of a pod."""

    boot_id: UUID
    pod: Pod = ""
    turns: tuple[HeldTurnBody, ...] = Field(default=(), max_length=256)


class HeartbeatAnswer(Body):
    """What to do with each turn."""

    verdicts: dict[UUID, Verdict]


class ReleaseRequest(Body):
    """The pod goes down: its turns are free for others at once."""

    boot_id: UUID
    pod: Pod = ""


class RecordedStepAnswer(Body):
    """The step as it is recorded, which is the first one with its number."""

    step: Step
    verdict: Verdict


class NoteRequest(Body):
    """What the agent does, in words a person understands."""

    text: Annotated[str, StringConstraints(min_length=1, max_length=256)]


class DeltasAnswer(Body):
    """How many characters were passed on, and how many lines were not."""

    shown: int
    dropped: int


class MakeFileRequest(Body):
    """A file of text; its name's extension says what it is."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    text: Annotated[str, StringConstraints(min_length=1, max_length=LARGEST_MADE)]


class CompleteRequest(Body):
    """The reply, in parts; only a turn that was stopped may have none."""

    parts: tuple[ReplyPart, ...] = Field(max_length=64)


class FailRequest(Body):
    """Why there is no reply; for operators, never shown to the person."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=1024)]


class SettledAnswer(Body):
    """How the turn ended. Repeating the request returns the same."""

    disposition: Disposition
    reply_id: UUID | None = None
    seq: int | None = None


class Problem(Body):
    """What an error says: `code` for programs, `message` for people."""

    code: str
    message: str


class ErrorAnswer(Body):
    """The body of every refusal."""

    error: Problem
