"""Start of the operator: settings, doors, leadership, loops, and a clean end."""

import asyncio
import gc
import logging
import os
import secrets
import signal
import socket
import sys
from collections.abc import Collection, Coroutine
from dataclasses import dataclass
from typing import Any

import structlog

from konstruct_operator import names
from konstruct_operator.cluster.client import Cluster, Document
from konstruct_operator.cluster.declarations import Declarations
from konstruct_operator.cluster.events import Events
from konstruct_operator.cluster.kinds import Kind
from konstruct_operator.cluster.lease import Leadership
from konstruct_operator.cluster.watched import Watched
from konstruct_operator.errors import ConfigurationWrong
from konstruct_operator.handlers import watches
from konstruct_operator.handlers.canary import Canary
from konstruct_operator.handlers.probes import Probes
from konstruct_operator.observed import SealKeys
from konstruct_operator.reconcile import loops, rollout
from konstruct_operator.reconcile.board import DemandBoard
from konstruct_operator.reconcile.context import Context
from konstruct_operator.reconcile.fleet import Fleet
from konstruct_operator.reconcile.metrics import Metrics
from konstruct_operator.reconcile.queue import CoalescingQueue
from konstruct_operator.registry.client import Registry
from konstruct_operator.settings import OperatorSettings
from konstruct_registry.errors import RegistryError
from konstruct_registry.seals import public_key_from_text
from konstruct_telemetry.settings import read_settings

log = structlog.get_logger(__name__)


def main() -> None:
    """Run the operator until SIGTERM. Exit codes: 0 ended, 1 lost the Lease, 2 wrong settings."""
    _spare_the_collector()
    settings = read_settings(OperatorSettings, "operator")
    if settings is None:
        sys.exit(2)
    try:
        sys.exit(asyncio.run(_until_signal(settings)))
    except ConfigurationWrong as error:
        sys.stderr.write(f"The operator cannot start: {error}\n")
        sys.exit(2)


@dataclass
class _State:
    """What the probes are about once this process leads; a standby is alive and ready."""

    canary: Canary
    context: Context | None = None

    def not_ready(self) -> str:
        if self.context is None or self.context.watched.is_synced:
            return ""
        return "The children are not read yet."

    def not_alive(self) -> str:
        return self.canary.problem() or (self.context.hearing.problem if self.context else "")


async def run_operator(settings: OperatorSettings, *, stop: asyncio.Event) -> int:
    """Serve probes, wait for leadership, lead until `stop` is set. Returns the exit code."""
    keys = _seal_keys(settings)
    cluster = await Cluster.connect()
    identity = settings.identity or f"{socket.gethostname()}-{os.getpid()}"
    leadership = Leadership(
        cluster, namespace=settings.namespace, identity=identity, seconds=settings.lease_seconds
    )
    metrics = Metrics()
    canary = Canary(cluster, namespace=settings.namespace, seconds=settings.canary_seconds)
    state = _State(canary)
    probes = Probes(metrics, alive=state.not_alive, ready=state.not_ready)
    try:
        async with probes.serve(settings.probe_host, settings.probe_port):
            if not await _or_stop(leadership.acquire(), stop):
                return 0
            metrics.leading.set(1)
            cluster.fence(leadership.leads)
            context = _context(settings, cluster, metrics, keys, identity)
            state.context = context
            try:
                return await _lead(context, leadership, canary, stop)
            finally:
                metrics.leading.set(0)
                await context.registry.close()
    finally:
        await cluster.close()


async def _lead(
    context: Context, leadership: Leadership, canary: Canary, stop: asyncio.Event
) -> int:
    """Do a leader's work; every loop ends when the first one does."""
    kopf_stop = asyncio.Event()
    kopf_task: asyncio.Task[None] | None = None
    lost = asyncio.create_task(leadership.keep())
    stale = asyncio.create_task(context.registry.stale.wait())
    watching = asyncio.create_task(context.watched.run())
    tasks = [watching, asyncio.create_task(canary.run())]
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait(
            [synced := asyncio.create_task(context.watched.synced()), lost, stopping, watching],
            return_when=asyncio.FIRST_COMPLETED,
        )
        if synced.done():
            kopf_task = asyncio.create_task(
                watches.watch(context, stop=kopf_stop, take_signals=lambda: _on_signals(stop))
            )
            tasks += [
                kopf_task,
                asyncio.create_task(loops.sweep(context)),
                asyncio.create_task(loops.follow_demand(context)),
                asyncio.create_task(rollout.follow(context)),
                *(
                    asyncio.create_task(loops.work(context))
                    for _ in range(context.settings.workers)
                ),
            ]
        synced.cancel()
        await asyncio.wait([lost, stale, stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
        return 0 if stop.is_set() else 1
    finally:
        # Whoever writes ends first; then a standby may lead while kopf's watches wind down.
        await _end([lost, stale, stopping, *(one for one in tasks if one is not kopf_task)])
        await leadership.release()
        kopf_stop.set()
        if kopf_task is not None:
            await _end([kopf_task])


def _context(
    settings: OperatorSettings, cluster: Cluster, metrics: Metrics, keys: SealKeys, identity: str
) -> Context:
    context: Context

    def changed(kind: Kind, document: Document) -> None:
        metadata = document["metadata"]
        tenant = metadata.get("labels", {}).get(names.LABEL_TENANT, "")
        if kind.kind == "Deployment":
            context.fleet.touch(metadata["namespace"])
        if tenant:
            context.tenant_changed(tenant)
        elif kind.kind == "Namespace":
            context.namespace_changed(metadata["name"])

    def declared_changed(kind: str, namespace: str, name: str) -> None:
        context.declared_changed(kind, namespace, name)

    declared = Declarations(declared_changed)
    watched = Watched(cluster, changed, namespaces=settings.watch_namespaces)
    context = Context(
        settings=settings,
        cluster=cluster,
        declared=declared,
        watched=watched,
        registry=Registry.connect(url=settings.registry_url, token=settings.registry_token),
        queue=CoalescingQueue(),
        events=Events(cluster, instance=identity),
        metrics=metrics,
        board=DemandBoard(seconds=settings.demand_seconds),
        fleet=Fleet(settings, watched, declared),
        seal_keys=keys,
        random_bytes=secrets.token_bytes,
    )
    metrics.follow(waiting=context.queue.due, writes=cluster.writes)
    return context


def _seal_keys(settings: OperatorSettings) -> SealKeys:
    try:
        return SealKeys(
            gateway=public_key_from_text(settings.gateway_seal_public_key),
            llm=public_key_from_text(settings.llm_seal_public_key),
        )
    except RegistryError as error:
        raise ConfigurationWrong(
            f"KONSTRUCT_GATEWAY_SEAL_PUBLIC_KEY or KONSTRUCT_LLM_SEAL_PUBLIC_KEY: {error}"
        ) from error


async def _or_stop(waiting: Coroutine[Any, Any, None], stop: asyncio.Event) -> bool:
    """Wait for one of both; tell whether `waiting` ended."""
    task = asyncio.create_task(waiting)
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([task, stopping], return_when=asyncio.FIRST_COMPLETED)
    done = task.done()
    await _end([task, stopping])
    return done


async def _end(tasks: Collection[asyncio.Task[Any]]) -> bool:
    """End all tasks at once, and say which of them had failed; tell whether all have ended."""
    if not tasks:
        return True
    for task in tasks:
        task.cancel()
    done, pending = await asyncio.wait(tasks, timeout=5)
    for task in done:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("loop_failed", loop=task.get_name(), exc_info=error)
    if pending:
        log.error("loops_do_not_end", loops=[task.get_name() for task in pending])
    return not pending


async def _until_signal(settings: OperatorSettings) -> int:
    stop = asyncio.Event()
    _on_signals(stop)
    code = await run_operator(settings, stop=stop)
    await _leave(code)
    return code


async def _leave(code: int) -> None:
    """End what libraries left running; whoever swallows a cancellation does not keep the process.

    Its loops have ended and its Lease is released: such a process would be of no use to anybody.
    """
    if not await _end(asyncio.all_tasks() - {asyncio.current_task()}):
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, stop.set)


def _spare_the_collector() -> None:
    """Take what importing left out of every later garbage collection.

    It is most of the process and never garbage; walking over it stops everything for a tenth of a
    second.
    """
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    main()
