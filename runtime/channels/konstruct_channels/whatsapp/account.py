"""What Meta says about a business account, its number and its templates. Pure.

https://developers.facebook.com/docs/graph-api/webhooks/reference/whatsapp-business-account
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from konstruct_channels import authenticated
from konstruct_channels.inbound import Item, Learnt
from konstruct_channels.whatsapp.fields import identifier, listed, mapping, text
from konstruct_channels.whatsapp.spec import WhatsAppConfig
from konstruct_messages.inbound import Ignored

FIELDS = frozenset(
    {
        *("account_alerts", "account_review_update", "account_settings_update", "account_update"),
        *("automatic_events", "business_capability_update", "business_status_update", "calls"),
        *("flows", "group_lifecycle_update", "group_participants_update"),
        *("group_settings_update", "group_status_update", "history"),
        *("message_template_components_update", "message_template_quality_update"),
        *("message_template_status_update", "partner_solutions"),
        *("payment_configuration_update", "phone_number_name_update"),
        *("phone_number_quality_update", "security", "smb_app_state_sync"),
        *("template_category_update", "template_correct_category_detection"),
        *("tracking_events", "user_preferences"),
    }
)
"""Fields that are known and hold no message."""

_ANSWERS = "RESTRICTED_CUSTOMER_INITIATED_MESSAGING"
_LEFT = frozenset({"PARTNER_APP_UNINSTALLED", "PARTNER_REMOVED"})
_KNOWN_EVENTS = frozenset(
    {
        *("ACCOUNT_DELETED", "ACCOUNT_OFFBOARDED", "ACCOUNT_RECONNECTED", "ACCOUNT_RESTRICTION"),
        *("ACCOUNT_VIOLATION", "AD_ACCOUNT_LINKED", "AUTH_INTL_PRICE_ELIGIBILITY_UPDATE"),
        *("BUSINESS_PRIMARY_LOCATION_COUNTRY_UPDATE", "DISABLED_UPDATE", "MM_LITE_TERMS_SIGNED"),
        *("PARTNER_ADDED", "PARTNER_APP_INSTALLED", "VERIFIED_ACCOUNT", *_LEFT),
        *("PARTNER_CLIENT_CERTIFICATION_STATUS_UPDATE", "VOLUME_BASED_PRICING_TIER_UPDATE"),
    }
)
_SUPPORT = "Business Support Home (business.facebook.com/business-support-home)"
_REFUSALS = MappingProxyType(
    {
        "AccountGone": "Meta removed the WhatsApp Business Account from the platform. Register the"
        " number again in WhatsApp Manager, and put the new ids and the new token here.",
        "AppRemoved": "The Meta app was removed from the WhatsApp Business Account. Add it again"
        " (Business settings, WhatsApp accounts), and make a new access token.",
        "AccountRestricted": "Meta lets the account answer nobody for a while."
        f" {_SUPPORT} says why and until when, and takes an appeal.",
        "AccountDisabled": "Meta disabled the WhatsApp Business Account for breaking its policies."
        f" {_SUPPORT} says why, and takes an appeal.",
    }
)
_AGAIN = authenticated.not_known(
    "AccountBack", "Meta enabled the account again; its token is tried next."
)


def read(
    field: str, entry: Mapping[str, Any], value: Mapping[str, Any], config: WhatsAppConfig
) -> Iterator[Item]:
    """Yield what a change of the account says: always one thing that is counted."""
    mine = _accounts(entry, value)
    if mine and config.business_account_id not in mine:
        yield Ignored(reason="another_account")
        return
    if field != "account_update":
        yield Ignored(reason=field)
        return
    event = text(value, "event")
    known = event in _KNOWN_EVENTS
    yield Ignored(reason=event.lower() if known else "unknown_account_event", known=known)
    learnt = _learnt(event, value)
    if learnt is not None:
        yield learnt


def _accounts(entry: Mapping[str, Any], value: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the accounts that it may be about: a partner's events name it inside."""
    inner = identifier(mapping(value.get("waba_info")), "waba_id")
    return tuple(one for one in (inner or identifier(entry, "id"),) if one)


def _learnt(event: str, value: Mapping[str, Any]) -> Learnt | None:
    """Return what an event says about whether messages go out."""
    match event:
        case "ACCOUNT_DELETED" | "ACCOUNT_OFFBOARDED":
            return _refused("AccountGone")
        case "PARTNER_APP_UNINSTALLED" | "PARTNER_REMOVED":
            return _refused("AppRemoved")
        case "ACCOUNT_RESTRICTION":
            kinds = {text(one, "restriction_type") for one in listed(value.get("restriction_info"))}
            return _refused("AccountRestricted") if _ANSWERS in kinds else None
        case "DISABLED_UPDATE" | "ACCOUNT_RECONNECTED":
            state = text(mapping(value.get("ban_info")), "waba_ban_state")
            if state == "DISABLE":
                return _refused("AccountDisabled")
            again = event == "ACCOUNT_RECONNECTED" or state == "REINSTATE"
            return _AGAIN if again else None
        case _:
            return None


def _refused(reason: str) -> Learnt:
    return authenticated.refused(reason, _REFUSALS[reason])
