"""A connection's templates as its vendor listed them last: for pages, and for whoever looks."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from konstruct_messages.templates import Template
from konstruct_store.statements import statement
from konstruct_store.store import Store


@dataclass(frozen=True, slots=True)
class ListedTemplate(Template):
    """A template, and when its vendor listed it."""

    listed_at: datetime | None = None


async def keep(
    store: Store, tenant_id: UUID, connection_id: UUID, templates: Sequence[Template]
) -> None:
    """Keep what the vendor lists now, in the place of what it listed before. Raises RetryLater."""
    rows = {(one.name, one.language): asdict(one) for one in templates}
    async with store.transaction(tenant_id) as connection:
        await connection.execute(
            statement("templates/keep"), tenant_id, connection_id, [*rows.values()]
        )


async def of_connection(store: Store, tenant_id: UUID, connection_id: UUID) -> list[ListedTemplate]:
    """Return a connection's templates by name and language. Raises RetryLater."""
    async with store.transaction(tenant_id) as connection:
        rows = await connection.fetch(statement("templates/list"), tenant_id, connection_id)
    return [ListedTemplate(**dict(row)) for row in rows]
