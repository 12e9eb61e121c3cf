"""What people do in a channel besides writing: open it, press Stop, judge a reply, choose."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from konstruct_channels.inbound import Arrived, Chosen, Intervened, Judged, Opened, Stopped
from konstruct_gateway.edge.metrics import Metrics
from konstruct_gateway.errors import Unavailable
from konstruct_gateway.hints import Hint
from konstruct_gateway.hooks.clicks import Clicks
from konstruct_gateway.hooks.place import Route
from konstruct_gateway.hooks.welcome import Welcome
from konstruct_gateway.sentences import Sentences
from konstruct_gateway.telling import Telling
from konstruct_messages import inbound
from konstruct_messages.inbound import Command, Ignored, InboundKind, InboundMessage
from konstruct_store import asks, controls, interventions, people
from konstruct_store import receive as stored
from konstruct_store.asks import ChoiceVerdict
from konstruct_store.interventions import Intervention
from konstruct_store.receive import Received
from konstruct_store.store import Store


@dataclass(frozen=True)
class Controls:
    """Obeys them, each once; all are counted as what they are."""

    store: Store
    telling: Telling
    metrics: Metrics
    sentences: Sentences
    welcome: Welcome
    clicks: Clicks

    async def obey(self, route: Route, control: Opened | Stopped | Judged) -> None:
        """Return once what the person wants is durable. Raises RetryLater."""
        match control:
            case Opened():
                await self._open(route, control)
            case Stopped():
                await self._stop(route, control)
            case Judged():
                await self._judge(route, control)

    async def choice(self, route: Route, chosen: Chosen) -> Arrived | Ignored:
        """Return the message that a click is, or why it is none. Raises RetryLater."""
        ids = (route.tenant.tenant_id, route.connection.connection_id)
        resolved = await asks.resolve(
            self.store,
            *ids,
            InboundMessage(
                kind=InboundKind.CHOICE,
                conversation_key=chosen.conversation_keys[0],
                dedupe_keys=(f"ask/{chosen.ask_id}",),
                person=chosen.person,
                chosen=inbound.Chosen(ask_id=chosen.ask_id, key=chosen.choice),
            ),
        )
        ask, message = resolved.ask, resolved.message
        foreign = ask is None or ask.conversation_key not in chosen.conversation_keys
        if chosen.otherwise is not None and (foreign or resolved.verdict is ChoiceVerdict.EXPIRED):
            return chosen.otherwise
        if ask is None or foreign:
            return Ignored(reason="choice_unknown", dedupe_keys=chosen.delivery_keys)
        if message is None or resolved.verdict is not ChoiceVerdict.TAKEN:
            if resolved.verdict is ChoiceVerdict.EXPIRED:
                self.clicks.expired(route, chosen.click, ask)
            reason = f"choice_{resolved.verdict.value.lower()}"
            return Ignored(reason=reason, dedupe_keys=chosen.delivery_keys)
        if chosen.otherwise is not None:
            words = chosen.otherwise.message
            return replace(chosen.otherwise, message=message, otherwise=words)
        room = message.conversation_key.partition(":")[0]
        keys = chosen.delivery_keys
        return Arrived(message, delivery_keys=keys, room=room, click=chosen.click)

    async def too_late(
        self, route: Route, arrived: Sequence[Arrived], received: Sequence[Received]
    ) -> list[Arrived]:
        """Return what choices say in words whose questions were answered before. Raises RetryLater.

        The button stays below the question for ever: who presses another one later means it.
        """
        found = []
        for one, stored_as in zip(arrived, received, strict=True):
            if one.otherwise is None or not stored_as.duplicate:
                continue
            tenant_id = route.tenant.tenant_id
            verdict = await asks.judge(self.store, tenant_id, one.message, stored_as)
            if verdict is ChoiceVerdict.ANSWERED:
                found.append(replace(one, message=one.otherwise, otherwise=None))
        return found

    async def intervene(self, route: Route, intervened: Intervened) -> None:
        """Give the conversation to the human who answers in the vendor's app. Raises RetryLater."""
        agent, tenant = route.agent, route.tenant
        if agent is None:
            raise Unavailable("There is nobody here who could answer.")
        noted = Ignored(reason="human_answered", dedupe_keys=intervened.delivery_keys)
        channel = route.connection.type
        made = await interventions.intervene(
            self.store,
            tenant.tenant_id,
            Intervention(
                connection_id=route.connection.connection_id,
                conversation_key=intervened.conversation_key,
                person=intervened.person,
                vendor_id=intervened.vendor_id,
                text=intervened.text,
                name=tenant.display_name or tenant.name,
                actor=f"{channel}:{route.connection.name}",
                agent_id=agent.agent_id,
                agent_name=agent.display_name,
            ),
            noted=noted,
        )
        if made is None:
            return
        self.metrics.ignored.labels(channel, noted.reason).inc()
        for entry in made.entries:
            hint = Hint(
                kind="Log",
                tenant_id=tenant.tenant_id,
                conversation_id=made.conversation_id,
                seq=entry.seq,
            )
            self.telling.tell(hint, (entry,))

    async def _open(self, route: Route, opened: Opened) -> None:
        if await self._noted(route, Ignored(reason="opened", dedupe_keys=opened.delivery_keys)):
            self.welcome.show(route, opened)

    async def _stop(self, route: Route, stopped: Stopped) -> None:
        agent = route.agent
        noted = Ignored(reason="stopped", dedupe_keys=stopped.delivery_keys)
        if agent is None:
            await self._noted(route, noted)
            return
        tenant_id = route.tenant.tenant_id
        made = await controls.stop(
            self.store,
            *(tenant_id, route.connection.connection_id, stopped.conversation_keys),
            noted=noted,
            answering=self.sentences.answering(route.tenant, agent, sends=True),
        )
        self.metrics.ignored.labels(route.connection.type, noted.reason).inc()
        if made.conversation_id is None:
            return
        self.metrics.commands.labels(route.connection.type, Command.STOP.value).inc()
        for entry in made.entries:
            hint = Hint(
                kind="Log",
                tenant_id=tenant_id,
                conversation_id=made.conversation_id,
                seq=entry.seq,
                queued=True,
            )
            self.telling.tell(hint, (entry,))

    async def _judge(self, route: Route, judged: Judged) -> None:
        """Keep what the person thinks; what is no reply of the conversation is passed over."""
        ids = (route.tenant.tenant_id, route.connection.connection_id)
        kept = False
        for key in judged.conversation_keys:
            found = await stored.find_conversation(self.store, *ids, key)
            if found is not None and not kept:
                kept = await people.give_feedback(
                    self.store,
                    ids[0],
                    found.conversation_id,
                    judged.turn_id,
                    person_key=judged.person.key,
                    value=judged.value,
                )
        if kept:
            self.metrics.feedback.labels(route.connection.type, judged.value).inc()
        reason = "feedback" if kept else "feedback_unchanged"
        await self._noted(route, Ignored(reason=reason, dedupe_keys=judged.delivery_keys))

    async def _noted(self, route: Route, noted: Ignored) -> bool:
        ids = (route.tenant.tenant_id, route.connection.connection_id)
        fresh = await controls.note(self.store, *ids, noted)
        if fresh:
            self.metrics.ignored.labels(route.connection.type, noted.reason).inc()
        return fresh
