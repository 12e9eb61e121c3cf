"""What a vendor thinks of a connection's credentials, as its Authenticated condition."""

from konstruct_channels.inbound import Learnt


def accepted(message: str, *, reason: str = "TokenAccepted") -> Learnt:
    """Return the condition of credentials that the vendor takes."""
    return Learnt(condition="Authenticated", status="True", reason=reason, message=message)


def refused(reason: str, message: str) -> Learnt:
    """Return the condition of credentials that the vendor does not take."""
    return Learnt(condition="Authenticated", status="False", reason=reason, message=message)


def not_known(reason: str, message: str) -> Learnt:
    """Return the condition while the vendor cannot be asked, or has not been."""
    return Learnt(condition="Authenticated", status="Unknown", reason=reason, message=message)
