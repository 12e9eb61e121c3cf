"""Lets in who may write, turns others away once and politely, and asks where it is not known.

Asking a vendor takes longer than it waits for our acknowledgement: the message is made durable
first and waits in the store, whatever becomes of this replica. What comes later in the same
conversation waits behind it.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from pydantic import ValidationError

from konstruct_channels.errors import ChannelError, CredentialsRefused, SendRefused
from konstruct_channels.inbound import Arrived, Learnt, Standing
from konstruct_channels.knowing import Acquaintance, Knowing
from konstruct_channels.outbound import Outbound
from konstruct_gateway.edge.metrics import Metrics
from konstruct_gateway.errors import Unavailable
from konstruct_gateway.hints import Hint
from konstruct_gateway.hooks.admission import Admission, asks_for_guests, judge
from konstruct_gateway.hooks.conditions import Conditions
from konstruct_gateway.hooks.place import Route
from konstruct_gateway.registry.view import RegistryView
from konstruct_gateway.sentences import Sentences
from konstruct_gateway.telling import Telling
from konstruct_messages.inbound import Ignored, InboundMessage
from konstruct_registry.errors import SealRefused
from konstruct_registry.snapshot import TenantSnapshot
from konstruct_store import access as stored
from konstruct_store import controls
from konstruct_store.access import Held
from konstruct_store.errors import TenantIdErased
from konstruct_store.store import Store

_PATIENCE = timedelta(hours=1)
_PAUSE_SECONDS = 5.0

CANNOT_ASK = Learnt(
    condition="Authenticated",
    status="False",
    reason="PeopleNotReadable",
    message="spec.access.guests is Denied, and the vendor does not say who is a guest: add the"
    " scope users:read under OAuth & Permissions and install the app again, or allow guests. Until"
    " then only people in spec.access.allowed are answered.",
)

Receive = Callable[[Route, list[Arrived]], Awaitable[None]]


@dataclass
class Doorkeeper:
    """Judges who wrote. `clock` tells how long a message has waited, `timer` counts pauses."""

    store: Store
    view: RegistryView
    outbounds: Mapping[str, Outbound]
    telling: Telling
    sentences: Sentences
    metrics: Metrics
    conditions: Conditions
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    timer: Callable[[], float] = time.monotonic
    _pauses: dict[tuple[UUID, str], float] = field(default_factory=dict)
    _waiting: set[UUID] = field(default_factory=set)
    _started: bool = False

    async def admit(self, route: Route, arrived: Arrived) -> bool:
        """Tell whether the message is to be received now; else it is durable in another way.

        Raises RetryLater or Unavailable; then nothing was kept.
        """
        person = arrived.message.person.key
        verdict = judge(route.connection, person, arrived.standing, aliases=arrived.aliases)
        if verdict is Admission.ADMITTED and not asks_for_guests(route.connection):
            return True
        if verdict.refused:
            await self._refuse(route, arrived, verdict)
            return False
        return await self._admit_known(route, arrived)

    async def _admit_known(self, route: Route, arrived: Arrived) -> bool:
        known = await stored.known(
            self.store,
            *_ids(route),
            person_key=arrived.message.person.key,
            conversation_key=arrived.message.conversation_key,
        )
        standing = Standing(known.standing) if known.standing else arrived.standing
        verdict = self._judge(route, arrived, standing, asked=bool(known.standing))
        if verdict.refused and not known.waits:
            await self._refuse(route, arrived, verdict, language=known.language)
            return False
        if verdict is Admission.ADMITTED and not known.waits:
            return True
        await stored.hold(self.store, *_ids(route), arrived.message, _payload(arrived))
        return False

    def _judge(
        self, route: Route, arrived: Arrived, standing: Standing, *, asked: bool
    ) -> Admission:
        # What the delivery itself says is newer than what was asked before.
        said = arrived.standing if arrived.standing is not Standing.UNKNOWN else standing
        person, aliases = arrived.message.person.key, arrived.aliases
        return judge(route.connection, person, said, aliases=aliases, asked=asked)

    async def round(self, receive: Receive) -> None:
        """Decide about what waits, in its order. Raises RetryLater; the rest waits on."""
        if not self._started and self.view.read:
            # An earlier life may have left something anywhere.
            self._waiting.update(self.view.tenants)
            self._started = True
        for tenant in list(self.view.tenants.values()):
            asks = any(asks_for_guests(one) for one in tenant.connections)
            if not asks and tenant.tenant_id not in self._waiting:
                continue
            # What waits when guests are let in again is not forgotten.
            self._waiting.add(tenant.tenant_id)
            if await self._decide_all(tenant, receive) and not asks:
                self._waiting.discard(tenant.tenant_id)

    async def _decide_all(self, tenant: TenantSnapshot, receive: Receive) -> bool:
        """Decide about one tenant's messages; tell whether nothing waits any more."""
        undecided: set[str] = set()
        found = await stored.held(self.store, tenant.tenant_id)
        for held in found:
            arrived = _arrived(held)
            connection = next(
                (one for one in tenant.connections if one.connection_id == held.connection_id), None
            )
            if connection is None or arrived is None:
                await self._give_up(tenant, held, arrived)
                continue
            key = arrived.message.conversation_key
            route = Route(tenant, connection)
            if key in undecided or not await self._decide(route, held, arrived, receive):
                undecided.add(key)
        return not undecided and not found

    async def _give_up(self, tenant: TenantSnapshot, held: Held, arrived: Arrived | None) -> None:
        """Record that nobody can receive it: its connection is gone, or it cannot be read."""
        reason = "held_unreadable" if arrived is None else "connection_removed"
        keys = arrived.delivery_keys if arrived is not None else ()
        noted = Ignored(reason=reason, dedupe_keys=keys, known=arrived is not None)
        await controls.note(self.store, tenant.tenant_id, held.connection_id, noted)
        await stored.release(self.store, tenant.tenant_id, held.held_id)

    async def _decide(self, route: Route, held: Held, arrived: Arrived, receive: Receive) -> bool:
        verdict = self._judge(route, arrived, Standing.UNKNOWN, asked=self._impatient(held))
        language = ""
        if verdict in {Admission.UNDECIDED, Admission.UNKNOWN_PERSON}:
            known = await self._ask(route, held)
            if known is not None:
                language = known.language
                verdict = self._judge(route, arrived, known.standing, asked=True)
        if verdict is Admission.UNDECIDED:
            return False
        try:
            if verdict.refused:
                await self._refuse(route, arrived, verdict, language=language)
            else:
                await receive(route, [arrived])
        except (Unavailable, TenantIdErased):
            return False
        await stored.release(self.store, route.tenant.tenant_id, held.held_id)
        return True

    def _impatient(self, held: Held) -> bool:
        return self.clock() - held.held_at > _PATIENCE

    async def _ask(self, route: Route, held: Held) -> Acquaintance | None:
        """Return what the person is; None: the vendor does not say now."""
        known = await stored.known(
            self.store, *_ids(route), person_key=held.person_key, conversation_key=""
        )
        if known.standing:
            return Acquaintance(Standing(known.standing), known.language)
        outbound = self.outbounds.get(route.connection.type)
        if not isinstance(outbound, Knowing):
            return Acquaintance(Standing.UNKNOWN)
        if not self._may_ask(route, held.person_key):
            return None
        try:
            credentials = self.view.credentials(route.tenant, route.connection.name)
            found = await outbound.who(
                held.person_key, config=route.connection.config, credentials=credentials
            )
        except CredentialsRefused:
            await self.conditions.say(route.tenant, route.connection.name, CANNOT_ASK)
            return None
        except SendRefused:
            found = Acquaintance(Standing.UNKNOWN)
        except (ChannelError, SealRefused) as error:
            structlog.get_logger(__name__).info(
                "person not known yet",
                tenant_id=str(route.tenant.tenant_id),
                connection=route.connection.name,
                error=type(error).__name__,
            )
            return None
        await stored.learn(
            self.store,
            *_ids(route),
            person_key=held.person_key,
            standing=found.standing.value,
            language=found.language,
        )
        return found

    def _may_ask(self, route: Route, person_key: str) -> bool:
        """Tell whether the last question about the person is long enough ago."""
        now = self.timer()
        for key in [key for key, at in self._pauses.items() if at <= now]:
            del self._pauses[key]
        key = (route.connection.connection_id, person_key)
        return self._pauses.setdefault(key, now + _PAUSE_SECONDS) == now + _PAUSE_SECONDS

    async def _refuse(
        self, route: Route, arrived: Arrived, verdict: Admission, *, language: str = ""
    ) -> None:
        """Record the refusal; say it where the person spoke to the agent, once."""
        agent = route.agent
        message = arrived.message
        text = ""
        if agent is not None and arrived.addressed:
            languages = (language, message.person.language, agent.language, route.tenant.language)
            text = self.sentences.refused(*languages)
        said = await stored.refuse(
            self.store,
            *_ids(route),
            message,
            Ignored(reason=verdict.value, dedupe_keys=arrived.delivery_keys),
            agent=(agent.agent_id, agent.display_name) if agent else (route.tenant.tenant_id, ""),
            text=text,
            sends=True,
        )
        self.metrics.ignored.labels(route.connection.type, verdict.value).inc()
        if said is not None:
            conversation_id, entry = said
            hint = Hint(
                kind="Log",
                tenant_id=route.tenant.tenant_id,
                conversation_id=conversation_id,
                seq=entry.seq,
                queued=True,
            )
            self.telling.tell(hint, (entry,))


def _ids(route: Route) -> tuple[UUID, UUID]:
    return route.tenant.tenant_id, route.connection.connection_id


def _payload(arrived: Arrived) -> dict[str, Any]:
    return {
        "message": arrived.message.model_dump(mode="json"),
        "deliveryKeys": list(arrived.delivery_keys),
        "room": arrived.room,
        "standing": arrived.standing.value,
        "addressed": arrived.addressed,
        "aliases": list(arrived.aliases),
    }


def _arrived(held: Held) -> Arrived | None:
    """Return the message that waits; None for what an older version left and nobody can read."""
    payload = held.payload
    try:
        return Arrived(
            InboundMessage.model_validate(payload["message"]),
            delivery_keys=tuple(payload["deliveryKeys"]),
            room=str(payload["room"]),
            standing=Standing(payload["standing"]),
            addressed=bool(payload["addressed"]),
            aliases=tuple(payload.get("aliases", ())),
        )
    except (ValidationError, KeyError, ValueError, TypeError):
        structlog.get_logger(__name__).exception("held message not read")
        return None
