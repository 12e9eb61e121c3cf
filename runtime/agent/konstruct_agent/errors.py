"""What can go wrong in the agent, told apart by what the turn does about it.

AgentError
├── TurnLost           409: somebody else has the turn or it is settled; drop it silently
├── RetryLater         the other side is away or busy; try again after `retry_after` seconds
│   └── Unreachable    no connection could be made: the other side never heard of it
├── Refused            the other side will never accept this; fail the turn
│   └── BudgetReached  402: answer politely that the month's limit is reached
└── TurnFailed         the turn cannot be answered; the gateway apologises once
"""


class AgentError(Exception):
    """The root of this package's errors."""


class TurnLost(AgentError):
    """This attempt is over; nothing it writes would be accepted."""


class RetryLater(AgentError):
    """Try again after `retry_after` seconds."""

    def __init__(self, message: str, *, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unreachable(RetryLater):
    """One of our own services is not there: it starts anew, or is being moved."""


class Refused(AgentError):
    """The request was understood and refused; `code` says why."""

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class BudgetReached(Refused):
    """Nothing more may be spent this month."""


class TurnFailed(AgentError):
    """The turn cannot be answered; `reason` is for operators, never for the person."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
