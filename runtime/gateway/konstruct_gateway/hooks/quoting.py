"""A person answers one message in particular: the agent reads which one."""

from collections.abc import Sequence

from konstruct_channels.inbound import Arrived
from konstruct_gateway.hooks.place import Route
from konstruct_messages.inbound import InboundMessage
from konstruct_store import quoted
from konstruct_store.quoted import Quote
from konstruct_store.store import Store

_LONGEST_QUOTE = 300
_LONGEST = 65_536


async def with_quotes(
    store: Store, route: Route, arrived: Sequence[Arrived], messages: Sequence[InboundMessage]
) -> list[InboundMessage]:
    """Return the messages below the words that they answer. Raises RetryLater.

    `messages` are those of `arrived`, commands marked: a command stays what it is.
    """
    asked = {
        number: Quote(message.conversation_key, one.quotes, f"message/{one.quotes}")
        for number, (one, message) in enumerate(zip(arrived, messages, strict=True))
        if one.quotes and message.command is None and message.chosen is None
    }
    if not asked:
        return list(messages)
    found = await quoted.find(
        store,
        route.tenant.tenant_id,
        route.connection.connection_id,
        list(asked.values()),
    )
    said = dict(zip(asked, found, strict=True))
    return [
        _below(said[number], message) if said.get(number) else message
        for number, message in enumerate(messages)
    ]


def _below(words: str, message: InboundMessage) -> InboundMessage:
    cut = words.strip()
    if len(cut) > _LONGEST_QUOTE:
        cut = f"{cut[:_LONGEST_QUOTE].rstrip()}…"
    quote = "\n".join(f"> {line}".rstrip() for line in cut.splitlines())
    return message.model_copy(update={"text": f"{quote}\n\n{message.text}".strip()[:_LONGEST]})
