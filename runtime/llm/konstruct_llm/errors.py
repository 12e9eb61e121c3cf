"""What can go wrong in the model service.

LlmError
├── PoolInvalid            models.yaml must be mended; the text says where
├── CallRefused            answered to the caller as `status` and `code`
│   ├── Unauthorised       401: no tenant has this work token
│   ├── TurnGone           409: somebody else has the turn, or it is settled
│   ├── BudgetReached      402: nothing more may be spent this month
│   ├── ModelUnknown       404: not one of the models this agent may use
│   ├── RequestRefused     400: the provider will never accept this request
│   └── TryLater           503: no deployment can answer now; `retry_after` seconds
└── AttemptFailed          one attempt at one deployment failed; never leaves this program
"""

from enum import StrEnum


class LlmError(Exception):
    """The root of this package's errors."""


class PoolInvalid(LlmError):
    """The model pool's file is wrong. `str()` names file, line and what to write instead."""


class CallRefused(LlmError):
    """A call that is answered with an error."""

    status = 500
    code = "internal"

    def __init__(self, message: str, *, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unauthorised(CallRefused):
    """The work token is not known."""

    status = 401
    code = "unauthorised"


class TurnGone(CallRefused):
    """The caller does not hold the turn any more."""

    status = 409
    code = "turn_lost"


class BudgetReached(CallRefused):
    """The month's limit of the tenant, the agent or the person is reached."""

    status = 402
    code = "budget_exceeded"


class ModelUnknown(CallRefused):
    """The model is not in the pool, or not among those the agent may use."""

    status = 404
    code = "model_not_found"


class RequestRefused(CallRefused):
    """The provider understood the request and will not serve it."""

    status = 400
    code = "invalid_request"


class TryLater(CallRefused):
    """Nothing can answer at the moment."""

    status = 503
    code = "retry_later"


class FailureKind(StrEnum):
    """Why one attempt failed, by what the router must do about it."""

    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"
    TIMEOUT = "timeout"
    MALFORMED = "malformed"
    KEY_REFUSED = "key_refused"
    TOO_LONG = "too_long"
    REFUSED = "refused"


class AttemptFailed(LlmError):
    """One attempt failed. `retry_after` is what the provider asked for, in seconds; 0: nothing."""

    def __init__(self, kind: FailureKind, message: str, *, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.kind = kind
        self.retry_after = retry_after
