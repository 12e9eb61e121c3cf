"""One channel connection: how it is doing, its addresses, and how it is set up."""

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from konstruct_channels.presentation import AppOffer
from konstruct_messages import identity
from konstruct_portal.language import Translate
from konstruct_portal.page import Page, Viewed
from konstruct_portal.pages.connection import common, connect, credentials, edit, removal
from konstruct_portal.pages.connection.manual import manual_of
from konstruct_store.activity import Activity
from konstruct_store.templates import ListedTemplate

router = APIRouter()

ROUTERS = (router, connect.router, edit.router, credentials.router, removal.router)
"""Every route about connections."""


@dataclass(frozen=True)
class NextStep:
    """What somebody can do about a condition, and where."""

    text: str
    address: str


@router.get("/tenants/{tenant_name}/connections/{connection_name}", name="connection")
async def show_connection(page: Viewed, tenant_name: str, connection_name: str) -> Response:
    """Show a connection, or only its standing when htmx asks."""
    opened = await common.open_connection(page, tenant_name, connection_name)
    tenant, connection, channel = opened.tenant, opened.connection, opened.channel
    editable = (
        page.services.resources.editable
        and page.may_edit(tenant.tenant_id)
        and not opened.owner
        and channel is not None
    )
    shown: dict[str, Any] = {
        "activity": await _activity(page, opened),
        "sends": channel is not None and channel.sends,
        "tenant": tenant,
        "connection": connection,
        "next_steps": _next_steps(page, opened) if editable else {},
    }
    if page.partial:
        return page.render("pages/connection/_state.html", **shown)
    address = ""
    if channel is not None:
        known = connection.resource.status.get("webhookURL")
        address = str(known or common.address_of(page, channel, tenant, connection.name))
    return page.render(
        "pages/connection/page.html",
        **shown,
        channel=channel,
        templates=await _templates(page, opened),
        doctor=common.doctor_of(tenant) if channel is not None else "",
        owner=opened.owner,
        editable=editable,
        reinstall=_installer(page, opened) if common.is_shared(opened) else "",
        address=address,
        offer=await _app(page, opened) if editable else None,
        manual=manual_of(page, channel, tenant, connection.name) if channel else None,
        section="connection",
        crumbs=common.crumbs(page, tenant, (connection.name, "")),
    )


async def _app(page: Page, opened: common.Opened) -> AppOffer | None:
    """Return the app of a connection's own that the vendor makes from a manifest."""
    channel, spec = opened.channel, opened.connection.spec
    if channel is None or common.is_shared(opened):
        return None
    agent = str((spec.get("agentRef") or {}).get("name", ""))
    names = dict(await common.agent_choices(page, opened.tenant))
    return common.app_of(
        page,
        channel,
        opened.tenant,
        connection=opened.connection.name,
        agent=names.get(agent, agent),
        config=spec.get(channel.block) or {},
    )


async def _activity(page: Page, opened: common.Opened) -> Activity | None:
    tenant_id = opened.tenant.tenant_id
    if tenant_id is None:
        return None
    connection_id = identity.connection_id(identity.TenantId(tenant_id), opened.connection.name)
    return await page.services.records.connection_activity(tenant_id, connection_id)


async def _templates(page: Page, opened: common.Opened) -> list[ListedTemplate]:
    """Return the templates of the connection's account, as the gateway listed them last."""
    tenant_id = opened.tenant.tenant_id
    if tenant_id is None:
        return []
    connection_id = identity.connection_id(identity.TenantId(tenant_id), opened.connection.name)
    return await page.services.records.templates_of(tenant_id, connection_id)


def _installer(page: Page, opened: common.Opened) -> str:
    """Return where a connection of the shared app is installed again; empty where it cannot be."""
    if opened.channel is None:
        return ""
    return common.installer(page, opened.channel, opened.tenant, opened.connection.name)


def _next_steps(page: Page, opened: common.Opened) -> dict[str, NextStep]:
    """Return what can be done here about each condition that does not hold, by its type."""
    _: Translate = page.translate
    names = {"tenant_name": opened.tenant.name, "connection_name": opened.connection.name}
    new_credentials = NextStep(
        _("Enter new credentials"), page.address("connection.credentials", **names)
    )
    if common.is_shared(opened):
        new_credentials = NextStep(_("Install the app again"), _installer(page, opened))
    steps = {
        "AgentResolved": NextStep(
            _("Choose another agent"), page.address("connection.edit", **names)
        ),
        "SecretsReady": new_credentials,
        "Authenticated": new_credentials,
        "Receiving": NextStep(_("Look at how it is set up"), "#set-up"),
    }
    if not opened.connection.spec.get("credentialsSecretRef"):
        del steps["SecretsReady"], steps["Authenticated"]
    failing = {one.type for one in opened.connection.conditions if one.status == "False"}
    return {kind: step for kind, step in steps.items() if kind in failing and step.address}
