"""An API server behind the environment's proxy is asked through it, and an excepted one is not."""

from pathlib import Path

import pytest
from aiohttp import web

from konstruct_operator.cluster import kinds
from konstruct_operator.cluster.client import Cluster
from support.kubeconfigs import kubeconfig
from support.serving import served

pytestmark = pytest.mark.sockets

ANSWER = {"metadata": {"name": "acme", "uid": "1", "resourceVersion": "1"}}


@pytest.fixture
def asked() -> list[str]:
    return []


def listener(asked: list[str]) -> web.Application:
    async def answer(request: web.Request) -> web.Response:
        asked.append(str(request.url))
        return web.json_response(ANSWER)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    return application


async def test_requests_go_through_the_proxy_of_the_environment(
    asked: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with served(listener(asked)) as proxy:
        monkeypatch.setenv("KUBECONFIG", kubeconfig(tmp_path, "http://api.example.com"))
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.delenv("no_proxy", raising=False)
        cluster = await Cluster.connect()
        try:
            found = await cluster.find(kinds.TENANT, "acme")
        finally:
            await cluster.close()
    assert found == ANSWER
    assert [one.split("/apis/")[0] for one in asked] == ["http://api.example.com"]


async def test_a_server_that_needs_no_proxy_is_asked_directly(
    asked: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with served(listener(asked)) as server:
        monkeypatch.setenv("KUBECONFIG", kubeconfig(tmp_path, server))
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        monkeypatch.setenv("no_proxy", "example.com,127.0.0.1")
        cluster = await Cluster.connect()
        try:
            found = await cluster.find(kinds.TENANT, "acme")
        finally:
            await cluster.close()
    assert found == ANSWER
    assert len(asked) == 1
