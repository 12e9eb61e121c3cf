"""Who a person is whom a channel knows by several names: one conversation, whatever changes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from konstruct_channels.inbound import Arrived, Chosen, Intervened, Item, Moved
from konstruct_gateway.edge.metrics import Metrics
from konstruct_gateway.hooks.place import Route
from konstruct_messages.inbound import Ignored
from konstruct_store import names as stored
from konstruct_store.names import MoveVerdict
from konstruct_store.store import Store


@dataclass(frozen=True)
class Names:
    """Puts each person's conversation in the place of the name that a delivery happened to use."""

    store: Store
    metrics: Metrics

    async def recognise(self, route: Route, items: Sequence[Item]) -> list[Item]:
        """Return the items under the names that are known already. Raises RetryLater."""
        named = [names for one in items if (names := _names(one))]
        if not named:
            return list(items)
        keys = await stored.recognise(
            self.store, route.tenant.tenant_id, route.connection.connection_id, named
        )
        known = iter(keys)
        return [_under(one, next(known)) if _names(one) else one for one in items]

    async def move(self, route: Route, moved: Moved) -> None:
        """Let the conversation go on under the new name, and count it. Raises RetryLater."""
        verdict = await stored.move(
            self.store,
            route.tenant.tenant_id,
            route.connection.connection_id,
            former=moved.former,
            names=moved.names,
            noted=Ignored(reason="name_changed", dedupe_keys=moved.delivery_keys),
        )
        if verdict is not MoveVerdict.REPEATED:
            reason = {
                MoveVerdict.MOVED: "name_changed",
                MoveVerdict.NOBODY: "name_of_nobody_changed",
                MoveVerdict.TAKEN: "name_changed_too_late",
            }[verdict]
            self.metrics.ignored.labels(route.connection.type, reason).inc()


def _names(item: Item) -> tuple[str, ...]:
    match item:
        case Arrived() | Intervened():
            return item.aliases
        case Chosen(otherwise=Arrived() as said):
            return said.aliases
        case _:
            return ()


def _under(item: Item, key: str) -> Item:
    """Return the item as said or chosen by the person who is called `key` here."""
    match item:
        case Arrived():
            message = item.message
            person = message.person.model_copy(update={"key": key})
            update = {"conversation_key": key, "person": person}
            return replace(item, message=message.model_copy(update=update))
        case Chosen(otherwise=Arrived() as said):
            person = item.person.model_copy(update={"key": key})
            otherwise = _under(said, key)
            if not isinstance(otherwise, Arrived):
                return item
            return replace(item, person=person, conversation_keys=(key,), otherwise=otherwise)
        case Intervened():
            person = item.person.model_copy(update={"key": key})
            return replace(item, conversation_key=key, person=person)
        case _:
            return item
