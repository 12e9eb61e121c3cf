"""The parts of one gateway, and what several of them do together."""

from dataclasses import dataclass

from konstruct_gateway.background.housekeeping import Housekeeper
from konstruct_gateway.background.later import Later
from konstruct_gateway.background.prober import Prober
from konstruct_gateway.background.sender import Sender
from konstruct_gateway.background.signs import SignBoard
from konstruct_gateway.background.sweeper import Sweeper
from konstruct_gateway.background.templates import TemplateLists
from konstruct_gateway.chat.hub import Hub
from konstruct_gateway.chat.services import ChatServices
from konstruct_gateway.doctor.doctor import Doctor
from konstruct_gateway.edge.health import Health
from konstruct_gateway.edge.metrics import Metrics
from konstruct_gateway.edge.rates import Rates
from konstruct_gateway.hooks.routes import HookRoutes
from konstruct_gateway.hooks.welcome import Welcome
from konstruct_gateway.media.fetcher import Fetcher
from konstruct_gateway.notices import Notices
from konstruct_gateway.registry.demand import DemandBoard
from konstruct_gateway.registry.view import RegistryView
from konstruct_gateway.replicas import Replicas
from konstruct_gateway.sentences import Sentences
from konstruct_gateway.telling import Telling
from konstruct_gateway.work.claims import Claims
from konstruct_gateway.work.drafts import Drafts
from konstruct_gateway.work.turns import Turns
from konstruct_gateway.work.waiting import Waiting
from konstruct_store import claims as stored_claims
from konstruct_store.store import Store
from konstruct_telemetry.traces import Traces


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
