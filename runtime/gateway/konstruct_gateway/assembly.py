"""The parts of one gateway and how they are joined."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

import httpx

from konstruct_channels.catalogue import load_cuts, load_inbounds, load_specs
from konstruct_channels.outbound import Outbound
from konstruct_gateway.background.delivering import Delivering
from konstruct_gateway.background.holds import Holds
from konstruct_gateway.background.housekeeping import Housekeeper
from konstruct_gateway.background.later import Later
from konstruct_gateway.background.prober import Prober
from konstruct_gateway.background.sender import Sender
from konstruct_gateway.background.signs import SignBoard
from konstruct_gateway.background.sweeper import Sweeper
from konstruct_gateway.background.templates import TemplateLists
from konstruct_gateway.chat.hub import Hub
from konstruct_gateway.chat.reception import Reception
from konstruct_gateway.chat.services import ChatServices
from konstruct_gateway.doctor.doctor import Doctor
from konstruct_gateway.doctor.front_door import FrontDoor
from konstruct_gateway.doctor.round_trip import RoundTrip
from konstruct_gateway.doctor.self_tests import SelfTests
from konstruct_gateway.edge.health import Health
from konstruct_gateway.edge.metrics import Metrics
from konstruct_gateway.edge.rates import Counts, Rates
from konstruct_gateway.hooks.clicks import Clicks
from konstruct_gateway.hooks.conditions import Conditions
from konstruct_gateway.hooks.controls import Controls
from konstruct_gateway.hooks.doorkeeper import Doorkeeper
from konstruct_gateway.hooks.receipts import Receipts
from konstruct_gateway.hooks.reception import HookReception
from konstruct_gateway.hooks.routes import HookRoutes
from konstruct_gateway.hooks.secret_watch import SecretWatch
from konstruct_gateway.hooks.welcome import Welcome
from konstruct_gateway.media.download import Downloader
from konstruct_gateway.media.enclosing import Enclosing
from konstruct_gateway.media.fetcher import Fetcher
from konstruct_gateway.media.files import Files
from konstruct_gateway.media.making import Maker
from konstruct_gateway.notices import Notices
from konstruct_gateway.registry.demand import DemandBoard
from konstruct_gateway.registry.view import RegistryView
from konstruct_gateway.replicas import Replicas
from konstruct_gateway.sentences import Sentences
from konstruct_gateway.settings import GatewaySettings
from konstruct_gateway.telling import Telling
from konstruct_gateway.windows import Windows
from konstruct_gateway.work.claims import Claims
from konstruct_gateway.work.drafts import Drafts
from konstruct_gateway.work.turns import Turns
from konstruct_gateway.work.waiting import Waiting
from konstruct_media.objects import Objects
from konstruct_messages.links import link_key
from konstruct_store import claims as stored_claims
from konstruct_store.registry import keep_verified
from konstruct_store.store import Store
from konstruct_telemetry.traces import Traces, open_traces

_MINUTE = 60.0


@dataclass(frozen=True)
class Parts:
    """Everything that lives as long as the gateway."""

    store: Store
    view: RegistryView
    traces: Traces
    hub: Hub
    waiting: Waiting
    replicas: Replicas
    later: Later
    telling: Telling
    notices: Notices
    sentences: Sentences
    metrics: Metrics
    chat: ChatServices
    claims: Claims
    turns: Turns
    drafts: Drafts
    signs: SignBoard
    work_rate: Rates
    board: DemandBoard
    hooks: HookRoutes
    welcome: Welcome
    prober: Prober
    doctor: Doctor
    sender: Sender
    sweeper: Sweeper
    template_lists: TemplateLists
    fetcher: Fetcher
    housekeeper: Housekeeper
    health: Health

    async def refresh_registry(self) -> None:
        """Read what other replicas stored of the registry."""
        if await self.view.refresh():
            self.board.changed()
        self.metrics.show_registry(self.view.version, self.view.sealed_to)

    async def wake_due(self) -> None:
        """Wake the waiting claims of tenants that have something due: one query for all."""
        waiting = self.waiting.tenants
        if waiting:
            self.waiting.wake_all(await stored_claims.due_tenants(self.store, waiting))

    async def count_queue(self) -> None:
        """Show how much waits for agents, of all tenants. Raises RetryLater."""
        queue = await stored_claims.queue(self.store)
        self.metrics.queue.set(queue.waiting)
        self.metrics.queue_age.set(queue.oldest_seconds)

    async def wake_marked(self) -> None:
        """Wake the waiting claims of tenants something has just ended for, if more is due."""
        marked = await self.waiting.take_marked()
        self.waiting.wake_all(await stored_claims.due_tenants(self.store, marked))

    async def say_later(self) -> None:
        """Tell people who have waited long that the answer comes later."""
        for expected in self.later.take_due():
            await self.notices.say_later(expected)


def assemble(
    settings: GatewaySettings,
    store: Store,
    outbounds: Mapping[str, Outbound],
    objects: Objects | None = None,
) -> Parts:
    """Join the parts. Nothing runs yet, except that replicas' queues need a running loop."""
    metrics, sentences, hub = Metrics(), Sentences(), Hub()
    view = RegistryView(store, private_keys=settings.private_keys)
    waiting, board = Waiting(metrics.waiting), DemandBoard(store, view)
    waiting.listen(board.wanted)
    replicas = Replicas(
        store,
        replica_id=uuid4(),
        url=settings.replica_url,
        token=settings.replica_token.get_secret_value(),
    )
    later = Later(seconds=settings.later_seconds)
    queued = asyncio.Event()
    telling = Telling(hub, waiting, replicas, later, queued=queued)
    notices = Notices(store, telling, sentences)
    reception = Reception(
        store=store,
        telling=telling,
        waiting=waiting,
        sentences=sentences,
        notices=notices,
        metrics=metrics,
        receiving=Counts(settings.max_receiving_per_tenant),
    )
    files = Files(store, objects, link_key(settings.chat_key_bytes))
    specs = load_specs()
    conditions = Conditions(store, version_in_use=view.version_in_use)
    welcome = Welcome(view, outbounds)
    inbounds, outside = load_inbounds(specs), httpx.AsyncClient(trust_env=False)
    self_tests = SelfTests(settings.chat_key_bytes)
    doctor = Doctor(
        store=store,
        view=view,
        specs=specs,
        inbounds=inbounds,
        outbounds=outbounds,
        conditions=conditions,
        round_trip=RoundTrip(outside, settings.public_url, self_tests),
        front_door=FrontDoor(outside, settings.public_url, settings.chat_key_bytes),
        every_seconds=settings.examine_seconds,
        mine=replicas.mine,
    )
    prober = Prober(
        view,
        outbounds,
        conditions,
        keep=partial(keep_verified, store),
        every_seconds=settings.probe_seconds,
        mine=replicas.mine,
        changed=doctor.doubt,
    )
    windows = Windows(store, specs, outbounds, telling, metrics)
    delivering = Delivering(
        store=store,
        view=view,
        metrics=metrics,
        sentences=sentences,
        outbounds=outbounds,
        holds=Holds(),
        enclosing=Enclosing(files, settings.public_url, sentences),
        windows=windows,
        doubt=prober.doubt,
    )
    traces = open_traces(settings, "gateway")
    sender = Sender(
        delivering,
        settings.poll_seconds,
        queued=queued,
        traces=traces,
        replica_id=replicas.replica_id,
        silent=lambda: replicas.silent,
    )
    drafts = Drafts(store, view, metrics, outbounds, queued)
    signs = SignBoard(view, outbounds, sentences)
    telling.listen(drafts.heard)
    telling.listen(signs.heard)
    turns = Turns(
        traces=traces,
        store=store,
        view=view,
        telling=telling,
        waiting=waiting,
        sentences=sentences,
        metrics=metrics,
        specs=specs,
        maker=Maker(files),
        cuts=load_cuts(specs),
    )
    return Parts(
        traces=traces,
        store=store,
        view=view,
        hub=hub,
        waiting=waiting,
        replicas=replicas,
        later=later,
        telling=telling,
        notices=notices,
        sentences=sentences,
        metrics=metrics,
        chat=ChatServices(
            settings=settings,
            store=store,
            files=files,
            notices=notices,
            view=view,
            hub=hub,
            reception=reception,
            later=later,
            replicas=replicas,
            sentences=sentences,
            metrics=metrics,
            sockets=Counts(settings.max_sockets),
            addresses=Counts(settings.max_sockets_per_address),
            people=Counts(settings.max_sockets_per_person),
            ticket_rate=_per_minute(settings.tickets_per_minute, settings.tickets_burst),
            message_rate=_per_minute(settings.messages_per_minute, settings.messages_burst),
            frame_rate=_per_minute(settings.frames_per_minute, settings.frames_burst),
        ),
        claims=Claims(
            traces=traces,
            store=store,
            view=view,
            waiting=waiting,
            telling=telling,
            metrics=metrics,
            claimed=turns.claimed,
            lease_seconds=settings.lease_seconds,
            deadline_seconds=settings.turn_deadline_seconds,
            max_attempts=settings.max_attempts,
            open_claims=Counts(settings.max_waiting_per_tenant),
        ),
        turns=turns,
        drafts=drafts,
        signs=signs,
        work_rate=Rates(per_second=settings.work_per_second, burst=settings.work_burst),
        board=board,
        hooks=HookRoutes(
            view=view,
            reception=HookReception(
                store=store,
                telling=telling,
                waiting=waiting,
                metrics=metrics,
                sentences=sentences,
                notices=notices,
                later=later,
                conditions=conditions,
                controls=Controls(
                    store,
                    telling,
                    metrics,
                    sentences,
                    welcome,
                    Clicks(store, view, outbounds, sentences),
                ),
                signs=signs,
                doorkeeper=Doorkeeper(
                    store, view, outbounds, telling, sentences, metrics, conditions
                ),
                receipts=Receipts(
                    store, metrics, outbounds, sentences, telling, windows, prober.doubt
                ),
                windows=windows,
                receiving=Counts(settings.max_receiving_per_tenant),
            ),
            metrics=metrics,
            specs=specs,
            inbounds=inbounds,
            prober=prober,
            watch=SecretWatch(conditions),
            self_tests=self_tests,
            platform=settings.platform_credentials,
        ),
        welcome=welcome,
        prober=prober,
        doctor=doctor,
        sender=sender,
        sweeper=Sweeper(
            traces=traces,
            store=store,
            view=view,
            telling=telling,
            sentences=sentences,
            metrics=metrics,
            deadline_seconds=settings.turn_deadline_seconds,
            sends=turns.goes_to_vendor,
        ),
        template_lists=TemplateLists(store, view, outbounds, mine=replicas.mine),
        fetcher=Fetcher(
            store=store,
            view=view,
            files=files,
            telling=telling,
            waiting=waiting,
            metrics=metrics,
            outbounds=outbounds,
            downloader=Downloader(),
        ),
        housekeeper=Housekeeper(store, view, files),
        health=Health(store, view, metrics),
    )


def _per_minute(count: float, burst: int) -> Rates:
    return Rates(per_second=count / _MINUTE, burst=burst)
