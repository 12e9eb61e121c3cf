"""What a status says became of a message of ours: pure.

Statuses come in any order and more than once; whoever keeps them lets the highest win.
https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages/status
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal
from uuid import UUID

from konstruct_channels.inbound import Charge, Failure, FailureKind, Receipt
from konstruct_channels.whatsapp import answers
from konstruct_messages.inbound import Ignored

_LONGEST_ID = 512
_LONGEST_CATEGORY = 64
_Status = Literal["sent", "delivered", "read", "failed"]
_KNOWN: Mapping[str, _Status] = MappingProxyType(
    {
        "sent": "sent",
        "delivered": "delivered",
        "read": "read",
        "played": "read",
        "failed": "failed",
    }
)


def receipt_of(status: Mapping[str, Any]) -> Receipt | Ignored:
    """Return what one entry of `statuses` says; what nobody can use is ignored. Never raises."""
    vendor_id, said = status.get("id"), status.get("status")
    if not isinstance(vendor_id, str) or not 0 < len(vendor_id) <= _LONGEST_ID:
        return Ignored(reason="status_malformed")
    known = _KNOWN.get(said) if isinstance(said, str) else None
    if known is None:
        return Ignored(reason="status_unknown", known=False)
    return Receipt(
        vendor_id=vendor_id,
        status=known,
        delivery_id=_mark(status.get("biz_opaque_callback_data")),
        failure=_failure(status) if known == "failed" else None,
        charge=_charge(status.get("pricing")),
    )


def _mark(given: Any) -> UUID | None:
    try:
        return UUID(given) if isinstance(given, str) else None
    except ValueError:
        return None


def _failure(status: Mapping[str, Any]) -> Failure:
    errors = status.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    error = first if isinstance(first, dict) else {}
    code, data = error.get("code"), error.get("error_data")
    details = data.get("details") if isinstance(data, dict) else None
    if type(code) is not int:
        return Failure(FailureKind.REFUSED, "WhatsApp could not deliver it and does not say why.")
    return answers.failure_of(code, details if isinstance(details, str) else "")


def _charge(given: Any) -> Charge | None:
    pricing = given if isinstance(given, dict) else {}
    category = pricing.get("category")
    if not isinstance(category, str) or not category:
        return None
    # `billable` is to go in a later version: `type` says the same.
    billable = pricing.get("billable")
    if not isinstance(billable, bool):
        billable = pricing.get("type") == "regular"
    return Charge(category=category[:_LONGEST_CATEGORY].lower(), billable=billable)
