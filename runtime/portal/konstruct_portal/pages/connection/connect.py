"""A new connection: choose a channel, fill in its form; what is wrong is said at its field."""

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from konstruct_channels.presentation import AppOffer
from konstruct_channels.spec import ChannelSpec
from konstruct_portal.connection_names import free_name
from konstruct_portal.directory import ShownTenant, connections_of, find_tenant
from konstruct_portal.errors import NotHere, Problem, ResourceConflict, ResourceInvalid
from konstruct_portal.page import Page, Viewed, plain
from konstruct_portal.pages.connection import common
from konstruct_portal.pages.connection.form import (
    Checked,
    ConnectionForm,
    checked,
    empty_form,
    needs_secret,
    new_spec,
    read_config,
)
from konstruct_portal.pages.connection.manual import manual_of
from konstruct_portal.resources import Resource

router = APIRouter()

_TRIED = "tried"
"""The name of the Secret in a dry run, when there is none yet."""


@router.get("/tenants/{tenant_name}/connect", name="connect")
async def choose_channel(page: Viewed, tenant_name: str) -> Response:
    """Show the channels there are."""
    _ = page.translate
    tenant = await find_tenant(page, tenant_name)
    page.insist_edit(tenant.tenant_id)
    return page.render(
        "pages/connection/choose.html",
        tenant=tenant,
        listed=page.services.channels.listed,
        section="connection",
        crumbs=common.crumbs(page, tenant, (_("New connection"), "")),
    )


@router.get("/tenants/{tenant_name}/connect/{folder}", name="connect.channel")
async def show_form(page: Viewed, tenant_name: str, folder: str) -> Response:
    """Show an empty form; htmx gets the offer of an app alone, for the name typed so far."""
    tenant, channel = await _open(page, tenant_name, folder)
    asked = page.request.query_params
    form = (await _empty(page, tenant, channel)).filled(dict(asked))
    if page.partial:
        offer = _offer(page, tenant, form)
        return page.render(
            "pages/connection/_offer.html", tenant=tenant, channel=channel, offer=offer
        )
    return _render(page, tenant, form)


@router.post("/tenants/{tenant_name}/connect/{folder}/check", name="connect.check")
async def check_form(page: Viewed, tenant_name: str, folder: str) -> Response:
    """Say what is wrong with a form that is being filled in, by field."""
    tenant, channel = await _open(page, tenant_name, folder)
    read = await _read(page, tenant, channel)
    answer = {"problems": dict(read.form.problems), "trial": common.trial_of(read)}
    return plain(JSONResponse(answer))


@router.post("/tenants/{tenant_name}/connect/{folder}", name="connect.create")
async def create(page: Viewed, tenant_name: str, folder: str) -> Response:
    """Keep the credentials and declare the connection; a problem leaves nothing behind."""
    _ = page.translate
    tenant, channel = await _open(page, tenant_name, folder)
    read = await _read(page, tenant, channel)
    if read.form.problems:
        return _render(page, tenant, read.form, status=422)
    resources = page.services.resources
    name = read.form.text("name")
    try:
        wanted = _resource(tenant, name, read, secret=_TRIED)
        await resources.create(wanted, dry_run=True)
        secret = ""
        if needs_secret(channel):
            secret = await resources.create_secret(
                tenant.namespace, f"{name}-", read.secret, use="channel"
            )
        await resources.create(_resource(tenant, name, read, secret=secret))
    except ResourceInvalid as error:
        return _render(page, tenant, read.form.with_problems(error.problems), status=422)
    except ResourceConflict:
        taken = Problem("metadata.name", _("There is a connection of this name."))
        return _render(page, tenant, read.form.with_problems([taken]), status=409)
    names = {"tenant_name": tenant.name, "connection_name": name}
    return page.go("connection", toast="connection-created", **names)


async def _open(page: Page, tenant_name: str, folder: str) -> tuple[ShownTenant, ChannelSpec]:
    tenant = await find_tenant(page, tenant_name)
    page.insist_edit(tenant.tenant_id)
    channel = page.services.channels.by_folder(folder)
    if channel is None:
        raise NotHere(folder)
    return tenant, channel


async def _empty(page: Page, tenant: ShownTenant, channel: ChannelSpec) -> ConnectionForm:
    taken = {one.name for one in await connections_of(page, tenant)}
    return empty_form(
        channel,
        name=free_name(channel.folder, taken.__contains__),
        agents=await common.agent_choices(page, tenant),
        say=common.say(page),
        _=page.translate,
    )


async def _read(page: Page, tenant: ShownTenant, channel: ChannelSpec) -> Checked:
    _ = page.translate
    form = (await _empty(page, tenant, channel)).filled(await common.submitted_texts(page))
    read = checked(form, new_spec(channel), _)
    taken = {one.name for one in await connections_of(page, tenant)}
    if form.text("name") in taken:
        problem = Problem("metadata.name", _("There is a connection of this name."))
        return Checked(read.form.with_problems([problem]), read.spec, read.secret)
    return read


def _resource(tenant: ShownTenant, name: str, read: Checked, *, secret: str) -> Resource:
    spec = dict(read.spec)
    if needs_secret(read.form.channel):
        spec["credentialsSecretRef"] = {"name": secret}
    return Resource("ChannelConnection", name, tenant.namespace, spec)


def _offer(page: Page, tenant: ShownTenant, form: ConnectionForm) -> AppOffer | None:
    agents = dict(next(one.options for one in form.general if one.name == "agent"))
    return common.app_of(
        page,
        form.channel,
        tenant,
        connection=form.text("name") or "NAME",
        agent=agents.get(form.text("agent"), ""),
        config=read_config(form),
    )


def _render(
    page: Page, tenant: ShownTenant, form: ConnectionForm, *, status: int = 200
) -> Response:
    _ = page.translate
    channel = form.channel
    title = page.services.channels.title(channel.channel_type, page.language)
    return page.render(
        "pages/connection/new.html",
        status=status,
        tenant=tenant,
        form=form,
        channel=channel,
        doctor=common.doctor_of(tenant),
        offer=_offer(page, tenant, form),
        installer=common.installer(page, channel, tenant),
        address=common.address_of(page, channel, tenant, form.text("name") or "NAME"),
        manual=manual_of(page, channel, tenant, form.text("name") or "NAME"),
        section="connection",
        crumbs=common.crumbs(
            page,
            tenant,
            (_("New connection"), page.address("connect", tenant_name=tenant.name)),
            (title, ""),
        ),
    )
