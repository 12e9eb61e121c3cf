"""Asking Meta about a connection, one question after the other; who asks is the outbound half."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from konstruct_channels.checks import Finding
from konstruct_channels.errors import ChannelError, SendRefused
from konstruct_channels.whatsapp import checks
from konstruct_channels.whatsapp.checks import (
    APP_SECRET,
    NUMBER,
    QUALITY,
    SUBSCRIPTION,
    TEMPLATES,
    WEBHOOK,
)
from konstruct_channels.whatsapp.fields import mapping, text
from konstruct_messages.templates import Template

_NUMBER_FIELDS = (
    "id,display_phone_number,verified_name,status,quality_rating,name_status,throughput"
)
_MOST = "100"


class Get(Protocol):
    """Reads one path of the Graph API, below its version."""

    async def __call__(self, path: str, query: Mapping[str, str], *, token: str) -> Any:
        """Return the answer's object.

        Raises CredentialsRefused where the token is not taken, SendRefused where Meta says no
        otherwise, and ChannelError where it is busy or away.
        """
        ...


async def probe(
    get: Get,
    list_templates: Callable[[], Awaitable[Sequence[Template]]],
    *,
    config: Mapping[str, Any],
    credentials: Mapping[str, str],
    webhook_url: str,
    now: datetime,
) -> list[Finding]:
    """Return a finding for each check. Never raises for what Meta says, or when it is away."""
    token = credentials.get("accessToken", "")
    number_id, account = (
        str(config.get("phoneNumberId", "")),
        str(config.get("businessAccountId", "")),
    )
    if not token:
        return checks.token_refused("no accessToken")
    try:
        answer = await get("debug_token", {"input_token": token}, token=token)
    except SendRefused as refused:
        return checks.token_refused(str(refused))
    except ChannelError as error:
        return [checks.not_reached(one.name, str(error)) for one in checks.CHECKS]
    about = mapping(mapping(answer).get("data"))
    if about.get("is_valid") is False:
        why = text(mapping(about.get("error")), "message")
        return checks.token_refused(why or "is_valid: false")
    app = text(about, "app_id")
    found = [checks.token(about, now=now), checks.scopes(about, account)]
    found += await _app(get, app, credentials.get("appSecret", ""), webhook_url)
    found += await _account(get, account, number_id, token, app)
    try:
        found.append(checks.templates(await list_templates(), config))
    except ChannelError as error:
        found.append(checks.not_reached(TEMPLATES, str(error)))
    return found


async def _app(get: Get, app: str, secret: str, webhook_url: str) -> list[Finding]:
    """Ask as the app itself: only who has its secret may see where its deliveries go."""
    try:
        answer = await get(f"{app}/subscriptions", {}, token=f"{app}|{secret}")
    except SendRefused:
        unasked = checks.not_reached(WEBHOOK, "App Secret")
        return [checks.app_secret(app, fits=False), unasked]
    except ChannelError as error:
        return [checks.not_reached(one, str(error)) for one in (APP_SECRET, WEBHOOK)]
    return [checks.app_secret(app, fits=True), checks.webhook(mapping(answer), webhook_url)]


async def _account(get: Get, account: str, number_id: str, token: str, app: str) -> list[Finding]:
    found: list[Finding] = []
    try:
        answer = mapping(await get(f"{account}/subscribed_apps", {}, token=token))
        found.append(checks.subscription(answer, app))
    except ChannelError as error:
        found.append(checks.not_reached(SUBSCRIPTION, str(error)))
    try:
        query = {"fields": _NUMBER_FIELDS, "limit": _MOST}
        answer = mapping(await get(f"{account}/phone_numbers", query, token=token))
        found += checks.number(answer, number_id)
    except ChannelError as error:
        found += [checks.not_reached(one, str(error)) for one in (NUMBER, QUALITY)]
    return found
