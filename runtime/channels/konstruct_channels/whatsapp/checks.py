"""What is looked at about a WhatsApp number, and what Meta's answers say of it: pure.

https://developers.facebook.com/docs/graph-api/reference/debug_token
https://developers.facebook.com/docs/graph-api/reference/app/subscriptions
https://developers.facebook.com/docs/graph-api/reference/whats-app-business-account
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from konstruct_channels.checks import Check, Finding, Rehearsal, failed, ok, step, unknown
from konstruct_channels.marking import mark as _
from konstruct_channels.whatsapp.fields import listed, mapping, text
from konstruct_messages.templates import Template

TOKEN, SCOPES, APP_SECRET = "token", "scopes", "appSecret"
WEBHOOK, SUBSCRIPTION = "webhook", "subscription"
NUMBER, QUALITY, TEMPLATES = "number", "quality", "templates"

CHECKS = (
    Check(TOKEN, _("Access token")),
    Check(SCOPES, _("Permissions of the token")),
    Check(APP_SECRET, _("App Secret")),
    Check(WEBHOOK, _("Webhook at Meta")),
    Check(SUBSCRIPTION, _("App subscribed to the account")),
    Check(NUMBER, _("Phone number")),
    Check(QUALITY, _("Quality and throughput")),
    Check(TEMPLATES, _("Templates")),
)

NEEDED_SCOPES = ("whatsapp_business_messaging", "whatsapp_business_management")
_ACCOUNT = "whatsapp_business_account"
_SOON_SECONDS = 7 * 86_400
_MOST_NAMED = 5

_MAKE_TOKEN = step(
    _(
        "Make a token for a System User (business.facebook.com/settings, System users) with"
        " {scopes}, and put it into the Secret as accessToken."
    ),
    scopes=", ".join(NEEDED_SCOPES),
)
_SET_WEBHOOK = step(
    _(
        "In the app under WhatsApp, Configuration: enter this connection's address and verify"
        " token, and subscribe to the field messages."
    )
)
_LOOK_AT_NUMBER = step(_("Look at the number in WhatsApp Manager (business.facebook.com)."))
_UNASKED = _("It cannot be asked without a token that Meta takes.")


def rehearse(
    config: Mapping[str, Any],  # noqa: ARG001 - it is the same for every number
    credentials: Mapping[str, str],
    *,
    challenge: str,
) -> Rehearsal:
    """Return Meta's handshake, and a delivery without a single entry."""
    handshake = {
        "hub.mode": "subscribe",
        "hub.verify_token": credentials.get("verifyToken", ""),
        "hub.challenge": challenge,
    }
    body = b'{"object":"whatsapp_business_account","entry":[]}'
    return Rehearsal(body, handshake, challenge.encode())


def token_refused(why: str) -> list[Finding]:
    """Return the findings where Meta does not take the token."""
    said = failed(
        TOKEN, _("Meta does not take the access token ({reason})."), reason=why, then=_MAKE_TOKEN
    )
    return [said, *(unknown(one.name, _UNASKED) for one in CHECKS if one.name != TOKEN)]


def not_reached(check: str, why: str) -> Finding:
    """Return the finding while Meta cannot be asked."""
    return unknown(check, _("Meta could not be asked ({reason}); it is tried again."), reason=why)


def token(data: Mapping[str, Any], *, now: datetime) -> Finding:
    """Tell what debug_token says of the token's life."""
    ends = data.get("expires_at")
    if data.get("is_valid") is False:
        why = text(mapping(data.get("error")), "message") or "is_valid: false"
        return token_refused(why)[0]
    if isinstance(ends, int) and ends > 0:
        time = f"{datetime.fromtimestamp(ends, UTC):%Y-%m-%d %H:%M}"
        if ends - now.timestamp() < _SOON_SECONDS:
            sentence = _("Meta takes the access token, and it ends soon: {time} UTC.")
            return ok(TOKEN, sentence, time=time, then=_MAKE_TOKEN)
        return ok(TOKEN, _("Meta takes the access token until {time} UTC."), time=time)
    return ok(TOKEN, _("Meta takes the access token, and it does not end."))


def scopes(data: Mapping[str, Any], account: str) -> Finding:
    """Tell whether the token may send and manage, for this account."""
    have = data.get("scopes")
    if not isinstance(have, list):
        return unknown(SCOPES, _("Meta did not say what the token may do."))
    missing = [one for one in NEEDED_SCOPES if one not in have]
    if missing:
        sentence = _("The token lacks the permissions {scopes}.")
        return failed(SCOPES, sentence, scopes=", ".join(missing), then=_MAKE_TOKEN)
    for one in listed(data.get("granular_scopes")):
        targets = one.get("target_ids")
        limited = isinstance(targets, list) and targets and account not in targets
        if limited and text(one, "scope") in NEEDED_SCOPES:
            return failed(
                SCOPES,
                _("The token's permissions are not for the account {account}."),
                account=account,
                then=step(
                    _("Assign the WhatsApp account to the System User, and make a new token.")
                ),
            )
    return ok(SCOPES, _("The token may send messages and manage the account."))


def app_secret(app: str, *, fits: bool) -> Finding:
    """Tell whether Meta takes the App Secret as this app's."""
    if fits:
        return ok(APP_SECRET, _("The App Secret is that of the app {app}."), app=app)
    return failed(
        APP_SECRET,
        _("The App Secret is not that of the app {app}, so Meta's deliveries will not fit."),
        app=app,
        then=step(_("Copy it from App settings, Basic, into the Secret as appSecret.")),
    )


def webhook(data: Mapping[str, Any], url: str) -> Finding:
    """Tell whether the app hands its deliveries to this connection; `url` empty: not known."""
    found = next((one for one in listed(data.get("data")) if text(one, "object") == _ACCOUNT), None)
    if found is None:
        return failed(WEBHOOK, _("The app has no webhook for WhatsApp."), then=_SET_WEBHOOK)
    address = text(found, "callback_url")
    if url and address != url:
        return failed(
            WEBHOOK,
            _("The app calls {found}, and this connection's address is {wanted}."),
            found=address or "?",
            wanted=url,
            then=_SET_WEBHOOK,
        )
    fields = {text(one, "name") for one in listed(found.get("fields"))}
    if "messages" not in fields or found.get("active") is False:
        sentence = _("The app's webhook is not subscribed to the field messages.")
        return failed(WEBHOOK, sentence, then=_SET_WEBHOOK)
    return ok(WEBHOOK, _("The app hands messages to {found}."), found=address)


def subscription(data: Mapping[str, Any], app: str) -> Finding:
    """Tell whether the account's deliveries go to the token's app."""
    apps = {
        text(mapping(one.get("whatsapp_business_api_data")), "id")
        for one in listed(data.get("data"))
    }
    if app in apps or (not app and apps):
        return ok(SUBSCRIPTION, _("The app gets what happens in the account."))
    return failed(
        SUBSCRIPTION,
        _("The app does not get what happens in the account."),
        then=step(
            _("POST /{account}/subscribed_apps with the access token, once (see set-up)."),
            account="WABA-ID",
        ),
    )


def number(data: Mapping[str, Any], number_id: str) -> tuple[Finding, Finding]:
    """Tell how the number is, from the list of the account's numbers."""
    found = next((one for one in listed(data.get("data")) if text(one, "id") == number_id), None)
    if found is None:
        missing = failed(
            NUMBER,
            _("The account has no number with the id {number}."),
            number=number_id,
            then=step(_("Correct phoneNumberId or businessAccountId: both are under API Setup.")),
        )
        return missing, unknown(QUALITY, _("The number is not known."))
    shown, status = text(found, "display_phone_number"), text(found, "status")
    if status in {"CONNECTED", "FLAGGED", ""}:
        name = text(found, "verified_name") or "?"
        said = ok(NUMBER, _("{number} ({name}) is connected."), number=shown, name=name)
    else:
        said = failed(
            NUMBER,
            _("{number} is not connected: Meta says {status}."),
            number=shown,
            status=status,
            then=_LOOK_AT_NUMBER,
        )
    return said, _quality(found)


def _quality(found: Mapping[str, Any]) -> Finding:
    rating = text(found, "quality_rating") or "UNKNOWN"
    level = text(mapping(found.get("throughput")), "level") or "STANDARD"
    if rating == "RED":
        return failed(
            QUALITY,
            _("People block or report this number: its quality is {rating}."),
            rating=rating,
            then=step(_("Send fewer templates, and only to people who asked for them.")),
        )
    if rating == "UNKNOWN":
        sentence = _("Meta has not rated the number yet; the throughput is {level}.")
        return ok(QUALITY, sentence, level=level)
    fewer = step(_("Send fewer templates for a while.")) if rating == "YELLOW" else None
    sentence = _("The quality is {rating}, the throughput {level}.")
    return ok(QUALITY, sentence, rating=rating, level=level, then=fewer)


def templates(found: Sequence[Template], config: Mapping[str, Any]) -> Finding:
    """Tell the state of the account's templates, and of the one that the connection names."""
    states = {(one.name, one.language): one.state for one in found}
    key = (text(config, "reopenTemplate"), text(config, "reopenLanguage"))
    if key[0]:
        state = states.get(key, "")
        if state != "APPROVED":
            return failed(
                TEMPLATES,
                _("The template {name} ({language}) is not approved: {state}."),
                name=key[0],
                language=key[1],
                state=state or "?",
                then=step(
                    _(
                        "Wait for Meta's approval, mend it in WhatsApp Manager, or name another in"
                        " spec.whatsApp.reopenTemplate."
                    )
                ),
            )
    if not states:
        return ok(
            TEMPLATES,
            _("There are none: a conversation whose 24 hours are over waits for the person."),
        )
    bad = sorted({name for (name, _language), state in states.items() if state in _USELESS})
    good = sum(state == "APPROVED" for state in states.values())
    if bad:
        return ok(
            TEMPLATES,
            _("{good} approved; not usable: {names}."),
            good=good,
            names=", ".join(bad[:_MOST_NAMED]),
            then=step(_("Look at them in WhatsApp Manager, Message templates.")),
        )
    return ok(TEMPLATES, _("{good} of {all} approved."), good=good, all=len(states))


_USELESS = frozenset({"REJECTED", "PAUSED", "DISABLED"})
