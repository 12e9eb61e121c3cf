"""What can go wrong in the operator, told apart by what the caller must do.

OperatorError
├── RetryLater           the API server or the gateway did not answer, or objects changed meanwhile
├── Refused              the other side understood and said no; saying it again changes nothing
│   ├── NotFound         the object is not there
│   ├── AlreadyThere     the object exists although it was to be created
│   ├── Forbidden        our rights or an admission policy do not allow it
│   ├── Invalid          the API server refuses the object's content
│   └── RegistryRefused  the gateway refused a push; `reason` says why
└── ConfigurationWrong   the operator cannot start like this; the message says what to mend
"""

from konstruct_registry.wire import RefusalReason


class OperatorError(Exception):
    """The root of this package's errors."""


class RetryLater(OperatorError):
    """Nobody is to blame: the same call may succeed in a moment."""


class Refused(OperatorError):
    """The other side understood the request and refused it."""


class NotFound(Refused):
    """The object is not there."""


class AlreadyThere(Refused):
    """The object to be created exists."""


class Forbidden(Refused):
    """Rights or an admission policy do not allow it."""


class Invalid(Refused):
    """The API server refuses the object's content."""


class RegistryRefused(Refused):
    """The gateway refused a push or a tombstone."""

    def __init__(self, reason: RefusalReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class ConfigurationWrong(OperatorError):
    """The operator cannot work with these settings."""
