"""New credentials for a connection: a new Secret, then the connection points to it.

The old Secret is not touched; whoever runs the resources removes it once nobody names it.
"""

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from konstruct_portal.errors import NotHere, ResourceConflict, ResourceInvalid, ResourceNotFound
from konstruct_portal.page import Page, Viewed, plain
from konstruct_portal.pages.connection import common
from konstruct_portal.pages.connection.form import (
    Checked,
    ConnectionForm,
    checked,
    needs_secret,
    secrets_form,
)

router = APIRouter()

_ADDRESS = "/tenants/{tenant_name}/connections/{connection_name}/credentials"


@router.get(_ADDRESS, name="connection.credentials")
async def show_form(page: Viewed, tenant_name: str, connection_name: str) -> Response:
    """Show an empty form: credentials cannot be read again, only replaced."""
    opened = await _open(page, tenant_name, connection_name)
    return _render(page, opened, _form(page, opened))


@router.post(f"{_ADDRESS}/check", name="connection.credentials.check")
async def check_form(page: Viewed, tenant_name: str, connection_name: str) -> Response:
    """Say what is wrong with credentials that are being entered, by field."""
    opened = await _open(page, tenant_name, connection_name)
    read = await _read(page, opened)
    answer = {"problems": dict(read.form.problems), "trial": common.trial_of(read)}
    return plain(JSONResponse(answer))


@router.post(_ADDRESS, name="connection.credentials.save")
async def rotate(page: Viewed, tenant_name: str, connection_name: str) -> Response:
    """Keep a new Secret and point the connection to it."""
    opened = await _open(page, tenant_name, connection_name)
    read = await _read(page, opened)
    if read.form.problems:
        return _render(page, opened, read.form, status=422)
    resource, spec = opened.connection.resource, dict(opened.connection.spec)
    resources = page.services.resources
    try:
        pointed = {**spec, "credentialsSecretRef": {"name": "tried"}}
        await resources.replace_spec(resource, pointed, dry_run=True)
        name = await resources.create_secret(
            resource.namespace, f"{resource.name}-", read.secret, use="channel"
        )
        pointed = {**spec, "credentialsSecretRef": {"name": name}}
        await resources.replace_spec(resource, pointed)
    except ResourceInvalid as error:
        return _render(page, opened, read.form.with_problems(error.problems), status=422)
    except ResourceConflict as error:
        return _render(page, opened, read.form, status=409, conflict=error)
    except ResourceNotFound as error:
        raise NotHere(connection_name) from error
    names = {"tenant_name": tenant_name, "connection_name": connection_name}
    return page.go("connection", toast="credentials-rotated", **names)


async def _open(page: Page, tenant_name: str, connection_name: str) -> common.Opened:
    opened = await common.open_for_change(page, tenant_name, connection_name)
    if not needs_secret(opened.known_channel):
        raise NotHere("credentials")
    return opened


def _form(page: Page, opened: common.Opened) -> ConnectionForm:
    return secrets_form(opened.known_channel, opened.connection.spec, common.say(page))


async def _read(page: Page, opened: common.Opened) -> Checked:
    form = _form(page, opened).filled(await common.submitted_texts(page))
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
        "pages/connection/credentials.html",
        status=status,
        tenant=opened.tenant,
        connection=opened.connection,
        channel=opened.known_channel,
        doctor=common.doctor_of(opened.tenant),
        form=form,
        conflict=conflict,
        section="connection",
        crumbs=common.crumbs(page, opened.tenant, way, (_("New credentials"), "")),
    )
