"""A leader that was stopped wakes up into a world with another leader: it must not write first."""

import asyncio
from typing import Any, cast

import aiohttp
import pytest
from aiohttp import web

from konstruct_operator.cluster import kinds
from konstruct_operator.cluster.access import Access
from konstruct_operator.cluster.client import Cluster, Document
from konstruct_operator.cluster.fence import Fence
from konstruct_operator.cluster.kinds import Kind
from konstruct_operator.cluster.lease import Leadership
from konstruct_operator.errors import RetryLater
from support.serving import served


class Leases:
    """As much of a cluster as a Lease needs."""

    def __init__(self) -> None:
        self.lease: Document | None = None

    async def find(self, kind: Kind, name: str, *, namespace: str = "") -> Document | None:
        return self.lease

    async def create(self, kind: Kind, document: Document) -> Document:
        self.lease = document
        return document

    async def replace(self, kind: Kind, document: Document) -> Document:
        self.lease = document
        return document


async def test_a_lease_counts_until_two_thirds_of_its_time_have_passed_since_the_renewal() -> None:
    now = 100.0
    leadership = Leadership(
        cast("Cluster", Leases()), namespace="n", identity="a", seconds=12, clock=lambda: now
    )
    assert not leadership.leads()
    await leadership.acquire()
    assert leadership.leads()
    now += 7.9
    assert leadership.leads()
    now += 0.2
    assert not leadership.leads()
    async with asyncio.timeout(1):
        await leadership.keep()
    assert not leadership.holds


async def test_whoever_does_not_lead_writes_nothing_but_leases() -> None:
    sent: list[str] = []

    class Session:
        async def request(self, method: str, url: str, **_: Any) -> Any:
            sent.append(f"{method} {url}")
            raise OSError("nobody there")

    async def nobody() -> str:
        return ""

    way = Access("https://cluster", trust=True, authorization=nobody)
    cluster = Cluster(way, cast("Any", Session()), cast("Any", Session()))
    leads = True
    cluster.fence(lambda: leads)
    document = {"metadata": {"name": "x", "namespace": "y"}}
    with pytest.raises(RetryLater, match="did not answer"):
        await cluster.create(kinds.EVENT, document)
    leads = False
    for attempt in (
        lambda: cluster.create(kinds.EVENT, document),
        lambda: cluster.apply(kinds.TENANT, document, subresource="status"),
        lambda: cluster.merge(kinds.CONFIG_MAP, "x", {}, namespace="y"),
        lambda: cluster.delete(kinds.NAMESPACE, "x"),
    ):
        with pytest.raises(RetryLater, match="Lease has run out"):
            await attempt()
    assert len(sent) == 1
    with pytest.raises(RetryLater, match="did not answer"):
        await cluster.get(kinds.TENANT, "x")
    with pytest.raises(RetryLater, match="did not answer"):
        await cluster.replace(kinds.LEASE, document)
    assert len(sent) == 3


@pytest.mark.sockets
@pytest.mark.parametrize("base", ["", "/k8s/clusters/c-1"])
async def test_a_write_that_waited_for_a_connection_asks_again_before_it_is_sent(base: str) -> None:
    leads, came = True, list[str]()
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        came.append(request.method)
        begun.set()
        await go_on.wait()
        return web.json_response({})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    fence = Fence(base)
    fence.leads = lambda: leads
    one_connection = aiohttp.TCPConnector(limit=1)
    async with (
        served(app) as url,
        aiohttp.ClientSession(
            connector=one_connection, request_class=fence.request_class()
        ) as session,
    ):
        first = asyncio.create_task(session.put(f"{url}{base}/api/v1/namespaces/y/events/x"))
        await begun.wait()
        second = asyncio.create_task(session.put(f"{url}{base}/api/v1/namespaces/y/events/x"))
        await asyncio.sleep(0)
        leads = False
        go_on.set()
        assert (await first).status == 200
        (await first).release()
        with pytest.raises(RetryLater, match="Lease has run out"):
            await second
        async with session.put(
            f"{url}{base}/apis/coordination.k8s.io/v1/namespaces/y/leases/x"
        ) as lease:
            assert lease.status == 200
    assert came == ["PUT", "PUT"]
