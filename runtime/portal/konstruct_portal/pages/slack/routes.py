"""Slack by a click: ask whom and where, send to Slack, take what comes back.

https://docs.slack.dev/authentication/installing-with-oauth
"""

import time
from uuid import UUID

import structlog
from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from konstruct_channels.slack.install import InstallRefused, SharedApp, authorize_url, exchange
from konstruct_portal.cookies import new_token
from konstruct_portal.directory import (
    Shown,
    ShownTenant,
    agents_of,
    find_agent,
    find_connection,
    find_tenant,
    visible_tenants,
)
from konstruct_portal.errors import NotHere
from konstruct_portal.ownership import gitops_owner
from konstruct_portal.page import Page, Viewed, text_of
from konstruct_portal.pages.slack import outcome
from konstruct_portal.pages.slack.keeping import NotKept, keep
from konstruct_portal.pages.slack.promise import (
    SECONDS,
    Promise,
    StateRefused,
    open_state,
    seal,
)

router = APIRouter()

_log = structlog.get_logger("portal")


@router.get("/oauth/slack/start", name="slack.start")
async def ask(page: Viewed) -> Response:
    """Ask for which tenant and agent; with a connection, to install that one again."""
    _app(page)
    asked = page.request.query_params
    if not asked.get("tenant"):
        return await _choose_tenant(page)
    tenant = await _tenant(page, asked["tenant"])
    connection = await _renewed(page, tenant, asked.get("connection", ""))
    return page.render(
        "pages/slack/start.html",
        tenant=tenant,
        agents=await agents_of(page, tenant),
        chosen=asked.get("agent", ""),
        connection=connection,
        section="connection",
        crumbs=_crumbs(page, tenant),
    )


@router.post("/oauth/slack/start", name="slack.go")
async def go(page: Viewed) -> Response:
    """Send the person to Slack, with a state that only this session can bring back."""
    app = _app(page)
    form = await page.form()
    tenant = await _tenant(page, text_of(form, "tenant"))
    connection = await _renewed(page, tenant, text_of(form, "connection"))
    agent, team = "", ""
    if connection is None:
        agent = (await find_agent(page, tenant, text_of(form, "agent"))).name
    else:
        team = str((connection.spec.get("slack") or {}).get("teamId", ""))
    promise = Promise(
        tenant=tenant.name,
        agent=agent,
        connection=connection.name if connection else "",
        session=str(_session(page)),
        nonce=new_token(),
        expires=int(time.time()) + SECONDS,
    )
    state = seal(promise, page.services.cookies.key)
    address = authorize_url(app, redirect_uri=_callback(page), state=state, team_id=team)
    return RedirectResponse(address, status_code=303)


@router.get("/oauth/slack/callback", name="slack.callback")
async def finish(page: Viewed) -> Response:
    """Take the code that Slack sends a person back with, and keep what it stands for."""
    app = _app(page)
    given = page.request.query_params
    _ = page.translate
    try:
        promise = open_state(
            given.get("state", ""),
            page.services.cookies.key,
            session=str(_session(page)),
            now=time.time(),
        )
    except StateRefused as refusal:
        _log.warning("slack.state_refused", why=refusal.why.value)
        return _end(page, outcome.stale(_))
    tenant = await _tenant(page, promise.tenant)
    if given.get("error"):
        denied = given["error"] == "access_denied"
        told = outcome.denied(_) if denied else _failed(page, given["error"])
        return _end(page, told, tenant, promise)
    first = await page.services.records.use_once(
        f"slack-install/{promise.nonce}", window_seconds=2 * SECONDS
    )
    if not first:
        return _end(page, outcome.stale(_), tenant, promise)
    return await _install(page, app, tenant, promise, given.get("code", ""))


async def _install(
    page: Page, app: SharedApp, tenant: ShownTenant, promise: Promise, code: str
) -> Response:
    _ = page.translate
    try:
        installed = await exchange(app, code=code, redirect_uri=_callback(page))
        name, renewed = await keep(page, tenant, promise, installed)
    except InstallRefused as refused:
        _log.warning("slack.install_refused", tenant=tenant.name, code=refused.code)
        told = outcome.failed(refused.fault, refused.code, _)
        return _end(page, told, tenant, promise)
    except NotKept as not_kept:
        return _end(page, not_kept.outcome, tenant, promise)
    _log.info("slack.installed", tenant=tenant.name, connection=name, renewed=renewed)
    toast = "slack-reinstalled" if renewed else "slack-installed"
    return page.go("connection", toast=toast, tenant_name=tenant.name, connection_name=name)


def _failed(page: Page, code: str) -> outcome.Outcome:
    refused = InstallRefused.from_code(code)
    return outcome.failed(refused.fault, refused.code, page.translate)


def _app(page: Page) -> SharedApp:
    app = page.services.settings.shared_slack_app
    if app is None:
        raise NotHere("The platform has no Slack app of its own.")
    return app


async def _tenant(page: Page, name: str) -> ShownTenant:
    tenant = await find_tenant(page, name)
    page.insist_edit(tenant.tenant_id)
    return tenant


async def _renewed(page: Page, tenant: ShownTenant, name: str) -> Shown | None:
    """Return the connection to install again. Raises NotHere where it is not of the shared app."""
    if not name:
        return None
    found = await find_connection(page, tenant, name)
    resource = found.resource
    shared = (found.spec.get("slack") or {}).get("install") == "Shared"
    if not shared or gitops_owner(resource.managed_by, resource.annotations):
        raise NotHere(name)
    return found


def _session(page: Page) -> UUID:
    if page.signed_in is None:
        raise NotHere("session")
    return page.signed_in.session_id


def _callback(page: Page) -> str:
    return f"{page.services.settings.public_url.rstrip('/')}{page.address('slack.callback')}"


async def _choose_tenant(page: Page) -> Response:
    _ = page.translate
    mine = [one for one in await visible_tenants(page) if page.may_edit(one.tenant_id)]
    return page.render("pages/slack/tenants.html", tenants=mine, crumbs=[(_("Connect Slack"), "")])


def _end(
    page: Page,
    told: outcome.Outcome,
    tenant: ShownTenant | None = None,
    promise: Promise | None = None,
) -> Response:
    return page.render(
        "pages/slack/outcome.html",
        status=told.status,
        told=told,
        tenant=tenant,
        promise=promise,
        section="connection",
        crumbs=_crumbs(page, tenant),
    )


def _crumbs(page: Page, tenant: ShownTenant | None) -> list[tuple[str, str]]:
    _ = page.translate
    made = [(_("Tenants"), page.address("tenants"))]
    if tenant is not None:
        made.append((tenant.display_name, page.address("tenant", tenant_name=tenant.name)))
    return [*made, (_("Connect Slack"), "")]
