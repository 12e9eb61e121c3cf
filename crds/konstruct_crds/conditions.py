"""Conditions of a status, and the few rules about them: pure functions over immutable values.

https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md
https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, PlainSerializer

from konstruct_crds.part import Part

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""The time of a condition that the CRD's default made: nobody has looked at the object yet."""


class ConditionStatus(StrEnum):
    """Whether a condition holds."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class ConditionType(StrEnum):
    """What the operator says about our kinds; which kind has which is in its status' model."""

    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    NAMESPACE_READY = "NamespaceReady"
    SECRETS_READY = "SecretsReady"
    REGISTERED = "Registered"
    AVAILABLE = "Available"
    BUDGET_AVAILABLE = "BudgetAvailable"
    MODELS_READY = "ModelsReady"
    ACCEPTED = "Accepted"
    AGENT_RESOLVED = "AgentResolved"
    AUTHENTICATED = "Authenticated"
    RECEIVING = "Receiving"
    CHECKS_PASSED = "ChecksPassed"


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


Moment = Annotated[datetime, PlainSerializer(_rfc3339, return_type=str)]


class Condition(Part):
    """One thing that is or is not so about this object, why, and since when."""

    type: str = Field(
        min_length=1,
        max_length=64,
        pattern=r"^[A-Z][A-Za-z0-9]*$",
        description="What the condition is about, for example Ready.",
    )
    status: ConditionStatus = Field(
        description="Whether it is so: True, False, or Unknown while nobody can tell."
    )
    reason: str = Field(
        min_length=1,
        max_length=128,
        pattern=r"^[A-Z][A-Za-z0-9]*$",
        description="Why, as one CamelCase word for programs.",
    )
    message: str = Field(
        default="",
        max_length=4096,
        description="Why, as a sentence for people; where something is wrong, what to do about it.",
    )
    observed_generation: int = Field(
        default=0,
        ge=0,
        description="The metadata.generation of the object that this was found out about. Below"
        " the object's own generation, the condition is about an older declaration.",
        json_schema_extra={"format": "int64"},
    )
    last_transition_time: Moment = Field(
        description="When `status` of this condition last changed."
    )


class Progress(StrEnum):
    """How far the operator is with an object, as kstatus tools read it."""

    SETTLED = "Settled"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"


def find_condition(conditions: Sequence[Condition], condition_type: str) -> Condition | None:
    """Return the condition of this type, or None."""
    return next((one for one in conditions if one.type == condition_type), None)


def set_condition(conditions: Sequence[Condition], new: Condition) -> tuple[Condition, ...]:
    """Return `conditions` with `new` in the place of the one of its type, or at the end.

    While `status` stays, the time of the last transition stays too: setting the same condition
    again changes nothing, whenever it is done.
    """
    old = find_condition(conditions, new.type)
    if old is None:
        return (*conditions, new)
    if old.status == new.status:
        new = new.model_copy(update={"last_transition_time": old.last_transition_time})
    return tuple(new if one.type == new.type else one for one in conditions)


def set_conditions(
    conditions: Sequence[Condition], new: Sequence[Condition]
) -> tuple[Condition, ...]:
    """Return `conditions` with each of `new` set, in turn."""
    result = tuple(conditions)
    for one in new:
        result = set_condition(result, one)
    return result


def set_progress(
    conditions: Sequence[Condition],
    progress: Progress,
    *,
    reason: str,
    message: str,
    generation: int,
    now: datetime,
) -> tuple[Condition, ...]:
    """Return `conditions` with Reconciling and Stalled set so that they are never both True.

    `reason` and `message` tell why the object is in that state; `now` is timezone-aware.
    """

    def about(condition_type: ConditionType, state: Progress) -> Condition:
        holds = progress is state
        return Condition(
            type=condition_type,
            status=ConditionStatus.TRUE if holds else ConditionStatus.FALSE,
            reason=reason if holds else progress.value,
            message=message if holds else "",
            observed_generation=generation,
            last_transition_time=now,
        )

    return set_conditions(
        conditions,
        (
            about(ConditionType.RECONCILING, Progress.RECONCILING),
            about(ConditionType.STALLED, Progress.STALLED),
        ),
    )


def progress_of(conditions: Sequence[Condition]) -> Progress:
    """Return the progress that `conditions` tell of; Stalled wins, as it does in kstatus."""
    for condition_type, progress in (
        (ConditionType.STALLED, Progress.STALLED),
        (ConditionType.RECONCILING, Progress.RECONCILING),
    ):
        found = find_condition(conditions, condition_type)
        if found is not None and found.status is ConditionStatus.TRUE:
            return progress
    return Progress.SETTLED


def pending_condition() -> Condition:
    """Return what the CRDs give an object that the operator has not seen yet.

    kstatus reads an object without conditions as done; this one keeps it waiting.
    """
    return Condition(
        type=ConditionType.READY,
        status=ConditionStatus.UNKNOWN,
        reason="Pending",
        message="Waiting for the Konstruct operator.",
        last_transition_time=NEVER,
    )
