"""Changing a declared connection, its credentials apart."""

from dataclasses import replace

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from konstruct_portal.errors import NotHere, ResourceConflict, ResourceInvalid, ResourceNotFound
from konstruct_portal.page import Page, Viewed, plain
from konstruct_portal.pages.connection import common
from konstruct_portal.pages.connection.form import Checked, ConnectionForm, checked, form_of

router = APIRouter()

_ADDRESS = "/tenants/{tenant_name}/connections/{connection_name}/edit"


@router.get(_ADDRESS, name="connection.edit")
async def show_form(page: Viewed, tenant_name: str, connection_name: str) -> Response:
    """Show the form of what is declared."""
    opened = await common.open_for_change(page, tenant_name, connection_name)
    return _render(page, opened, await _form(page, opened))


@router.post(f"{_ADDRESS}/check", name="connection.check")
async def check_form(page: Viewed, tenant_name: str, connection_name: str) -> Response:
    """Say what is wrong with a form that is being filled in, by field."""
    opened = await common.open_for_change(page, tenant_name, connection_name)
    read = await _read(page, opened)
    return plain(JSONResponse({"problems": dict(read.form.problems)}))


@router.post(_ADDRESS, name="connection.save")
async def save(page: Viewed, tenant_name: str, connection_name: str) -> Response:
    """Write the form; whatever goes wrong, what was typed stays on the page."""
    opened = await common.open_for_change(page, tenant_name, connection_name)
    read = await _read(page, opened)
    names = {"tenant_name": tenant_name, "connection_name": connection_name}
    if read.form.problems:
        return _render(page, opened, read.form, status=422)
    if read.spec == opened.connection.spec:
        return page.go("connection", toast="agent-unchanged", **names)
    resource = opened.connection.resource
    seen = (await common.submitted_texts(page)).get("resource_version", "")
    if seen:
        resource = replace(resource, resource_version=seen)
    try:
        await page.services.resources.replace_spec(resource, read.spec)
    except ResourceInvalid as error:
        return _render(page, opened, read.form.with_problems(error.problems), status=422)
    except ResourceConflict as error:
        return _render(page, opened, read.form, status=409, conflict=error)
    except ResourceNotFound as error:
        raise NotHere(connection_name) from error
    return page.go("connection", toast="connection-saved", **names)


async def _form(page: Page, opened: common.Opened) -> ConnectionForm:
    return form_of(
        opened.known_channel,
        opened.connection.spec,
        agents=await common.agent_choices(page, opened.tenant),
        say=common.say(page),
        _=page.translate,
    )


async def _read(page: Page, opened: common.Opened) -> Checked:
    form = (await _form(page, opened)).filled(await common.submitted_texts(page))
    return checked(form, opened.connection.spec, page.translate)


def _render(
    page: Page,
    opened: common.Opened,
    form: ConnectionForm,
    *,
    status: int = 200,
    conflict: ResourceConflict | None = None,
) -> Response:
    _ = page.translate
    way = common.to_connection(page, opened)
    return page.render(
        "pages/connection/edit.html",
        status=status,
        tenant=opened.tenant,
        connection=opened.connection,
        channel=opened.known_channel,
        form=form,
        conflict=conflict,
        section="connection",
        crumbs=common.crumbs(page, opened.tenant, way, (_("Change"), "")),
    )
