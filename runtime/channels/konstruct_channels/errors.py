"""What can go wrong between Konstruct and a channel's vendor.

ChannelError
├── SendRefused                 the vendor said no for good: do not send again
│   ├── ContentRefused          it said no to what the message says; others would go through
│   └── CredentialsRefused      it said no to our credentials: the connection itself is broken
├── WindowClosed                the vendor takes no words of ours until the person writes: keep them
├── SendLater                   the vendor, or the way to it, is busy: send again after a while
├── SendUnclear                 the answer was lost, and the vendor can be asked: try once more,
│                               and that attempt asks before it sends
└── SendUnknown                 the vendor may or may not have it, and nobody can tell
    └── VendorNotAsked          because it cannot be asked; this attempt sent nothing
"""


class ChannelError(Exception):
    """The root of this package's errors."""


class SendRefused(ChannelError):
    """The vendor refused the message for good; the text says why, for an operator."""


class ContentRefused(SendRefused):
    """The vendor refused what the message says: the person is told that an answer is missing."""


class CredentialsRefused(SendRefused):
    """The vendor refused the credentials: nothing of this connection will be sent."""


class WindowClosed(ChannelError):
    """The vendor takes nothing but templates until the person writes; nothing was delivered."""


class SendLater(ChannelError):
    """The vendor did not take the message now; nothing was delivered.

    `whole_connection`: it would take no other message of the connection either. `grows`: the vendor
    names no time, so that each pause is longer than the one before, beginning with this one.
    """

    def __init__(
        self,
        message: str,
        *,
        after_seconds: float = 1.0,
        whole_connection: bool = False,
        grows: bool = False,
    ) -> None:
        super().__init__(message)
        self.after_seconds = after_seconds
        self.whole_connection = whole_connection
        self.grows = grows


class SendUnclear(ChannelError):
    """The answer was lost; the next attempt is in doubt and asks the vendor before it sends."""

    def __init__(self, message: str, *, after_seconds: float = 1.0) -> None:
        super().__init__(message)
        self.after_seconds = after_seconds


class SendUnknown(ChannelError):
    """The answer was lost, and the vendor cannot be asked: it may have delivered the message."""


class VendorNotAsked(SendUnknown):
    """An earlier attempt may have delivered it and nobody can be asked; nothing was sent now."""
