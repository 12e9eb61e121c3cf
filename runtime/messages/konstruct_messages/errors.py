"""What can go wrong with a value of the message path.

MessagesError
├── ForgedCredential   signature or shape is wrong: refuse, count, say nothing more
└── ExpiredCredential  genuine but too old: ask for a new one
"""


class MessagesError(Exception):
    """The root of this package's errors."""


class ForgedCredential(MessagesError):
    """The credential was not made with our key, or is not a credential at all."""


class ExpiredCredential(MessagesError):
    """The credential was genuine and its time has passed."""
