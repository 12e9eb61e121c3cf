"""From a message to its durable acceptance: one transaction, then everybody is told."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from konstruct_gateway.chat.access import Place
from konstruct_gateway.edge.metrics import Metrics
from konstruct_gateway.edge.rates import Counts
from konstruct_gateway.errors import Overloaded
from konstruct_gateway.hints import Hint
from konstruct_gateway.notices import Notices
from konstruct_gateway.registry.view import answering
from konstruct_gateway.sentences import Sentences
from konstruct_gateway.telling import Telling
from konstruct_gateway.work.waiting import Waiting
from konstruct_messages.inbound import InboundMessage
from konstruct_registry.snapshot import AgentSnapshot
from konstruct_store import media as stored_media
from konstruct_store import receive as stored
from konstruct_store.receive import Received
from konstruct_store.store import Store
from konstruct_telemetry.logs import about


@dataclass(frozen=True)
class Reception:
    """Takes messages. `receiving` caps what one tenant may have on its way at once."""

    store: Store
    telling: Telling
    waiting: Waiting
    sentences: Sentences
    notices: Notices
    metrics: Metrics
    receiving: Counts
    clock: Callable[[], float] = time.monotonic

    async def take(self, place: Place, agent: AgentSnapshot, message: InboundMessage) -> Received:
        """Return what the message became, once it is committed; then wake the tenant's agents.

        Its attachments are the person's uploads, by their keys. Raises Overloaded, RetryLater
        (nothing was taken), AttachmentRefused or ConversationOfAnother.
        """
        with about(tenant_id=place.tenant.tenant_id, connection_id=place.connection_id):
            return await self._take(place, agent, message)

    async def _take(self, place: Place, agent: AgentSnapshot, message: InboundMessage) -> Received:
        began = self.clock()
        tenant_id = place.tenant.tenant_id
        if not self.receiving.take(str(tenant_id)):
            raise Overloaded("This tenant has too many messages on their way.")
        try:
            marked = self.sentences.commands.mark(message) if message.chosen is None else message
            received = await self._receive(place, agent, await self._with_files(place, marked))
        finally:
            self.receiving.give(str(tenant_id))
        channel = "WebChat"
        self.metrics.messages.labels(channel, str(received.duplicate)).inc()
        if not received.duplicate:
            self._tell(place, agent, message, received)
        self.metrics.acknowledge.labels(channel).observe(self.clock() - began)
        return received

    async def say_suspended(
        self, place: Place, received: Received, languages: tuple[str, ...]
    ) -> None:
        """Tell the person that nobody answers now, unless the conversation says so already."""
        await self.notices.say_suspended(
            place.tenant.tenant_id, received.conversation_id, languages, sends=False
        )

    async def _receive(
        self, place: Place, agent: AgentSnapshot, message: InboundMessage
    ) -> Received:
        [received] = await stored.receive(
            self.store,
            place.tenant.tenant_id,
            place.connection_id,
            agent.agent_id,
            [message],
            gather_milliseconds=place.gather_milliseconds,
            suspended=not answering(place.tenant, agent),
            agent_name=agent.display_name,
            exclusive=True,
            answering=self.sentences.answering(place.tenant, agent),
            uploads=True,
        )
        return received

    async def _with_files(self, place: Place, message: InboundMessage) -> InboundMessage:
        """Say of each attachment what is known of it, not what its sender says."""
        if not message.attachments:
            return message
        found = await stored_media.find_uploads(
            self.store,
            place.tenant.tenant_id,
            place.connection_id,
            person_key=message.person.key,
            media_ids=[UUID(one.key) for one in message.attachments],
        )
        return message.model_copy(update={"attachments": tuple(found)})

    def _tell(
        self, place: Place, agent: AgentSnapshot, message: InboundMessage, received: Received
    ) -> None:
        tenant_id = place.tenant.tenant_id
        if received.command is not None:
            self.metrics.commands.labels("WebChat", received.command.value).inc()
        elif answering(place.tenant, agent):
            self.waiting.wake(tenant_id, after_seconds=place.gather_milliseconds / 1000)
            self.telling.due(tenant_id)
        self.telling.tell(
            Hint(
                kind="Log",
                tenant_id=tenant_id,
                conversation_id=received.conversation_id,
                connection_id=place.connection_id,
                conversation_key=message.conversation_key,
                seq=received.entries[-1].seq if received.entries else received.seq,
            )
        )
