"""Tenants and what lies in them, as far as the viewer may see.

A tenant that is somebody else's is answered exactly like one that does not exist.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from konstruct_messages import identity
from konstruct_portal.errors import NotHere, ResourceNotFound
from konstruct_portal.page import Page
from konstruct_portal.records import MonthUsage
from konstruct_portal.resources import Resource
from konstruct_portal.standing import Condition, Standing, conditions_of, standing_of

_AGENT, _CONNECTION = "Agent", "ChannelConnection"


@dataclass(frozen=True)
class Shown:
    """A resource with what every page shows of it."""

    resource: Resource
    display_name: str
    standing: Standing
    conditions: list[Condition]

    @property
    def name(self) -> str:
        """The resource's name."""
        return self.resource.name

    @property
    def spec(self) -> dict[str, Any]:
        """The resource's spec."""
        return self.resource.spec

    @property
    def suspended(self) -> bool:
        """Whether it is told not to work."""
        return bool(self.spec.get("operatingMode") == "Suspended")

    @property
    def emoji(self) -> str:
        """The avatar's emoji, or an empty string."""
        return str((self.spec.get("avatar") or {}).get("emoji", ""))


@dataclass(frozen=True)
class ShownTenant(Shown):
    """A tenant. `tenant_id` is None until one was given or pinned."""

    tenant_id: UUID | None = None
    namespace: str = ""
    time_zone: str = "Etc/UTC"
    budget_micro_usd: int | None = None
    soft_percent: int = 80


async def visible_tenants(page: Page) -> list[ShownTenant]:
    """Return the tenants the viewer may see, by the name people call them."""
    shown = [show_tenant(page, one) for one in await page.services.resources.list("Tenant")]
    visible = [one for one in shown if page.may_see(one.tenant_id)]
    return sorted(visible, key=lambda one: one.display_name.casefold())


async def find_tenant(page: Page, name: str) -> ShownTenant:
    """Return one tenant. Raises NotHere when there is none, or none for this viewer."""
    try:
        shown = show_tenant(page, await page.services.resources.get("Tenant", name))
    except ResourceNotFound as error:
        raise NotHere(name) from error
    if not page.may_see(shown.tenant_id):
        raise NotHere(name)
    return shown


async def agents_of(page: Page, tenant: ShownTenant) -> list[Shown]:
    """Return a tenant's agents by name."""
    found = await page.services.resources.list(_AGENT, namespace=tenant.namespace)
    return [show(page, one) for one in found]


async def connections_of(page: Page, tenant: ShownTenant) -> list[Shown]:
    """Return a tenant's channel connections by name."""
    found = await page.services.resources.list(_CONNECTION, namespace=tenant.namespace)
    return [show(page, one) for one in found]


async def find_agent(page: Page, tenant: ShownTenant, name: str) -> Shown:
    """Return one of a tenant's agents. Raises NotHere."""
    return await _find(page, _AGENT, tenant, name)


async def find_connection(page: Page, tenant: ShownTenant, name: str) -> Shown:
    """Return one of a tenant's channel connections. Raises NotHere."""
    return await _find(page, _CONNECTION, tenant, name)


async def usage_of(page: Page, tenant: ShownTenant) -> MonthUsage:
    """Return what a tenant used this month; nothing where it has no id yet."""
    if tenant.tenant_id is None:
        return MonthUsage()
    return await page.services.records.month_usage(tenant.tenant_id, time_zone=tenant.time_zone)


def names_by_id(tenant: ShownTenant, agents: list[Shown]) -> dict[UUID, Shown]:
    """Return agents by the id that usage and conversations know them by."""
    if tenant.tenant_id is None:
        return {}
    return {identity.agent_id(identity.TenantId(tenant.tenant_id), one.name): one for one in agents}


def crumbs_of(page: Page, tenant: ShownTenant) -> list[tuple[str, str]]:
    """Return the way to a tenant's pages."""
    _ = page.translate
    return [
        (_("Tenants"), page.address("tenants")),
        (tenant.display_name, page.address("tenant", tenant_name=tenant.name)),
    ]


async def channels_of(page: Page, tenant: ShownTenant) -> dict[UUID, tuple[str, str]]:
    """Return name and type of each connection by the id that conversations know it by."""
    if tenant.tenant_id is None:
        return {}
    tenant_id = identity.TenantId(tenant.tenant_id)
    connections = await connections_of(page, tenant)
    channels: dict[UUID, tuple[str, str]] = {
        identity.connection_id(tenant_id, one.name): (one.name, str(one.spec.get("type", "")))
        for one in connections
    }
    portal = identity.connection_id(tenant_id, identity.PORTAL_CONNECTION)
    _ = page.translate
    channels[portal] = (_("Portal"), "Portal")
    return channels


def show(page: Page, resource: Resource) -> Shown:
    """Return a resource as pages show it."""
    return Shown(
        resource=resource,
        display_name=str(resource.spec.get("displayName") or resource.name),
        standing=standing_of(resource, page.translate),
        conditions=conditions_of(resource),
    )


def show_tenant(page: Page, resource: Resource) -> ShownTenant:
    """Return a Tenant as pages show it."""
    spec, status = resource.spec, resource.status
    budget = spec.get("budget") or {}
    return ShownTenant(
        resource=resource,
        display_name=str(spec.get("displayName") or resource.name),
        standing=standing_of(resource, page.translate),
        conditions=conditions_of(resource),
        tenant_id=_uuid(status.get("id") or spec.get("id")),
        namespace=str(
            status.get("namespace")
            or spec.get("namespace")
            or f"{page.services.settings.namespace_prefix}{resource.name}"
        ),
        time_zone=str(spec.get("timeZone") or "Etc/UTC"),
        budget_micro_usd=budget.get("monthlyMicroUSD"),
        soft_percent=int(budget.get("softPercent") or 80),
    )


async def _find(page: Page, kind: str, tenant: ShownTenant, name: str) -> Shown:
    try:
        found = await page.services.resources.get(kind, name, namespace=tenant.namespace)
    except ResourceNotFound as error:
        raise NotHere(name) from error
    return show(page, found)


def _uuid(value: object) -> UUID | None:
    try:
        return UUID(str(value))
    except ValueError:
        return None
