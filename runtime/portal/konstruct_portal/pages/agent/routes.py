"""One agent: how it is doing, and the form that changes what it is."""

from dataclasses import replace

from fastapi import APIRouter
from starlette.responses import Response

from konstruct_messages import identity
from konstruct_portal.directory import Shown, ShownTenant, connections_of, find_agent, find_tenant
from konstruct_portal.errors import (
    NotHere,
    ResourceConflict,
    ResourceInvalid,
    ResourceNotFound,
    ResourceReadOnly,
)
from konstruct_portal.page import Page, Viewed, text_of
from konstruct_portal.pages.agent.form import PATHS, AgentForm, form_of, read_form
from konstruct_portal.records import Spent

router = APIRouter()

_TEMPLATE = "pages/agent/page.html"


@router.get("/tenants/{tenant_name}/agents/{agent_name}", name="agent")
async def show_agent(page: Viewed, tenant_name: str, agent_name: str) -> Response:
    """Show an agent, or only its standing when htmx asks."""
    tenant = await find_tenant(page, tenant_name)
    agent = await find_agent(page, tenant, agent_name)
    if page.partial:
        return page.render("pages/agent/_state.html", tenant=tenant, agent=agent)
    return await _render(page, tenant, agent, form_of(agent.spec))


@router.post("/tenants/{tenant_name}/agents/{agent_name}", name="agent.save")
async def save_agent(page: Viewed, tenant_name: str, agent_name: str) -> Response:
    """Write the form to the resource; whatever goes wrong, what was typed stays on the page."""
    tenant = await find_tenant(page, tenant_name)
    page.insist_edit(tenant.tenant_id)
    agent = await find_agent(page, tenant, agent_name)
    submitted = await page.form()
    fields = {name: text_of(submitted, name) for name in PATHS if name in submitted}
    read = read_form(fields, agent.spec, page.translate)
    if read.form.problems:
        return await _render(page, tenant, agent, read.form, status=422)
    if read.spec == agent.spec:
        return _back(page, tenant, agent, "agent-unchanged")
    seen = text_of(submitted, "resource_version")
    try:
        await page.services.resources.replace_spec(
            replace(agent.resource, resource_version=seen or agent.resource.resource_version),
            read.spec,
        )
    except ResourceInvalid as error:
        form = read.form.with_problems(error.problems)
        return await _render(page, tenant, agent, form, status=422)
    except ResourceConflict as error:
        return await _render(page, tenant, agent, read.form, status=409, conflict=error)
    except ResourceReadOnly:
        return await _render(page, tenant, agent, read.form, status=403)
    except ResourceNotFound as error:
        raise NotHere(agent_name) from error
    return _back(page, tenant, agent, "agent-saved")


def _back(page: Page, tenant: ShownTenant, agent: Shown, toast: str) -> Response:
    return page.go("agent", toast=toast, tenant_name=tenant.name, agent_name=agent.name)


async def _render(
    page: Page,
    tenant: ShownTenant,
    agent: Shown,
    form: AgentForm,
    *,
    status: int = 200,
    conflict: ResourceConflict | None = None,
) -> Response:
    _ = page.translate
    connections = [
        one
        for one in await connections_of(page, tenant)
        if (one.spec.get("agentRef") or {}).get("name") == agent.name
    ]
    return page.render(
        _TEMPLATE,
        status=status,
        tenant=tenant,
        agent=agent,
        form=form,
        conflict=conflict,
        spent=await _spent(page, tenant, agent),
        connections=connections,
        editable=page.services.resources.editable and page.may_edit(tenant.tenant_id),
        section="agent",
        crumbs=[
            (_("Tenants"), page.address("tenants")),
            (tenant.display_name, page.address("tenant", tenant_name=tenant.name)),
            (agent.display_name, ""),
        ],
    )


async def _spent(page: Page, tenant: ShownTenant, agent: Shown) -> Spent:
    if tenant.tenant_id is None:
        return Spent()
    usage = await page.services.records.month_usage(tenant.tenant_id, time_zone=tenant.time_zone)
    agent_id = identity.agent_id(identity.TenantId(tenant.tenant_id), agent.name)
    return usage.by_agent.get(agent_id, Spent())
