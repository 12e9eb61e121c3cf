"""kopf watches our four kinds; it writes nothing and remembers nothing on any object."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, cast

import kopf

from konstruct_operator import names
from konstruct_operator.reconcile.context import Context


def handlers(context: Context) -> kopf.OperatorRegistry:
    """Return the handlers, each of which does nothing but ask for a look."""
    registry = kopf.OperatorRegistry()

    async def declared(type: str | None, event: kopf.RawEvent, **_: Any) -> None:  # noqa: A002 - kopf's word
        document: dict[str, Any] = cast("dict[str, Any]", event["object"])
        metadata = document["metadata"]
        context.hearing.heard(metadata["uid"], metadata["resourceVersion"])
        context.declared.hear(type, document)

    group, version = names.GROUP, names.VERSION
    kopf.on.event(group, version, "tenants", registry=registry)(declared)
    kopf.on.event(group, version, "agents", registry=registry)(declared)
    kopf.on.event(group, version, "channelconnections", registry=registry)(declared)
    kopf.on.event(group, version, "agenttemplates", registry=registry)(declared)
    kopf.on.login(registry=registry)(_login)
    return registry


async def watch(context: Context, *, stop: asyncio.Event, take_signals: Callable[[], None]) -> None:
    """Watch until `stop` is set.

    kopf takes SIGTERM and SIGINT for itself when it starts; `take_signals` takes them back, so that
    the Lease is released before kopf has wound down.
    """
    started = asyncio.Event()
    taking = asyncio.create_task(_when(started, take_signals))
    namespaces = context.settings.watch_namespaces
    logging.getLogger("kopf").setLevel(logging.WARNING)
    try:
        await kopf.operator(
            registry=handlers(context),
            settings=kopf_settings(),
            clusterwide=not namespaces,
            namespaces=namespaces,
            standalone=True,
            stop_flag=stop,
            ready_flag=started,
        )
    finally:
        taking.cancel()


def kopf_settings() -> kopf.OperatorSettings:
    """Return kopf's settings: no posting, no scanning, no peering, bounded waits."""
    found = kopf.OperatorSettings()
    found.posting.enabled = False
    found.scanning.disabled = True
    found.peering.standalone = True
    found.networking.connect_timeout = 5
    found.networking.request_timeout = 20
    found.watching.connect_timeout = 5
    found.watching.server_timeout = 300
    # kopf would kill the whole process; how we end is ours to say.
    found.process.ultimate_exiting_timeout = None
    found.queueing.exit_timeout = 0.5
    return found


async def _when(started: asyncio.Event, then: Callable[[], None]) -> None:
    await started.wait()
    then()


def _login(**arguments: Any) -> kopf.ConnectionInfo | None:
    return kopf.login_with_service_account(**arguments) or kopf.login_with_kubeconfig(**arguments)
