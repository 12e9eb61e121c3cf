"""What a message that somebody answers in particular said."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from konstruct_store.statements import statement
from konstruct_store.store import Store


@dataclass(frozen=True, slots=True)
class Quote:
    """A message by the vendor's id, in the conversation that it must be of.

    `key` is the dedupe key that it has where a person wrote it.
    """

    conversation_key: str
    vendor_id: str
    key: str


async def find(
    store: Store, tenant_id: UUID, connection_id: UUID, quotes: Sequence[Quote]
) -> list[str]:
    """Return what each said; empty where nobody knows it. Raises RetryLater."""
    async with store.transaction(tenant_id) as connection:
        rows = await connection.fetch(
            statement("receive/quoted"),
            *(tenant_id, connection_id),
            [one.conversation_key for one in quotes],
            [one.vendor_id for one in quotes],
            [one.key for one in quotes],
        )
    found = [""] * len(quotes)
    for row in rows:
        found[row["n"] - 1] = row["text"] or ""
    return found
