"""What people see of a choice that was clicked: best-effort, after the acknowledgement.

Buttons that answered a question, or came too late, give way to what became of it; and who clicked
too late is told so, alone.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field

import structlog

from konstruct_channels.choosing import Choosing, Click
from konstruct_channels.errors import ChannelError
from konstruct_channels.inbound import Arrived
from konstruct_channels.outbound import Outbound
from konstruct_gateway.hooks.place import Route
from konstruct_gateway.registry.view import RegistryView
from konstruct_gateway.sentences import Sentences
from konstruct_registry.errors import SealRefused
from konstruct_store import asks
from konstruct_store.asks import Ask, ChoiceVerdict
from konstruct_store.errors import StoreError
from konstruct_store.receive import Received
from konstruct_store.store import Store

_MOST_AT_ONCE = 64
_SECONDS = 20.0


@dataclass(frozen=True)
class Clicks:
    """Asks the channel's outbound half for it; under load it is left out."""

    store: Store
    view: RegistryView
    outbounds: Mapping[str, Outbound]
    sentences: Sentences
    _showing: set[asyncio.Task[None]] = field(default_factory=set)

    def received(self, route: Route, arrived: Arrived, stored_as: Received) -> None:
        """Show what became of a choice that was received, the first one or a later one."""
        if arrived.click is not None:
            self._begin(self._received(route, arrived, arrived.click, stored_as))

    def expired(self, route: Route, click: Click | None, ask: Ask) -> None:
        """Show that a question is too old for the click that came."""
        if click is not None:
            self._begin(self._expired(route, click, ask))

    async def close(self) -> None:
        """Give up what is being shown."""
        for task in self._showing:
            task.cancel()
        await asyncio.gather(*self._showing, return_exceptions=True)

    def _begin(self, showing: Coroutine[None, None, None]) -> None:
        if len(self._showing) >= _MOST_AT_ONCE:
            showing.close()
            return
        task = asyncio.create_task(showing)
        self._showing.add(task)
        task.add_done_callback(self._showing.discard)

    async def _received(
        self, route: Route, arrived: Arrived, click: Click, stored_as: Received
    ) -> None:
        message, tenant_id = arrived.message, route.tenant.tenant_id
        chosen = message.chosen
        if chosen is None:
            return
        languages = self._languages(route, message.person.language)
        if not stored_as.duplicate:
            await self._settle(route, click, self.sentences.chosen(message.text, *languages))
            return
        try:
            if await asks.judge(self.store, tenant_id, message, stored_as) is ChoiceVerdict.TAKEN:
                return  # the same click came again
            place = (tenant_id, route.connection.connection_id)
            ask = await asks.find_ask(self.store, *place, chosen.ask_id)
            answer = await asks.answer_of(self.store, tenant_id, ask, stored_as) if ask else None
        except StoreError as error:
            _left_out(route, error)
            return
        languages = self._languages(route, message.person.language or (ask.language if ask else ""))
        words = self.sentences.choice_over(*languages, expired=False)
        await self._whisper(route, click, words)
        if answer is not None:
            await self._settle(route, click, self.sentences.chosen(answer.label, *languages))

    async def _expired(self, route: Route, click: Click, ask: Ask) -> None:
        languages = self._languages(route, ask.language)
        await self._whisper(route, click, self.sentences.choice_over(*languages, expired=True))
        await self._settle(route, click, self.sentences.choice_gone(*languages))

    def _languages(self, route: Route, person: str) -> tuple[str, ...]:
        agent = route.agent.language if route.agent is not None else ""
        return (person, agent, route.tenant.language)

    async def _settle(self, route: Route, click: Click, words: str) -> None:
        await self._show(route, lambda half, **how: half.settle_choice(click, words, **how))

    async def _whisper(self, route: Route, click: Click, words: str) -> None:
        await self._show(route, lambda half, **how: half.whisper(click, words, **how))

    async def _show(self, route: Route, show: Callable[..., Awaitable[None]]) -> None:
        outbound, connection = self.outbounds.get(route.connection.type), route.connection
        if not isinstance(outbound, Choosing):
            return
        try:
            credentials = self.view.credentials(route.tenant, connection.name)
            async with asyncio.timeout(_SECONDS):
                await show(outbound, config=connection.config, credentials=credentials)
        except (ChannelError, SealRefused, TimeoutError) as error:
            _left_out(route, error)


def _left_out(route: Route, error: Exception) -> None:
    structlog.get_logger(__name__).info(
        "click not shown",
        tenant_id=str(route.tenant.tenant_id),
        connection=route.connection.name,
        error=type(error).__name__,
    )
