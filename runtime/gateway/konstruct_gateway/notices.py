"""Words between a message and its answer: that it comes later, and that nobody answers now."""

from dataclasses import dataclass
from uuid import UUID

from konstruct_gateway.background.later import Expected
from konstruct_gateway.hints import Hint
from konstruct_gateway.sentences import Sentences
from konstruct_gateway.telling import Telling
from konstruct_messages.replies import NoticeCode
from konstruct_store import asks, notices
from konstruct_store.asks import Ask, ChoiceVerdict
from konstruct_store.log import LogEntry
from konstruct_store.store import Store


@dataclass(frozen=True)
class Notices:
    """Says them, at most once in their place, in every channel alike."""

    store: Store
    telling: Telling
    sentences: Sentences

    async def say_later(self, expected: Expected) -> None:
        """Tell a person who has waited long that the answer comes. Raises RetryLater."""
        entry = await notices.say_later(
            self.store,
            expected.tenant_id,
            expected.conversation_id,
            after=expected.seq,
            text=self.sentences.later(*expected.languages),
            sends=expected.sends,
        )
        self._tell(expected.tenant_id, expected.conversation_id, entry, sends=expected.sends)

    async def say_suspended(
        self, tenant_id: UUID, conversation_id: UUID, languages: tuple[str, ...], *, sends: bool
    ) -> None:
        """Say that nobody answers now, and that the message is kept. Raises RetryLater."""
        entry = await notices.say_suspended(
            self.store,
            tenant_id,
            conversation_id,
            text=self.sentences.suspended(*languages),
            sends=sends,
        )
        self._tell(tenant_id, conversation_id, entry, sends=sends)

    async def say_over(
        self,
        tenant_id: UUID,
        ask: Ask,
        verdict: ChoiceVerdict,
        languages: tuple[str, ...],
        *,
        sends: bool = False,
    ) -> None:
        """Say why a choice was not taken: too late, or another was there first.

        Raises RetryLater.
        """
        expired = verdict is ChoiceVerdict.EXPIRED
        entry = await asks.say_over(
            self.store,
            tenant_id,
            ask,
            code=NoticeCode.CHOICE_EXPIRED if expired else NoticeCode.CHOICE_TAKEN,
            text=self.sentences.choice_over(*languages, expired=expired),
            sends=sends,
        )
        self._tell(tenant_id, ask.conversation_id, entry, sends=sends)

    def _tell(
        self, tenant_id: UUID, conversation_id: UUID, entry: LogEntry | None, *, sends: bool
    ) -> None:
        if entry is None:
            return
        hint = Hint(
            kind="Log",
            tenant_id=tenant_id,
            conversation_id=conversation_id,
            seq=entry.seq,
            queued=sends,
        )
        self.telling.tell(hint, (entry,))
