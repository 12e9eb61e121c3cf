"""How the parts of one gateway are joined."""

from collections.abc import Mapping
from functools import partial

import httpx

from konstruct_channels.catalogue import load_cuts, load_inbounds
from konstruct_channels.inbound import Inbound
from konstruct_channels.outbound import Outbound
from konstruct_gateway.background.delivering import Delivering
from konstruct_gateway.background.holds import Holds
from konstruct_gateway.background.housekeeping import Housekeeper
from konstruct_gateway.background.prober import Prober
from konstruct_gateway.background.sender import Sender
from konstruct_gateway.background.signs import SignBoard
from konstruct_gateway.background.sweeper import Sweeper
from konstruct_gateway.background.templates import TemplateLists
from konstruct_gateway.chat.reception import Reception
from konstruct_gateway.chat.services import ChatServices
from konstruct_gateway.common import Common, make_common
from konstruct_gateway.doctor.doctor import Doctor
from konstruct_gateway.doctor.front_door import FrontDoor
from konstruct_gateway.doctor.round_trip import RoundTrip
from konstruct_gateway.doctor.self_tests import SelfTests
from konstruct_gateway.edge.health import Health
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
from konstruct_gateway.parts import Parts
from konstruct_gateway.registry.demand import DemandBoard
from konstruct_gateway.settings import GatewaySettings
from konstruct_gateway.windows import Windows
from konstruct_gateway.work.claims import Claims
from konstruct_gateway.work.drafts import Drafts
from konstruct_gateway.work.turns import Turns
from konstruct_media.objects import Objects
from konstruct_messages.links import link_key
from konstruct_store.registry import keep_verified
from konstruct_store.store import Store

_MINUTE = 60.0


def assemble(
    settings: GatewaySettings,
    store: Store,
    outbounds: Mapping[str, Outbound],
    objects: Objects | None = None,
) -> Parts:
    """Join the parts. Nothing runs yet, except that replicas' queues need a running loop."""
    common = make_common(settings, store, outbounds)
    view, metrics, sentences = common.view, common.metrics, common.sentences
    waiting, telling = common.waiting, common.telling
    board = DemandBoard(store, view)
    waiting.listen(board.wanted)
    files = Files(store, objects, link_key(settings.chat_key_bytes))
    inbounds, self_tests = load_inbounds(common.specs), SelfTests(settings.chat_key_bytes)
    conditions = Conditions(store, version_in_use=view.version_in_use)
    doctor = _doctor(common, inbounds, conditions, self_tests)
    prober = _prober(common, conditions, doctor)
    windows = Windows(store, common.specs, outbounds, telling, metrics)
    sender = _sender(common, files, windows, prober)
    drafts = Drafts(store, view, metrics, outbounds, common.queued)
    signs = SignBoard(view, outbounds, sentences)
    telling.listen(drafts.heard)
    telling.listen(signs.heard)
    turns = _turns(common, files)
    welcome = Welcome(view, outbounds)
    reception = _hook_reception(common, conditions, prober, windows, signs, welcome)
    return Parts(
        traces=common.traces,
        store=store,
        view=view,
        hub=common.hub,
        waiting=waiting,
        replicas=common.replicas,
        later=common.later,
        telling=telling,
        notices=common.notices,
        sentences=sentences,
        metrics=metrics,
        chat=_chat(common, files),
        claims=_claims(common, turns),
        turns=turns,
        drafts=drafts,
        signs=signs,
        work_rate=Rates(per_second=settings.work_per_second, burst=settings.work_burst),
        board=board,
        hooks=HookRoutes(
            view=view,
            reception=reception,
            metrics=metrics,
            specs=common.specs,
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
        sweeper=_sweeper(common, turns),
        template_lists=TemplateLists(store, view, outbounds, mine=common.replicas.mine),
        fetcher=_fetcher(common, files),
        housekeeper=Housekeeper(store, view, files),
        health=Health(store, view, metrics),
    )


def _doctor(
    common: Common,
    inbounds: Mapping[str, Inbound],
    conditions: Conditions,
    self_tests: SelfTests,
) -> Doctor:
    settings, outside = common.settings, httpx.AsyncClient(trust_env=False)
    return Doctor(
        store=common.store,
        view=common.view,
        specs=common.specs,
        inbounds=inbounds,
        outbounds=common.outbounds,
        conditions=conditions,
        round_trip=RoundTrip(outside, settings.public_url, self_tests),
        front_door=FrontDoor(outside, settings.public_url, settings.chat_key_bytes),
        every_seconds=settings.examine_seconds,
        mine=common.replicas.mine,
    )


def _prober(common: Common, conditions: Conditions, doctor: Doctor) -> Prober:
    return Prober(
        common.view,
        common.outbounds,
        conditions,
        keep=partial(keep_verified, common.store),
        every_seconds=common.settings.probe_seconds,
        mine=common.replicas.mine,
        changed=doctor.doubt,
    )


def _sender(common: Common, files: Files, windows: Windows, prober: Prober) -> Sender:
    replicas = common.replicas
    delivering = Delivering(
        store=common.store,
        view=common.view,
        metrics=common.metrics,
        sentences=common.sentences,
        outbounds=common.outbounds,
        holds=Holds(),
        enclosing=Enclosing(files, common.settings.public_url, common.sentences),
        windows=windows,
        doubt=prober.doubt,
    )
    return Sender(
        delivering,
        common.settings.poll_seconds,
        queued=common.queued,
        traces=common.traces,
        replica_id=replicas.replica_id,
        silent=lambda: replicas.silent,
    )


def _turns(common: Common, files: Files) -> Turns:
    return Turns(
        traces=common.traces,
        store=common.store,
        view=common.view,
        telling=common.telling,
        waiting=common.waiting,
        sentences=common.sentences,
        metrics=common.metrics,
        specs=common.specs,
        maker=Maker(files),
        cuts=load_cuts(common.specs),
    )


def _claims(common: Common, turns: Turns) -> Claims:
    settings = common.settings
    return Claims(
        traces=common.traces,
        store=common.store,
        view=common.view,
        waiting=common.waiting,
        telling=common.telling,
        metrics=common.metrics,
        claimed=turns.claimed,
        lease_seconds=settings.lease_seconds,
        deadline_seconds=settings.turn_deadline_seconds,
        max_attempts=settings.max_attempts,
        open_claims=Counts(settings.max_waiting_per_tenant),
    )


def _sweeper(common: Common, turns: Turns) -> Sweeper:
    return Sweeper(
        traces=common.traces,
        store=common.store,
        view=common.view,
        telling=common.telling,
        sentences=common.sentences,
        metrics=common.metrics,
        deadline_seconds=common.settings.turn_deadline_seconds,
        sends=turns.goes_to_vendor,
    )


def _fetcher(common: Common, files: Files) -> Fetcher:
    return Fetcher(
        store=common.store,
        view=common.view,
        files=files,
        telling=common.telling,
        waiting=common.waiting,
        metrics=common.metrics,
        outbounds=common.outbounds,
        downloader=Downloader(),
    )


def _chat(common: Common, files: Files) -> ChatServices:
    settings = common.settings
    reception = Reception(
        store=common.store,
        telling=common.telling,
        waiting=common.waiting,
        sentences=common.sentences,
        notices=common.notices,
        metrics=common.metrics,
        receiving=Counts(settings.max_receiving_per_tenant),
    )
    return ChatServices(
        settings=settings,
        store=common.store,
        files=files,
        notices=common.notices,
        view=common.view,
        hub=common.hub,
        reception=reception,
        later=common.later,
        replicas=common.replicas,
        sentences=common.sentences,
        metrics=common.metrics,
        sockets=Counts(settings.max_sockets),
        addresses=Counts(settings.max_sockets_per_address),
        people=Counts(settings.max_sockets_per_person),
        ticket_rate=_per_minute(settings.tickets_per_minute, settings.tickets_burst),
        message_rate=_per_minute(settings.messages_per_minute, settings.messages_burst),
        frame_rate=_per_minute(settings.frames_per_minute, settings.frames_burst),
    )


def _hook_reception(
    common: Common,
    conditions: Conditions,
    prober: Prober,
    windows: Windows,
    signs: SignBoard,
    welcome: Welcome,
) -> HookReception:
    store, view, outbounds = common.store, common.view, common.outbounds
    telling, metrics, sentences = common.telling, common.metrics, common.sentences
    clicks = Clicks(store, view, outbounds, sentences)
    return HookReception(
        store=store,
        telling=telling,
        waiting=common.waiting,
        metrics=metrics,
        sentences=sentences,
        notices=common.notices,
        later=common.later,
        conditions=conditions,
        controls=Controls(store, telling, metrics, sentences, welcome, clicks),
        signs=signs,
        doorkeeper=Doorkeeper(store, view, outbounds, telling, sentences, metrics, conditions),
        receipts=Receipts(store, metrics, outbounds, sentences, telling, windows, prober.doubt),
        windows=windows,
        receiving=Counts(common.settings.max_receiving_per_tenant),
    )


def _per_minute(count: float, burst: int) -> Rates:
    return Rates(per_second=count / _MINUTE, burst=burst)
