"""From what a webhook held to its durable acceptance, and who answers it."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from konstruct_channels.inbound import (
    Arrived,
    Chosen,
    Intervened,
    Item,
    Judged,
    Learnt,
    Moved,
    Opened,
    Receipt,
    Standing,
    Stopped,
)
from konstruct_gateway.background.later import Expected, Later
from konstruct_gateway.background.signs import SignBoard
from konstruct_gateway.edge.metrics import Metrics
from konstruct_gateway.edge.rates import Counts
from konstruct_gateway.errors import Overloaded, Unavailable
from konstruct_gateway.hints import Hint
from konstruct_gateway.hooks.admission import judge, listed
from konstruct_gateway.hooks.conditions import Conditions
from konstruct_gateway.hooks.controls import Controls
from konstruct_gateway.hooks.doorkeeper import Doorkeeper
from konstruct_gateway.hooks.names import Names
from konstruct_gateway.hooks.place import Route
from konstruct_gateway.hooks.quoting import with_quotes
from konstruct_gateway.hooks.receipts import Receipts
from konstruct_gateway.notices import Notices
from konstruct_gateway.registry.view import answering
from konstruct_gateway.sentences import Sentences
from konstruct_gateway.telling import Telling
from konstruct_gateway.windows import Windows
from konstruct_gateway.work.waiting import Waiting
from konstruct_messages.inbound import Ignored, InboundMessage
from konstruct_registry.snapshot import AgentSnapshot, ConnectionSnapshot
from konstruct_store import access as stored_access
from konstruct_store import receive as stored
from konstruct_store.receive import Received
from konstruct_store.store import Store
from konstruct_telemetry.logs import about

_AT_ONCE = 100
"""Messages of one delivery that share a transaction: a batch of 1,000 holds no locks for long."""

_RECEIVING = Learnt(
    condition="Receiving",
    status="True",
    reason="MessagesArrive",
    message="Messages come in.",
)


@dataclass(frozen=True)
class HookReception:
    """Takes what webhooks held. `receiving` caps what one tenant may have on its way at once."""

    store: Store
    telling: Telling
    waiting: Waiting
    metrics: Metrics
    sentences: Sentences
    notices: Notices
    later: Later
    conditions: Conditions
    controls: Controls
    signs: SignBoard
    doorkeeper: Doorkeeper
    receipts: Receipts
    windows: Windows
    receiving: Counts
    clock: Callable[[], float] = time.monotonic

    async def take(self, route: Route, items: Sequence[Item]) -> None:
        """Return once everything is durable; messages of one agent share a transaction.

        Raises Overloaded, Unavailable or RetryLater: the vendor comes again, and what was taken
        already is known by its keys.
        """
        with about(tenant_id=route.tenant.tenant_id, connection_id=route.connection.connection_id):
            await self._take(route, items)

    async def _take(self, route: Route, items: Sequence[Item]) -> None:
        began = self.clock()
        tenant_id = str(route.tenant.tenant_id)
        if not self.receiving.take(tenant_id):
            raise Overloaded("This tenant has too many messages on their way.")
        try:
            for part in _parts(items):
                await self._take_part(route, part)
        finally:
            self.receiving.give(tenant_id)
        if not any(isinstance(one, Learnt) for one in items):
            self.conditions.note(route.tenant, route.connection.name, _RECEIVING)
        self.metrics.acknowledge.labels(route.connection.type).observe(self.clock() - began)

    async def _take_part(self, route: Route, part: Sequence[Item]) -> None:
        """Take what came after the last change of a name, or one such change."""
        names = Names(self.store, self.metrics)
        if len(part) == 1 and isinstance(part[0], Moved):
            await names.move(route, part[0])
            return
        for learnt in part:
            if isinstance(learnt, Learnt):
                await self.conditions.say(route.tenant, route.connection.name, learnt)
        items = await names.recognise(route, part)
        receipts = [one for one in items if isinstance(one, Receipt)]
        ignored = await self.receipts.take(route, receipts)
        meant = await self._meant(route, items)
        ignored += [one for one in meant if isinstance(one, Ignored)]
        await self.ignore(route, *ignored)
        arrived = [one for one in meant if isinstance(one, Arrived)]
        for start in range(0, len(arrived), _AT_ONCE):
            await self._receive(route, arrived[start : start + _AT_ONCE])
        for control in items:
            match control:
                case Opened() | Stopped() | Judged():
                    await self._obey(route, control)
                case Intervened():
                    await self.controls.intervene(route, control)

    async def _obey(self, route: Route, control: Opened | Stopped | Judged) -> None:
        verdict = judge(route.connection, control.person.key, Standing.MEMBER)
        if verdict.refused:
            noted = Ignored(reason=verdict.value, dedupe_keys=control.delivery_keys)
            await self.ignore(route, noted)
        else:
            await self.controls.obey(route, control)

    async def _meant(self, route: Route, items: Sequence[Item]) -> list[Arrived | Ignored]:
        """Decide what an inbound half cannot: who may write, and which threads are the agent's."""
        found: list[Arrived | Ignored] = []
        for item in items:
            match item:
                case Arrived(only_if_known=True) if not await self._known(route, item.message):
                    found.append(Ignored(reason="not_addressed", dedupe_keys=item.delivery_keys))
                case Arrived():
                    if await self.doorkeeper.admit(route, item):
                        found.append(item)
                case Chosen():
                    choice = await self.controls.choice(route, item)
                    if isinstance(choice, Ignored) or await self.doorkeeper.admit(route, choice):
                        found.append(choice)
                case Ignored():
                    found.append(item)
        return found

    async def _known(self, route: Route, message: InboundMessage) -> bool:
        return await stored_access.joined(
            self.store,
            route.tenant.tenant_id,
            route.connection.connection_id,
            message.conversation_key,
        )

    async def decide_held(self) -> None:
        """Receive or refuse what waits until it is known who wrote it. Raises RetryLater."""
        await self.doorkeeper.round(self._receive)

    async def ignore(self, route: Route, *ignored: Ignored) -> None:
        """Record that genuine deliveries need no answer. Raises RetryLater."""
        place = (route.tenant.tenant_id, route.connection.connection_id)
        await asyncio.gather(*(stored.ignore(self.store, *place, one) for one in ignored))
        for one in ignored:
            self.metrics.ignored.labels(route.connection.type, one.reason).inc()
            if not one.known:
                structlog.get_logger(__name__).warning(
                    "unknown delivery",
                    tenant_id=str(route.tenant.tenant_id),
                    connection=route.connection.name,
                    reason=one.reason,
                )

    async def _receive(self, route: Route, arrived: Sequence[Arrived]) -> None:
        by_agent: dict[str, list[Arrived]] = {}
        for one in arrived:
            by_agent.setdefault(agent_for(route.connection, one), []).append(one)
        for name, some in by_agent.items():
            agent = route.tenant.agent(name)
            if agent is None:
                raise Unavailable("There is nobody here who could answer.")
            marked = [self.sentences.commands.mark(one.message) for one in some]
            received = await stored.receive(
                self.store,
                route.tenant.tenant_id,
                route.connection.connection_id,
                agent.agent_id,
                await with_quotes(self.store, route, some, marked),
                gather_milliseconds=route.connection.gather_milliseconds,
                suspended=not answering(route.tenant, agent),
                agent_name=agent.display_name,
                answering=self.sentences.answering(route.tenant, agent, sends=True),
            )
            said = [one.message for one in some]
            await self.windows.written(route.tenant, route.connection, said, received)
            self._tell(route, agent, some, received)
            await self._promise(route, agent, some, received)
            for one, stored_as in zip(some, received, strict=True):
                self.controls.clicks.received(route, one, stored_as)
            late = await self.controls.too_late(route, some, received)
            if late:
                await self._receive(route, late)

    async def _promise(
        self,
        route: Route,
        agent: AgentSnapshot,
        arrived: Sequence[Arrived],
        received: Sequence[Received],
    ) -> None:
        """Expect answers, or say that nobody answers now: again when the vendor comes again."""
        tenant_id = route.tenant.tenant_id
        for one, stored_as in zip(arrived, received, strict=True):
            languages = (one.message.person.language, agent.language, route.tenant.language)
            place = (tenant_id, stored_as.conversation_id)
            if stored_as.seq == 0 or stored_as.command is not None or stored_as.silenced:
                continue
            if not answering(route.tenant, agent):
                await self.notices.say_suspended(*place, languages, sends=True)
            elif not stored_as.duplicate:
                self.later.expect(Expected(*place, stored_as.seq, languages, sends=True))
                where = (route.tenant, route.connection, agent)
                self.signs.received(*where, stored_as.conversation_id, one.message)

    def _tell(
        self,
        route: Route,
        agent: AgentSnapshot,
        arrived: Sequence[Arrived],
        received: Sequence[Received],
    ) -> None:
        tenant_id = route.tenant.tenant_id
        for one, stored_as in zip(arrived, received, strict=True):
            self.metrics.messages.labels(route.connection.type, str(stored_as.duplicate)).inc()
            if stored_as.duplicate:
                continue
            if stored_as.command is not None:
                command = stored_as.command.value
                self.metrics.commands.labels(route.connection.type, command).inc()
            self.telling.tell(
                Hint(
                    kind="Log",
                    tenant_id=tenant_id,
                    conversation_id=stored_as.conversation_id,
                    connection_id=route.connection.connection_id,
                    conversation_key=one.message.conversation_key,
                    seq=stored_as.seq,
                    queued=stored_as.command is not None,
                )
            )
        if answering(route.tenant, agent) and not all(one.duplicate for one in received):
            after = route.connection.gather_milliseconds / 1000
            self.waiting.wake(tenant_id, after_seconds=after)
            self.telling.due(tenant_id)


def _parts(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Yield the items in their order, every change of a person's name by itself."""
    begun = 0
    for number, one in enumerate(items):
        if isinstance(one, Moved):
            if begun < number:
                yield items[begun:number]
            yield [one]
            begun = number + 1
    if begun < len(items) or not items:
        yield items[begun:]


def agent_for(connection: ConnectionSnapshot, arrived: Arrived) -> str:
    """Return the name of the agent that answers: of the first route that fits, else the default."""
    for route in connection.routes:
        match, agent = route.get("match"), route.get("agentRef")
        if isinstance(match, dict) and isinstance(agent, dict) and _fits(match, arrived):
            return str(agent.get("name", ""))
    return connection.agent


def _fits(match: dict[str, Any], arrived: Arrived) -> bool:
    channels, people = match.get("channels") or (), match.get("people") or ()
    begins = str(match.get("textBegins") or "").casefold()
    return (
        (not channels or arrived.room in channels)
        and (not people or listed(people, arrived.message.person.key, *arrived.aliases))
        and arrived.message.text.lstrip().casefold().startswith(begins)
    )
