"""What must end although nobody asks: overdue and failing turns, what waited too long."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import structlog

from konstruct_gateway.edge.metrics import Metrics
from konstruct_gateway.hints import Hint
from konstruct_gateway.registry.view import RegistryView
from konstruct_gateway.sentences import Sentences
from konstruct_gateway.telling import Telling
from konstruct_store import settle
from konstruct_store.store import Store
from konstruct_telemetry.traces import TURN, Traces, began_at

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
    traces: Traces = field(default_factory=Traces)

    async def sweep(self) -> None:
        """Do one round. Raises RetryLater; what was swept before stays swept."""
        await self.sweep_turns()
        await self.expire()

    async def expire(self) -> None:
        """Settle what waited too long for somebody suspended; tell its people and operators."""
        expired = await settle.expire_items(
            self.store,
            hours=_SUSPENDED_HOURS,
            words=self._in_language(self.sentences.expired),
            sends=self.sends,
        )
        for one in expired:
            self.metrics.expired.inc(len(one.items))
            structlog.get_logger(__name__).warning(
                "messages expired while suspended",
                tenant_id=str(one.tenant_id),
                conversation_id=str(one.conversation_id),
                messages=len(one.items),
            )
            if one.entry is not None:
                self.telling.tell(
                    Hint(
                        kind="Log",
                        tenant_id=one.tenant_id,
                        conversation_id=one.conversation_id,
                        seq=one.entry.seq,
                        queued=True,
                    ),
                    (one.entry,),
                )

    async def sweep_turns(self) -> None:
        """Settle turns that are overdue or keep failing: one apology, one dead letter each."""
        swept = await settle.sweep_turns(
            self.store,
            deadline_seconds=self.deadline_seconds,
            apologies=self._in_language(self.sentences.apology),
            sends=self.sends,
        )
        for turn in swept:
            entries = turn.settled.log_entries
            self.metrics.turns.labels(turn.settled.disposition.value).inc()
            self.traces.record(
                turn.turn_id,
                TURN,
                began=began_at(turn.turn_id),
                ended=datetime.now(UTC),
                tenant_id=turn.tenant_id,
                disposition=turn.settled.disposition.value,
            )
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
                    queued=True,
                ),
                entries,
            )

    def _in_language(self, sentence: Callable[..., str]) -> Callable[[UUID, str], str]:
        """Return a sentence by a tenant and its person's language; else in the tenant's own."""

        def words(tenant_id: UUID, language: str) -> str:
            tenant = self.view.tenant_by_id(tenant_id)
            return sentence(language, tenant.language if tenant is not None else "")

        return words
