"""What the Graph API says about an app and an account: the token, the webhook, the numbers.

An app's own token is `{app id}|{app secret}`; only it may see where the app's deliveries go.
Facts: https://developers.facebook.com/docs/graph-api/reference/debug_token and
https://developers.facebook.com/docs/graph-api/reference/app/subscriptions
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

from support.far_graph_rules import Document

if TYPE_CHECKING:
    from support.far_graph import FarGraph

APP_ID = "670843887433847"
SCOPES = ["whatsapp_business_management", "whatsapp_business_messaging", "public_profile"]


def webhook_of(url: str) -> Document:
    """Return an app's webhook for WhatsApp as it should be."""
    return {
        "object": "whatsapp_business_account",
        "callback_url": url,
        "active": True,
        "fields": [{"name": "messages", "version": "v24.0"}],
    }


@dataclass
class Account:
    """An app and what it may do with a WhatsApp account. `webhook` None: it has none."""

    app_id: str = APP_ID
    scopes: list[str] = field(default_factory=lambda: list(SCOPES))
    targets: list[str] = field(default_factory=list)
    expires_at: int = 0
    webhook: Document | None = field(default_factory=lambda: webhook_of(""))
    subscribed: list[str] = field(default_factory=lambda: [APP_ID])
    #: Fields of the number that are not as usual.
    number: Document = field(default_factory=dict)

    def token(self) -> Document:
        """Return what debug_token says of a living token."""
        granular: list[Document] = [
            {"scope": one, **({"target_ids": self.targets} if self.targets else {})}
            for one in self.scopes
        ]
        return {
            "app_id": self.app_id,
            "type": "SYSTEM_USER",
            "is_valid": True,
            "expires_at": self.expires_at,
            "scopes": self.scopes,
            "granular_scopes": granular,
        }


def add_account_routes(app: web.Application, far: "FarGraph") -> None:
    """Answer questions about `far.account`."""

    async def debug_token(request: web.Request) -> web.StreamResponse:
        number = far.number_of(request)
        if isinstance(number, web.Response):
            return number
        asked = request.query.get("input_token", "")
        if asked != number.token:
            return web.json_response({"data": {"is_valid": False, "error": {"code": 190}}})
        return web.json_response({"data": far.account.token()})

    async def subscriptions(request: web.Request) -> web.StreamResponse:
        wanted = [f"Bearer {far.account.app_id}|{one.secret}" for one in far.numbers]
        if request.headers.get("Authorization") not in wanted:
            message = "Invalid OAuth access token signature."
            error: dict[str, Any] = {"message": message, "type": "OAuthException", "code": 190}
            return web.json_response({"error": error}, status=400)
        webhook = far.account.webhook
        return web.json_response({"data": [webhook] if webhook is not None else []})

    async def subscribed_apps(request: web.Request) -> web.StreamResponse:
        number = far.number_of(request)
        if isinstance(number, web.Response):
            return number
        apps = [{"whatsapp_business_api_data": {"id": one}} for one in far.account.subscribed]
        return web.json_response({"data": apps})

    async def phone_numbers(request: web.Request) -> web.StreamResponse:
        number = far.number_of(request)
        if isinstance(number, web.Response):
            return number
        known = {
            "id": number.phone_number_id,
            "display_phone_number": "+1 555-025-3483",
            "verified_name": "Acme Bicycles",
            "status": "CONNECTED",
            "quality_rating": "GREEN",
            "throughput": {"level": "STANDARD"},
            **far.account.number,
        }
        return web.json_response({"data": [known]})

    app.router.add_get("/{version}/debug_token", debug_token)
    app.router.add_get("/{version}/{id}/subscriptions", subscriptions)
    app.router.add_get("/{version}/{id}/subscribed_apps", subscribed_apps)
    app.router.add_get("/{version}/{id}/phone_numbers", phone_numbers)
