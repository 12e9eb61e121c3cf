"""What a network may do to one call of a vendor's API; far ends take their troubles in turn."""

from enum import StrEnum


class Trouble(StrEnum):
    """What goes wrong with one call; the first three happen after the work was done."""

    DROP_ANSWER = "drop the answer"
    LATE_ANSWER = "answer late"
    ERROR_AFTER = "answer 500 after the work"
    ERROR_BEFORE = "answer 500 before the work"
    DROP_REQUEST = "drop the request"
    HANG = "neither work nor answer"
