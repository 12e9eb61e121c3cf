"""What every page about one connection begins with."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

from konstruct_channels.presentation import AppOffer, offer_app
from konstruct_channels.spec import ChannelSpec
from konstruct_messages import identity
from konstruct_portal.channel_words import webhook_address
from konstruct_portal.directory import Shown, ShownTenant, agents_of, find_connection, find_tenant
from konstruct_portal.errors import NotHere, ResourceConflict
from konstruct_portal.ownership import gitops_owner
from konstruct_portal.page import Page, text_of
from konstruct_portal.pages.connection.fields import Say
from konstruct_portal.pages.connection.form import Checked

_INSTALLED = "slack"
"""The one channel whose vendor lets a platform's app be installed by a click."""

Crumbs = list[tuple[str, str]]


@dataclass(frozen=True)
class Opened:
    """A tenant's connection, the channel it is of (None: a newer one), and who declares it.

    `owner` is a GitOps controller; empty where the portal may write.
    """

    tenant: ShownTenant
    connection: Shown
    channel: ChannelSpec | None
    owner: str

    @property
    def known_channel(self) -> ChannelSpec:
        """The channel. Raises NotHere where no folder has its type."""
        if self.channel is None:
            raise NotHere(str(self.connection.spec.get("type")))
        return self.channel


async def open_connection(page: Page, tenant_name: str, connection_name: str) -> Opened:
    """Return a connection that the viewer may see. Raises NotHere."""
    tenant = await find_tenant(page, tenant_name)
    connection = await find_connection(page, tenant, connection_name)
    resource = connection.resource
    return Opened(
        tenant=tenant,
        connection=connection,
        channel=page.services.channels.specs.get(str(connection.spec.get("type"))),
        owner=gitops_owner(resource.managed_by, resource.annotations),
    )


async def open_for_change(page: Page, tenant_name: str, connection_name: str) -> Opened:
    """Return a connection that the viewer may change.

    Raises NotHere, NotAllowed, and ResourceConflict where a GitOps controller declares it.
    """
    opened = await open_connection(page, tenant_name, connection_name)
    page.insist_edit(opened.tenant.tenant_id)
    if opened.owner:
        raise ResourceConflict(opened.owner)
    return opened


async def agent_choices(page: Page, tenant: ShownTenant) -> list[tuple[str, str]]:
    """Return a tenant's agents: the name and what people call it."""
    return [(one.name, one.display_name) for one in await agents_of(page, tenant)]


async def submitted_texts(page: Page) -> Mapping[str, str]:
    """Return the texts of the request's form."""
    form = await page.form()
    return {name: text_of(form, name) for name in form}


def say(page: Page) -> Say:
    """Return how the channels' own sentences are said on this page."""
    return partial(page.services.channels.say, language=page.language)


def address_of(page: Page, channel: ChannelSpec, tenant: ShownTenant, connection: str) -> str:
    """Return where a connection's vendor is to call, whether it is declared yet or not."""
    public = page.services.settings.gateway_url
    return webhook_address(channel, public, tenant=tenant.name, connection=connection)


def doctor_of(tenant: ShownTenant) -> str:
    """Return where the gateway is asked whether a tenant's connections are in order.

    Empty while the tenant has no id: the gateway does not know it then.
    """
    if tenant.tenant_id is None:
        return ""
    return f"/chat/{tenant.name}/{identity.PORTAL_CONNECTION}/doctor"


def trial_of(read: Checked) -> dict[str, Any] | None:
    """Return what a filled-in form would connect to, to be tried first; None while it is wrong."""
    if read.form.problems:
        return None
    channel = read.form.channel
    config = read.spec.get(channel.block) or {}
    return {"type": channel.channel_type, "config": config, "credentials": dict(read.secret)}


def app_of(
    page: Page,
    channel: ChannelSpec,
    tenant: ShownTenant,
    *,
    connection: str,
    agent: str,
    config: Mapping[str, Any],
) -> AppOffer | None:
    """Return the app that the vendor makes for a connection, where the channel can say one."""
    address = address_of(page, channel, tenant, connection)
    return offer_app(channel, address, name=agent, language=page.language, config=config)


def installer(page: Page, channel: ChannelSpec, tenant: ShownTenant, connection: str = "") -> str:
    """Return where the platform's shared app is installed by a click; empty where there is none.

    With a connection: where that one is installed again.
    """
    if channel.folder != _INSTALLED or page.services.settings.shared_slack_app is None:
        return ""
    asked = {"tenant": tenant.name} | ({"connection": connection} if connection else {})
    return f"{page.address('slack.start')}?{urlencode(asked)}"


def is_shared(opened: Opened) -> bool:
    """Tell whether a connection is an installation of the platform's shared app."""
    if opened.channel is None:
        return False
    block = opened.connection.spec.get(opened.channel.block) or {}
    return bool(block.get("install") == "Shared")


def crumbs(page: Page, tenant: ShownTenant, *more: tuple[str, str]) -> Crumbs:
    """Return the way to a page about a tenant's connections."""
    _ = page.translate
    return [
        (_("Tenants"), page.address("tenants")),
        (tenant.display_name, page.address("tenant", tenant_name=tenant.name)),
        *more,
    ]


def to_connection(page: Page, opened: Opened) -> tuple[str, str]:
    """Return a connection's place in the crumbs."""
    names = {"tenant_name": opened.tenant.name, "connection_name": opened.connection.name}
    return (opened.connection.name, page.address("connection", **names))
