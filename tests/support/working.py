"""The life of a turn in few words, for tests that work on a store."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from konstruct_messages.identity import PORTAL_CONNECTION
from konstruct_messages.inbound import InboundMessage
from konstruct_messages.replies import ReplyPart
from konstruct_messages.turns import ClaimedTurn
from konstruct_registry.snapshot import TenantSnapshot
from konstruct_registry.wire import Push
from konstruct_store import Store, claims, receive, registry, settle
from konstruct_store.receive import Received
from konstruct_store.settle import Settled
from support.build import inbound, tenant_snapshot

APOLOGIES = {"en": "Sorry.", "es": "Lo siento.", "pt": "Desculpe."}
__all__ = ["APOLOGIES", "PORTAL_CONNECTION", "Office", "publish"]


@dataclass
class Office:
    """One tenant at work on one store: people write, an agent claims and answers."""

    store: Store
    tenant: TenantSnapshot = field(default_factory=tenant_snapshot)
    boot_id: UUID = field(default_factory=uuid4)
    pod: str = "pod-1"

    @property
    def tenant_id(self) -> UUID:
        """The tenant's id."""
        return self.tenant.tenant_id

    @property
    def connection_id(self) -> UUID:
        """The id of the tenant's first connection."""
        return self.tenant.connections[0].connection_id

    async def write(self, *messages: InboundMessage | str, **over: Any) -> list[Received]:
        """Let a person write; texts become messages of the default conversation."""
        agent = self.tenant.agents[0]
        return await receive.receive(
            self.store,
            self.tenant_id,
            self.connection_id,
            agent.agent_id,
            [inbound(one) if isinstance(one, str) else one for one in messages],
            **{"agent_name": agent.display_name, **over},
        )

    async def claim(self, **over: Any) -> ClaimedTurn | None:
        """Let the agent claim what is longest due."""
        return (await self.look(**over)).turn

    async def look(self, **over: Any) -> claims.Look:
        """Claim what is longest due, and hear whether there is more."""
        return await claims.claim_turn(
            self.store,
            self.tenant_id,
            **{
                "claim_id": uuid4(),
                "boot_id": self.boot_id,
                "pod": self.pod,
                "agents": {agent.agent_id: agent for agent in self.tenant.agents},
                "tenant": self.tenant,
                "lease_seconds": 15,
                **over,
            },
        )

    async def must_claim(self, **over: Any) -> ClaimedTurn:
        """Claim, and insist that there is something."""
        turn = await self.claim(**over)
        assert turn is not None
        return turn

    async def complete(
        self, turn: ClaimedTurn, *texts: str, sends: bool = False, **over: Any
    ) -> Settled:
        """Let the agent answer a turn."""
        parts = [ReplyPart(part=i, text=text) for i, text in enumerate(texts or ("hi",))]
        return await settle.complete_turn(
            self.store,
            self.tenant_id,
            turn.turn_id,
            over.get("attempt", turn.attempt),
            over.get("turn_token", turn.turn_token),
            over.get("parts", parts),
            sends=sends,
        )

    async def sweep(self, **over: Any) -> list[settle.SweptTurn]:
        """Sweep with English, Spanish and Portuguese apologies."""
        return await settle.sweep_turns(
            self.store, **{"deadline_seconds": 3600, "apologies": APOLOGIES, **over}
        )

    async def run(self, sql: str, *arguments: Any) -> list[Any]:
        """Run a statement of the test's own inside the tenant's transaction."""
        async with self.store.transaction(self.tenant_id) as connection:
            return await connection.fetch(sql, *arguments)

    async def let_lease_end(self, turn: ClaimedTurn) -> None:
        """Move the lease of a turn into the past."""
        await self.run(
            "UPDATE konstruct.dispatch SET due_at = now() - interval '1 second',"
            " lease_until = now() - interval '1 second' WHERE tenant_id = $1 AND turn_id = $2",
            self.tenant_id,
            turn.turn_id,
        )


async def publish(store: Store, *tenants: TenantSnapshot) -> None:
    """Push tenants to the registry, as the operator does."""
    session = await registry.open_session(store)
    for sequence, tenant in enumerate(tenants, start=1):
        push = Push(session=session, sequence=sequence, digest=tenant.digest(), snapshot=tenant)
        await registry.put_tenant(store, push)
