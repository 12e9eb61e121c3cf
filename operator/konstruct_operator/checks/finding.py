"""What a check returns."""

from dataclasses import dataclass
from enum import StrEnum

from konstruct_crds.conditions import ConditionStatus, ConditionType


class Verdict(StrEnum):
    """How a check ended, told apart by who must do something.

    Waiting: we are at it. Missing: something that may still come; after two minutes a person must
    act. Wrong: a person must act. Unknown: nobody can tell yet.
    """

    HOLDS = "Holds"
    UNKNOWN = "Unknown"
    WAITING = "Waiting"
    MISSING = "Missing"
    WRONG = "Wrong"


@dataclass(frozen=True)
class Finding:
    """A condition in the making: its type, the verdict, a CamelCase reason, a sentence."""

    about: ConditionType
    verdict: Verdict
    reason: str
    message: str

    @property
    def status(self) -> ConditionStatus:
        """Return the status of the condition."""
        if self.verdict is Verdict.HOLDS:
            return ConditionStatus.TRUE
        if self.verdict is Verdict.UNKNOWN:
            return ConditionStatus.UNKNOWN
        return ConditionStatus.FALSE
