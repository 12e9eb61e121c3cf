"""The portal's ASGI application, put together from its parts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import Depends, FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from konstruct_messages.translations import load_catalogues
from konstruct_portal.assets import Assets
from konstruct_portal.channel_words import load_channel_words
from konstruct_portal.cookies import Cookies
from konstruct_portal.failures import register_failures
from konstruct_portal.metrics import Measured, Metrics, internal_app
from konstruct_portal.page import guard
from konstruct_portal.pages.agent.routes import router as agent
from konstruct_portal.pages.chat.routes import router as chat
from konstruct_portal.pages.connection.routes import ROUTERS as CONNECTION
from konstruct_portal.pages.conversations.routes import router as conversations
from konstruct_portal.pages.login.routes import router as login
from konstruct_portal.pages.profile.routes import router as profile
from konstruct_portal.pages.slack.routes import router as slack
from konstruct_portal.pages.switches.routes import router as switches
from konstruct_portal.pages.tenant.routes import router as tenant
from konstruct_portal.pages.tenants.routes import router as tenants
from konstruct_portal.pages.undelivered.routes import router as undelivered
from konstruct_portal.pages.usage.routes import router as usage
from konstruct_portal.passwords import Passwords
from konstruct_portal.records import Records
from konstruct_portal.records_postgres import PostgresRecords
from konstruct_portal.resources import Resources
from konstruct_portal.security import BodyLimit, SecurityHeaders, origin_of
from konstruct_portal.services import Services
from konstruct_portal.settings import PortalSettings
from konstruct_portal.templates import STATIC, Templates
from konstruct_store import Store
from konstruct_store.errors import StoreError

PAGES = (
    *(login, switches, tenants, tenant, agent, chat, *CONNECTION, slack, usage),
    *(conversations, undelivered, profile),
)


@dataclass(frozen=True)
class Portal:
    """The running portal: `app` is what people get, `internal_app` what a scraper does."""

    app: ASGIApp
    internal_app: ASGIApp
    services: Services


@asynccontextmanager
async def open_portal(settings: PortalSettings, *, resources: Resources) -> AsyncIterator[Portal]:
    """Open the portal over a database and resources; close what was opened at the end."""
    store = await Store.connect(settings.database_url)
    try:
        portal = make_portal(settings, resources=resources, records=PostgresRecords(store))
        try:
            yield portal
        finally:
            portal.services.passwords.close()
    finally:
        await store.close()


def make_portal(
    settings: PortalSettings,
    *,
    resources: Resources,
    records: Records,
    templates: Templates | None = None,
) -> Portal:
    """Return a portal over given ports; its caller closes `services.passwords`.

    `templates` may be shared by several portals of one process: compiling them takes a while.
    """
    catalogues = load_catalogues("konstruct_portal")
    services = Services(
        settings=settings,
        records=records,
        resources=resources,
        passwords=Passwords(workers=settings.password_workers, waiters=settings.password_waiters),
        cookies=Cookies(secure=settings.secure, key=settings.chat_key.get_secret_value()),
        templates=templates or Templates(catalogues),
        catalogues=catalogues,
        channels=load_channel_words(),
    )
    # Outermost, so that even the answer to a failure of the app itself carries the headers.
    guarded = SecurityHeaders(
        BodyLimit(make_app(services)),
        socket_origin=settings.socket_origin,
        secure=settings.secure,
        form_targets=_form_targets(settings),
    )
    metrics = Metrics()
    return Portal(
        app=Measured(guarded, metrics=metrics),
        internal_app=internal_app(metrics),
        services=services,
    )


def _form_targets(settings: PortalSettings) -> list[str]:
    """Return where forms may lead beside this site: to Slack, if its app can be installed."""
    app = settings.shared_slack_app
    return [origin_of(app.api_url)] if app else []


def make_app(services: Services) -> FastAPI:
    """Return the application. Every page, whoever adds it, stands behind `guard`."""
    app = FastAPI(
        title="Konstruct portal",
        openapi_url=None,
        dependencies=[Depends(guard)],
    )
    app.state.services = services
    for router in PAGES:
        app.include_router(router)
    app.add_route("/healthz", healthz)
    app.add_route("/readyz", readyz)
    app.mount("/static", Assets(STATIC, more=services.channels.icon_files), name="static")
    register_failures(app)
    return app


async def healthz(_request: Request) -> Response:
    """Say that the process lives."""
    return JSONResponse({"status": "alive"})


async def readyz(request: Request) -> Response:
    """Say whether the database can be used."""
    services: Services = request.app.state.services
    try:
        await services.records.check()
    except StoreError:
        return JSONResponse({"status": "the database cannot be used"}, status_code=503)
    return JSONResponse({"status": "ready"})
