"""What every socket needs, handed over in one piece."""

from dataclasses import dataclass

from konstruct_gateway.background.later import Later
from konstruct_gateway.chat.hub import Hub
from konstruct_gateway.chat.reception import Reception
from konstruct_gateway.edge.metrics import Metrics
from konstruct_gateway.edge.rates import Counts, Rates
from konstruct_gateway.media.files import Files
from konstruct_gateway.notices import Notices
from konstruct_gateway.registry.view import RegistryView
from konstruct_gateway.replicas import Replicas
from konstruct_gateway.sentences import Sentences
from konstruct_gateway.settings import GatewaySettings
from konstruct_store.store import Store


@dataclass(frozen=True)
class ChatServices:
    """Web chat's surroundings; one per gateway."""

    settings: GatewaySettings
    store: Store
    files: Files
    notices: Notices
    view: RegistryView
    hub: Hub
    reception: Reception
    later: Later
    replicas: Replicas
    sentences: Sentences
    metrics: Metrics
    sockets: Counts
    addresses: Counts
    people: Counts
    ticket_rate: Rates
    message_rate: Rates
    frame_rate: Rates
