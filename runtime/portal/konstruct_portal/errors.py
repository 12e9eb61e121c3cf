"""What can go wrong in the portal, told apart by what the caller must do.

PortalError
├── ResourceError
│   ├── ResourceNotFound      there is no such resource: show 404
│   ├── ResourceConflict      somebody else owns a field, or wrote in between: show who, keep
│   │                         what was typed, let the person decide
│   ├── ResourceInvalid       the resource breaks a rule of its kind: show each problem at its field
│   ├── ResourceReadOnly      this portal may not write resources: say where they are written
│   └── ResourcesUnavailable  the API server or the folder cannot be reached: 503, try again
├── ClusterUnknown            no Kubernetes API is configured: an operator must mend it
├── AccountExists             another account has this address: choose another
├── LogInNeeded               nobody is logged in: send to the log-in page
├── NotAllowed                seen but not permitted: 403
├── NotHere                   not there, or somebody else's: 404, the same for both
├── TooManyAttempts           log-in is being guessed: wait, nothing was checked
├── Busy                      the password pool is full: 503, try again
└── Forged                    a form without this session's token: 403
"""

from dataclasses import dataclass


class PortalError(Exception):
    """The root of this package's errors."""


class ResourceError(PortalError):
    """Something about reading or writing a resource."""


class ResourceNotFound(ResourceError):
    """There is no such resource."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"There is no {kind} called {name}.")
        self.kind = kind
        self.name = name


class ResourceConflict(ResourceError):
    """Somebody else owns what was to be written, or wrote it since it was read.

    `owner` is the field manager (cluster) or the file (folder) that holds it; empty where the
    resource only changed in between.
    """

    def __init__(self, owner: str, message: str = "") -> None:
        super().__init__(message or f"The resource is written by {owner or 'somebody else'}.")
        self.owner = owner


@dataclass(frozen=True)
class Problem:
    """One broken rule. `path` is dotted from the resource's root: `spec.tools[0].http.url`."""

    path: str
    message: str


class ResourceInvalid(ResourceError):
    """The resource breaks rules of its kind; nothing was written."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{one.path}: {one.message}" for one in problems))
        self.problems = problems


class ResourceReadOnly(ResourceError):
    """This portal shows resources and may not write them."""


class ResourcesUnavailable(ResourceError):
    """Resources cannot be reached at the moment."""


class TooManyAttempts(PortalError):
    """Too many log-ins for this address or account. `retry_after` is in seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"Too many attempts; try again in {retry_after} s.")
        self.retry_after = retry_after


class Busy(PortalError):
    """More passwords are waiting to be checked than the pool takes."""


class Forged(PortalError):
    """A form came without the token of this browser's session."""


class AccountExists(PortalError):
    """Somebody has an account with this address already."""


class LogInNeeded(PortalError):
    """Nobody is logged in, and the page is not public."""


class NotAllowed(PortalError):
    """The viewer may see this and may not do it: 403."""


class NotHere(PortalError):
    """There is no such thing for this viewer, which may mean that it is somebody else's: 404."""


class ClusterUnknown(PortalError):
    """The portal runs neither in a pod nor with a kubeconfig."""
