"""What must end although nobody asks: overdue and failing turns, what waited too long."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import structlog

from konstruct_gateway.edge.metrics import Metrics
from konstruct_gateway.hints import Hint
from konstruct_gateway.registry.view import RegistryView
from konstruct_gateway.sentences import Sentences
from konstruct_gateway.telling import Telling
from konstruct_store import settle
from konstruct_store.store import Store

_SUSPENDED_HOURS = 24


@dataclass(frozen=True)
class Sweeper:
    """Runs on every replica: each transition takes its rows with SKIP LOCKED."""

    store: Store
    view: RegistryView
    telling: Telling
    sentences: Sentences
    metrics: Metrics
    deadline_seconds: int
    sends: Callable[[UUID, UUID], bool]

    async def sweep(self) -> None:
        """Do one round. Raises RetryLater; what was swept before stays swept."""
        await self.sweep_turns()
        await settle.expire_items(self.store, hours=_SUSPENDED_HOURS)

    async def sweep_turns(self) -> None:
        """Settle turns that are overdue or keep failing: one apology, one dead letter each."""
        swept = await settle.sweep_turns(
            self.store,
            deadline_seconds=self.deadline_seconds,
            apologies=self.sentences.apology,
            sends=self.sends,
        )
        for turn in swept:
            entries = turn.settled.log_entries
            self.metrics.turns.labels(turn.settled.disposition.value).inc()
            structlog.get_logger(__name__).warning(
                "turn given up", tenant_id=str(turn.tenant_id), turn_id=str(turn.turn_id)
            )
            self.telling.tell(
                Hint(
                    kind="Log",
                    tenant_id=turn.tenant_id,
                    conversation_id=turn.conversation_id,
                    seq=entries[-1].seq if entries else 0,
                    ended_turn=turn.turn_id,
                ),
                entries,
            )
