"""kopf watches our four kinds; it writes nothing and remembers nothing on any object."""

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import Any, Final, cast

import kopf
import structlog
from kopf._core.reactor import inventory

from konstruct_operator import names
from konstruct_operator.cluster.access import pods_account
from konstruct_operator.reconcile.context import Context

_WIND_DOWN_SECONDS: Final = 1.0

log = structlog.get_logger(__name__)


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
    """Watch until `stop` is set. Raises what ended the watches, if anything else did.

    kopf's own runner ends only when all of its tasks have ended, and one that swallows its
    cancellation (a watch that was refused a moment ago) keeps it for ever, deaf. kopf takes SIGTERM
    and SIGINT for itself; `take_signals` takes them back, so that how to end is ours to say.
    """
    namespaces = context.settings.watch_namespaces
    logging.getLogger("kopf").setLevel(logging.WARNING)
    tasks = await kopf.spawn_tasks(
        registry=handlers(context),
        settings=kopf_settings(),
        clusterwide=not namespaces,
        namespaces=namespaces,
        standalone=True,
        stop_flag=stop,
        memories=_NoMemories(),
    )
    take_signals()
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await _wind_down(tasks)
    for task in ended:
        task.result()


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


class _NoMemories(inventory.ResourceMemories):
    """kopf's memories of objects, of which none is kept: handlers of events alone ask for none.

    kopf would keep a kilobyte for each object, as long as it exists.
    """

    async def recall(self, raw_body: kopf.RawBody, **arguments: Any) -> inventory.ResourceMemory:
        """Return a new memory each time."""
        return await super().recall(raw_body, **{**arguments, "ephemeral": True})


async def _wind_down(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel all tasks, and once more: the first time one waits for the others."""
    for _ in range(2):
        for task in tasks:
            task.cancel()
        _, pending = await asyncio.wait(tasks, timeout=_WIND_DOWN_SECONDS)
        if not pending:
            return
    log.warning("watches_do_not_end", tasks=[one.get_name() for one in pending])


def _login(**arguments: Any) -> kopf.ConnectionInfo | None:
    """Log in as everything else here does; kopf's own way for pods takes a working DNS."""
    account = pods_account()
    if account is None:
        return kopf.login_with_kubeconfig(**arguments)
    return kopf.ConnectionInfo(
        server=account.url, ca_path=str(account.authority), token=account.token()
    )
