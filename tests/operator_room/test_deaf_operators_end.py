"""An operator whose watches end by themselves does not go on without them."""

import asyncio
import multiprocessing
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import web

from konstruct_operator import names
from konstruct_operator.handlers import watches
from konstruct_operator.reconcile.context import Context
from support.kubeconfigs import kubeconfig
from support.serving import served

pytestmark = pytest.mark.process

PLURALS = {
    "tenants": "Tenant",
    "agents": "Agent",
    "channelconnections": "ChannelConnection",
    "agenttemplates": "AgentTemplate",
}
_PATIENCE_SECONDS = 40


class Api:
    """As much of an API server as kopf needs: discovery, empty lists, and watches that stay."""

    def __init__(self) -> None:
        self.refuses = False
        self.watched: set[str] = set()
        self.all_watched = asyncio.Event()
        self._end_watches = asyncio.Event()

    def refuse(self) -> None:
        """End all watches and refuse everything from now on, as after a token has run out.

        Agents are listed all the same, and their watch gets no answer at all: one of kopf's tasks
        is in the middle of a request while the others give up.
        """
        self.refuses = True
        self._end_watches.set()

    def application(self) -> web.Application:
        group = f"/apis/{names.GROUP}"
        application = web.Application()
        application.router.add_get("/api", self._answer({"versions": ["v1"]}))
        core = [_resource("namespaces", "Namespace"), _resource("events", "Event")]
        application.router.add_get("/api/v1", self._answer({"resources": core}))
        version = {"groupVersion": f"{names.GROUP}/{names.VERSION}", "version": names.VERSION}
        found = {"name": names.GROUP, "versions": [version], "preferredVersion": version}
        application.router.add_get("/apis", self._answer({"groups": [found]}))
        application.router.add_get(
            f"{group}/{names.VERSION}",
            self._answer({"resources": [_resource(*one) for one in PLURALS.items()]}),
        )
        application.router.add_get(f"{group}/{names.VERSION}/{{plural}}", self._collection)
        return application

    def _answer(self, document: dict[str, Any]) -> Any:
        async def answer(_: web.Request) -> web.Response:
            return self._refusal() if self.refuses else web.json_response(document)

        return answer

    async def _collection(self, request: web.Request) -> web.StreamResponse:
        lucky = request.match_info["plural"] == "agents"
        if self.refuses and lucky and "watch" in request.query:
            await asyncio.sleep(_PATIENCE_SECONDS)
        if self.refuses and not lucky:
            return self._refusal()
        if "watch" not in request.query:
            return web.json_response({"metadata": {"resourceVersion": "1"}, "items": []})
        response = web.StreamResponse()
        await response.prepare(request)
        self.watched.add(request.match_info["plural"])
        if len(self.watched) == len(PLURALS):
            self.all_watched.set()
        await self._end_watches.wait()
        return response

    @staticmethod
    def _refusal() -> web.Response:
        return web.json_response(
            {"kind": "Status", "code": 401, "message": "Unauthorized"}, status=401
        )


@asynccontextmanager
async def watching(
    api: Api, folder: Path, stop: asyncio.Event
) -> AsyncIterator[asyncio.Task[None]]:
    """Let kopf watch this API server, and yield the task once it watches everything."""
    context = cast("Context", SimpleNamespace(settings=SimpleNamespace(watch_namespaces=())))
    async with served(api.application()) as url:
        os.environ["KUBECONFIG"] = kubeconfig(folder, url)
        task = asyncio.create_task(watches.watch(context, stop=stop, take_signals=lambda: None))
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await api.all_watched.wait()
            yield task
        finally:
            task.cancel()
            await asyncio.wait([task])


async def refused(folder: Path) -> str:
    """Return what ends the watches of an operator that is refused from some moment on."""
    api = Api()
    async with watching(api, folder, asyncio.Event()) as task:
        api.refuse()
        await asyncio.wait([task], timeout=_PATIENCE_SECONDS)
        return str(task.exception()) if task.done() else "still watching"


async def asked(folder: Path) -> str:
    """Return what ends the watches of an operator that is asked to end."""
    stop = asyncio.Event()
    async with watching(Api(), folder, stop) as task:
        stop.set()
        await asyncio.wait([task], timeout=_PATIENCE_SECONDS)
        return str(task.exception()) if task.done() else "still watching"


def elsewhere(scenario: Callable[[Path], Coroutine[Any, Any, str]], folder: Path) -> str:
    """Run a scenario in a process of its own.

    kopf's way of taking a refusal leaves CPython 3.11 miscounting how deep its calls go.
    """
    forked = multiprocessing.get_context("fork")
    receiver, sender = forked.Pipe(duplex=False)
    process = forked.Process(target=lambda: sender.send(asyncio.run(scenario(folder))))
    process.start()
    sender.close()
    try:
        return str(receiver.recv())
    finally:
        process.join(_PATIENCE_SECONDS)


def test_an_operator_without_a_valid_token_stops_watching_and_says_why(tmp_path: Path) -> None:
    assert "valid credentials" in elsewhere(refused, tmp_path)


def test_an_operator_that_is_asked_to_end_stops_watching(tmp_path: Path) -> None:
    assert elsewhere(asked, tmp_path) == "None"


def _resource(plural: str, kind: str) -> dict[str, Any]:
    return {
        "name": plural,
        "kind": kind,
        "singularName": kind.lower(),
        "namespaced": plural not in {"tenants", "namespaces"},
        "verbs": ["get", "list", "watch"],
        "shortNames": [],
        "categories": [],
    }
