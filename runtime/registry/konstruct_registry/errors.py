"""What can go wrong with registry values.

RegistryError
└── SealRefused   the box was not made for this key, tenant, object or purpose
"""


class RegistryError(Exception):
    """The root of this package's errors."""


class SealRefused(RegistryError):
    """The sealed secret does not belong where it was found."""
