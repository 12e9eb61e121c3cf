"""Where what a webhook held belongs."""

from dataclasses import dataclass

from konstruct_registry.snapshot import AgentSnapshot, ConnectionSnapshot, TenantSnapshot


@dataclass(frozen=True)
class Route:
    """The connection that a webhook's address names, or that its installation belongs to."""

    tenant: TenantSnapshot
    connection: ConnectionSnapshot

    @property
    def agent(self) -> AgentSnapshot | None:
        """The agent that answers here unless a route says otherwise; None: it does not exist."""
        return self.tenant.agent(self.connection.agent)
