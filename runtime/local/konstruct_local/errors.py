"""What can go wrong when the product runs on one machine.

LocalError
├── UnusableSystem    something the machine lacks; the message says what to do
└── InvalidResources  the folder's YAML is refused; the message has file, line and reason
"""


class LocalError(Exception):
    """The root of this package's errors."""


class UnusableSystem(LocalError):
    """This machine cannot run the embedded mode as it is; the message says what to do."""


class InvalidResources(LocalError):
    """The resources folder is refused; the message names file, line and reason."""
