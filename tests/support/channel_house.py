"""What every house of a channel's tests has: a gateway, its tenant, and what the store holds."""

from dataclasses import dataclass
from typing import Any

from support.gateways import RunningGateway, SampleTenant
from support.postgres import Database


@dataclass
class ChannelHouse:
    """A gateway that serves one tenant, and its database."""

    database: Database
    tenant: SampleTenant
    gateway: RunningGateway

    async def rows(self, query: str, *arguments: Any) -> list[Any]:
        """Read the database as its owner."""
        return await self.database.run(query, *arguments)

    async def ignored(self) -> dict[str, int]:
        """Return how many items were ignored, by reason."""
        rows = await self.rows(
            "SELECT reason, count(*) AS n FROM konstruct.ignored_items GROUP BY reason"
        )
        return {row["reason"]: row["n"] for row in rows}
