"""What the Cloud API's errors mean, at once or in a later status: pure.

Codes: https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes
Every code that nobody knows is a refusal of the one message: it is shown, and can be sent again.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from konstruct_channels import authenticated
from konstruct_channels.errors import (
    ChannelError,
    ContentRefused,
    CredentialsRefused,
    SendLater,
    SendRefused,
    SendUnclear,
    WindowClosed,
)
from konstruct_channels.inbound import Failure, FailureKind, Learnt

_SERVER_ERROR = 500
_TOO_MANY = 429
_PERMISSIONS = range(200, 300)
_APP_LIMIT_SECONDS = 60.0
_BUSY_SECONDS = 5.0
_SPAM_SECONDS = 600.0
_MAINTENANCE_SECONDS = 60.0

_RENEW = (
    "Make a new System User token with whatsapp_business_messaging and"
    " whatsapp_business_management (Business settings, System users), and put it into the Secret as"
    " accessToken."
)
_NUMBER = "Look at the number in WhatsApp Manager (business.facebook.com, Phone numbers)."

_CONNECTION: Mapping[int, str] = MappingProxyType(
    {
        0: f"Meta does not know the access token. {_RENEW}",
        3: f"The access token lacks a permission. {_RENEW}",
        10: f"The access token lacks a permission. {_RENEW}",
        190: f"The access token has expired or was revoked. {_RENEW}",
        368: "Meta has blocked the business account for a while for breaking its policy. Read and"
        " appeal it in Account quality (business.facebook.com/accountquality).",
        131005: f"The access token may not do this. {_RENEW}",
        131031: "Meta has locked the business account. Read and appeal it in Account quality"
        " (business.facebook.com/accountquality).",
        131037: f"The number has no approved display name. {_NUMBER}",
        131042: "The business account has a payment problem. Put it right under Billing and"
        " payments (business.facebook.com).",
        131045: f"The number is not registered rightly. {_NUMBER}",
        133010: "The number is not registered with the Cloud API. Register it: POST"
        " /{phone number id}/register with its PIN.",
    }
)
"""Nothing goes out over the connection until somebody puts this right."""

_LATER: Mapping[int, tuple[float, bool]] = MappingProxyType(
    {
        1: (_BUSY_SECONDS, False),
        2: (_BUSY_SECONDS, False),
        4: (_APP_LIMIT_SECONDS, True),
        80007: (_APP_LIMIT_SECONDS, True),
        130429: (_BUSY_SECONDS, True),
        131048: (_SPAM_SECONDS, True),
        131056: (6.0, False),
        131057: (_MAINTENANCE_SECONDS, True),
        133004: (_BUSY_SECONDS, False),
        131000: (_BUSY_SECONDS, False),
        131016: (_BUSY_SECONDS, False),
        135000: (_BUSY_SECONDS, False),
    }
)
"""Seconds to wait at first, and whether the whole number waits. Nothing was sent."""

_CONTENT: Mapping[int, str] = MappingProxyType(
    {
        100: "Meta does not understand the message.",
        131008: "Meta misses something in the message.",
        131009: "Meta does not take a value in the message.",
        131051: "Meta does not take this type of message.",
        131052: "Meta could not fetch the file.",
        131053: "Meta does not take the file: look at its type and size.",
    }
)

_MESSAGE: Mapping[int, str] = MappingProxyType(
    {
        130472: "Meta keeps marketing from this person as an experiment. Nothing helps but the"
        " person writing first.",
        130497: "Meta does not let this business write to people in that country.",
        131021: "Sender and reader are the same number.",
        131026: "It cannot be delivered: the number may not be on WhatsApp, may have an old"
        " version, or has not taken WhatsApp's new terms. Ask the person in another way to write"
        " first or to update WhatsApp.",
        131030: "The test number writes only to numbers on its list. Add this one under WhatsApp,"
        " API Setup, To; or connect a number of your own.",
        131049: "Meta did not deliver it, to keep people from getting too much marketing. Do not"
        " send it again soon; it goes when the person writes.",
        131050: "The person has stopped marketing messages of this business. Send none.",
        131062: "This kind of message needs a phone number, and the person shows only a user id.",
        131063: "Marketing templates are switched off for the Cloud API of this account.",
        132000: "The template wants another number of values. Look at it in WhatsApp Manager.",
        132001: "There is no such template in this language, or it is not approved. Look at the"
        " connection's templates, and correct spec.whatsApp.reopenTemplate.",
        132005: "The filled-in template is too long.",
        132007: "The template breaks Meta's policy. Change it in WhatsApp Manager.",
        132012: "The template wants values of another form. Look at it in WhatsApp Manager.",
        132015: "Meta has paused the template for its quality. Change it in WhatsApp Manager, or"
        " choose another in spec.whatsApp.reopenTemplate.",
        132016: "Meta has disabled the template for good. Choose another in"
        " spec.whatsApp.reopenTemplate.",
        137000: "The person's phone has changed. The next message of the person puts it right.",
    }
)

_CLOSED = frozenset({131047})


def failure_of(code: int, details: str = "") -> Failure:
    """Return what the code of a failed status means: the vendor certainly has not delivered."""
    if code in _CLOSED:
        return Failure(FailureKind.WINDOW, _said(code, "The 24-hour window is closed.", details))
    if code in _LATER:
        seconds, _ = _LATER[code]
        return Failure(FailureKind.LATER, _said(code, "Busy.", details), after_seconds=seconds)
    if code in _CONNECTION or code in _PERMISSIONS:
        words = _CONNECTION.get(code, _CONNECTION[10])
        return Failure(FailureKind.CREDENTIALS, _said(code, words, details))
    if code in _CONTENT:
        return Failure(FailureKind.CONTENT, _said(code, _CONTENT[code], details))
    words = _MESSAGE.get(code, "WhatsApp refused it.")
    return Failure(FailureKind.REFUSED, _said(code, words, details))


def problem(status: int, data: Mapping[str, Any]) -> ChannelError:
    """Return what an answer of the Graph API that is no success means."""
    error = data.get("error")
    error = error if isinstance(error, dict) else {}
    given = error.get("code")
    code = given if type(given) is int else None
    if code is not None and code in _LATER:
        seconds, whole = _LATER[code]
        why = f"{code}: busy"
        return SendLater(why, after_seconds=seconds, whole_connection=whole, grows=True)
    if status == _TOO_MANY:
        why = f"{code or status}: rate limited"
        return SendLater(why, after_seconds=_BUSY_SECONDS, whole_connection=True, grows=True)
    if code is None and status >= _SERVER_ERROR:
        # A fault before the Graph API could say anything: the message may be on its way.
        return SendUnclear(f"status {status}", after_seconds=1.0)
    if code is None:
        return SendRefused(f"status {status} without a reason")
    return raised(failure_of(code, _details(error)))


def raised(failure: Failure) -> ChannelError:
    """Return the error that says of a message at once what `failure` says later."""
    match failure.kind:
        case FailureKind.WINDOW:
            return WindowClosed(failure.reason)
        case FailureKind.LATER:
            return SendLater(failure.reason, after_seconds=failure.after_seconds, grows=True)
        case FailureKind.CREDENTIALS:
            return CredentialsRefused(failure.reason)
        case FailureKind.CONTENT:
            return ContentRefused(failure.reason)
        case FailureKind.REFUSED:
            return SendRefused(failure.reason)


def number_tried(data: Mapping[str, Any]) -> Learnt:
    """Return the condition for a token that may read its number: what Meta says of its health.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/support/health-status
    """
    health = data.get("health_status")
    health = health if isinstance(health, dict) else {}
    if health.get("can_send_message") == "BLOCKED":
        return authenticated.refused(
            "SendingBlocked", f"Meta lets this number send nothing. {_blocked(health)}"
        )
    return authenticated.accepted("Meta takes the access token.")


def token_refused(why: str) -> Learnt:
    """Return the condition for a token that Meta does not take for this number."""
    return authenticated.refused(
        "TokenRefused", f"Meta refuses the access token or the number: {why}"
    )


def not_reached(why: str) -> Learnt:
    """Return the condition while Meta cannot be asked."""
    return authenticated.not_known(
        "WhatsAppNotReached",
        f"Meta could not be asked about the access token ({why}); it is tried again.",
    )


def _blocked(health: Mapping[str, Any]) -> str:
    entities = health.get("entities")
    for entity in entities if isinstance(entities, list) else ():
        errors = entity.get("errors") if isinstance(entity, dict) else None
        for error in errors if isinstance(errors, list) else ():
            if isinstance(error, dict):
                said = (error.get("error_description"), error.get("possible_solution"))
                return " ".join(one for one in said if isinstance(one, str))[:600]
    return _NUMBER


def _details(error: Mapping[str, Any]) -> str:
    data = error.get("error_data")
    details = data.get("details") if isinstance(data, dict) else None
    return details if isinstance(details, str) else ""


def _said(code: int, words: str, details: str) -> str:
    return f"{code}: {words}" + (f" Meta says: {details[:200]}" if details else "")
