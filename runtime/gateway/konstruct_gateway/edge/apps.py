"""The two faces of the gateway: the public app and the internal one."""

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp

from konstruct_channels.webchat.spec import LARGEST_FILE
from konstruct_gateway.chat.desk import Desk
from konstruct_gateway.chat.routes import ChatRoutes
from konstruct_gateway.chat.undelivered import Undelivered
from konstruct_gateway.chat.uploads import Uploads
from konstruct_gateway.chat.widget import Widget
from konstruct_gateway.doctor.routes import DoctorDesk
from konstruct_gateway.doctor.routes import routes as doctor_routes
from konstruct_gateway.doctor.words import DoctorWords
from konstruct_gateway.edge import answers
from konstruct_gateway.edge.bodies import LimitBodies, RequireCallers, bearer, require_token
from konstruct_gateway.edge.direct import Direct, DirectRoute
from konstruct_gateway.edge.rates import Counts
from konstruct_gateway.hints import Hints
from konstruct_gateway.media.serving import FileRoutes
from konstruct_gateway.parts import Parts
from konstruct_gateway.registry.routes import routes as registry_routes
from konstruct_gateway.registry.view import RegistryView
from konstruct_gateway.settings import GatewaySettings
from konstruct_gateway.work.direct import direct_routes
from konstruct_gateway.work.routes import WorkServices
from konstruct_gateway.work.routes import routes as work_routes

_PUBLIC_BODY = 65_536
_REPLICA_BODY = 8_388_608


def public_app(parts: Parts) -> ASGIApp:
    """Return what the world may reach."""
    chat, widget = ChatRoutes(parts.chat), Widget(parts.chat)
    settings = parts.chat.settings
    desk = Desk(parts.chat, parts.turns.goes_to_vendor)
    undelivered = Undelivered(parts.chat)
    doctor = DoctorDesk(parts.chat, parts.doctor, DoctorWords(parts.doctor.specs))
    uploads = Uploads(parts.chat, parts.chat.files, Counts(settings.max_uploads_per_tenant))
    served = FileRoutes(parts.chat.files)
    hooks = parts.hooks
    here = "/chat/{tenant}/{connection}"
    found: list[BaseRoute] = [
        Route("/healthz", parts.health.healthz),
        Route("/readyz", parts.health.readyz),
        Route(f"{here}/ticket", chat.ticket, methods=["POST"]),
        Route(f"{here}/ticket", chat.preflight, methods=["OPTIONS"]),
        WebSocketRoute(f"{here}/ws", chat.socket),
        Route(f"{here}/widget.js", widget.script),
        Route(f"{here}/files", uploads.upload, methods=["POST"]),
        Route(f"{here}/files", uploads.preflight, methods=["OPTIONS"]),
        Route("/chat/files/{tenant:uuid}/{media:uuid}", served.file, methods=["GET", "HEAD"]),
        Route("/chat/{tenant}/portal/conversations/{conversation}", desk.act, methods=["POST"]),
        Route("/chat/{tenant}/portal/undelivered", undelivered.act, methods=["POST"]),
        Route("/chat/{tenant}/portal/doctor", doctor.act, methods=["POST"]),
        Route("/hooks/{channel}", hooks.shared, methods=["GET", "POST"]),
        Route("/hooks/{channel}/{tenant}/{connection}", hooks.own, methods=["GET", "POST"]),
    ]
    app = Direct(
        Starlette(routes=found, exception_handlers=answers.handlers()),
        [DirectRoute("/hooks/{channel}/{tenant}/{connection}", hooks.own)],
    )
    return LimitBodies(
        app,
        largest=_PUBLIC_BODY,
        larger={"/hooks/": hooks.largest_body},
        endings={"/files": LARGEST_FILE},
    )


def internal_app(settings: GatewaySettings, parts: Parts) -> ASGIApp:
    """Return what the cluster may reach; each part asks for its own credential."""
    app = internal_api(parts)
    app.add_route("/healthz", parts.health.healthz, include_in_schema=False)
    app.add_route("/readyz", parts.health.readyz, include_in_schema=False)
    app.add_route("/metrics", parts.health.metrics, include_in_schema=False)
    return LimitBodies(
        _guarded(Direct(app, direct_routes(app.state.work)), settings, parts.view),
        largest=settings.max_body,
        larger={
            "/internal/registry/": settings.max_registry_body,
            "/internal/replicas/": _REPLICA_BODY,
        },
    )


def work_api() -> FastAPI:
    """Return the agents' API alone: its OpenAPI document is generated from it."""
    app = FastAPI(
        title="Konstruct work API",
        version="1",
        description="What a tenant's agents ask of the gateway, with the tenant's work token.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        exception_handlers=answers.handlers(),
    )
    app.include_router(work_routes())
    return app


def internal_api(parts: Parts) -> FastAPI:
    """Return the internal API: agents, operator, other replicas."""
    app = work_api()
    app.state.work = WorkServices(
        parts.view, parts.claims, parts.turns, parts.drafts, parts.work_rate
    )
    app.include_router(registry_routes(parts.store, parts.view, parts.board))
    app.include_router(doctor_routes(parts.doctor, DoctorWords(parts.doctor.specs)))

    @app.post("/internal/replicas/events", status_code=204, tags=["replicas"])
    async def events(hints: Hints) -> Response:
        """Take another replica's hints."""
        for hint in hints.events:
            parts.telling.told(hint)
        return Response(status_code=204)

    return app


def _guarded(app: ASGIApp, settings: GatewaySettings, view: RegistryView) -> ASGIApp:
    """Ask every caller of `/internal` for its own credential, before its body is read."""
    registry_token = settings.registry_token.get_secret_value()
    replica_token = settings.replica_token.get_secret_value()
    return RequireCallers(
        app,
        checks={
            "/internal/work/": lambda caller: view.tenant_of_token(bearer(caller)),
            "/internal/registry/": lambda caller: require_token(caller, registry_token),
            "/internal/doctor/": lambda caller: require_token(caller, registry_token),
            "/internal/replicas/": lambda caller: require_token(caller, replica_token),
        },
    )
