"""The gateway put together: `open_gateway` makes it from its settings and takes it down again."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
from starlette.types import ASGIApp

from konstruct_channels.catalogue import load_specs, open_listenings, open_outbounds
from konstruct_channels.listening import Listening
from konstruct_channels.outbound import Outbound
from konstruct_gateway.assembly import assemble
from konstruct_gateway.background.listeners import Listeners
from konstruct_gateway.background.loops import every
from konstruct_gateway.edge.apps import internal_app, public_app
from konstruct_gateway.parts import Parts
from konstruct_gateway.settings import GatewaySettings
from konstruct_media.objects import open_objects
from konstruct_store.store import Store

_SOCKETS_AT_A_TIME = 100
_DRAIN_SECONDS = 5.0
_LATER_TICK_SECONDS = 0.5
_SIGN_TICK_SECONDS = 5.0
_GUARD_TICK_SECONDS = 0.5


@dataclass(frozen=True)
class Gateway:
    """A running gateway. Serve `public_app` to the world and `internal_app` to the cluster."""

    public_app: ASGIApp
    internal_app: ASGIApp
    parts: Parts

    async def say_goodbye(self) -> None:
        """Stop taking: be unready, end the long polls, tell sockets to move (close 1012).

        Call it before the servers stop, or they wait for clients that have no reason to leave.
        """
        self.parts.health.say_goodbye()
        self.parts.waiting.close()
        self.parts.board.close()
        listeners = list(self.parts.hub.listeners)
        for start in range(0, len(listeners), _SOCKETS_AT_A_TIME):
            some = listeners[start : start + _SOCKETS_AT_A_TIME]
            await asyncio.gather(*(one.move() for one in some), return_exceptions=True)


@asynccontextmanager
async def open_gateway(
    settings: GatewaySettings, *, outbounds: Mapping[str, Outbound] | None = None
) -> AsyncIterator[Gateway]:
    """Run a gateway's background tasks and yield it; everything has ended on the way out.

    `outbounds` are the sending halves by channel type, the channels' own if None. Raises
    ConfigurationWrong when the database cannot keep the guarantee, AddressInvalid when files cannot
    be kept where the settings say, and RetryLater when the database cannot be reached now.
    """
    store = await Store.connect(
        settings.database_url.get_secret_value(),
        minimum=2,
        maximum=settings.database_connections,
    )
    stack = contextlib.AsyncExitStack()
    try:
        await store.check()
        if outbounds is None:
            own = open_outbounds(load_specs(), api_urls=settings.api_urls)
            outbounds = await stack.enter_async_context(own)
        address = settings.media_address
        objects = await stack.enter_async_context(open_objects(address)) if address else None
        parts = assemble(settings, store, outbounds, objects)
        await parts.view.refresh()
        await parts.replicas.refresh()
        halves = open_listenings(load_specs(), api_urls=settings.api_urls)
        listeners = _listeners(parts, await stack.enter_async_context(halves))
        tasks = _start(settings, parts, listeners)
        gateway = Gateway(
            public_app=public_app(parts),
            internal_app=internal_app(settings, parts),
            parts=parts,
        )
        try:
            yield gateway
        finally:
            await _end(gateway, listeners, tasks)
    finally:
        await stack.aclose()
        await store.close()


async def _end(gateway: Gateway, listeners: Listeners, tasks: list[asyncio.Task[None]]) -> None:
    """End what runs, whoever takes something in before whoever sends it on."""
    parts = gateway.parts
    await gateway.say_goodbye()
    await listeners.close()
    await parts.drafts.close()
    await parts.signs.close()
    await parts.sender.drain(seconds=_DRAIN_SECONDS)
    await parts.welcome.close()
    await parts.hooks.reception.controls.clicks.close()
    for task in tasks:
        task.cancel()
    await parts.fetcher.close()
    await parts.doctor.close()
    await asyncio.gather(*tasks, return_exceptions=True)
    await parts.traces.close()
    try:
        await parts.replicas.close()
    except Exception:  # noqa: BLE001 - it ends all the same, and the others notice
        structlog.get_logger(__name__).warning("replica not signed off", exc_info=True)


def _listeners(parts: Parts, listenings: Mapping[str, Listening]) -> Listeners:
    hooks = parts.hooks
    return Listeners(
        view=parts.view,
        replicas=parts.replicas,
        reception=hooks.reception,
        specs=hooks.specs,
        inbounds=hooks.inbounds,
        listenings=listenings,
    )


def _start(
    settings: GatewaySettings, parts: Parts, listeners: Listeners
) -> list[asyncio.Task[None]]:
    poll = settings.poll_seconds
    rounds = {
        "registry": (poll, parts.refresh_registry),
        "due": (poll, parts.wake_due),
        "marked": (0.0, parts.wake_marked),
        "replicas": (poll, parts.replicas.refresh),
        "sender": (0.0, parts.sender.round),
        "guard": (min(_GUARD_TICK_SECONDS, poll), parts.sender.guard),
        "release": (poll, parts.sender.release),
        "backlog": (settings.backlog_seconds, parts.sender.count_backlog),
        "queue": (settings.backlog_seconds, parts.count_queue),
        "prober": (poll, parts.prober.round),
        "templates": (poll, parts.template_lists.round),
        "doctor": (poll, parts.doctor.round),
        "listeners": (poll, listeners.round),
        "doorkeeper": (poll, parts.hooks.reception.decide_held),
        "fetcher": (poll, parts.fetcher.round),
        "sweeper": (settings.sweep_seconds, parts.sweeper.sweep),
        "housekeeping": (settings.tidy_seconds, parts.housekeeper.tidy),
        "signs": (_SIGN_TICK_SECONDS, parts.signs.refresh),
        "later": (min(_LATER_TICK_SECONDS, settings.later_seconds), parts.say_later),
    }
    return [
        asyncio.create_task(every(seconds, name, work, parts.metrics), name=name)
        for name, (seconds, work) in rounds.items()
    ]
