"""What a person sees who opens the conversation and has written nothing: best-effort."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from konstruct_channels.errors import ChannelError
from konstruct_channels.inbound import Opened
from konstruct_channels.outbound import Outbound
from konstruct_channels.welcoming import Welcoming
from konstruct_gateway.hooks.place import Route
from konstruct_gateway.registry.view import RegistryView
from konstruct_registry.errors import SealRefused

_MOST_AT_ONCE = 32
_SECONDS = 20.0


@dataclass(frozen=True)
class Welcome:
    """Asks the channel's outbound half for it, after the acknowledgement and never in its way."""

    view: RegistryView
    outbounds: Mapping[str, Outbound]
    _showing: set[asyncio.Task[None]] = field(default_factory=set)

    def show(self, route: Route, opened: Opened) -> None:
        """Begin to show it, where the channel can; under load it is left out."""
        outbound = self.outbounds.get(route.connection.type)
        if isinstance(outbound, Welcoming) and len(self._showing) < _MOST_AT_ONCE:
            task = asyncio.create_task(self._show(outbound, route, opened))
            self._showing.add(task)
            task.add_done_callback(self._showing.discard)

    async def _show(self, outbound: Welcoming, route: Route, opened: Opened) -> None:
        connection = route.connection
        try:
            credentials = self.view.credentials(route.tenant, connection.name)
            async with asyncio.timeout(_SECONDS):
                await outbound.welcome(
                    opened.room, config=connection.config, credentials=credentials
                )
        except (ChannelError, SealRefused, TimeoutError) as error:
            structlog.get_logger(__name__).info(
                "welcome not shown",
                tenant_id=str(route.tenant.tenant_id),
                connection=connection.name,
                error=type(error).__name__,
            )

    async def close(self) -> None:
        """Give up what is being shown."""
        for task in self._showing:
            task.cancel()
        await asyncio.gather(*self._showing, return_exceptions=True)
