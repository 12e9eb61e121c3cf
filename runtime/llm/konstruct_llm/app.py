"""The service's life: open, serve, close; and its routes put together."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.types import ASGIApp

from konstruct_llm import routes
from konstruct_llm.budgets import BudgetWatch
from konstruct_llm.calls import ModelCalls
from konstruct_llm.compatible import DirectVendor
from konstruct_llm.direct import DirectChat
from konstruct_llm.errors import CallRefused
from konstruct_llm.keys import KeyTrials
from konstruct_llm.ledger import Ledger
from konstruct_llm.limits import BodyLimit
from konstruct_llm.media import MediaReader
from konstruct_llm.metrics import LlmMetrics
from konstruct_llm.own_keys import OwnKeys
from konstruct_llm.pool import load_pool
from konstruct_llm.pool_keys import PoolKeys
from konstruct_llm.provider import LateVendor
from konstruct_llm.requests import ErrorBody
from konstruct_llm.routing import Patience, Router
from konstruct_llm.service import ModelService
from konstruct_llm.settings import LlmSettings
from konstruct_llm.tenants import Tenants
from konstruct_media.objects import open_objects
from konstruct_store import Store
from konstruct_telemetry.traces import open_traces

_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody, "description": text}
    for status, text in {
        400: "The request is malformed, or the provider refuses it",
        401: "No tenant has this work token",
        402: "The month's budget is reached (`budget_exceeded`)",
        404: "The model is not declared (`model_not_found`)",
        409: "The turn is lost (`turn_lost`)",
        503: "Nothing can answer now; see Retry-After (`retry_later`)",
    }.items()
}


@dataclass(frozen=True)
class Llm:
    """The opened service: an ASGI application, ready to be served.

    `loaded` returns when litellm is there, which may be seconds later; at once where no model of
    the pool needs it.
    """

    app: ASGIApp
    loaded: Callable[[], Awaitable[object]]


@asynccontextmanager
async def open_llm(settings: LlmSettings) -> AsyncIterator[Llm]:
    """Open the service: pool, store and registry now, litellm in the background.

    Raises PoolInvalid, SealRefused, AddressInvalid or StoreError when it cannot work as configured.
    """
    metrics = LlmMetrics()
    pool_keys = PoolKeys(os.environ, settings.keys_folder, metrics)
    pool = load_pool(settings.models_file, pool_keys)
    keys = settings.private_keys()
    store = await Store.connect(settings.database_url.get_secret_value())
    vendor, direct = LateVendor(), DirectVendor()
    if not all(model.client == "Direct" for model in pool.models):
        vendor.begin()
    tenants = Tenants(store, keys=keys, interval_seconds=settings.registry_seconds)
    ledger = Ledger(store, metrics)
    patience = Patience(settings.first_token_seconds, settings.token_gap_seconds)
    router = Router(vendor.get, direct=direct, metrics=metrics, patience=patience)
    traces = open_traces(settings, "llm")
    calls = ModelCalls(
        router=router,
        ledger=ledger,
        metrics=metrics,
        deadline_seconds=settings.call_deadline_seconds,
        tenant_concurrency=settings.tenant_concurrency,
        traces=traces,
    )
    stack = AsyncExitStack()
    address = settings.media_address
    objects = await stack.enter_async_context(open_objects(address)) if address else None
    budgets = BudgetWatch(store, tenants, metrics)
    trials = KeyTrials(pool, vendor.get, direct)
    own_keys = OwnKeys(store, tenants, trials)
    service = ModelService(
        pool=pool,
        environment=pool_keys,
        tenants=tenants,
        ledger=ledger,
        router=router,
        calls=calls,
        reader=MediaReader(store, objects),
        budgets=budgets,
        own_keys=own_keys,
    )
    following = [asyncio.create_task(one.follow()) for one in (tenants, budgets, own_keys)]
    renewing = pool_keys.follow(trials, seconds=settings.keys_seconds)
    following.append(asyncio.create_task(renewing))
    try:
        app = make_app()
        app.state.parts = routes.Parts(store, tenants, service, calls, metrics)
        yield Llm(
            app=BodyLimit(DirectChat(app), most_bytes=settings.max_body_bytes),
            loaded=vendor.loaded,
        )
    finally:
        for one in following:
            one.cancel()
        await asyncio.gather(*following, return_exceptions=True)
        await calls.close()
        await traces.close()
        await vendor.close()
        await direct.close()
        await stack.aclose()
        await store.close()


def make_app() -> FastAPI:
    """Return the application's routes, without anything behind them (for the OpenAPI document)."""
    app = FastAPI(
        title="Konstruct model service",
        version="1",
        description="OpenAI-compatible; each call belongs to a step of a claimed turn.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.add_exception_handler(CallRefused, routes.refused)
    app.add_exception_handler(RequestValidationError, routes.malformed)
    app.add_api_route(
        "/v1/chat/completions",
        routes.chat_completions,
        methods=["POST"],
        responses=_ERRORS,
        operation_id="chatCompletions",
    )
    app.add_api_route(
        "/v1/embeddings",
        routes.embeddings,
        methods=["POST"],
        responses=_ERRORS,
        operation_id="embeddings",
    )
    app.add_api_route(
        "/v1/models", routes.models, methods=["GET"], responses=_ERRORS, operation_id="models"
    )
    app.add_api_route("/healthz", routes.healthz, methods=["GET"], include_in_schema=False)
    app.add_api_route("/readyz", routes.readyz, methods=["GET"], include_in_schema=False)
    app.add_api_route("/metrics", routes.render_metrics, methods=["GET"], include_in_schema=False)
    return app


def openapi_document() -> dict[str, Any]:
    """Return the API's OpenAPI document, as committed in docs/reference/llm.openapi.json."""
    return make_app().openapi()
