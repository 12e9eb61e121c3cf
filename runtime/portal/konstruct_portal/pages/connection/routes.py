"""One channel connection: its conditions, its addresses, and how it is set up."""

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.responses import Response

from konstruct_portal.directory import Shown, ShownTenant, find_connection, find_tenant
from konstruct_portal.language import Translate
from konstruct_portal.page import Page, Viewed

router = APIRouter()


@dataclass(frozen=True)
class Address:
    """Something to copy elsewhere. `code` marks what is pasted into a page or a form as it is."""

    label: str
    value: str


@router.get("/tenants/{tenant_name}/connections/{connection_name}", name="connection")
async def show_connection(page: Viewed, tenant_name: str, connection_name: str) -> Response:
    """Show a connection, or only its standing when htmx asks."""
    _ = page.translate
    tenant = await find_tenant(page, tenant_name)
    connection = await find_connection(page, tenant, connection_name)
    if page.partial:
        return page.render("pages/connection/_state.html", tenant=tenant, connection=connection)
    return page.render(
        "pages/connection/page.html",
        tenant=tenant,
        connection=connection,
        addresses=_addresses(page, tenant, connection),
        steps=_steps(str(connection.spec.get("type", "")), _),
        section="connection",
        crumbs=[
            (_("Tenants"), page.address("tenants")),
            (tenant.display_name, page.address("tenant", tenant_name=tenant.name)),
            (connection.name, ""),
        ],
    )


def _addresses(page: Page, tenant: ShownTenant, connection: Shown) -> list[Address]:
    _ = page.translate
    public = page.services.settings.gateway_url
    kind = connection.spec.get("type")
    place = f"{tenant.name}/{connection.name}"
    if kind == "WebChat":
        script = f'<script src="{public}/chat/{place}/widget.js" async></script>'
        return [
            Address(_("Paste this before the end of your page's body"), script),
            Address(_("Or talk to it from a terminal"), f"konstruct chat {place}"),
        ]
    known = connection.resource.status.get("webhookURL")
    path = {"Slack": "slack", "WhatsApp": "whatsapp"}.get(str(kind), "")
    if not (known or path):
        return []
    return [Address(_("Webhook address"), str(known or f"{public}/hooks/{path}/{place}"))]


def _steps(kind: str, _: Translate) -> list[str]:
    if kind == "WebChat":
        return [
            _("Copy the line above into your web site. A chat button appears on every page."),
            _("List your site's address among the allowed origins, so that others cannot use it."),
            _("Write a first message and watch it arrive under Conversations."),
        ]
    if kind == "Slack":
        return [
            _("In your Slack app, open Event Subscriptions and enter the webhook address above."),
            _("Subscribe to mentions of the app and to direct messages."),
            _("Put the signing secret and the bot token into the Secret named here."),
            _("Invite the app to a channel and mention it."),
        ]
    if kind == "WhatsApp":
        return [
            _("In your Meta app, open WhatsApp, Configuration. Enter the webhook address above."),
            _("Subscribe to the field messages."),
            _("Put the access token, app secret and verify token into the Secret named here."),
            _("Send a message to the number and watch it arrive under Conversations."),
        ]
    return []
