"""What most parts of a gateway work with, made once."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import uuid4

from konstruct_channels.catalogue import load_specs
from konstruct_channels.outbound import Outbound
from konstruct_channels.spec import ChannelSpec
from konstruct_gateway.background.later import Later
from konstruct_gateway.chat.hub import Hub
from konstruct_gateway.edge.metrics import Metrics
from konstruct_gateway.notices import Notices
from konstruct_gateway.registry.view import RegistryView
from konstruct_gateway.replicas import Replicas
from konstruct_gateway.sentences import Sentences
from konstruct_gateway.settings import GatewaySettings
from konstruct_gateway.telling import Telling
from konstruct_gateway.work.waiting import Waiting
from konstruct_store.store import Store
from konstruct_telemetry.traces import Traces, open_traces


@dataclass(frozen=True)
class Common:
    """What most parts work with."""

    settings: GatewaySettings
    store: Store
    outbounds: Mapping[str, Outbound]
    specs: Mapping[str, ChannelSpec]
    view: RegistryView
    metrics: Metrics
    sentences: Sentences
    hub: Hub
    waiting: Waiting
    replicas: Replicas
    later: Later
    queued: asyncio.Event
    telling: Telling
    notices: Notices
    traces: Traces


def make_common(
    settings: GatewaySettings, store: Store, outbounds: Mapping[str, Outbound]
) -> Common:
    """Join what others are joined with. Replicas' queues need a running loop."""
    metrics, sentences, hub = Metrics(), Sentences(), Hub()
    waiting, later = Waiting(metrics.waiting), Later(seconds=settings.later_seconds)
    replicas = Replicas(
        store,
        replica_id=uuid4(),
        url=settings.replica_url,
        token=settings.replica_token.get_secret_value(),
    )
    queued = asyncio.Event()
    telling = Telling(hub, waiting, replicas, later, queued=queued)
    return Common(
        settings=settings,
        store=store,
        outbounds=outbounds,
        specs=load_specs(),
        view=RegistryView(store, private_keys=settings.private_keys),
        metrics=metrics,
        sentences=sentences,
        hub=hub,
        waiting=waiting,
        replicas=replicas,
        later=later,
        queued=queued,
        telling=telling,
        notices=Notices(store, telling, sentences),
        traces=open_traces(settings, "gateway"),
    )
