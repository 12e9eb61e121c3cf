"""What can go wrong between Konstruct and a channel's vendor.

ChannelError
├── UnknownChannel    no folder has this type: a newer registry than this program
├── SendRefused       the vendor said no for good: do not send again
├── SendLater         the vendor, or the way to it, is busy: send again after `after_seconds`
└── SendUnknown       the vendor may or may not have it: ask before sending again
"""


class ChannelError(Exception):
    """The root of this package's errors."""


class UnknownChannel(ChannelError):
    """No channel has this type."""


class SendRefused(ChannelError):
    """The vendor refused the message for good; the text says why, for an operator."""


class SendLater(ChannelError):
    """The vendor did not take the message now; nothing was delivered."""

    def __init__(self, message: str, *, after_seconds: float = 1.0) -> None:
        super().__init__(message)
        self.after_seconds = after_seconds


class SendUnknown(ChannelError):
    """The answer was lost: the vendor may have delivered the message."""
