"""Whatever order things happen in: every acknowledged item ends once, every turn replies once."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from konstruct_local.postgres import EmbeddedPostgres
from konstruct_messages.inbound import InboundMessage
from konstruct_messages.turns import (
    ClaimedTurn,
    ConversationMode,
    Step,
    StepKind,
    StepState,
    Verdict,
)
from konstruct_store import Store, audit, claims, drafts, journal, outbox, settle, undelivered
from konstruct_store.claims import HeldTurn
from konstruct_store.errors import TurnLost
from konstruct_store.outbox import Delivery
from konstruct_store.settle import Settled
from support.build import inbound, tenant_snapshot
from support.postgres import fresh_database, open_store
from support.working import Office

pytestmark = pytest.mark.postgres

CONVERSATIONS = st.sampled_from(["c1", "c2"])
_T = TypeVar("_T")
# Items that ended otherwise than their turn, and items that wait without anybody knowing.
DISAGREEING = """
SELECT i.item_id
FROM konstruct.inbox AS i
INNER JOIN konstruct.turns AS t ON t.tenant_id = i.tenant_id AND t.turn_id = i.turn_id
WHERE t.disposition IS DISTINCT FROM i.disposition
UNION ALL
SELECT i.item_id
FROM konstruct.inbox AS i
LEFT JOIN konstruct.dispatch AS d
    ON d.tenant_id = i.tenant_id AND d.conversation_id = i.conversation_id
WHERE i.disposition IS NULL AND (d.opened_at IS NULL OR d.due_at IS NULL)
"""
# What a vendor shows for ever as if it were being written.
DRAFTS_WITHOUT_A_TURN = """
SELECT d.delivery_id
FROM konstruct.deliveries AS d
INNER JOIN konstruct.turns AS t ON t.tenant_id = d.tenant_id AND t.turn_id = d.turn_id
WHERE d.state = 'Drafting' AND t.state NOT IN ('Queued', 'Claimed')
"""


@dataclass
class Expected:
    """What must be true of a turn."""

    attempt: int
    leased: bool = True
    settled: Settled | None = None
    swept: bool = False
    steps: dict[int, Step] = field(default_factory=dict)


class Path(RuleBasedStateMachine):
    """A conversation or two, one agent after the other, a sweeper, a sender, a human."""

    said = Bundle("said")
    turns = Bundle("turns")
    deliveries = Bundle("deliveries")

    def __init__(self, store: Store, runner: asyncio.Runner) -> None:
        super().__init__()
        self.runner = runner
        self.office = Office(store, tenant_snapshot(tenant_id=uuid4()))
        self.acknowledged: dict[UUID, InboundMessage] = {}
        self.dispositions: dict[UUID, str] = {}
        self.expected: dict[UUID, Expected] = {}
        self.conversations: dict[str, UUID] = {}
        self.sent: list[tuple[UUID, int]] = []
        self.sending: dict[UUID, int] = {}
        self.given_up: dict[UUID, int] = {}

    def do(self, work: Coroutine[Any, Any, _T]) -> _T:
        return self.runner.run(work)

    @initialize(target=said)
    def it_begins_with_a_message(self) -> Any:
        return self.somebody_writes("c1")

    @rule(target=turns)
    def an_agent_works(self) -> Any:
        """Twice the chance of what everything else hangs on."""
        return self.an_agent_claims()

    @rule(target=said, key=CONVERSATIONS)
    def somebody_writes(self, key: str) -> InboundMessage:
        message = inbound("hello", conversation_key=key)
        [received] = self.do(self.office.write(message))
        assert not received.duplicate
        self.acknowledged[received.item_id] = message
        self.conversations[key] = received.conversation_id
        return message

    @rule(message=said)
    def the_vendor_repeats(self, message: InboundMessage) -> None:
        [received] = self.do(self.office.write(message))
        assert received.duplicate
        assert self.acknowledged[received.item_id] == message

    @rule(target=turns)
    def an_agent_claims(self) -> Any:
        turn = self.do(self.office.claim(max_attempts=99))
        if turn is None:
            return multiple()
        known = self.expected.get(turn.turn_id)
        if known is not None:
            assert known.settled is None
            assert not known.swept
            assert not known.leased
        assert turn.attempt == (known.attempt + 1 if known else 1)
        steps = known.steps if known else {}
        assert list(turn.steps) == [steps[number] for number in sorted(steps)]
        self.expected[turn.turn_id] = Expected(turn.attempt, steps=steps)
        return turn

    @rule(turn=turns)
    def the_lease_runs_out(self, turn: ClaimedTurn) -> None:
        self.expected[turn.turn_id].leased = False
        self.do(self.office.let_lease_end(turn))

    @rule()
    def the_pod_gives_back(self) -> None:
        for expected in self.expected.values():
            expected.leased = False
        self.do(
            claims.release_turns(
                self.office.store, self.office.tenant_id, boot_id=self.office.boot_id
            )
        )

    @rule(turn=turns)
    def the_pod_beats(self, turn: ClaimedTurn) -> None:
        held = HeldTurn(turn.turn_id, turn.attempt, turn.turn_token)
        verdicts = self.do(
            claims.heartbeat(self.office.store, self.office.tenant_id, self.office.boot_id, [held])
        )
        assert (verdicts[turn.turn_id] is Verdict.LOST) != self.is_live(turn)
        if self.is_live(turn):
            self.expected[turn.turn_id].leased = True

    @rule(turn=turns, number=st.integers(0, 2), state=st.sampled_from(StepState))
    def a_step_is_journalled(self, turn: ClaimedTurn, number: int, state: StepState) -> None:
        step = Step(
            number=number,
            kind=StepKind.TOOL,
            state=state,
            name="tool",
            result={"by": str(uuid4())} if state is StepState.DONE else {},
        )
        work = journal.record_step(
            *(self.office.store, self.office.tenant_id, turn.turn_id),
            *(turn.attempt, turn.turn_token, step),
        )
        if not self.is_live(turn):
            with pytest.raises(TurnLost):
                self.do(work)
            return
        steps = self.expected[turn.turn_id].steps
        before = steps.get(number)
        if before is None or (before.state, state) == (StepState.STARTED, StepState.DONE):
            steps[number] = step
        assert self.do(work).step == steps[number]

    @rule(turn=turns, noted=st.sampled_from(["v1", "", None]))
    def a_draft_is_shown(self, turn: ClaimedTurn, noted: str | None) -> None:
        opening = drafts.open_draft(
            self.office.store,
            self.office.tenant_id,
            turn.turn_id,
            turn.attempt,
            turn.turn_token,
            hold_seconds=0,
        )
        draft = self.do(opening)
        assert draft is None or self.is_live(turn)
        if draft is not None and noted is not None:
            work = drafts.note_draft(self.office.store, draft, vendor_id=noted, there=bool(noted))
            assert self.do(work)

    @rule(turn=turns, sends=st.booleans())
    def an_agent_completes(self, turn: ClaimedTurn, sends: bool) -> None:  # noqa: FBT001
        expected = self.expected[turn.turn_id]
        work = self.office.complete(turn, "one", "two", sends=sends)
        if expected.settled is not None and expected.attempt == turn.attempt:
            assert self.do(work) == expected.settled
        elif self.is_live(turn):
            expected.settled = self.do(work)
        else:
            with pytest.raises(TurnLost):
                self.do(work)

    @rule(deadline=st.sampled_from([3600, 3600, 3600, 3600, 3600, 0]))
    def the_sweeper_comes(self, deadline: int) -> None:
        swept = self.do(
            settle.sweep_turns(
                self.office.store,
                self.office.tenant_id,
                deadline_seconds=deadline,
                apologies={"en": "Sorry."},
            )
        )
        for one in swept:
            expected = self.expected.setdefault(one.turn_id, Expected(0))
            assert expected.settled is None
            assert not expected.swept
            expected.swept = True

    @rule(
        key=CONVERSATIONS, mode=st.sampled_from([*[ConversationMode.AGENT] * 3, *ConversationMode])
    )
    def somebody_sets_the_mode(self, key: str, mode: ConversationMode) -> None:
        if key in self.conversations:
            self.do(
                settle.set_mode(
                    *(self.office.store, self.office.tenant_id, self.conversations[key], mode),
                    actor="user-1",
                )
            )

    @rule(target=deliveries, lease=st.sampled_from([0.0, 60.0]))
    def a_sender_claims(self, lease: float) -> Any:
        claimed = self.do(outbox.claim_deliveries(self.office.store, lease_seconds=lease))
        ours = [one for one in claimed if one.tenant_id == self.office.tenant_id]
        self.sending.update({one.delivery_id: one.attempt for one in ours})
        return multiple(*ours)

    @rule(delivery=consumes(deliveries))
    def a_sender_settles(self, delivery: Delivery) -> None:
        work = outbox.mark_sent(self.office.store, delivery, vendor_id="v")
        if self.sending[delivery.delivery_id] != delivery.attempt:
            with pytest.raises(TurnLost):
                self.do(work)
            return
        self.do(work)
        self.sent.append((delivery.turn_id, delivery.part))

    @rule(delivery=consumes(deliveries), unknown=st.booleans())
    def a_sender_gives_up(self, delivery: Delivery, unknown: bool) -> None:  # noqa: FBT001
        give_up = outbox.mark_unknown if unknown else outbox.mark_refused
        work = give_up(self.office.store, delivery, reason="lost", word="Sorry.")
        if self.sending[delivery.delivery_id] != delivery.attempt:
            with pytest.raises(TurnLost):
                self.do(work)
            return
        self.do(work)
        self.given_up[delivery.delivery_id] = delivery.attempt

    @rule()
    def two_operators_send_again(self) -> None:
        seen = [undelivered.Seen(*one) for one in self.given_up.items()]
        place = (self.office.store, self.office.tenant_id)
        again = [self.do(undelivered.send_again(*place, seen, actor=f"u{n}")) for n in range(2)]
        assert [set(one) for one in again] == [set(self.given_up), set()]
        self.given_up.clear()

    def is_live(self, turn: ClaimedTurn) -> bool:
        expected = self.expected[turn.turn_id]
        return expected.settled is None and not expected.swept and expected.attempt == turn.attempt

    @invariant()
    def nothing_is_lost_doubled_or_changed(self) -> None:
        rows = self.do(self.office.run("SELECT item_id, disposition, kind FROM konstruct.inbox"))
        assert {row["item_id"] for row in rows} == set(self.acknowledged)
        for row in rows:
            before = self.dispositions.get(row["item_id"])
            assert before in {None, row["disposition"]}
            if row["disposition"] is not None:
                self.dispositions[row["item_id"]] = row["disposition"]
        assert len(self.sent) == len(set(self.sent))

    @invariant()
    def rows_agree(self) -> None:
        assert self.do(self.office.run(DISAGREEING)) == []
        assert self.do(self.office.run(DRAFTS_WITHOUT_A_TURN)) == []

    @invariant()
    def a_failed_reply_is_told_of_once_and_a_notice_never(self) -> None:
        rows = self.do(
            self.office.run(
                "SELECT d.about_turn_id AS turn FROM konstruct.deliveries AS d"
                " WHERE d.about_turn_id IS NOT NULL"
            )
        )
        told = [row["turn"] for row in rows]
        assert len(told) == len(set(told))
        assert set(told) <= set(self.expected)

    @invariant()
    def each_turn_says_one_thing(self) -> None:
        rows = self.do(
            self.office.run(
                "SELECT count(*) AS said FROM konstruct.log WHERE turn_id IS NOT NULL"
                " GROUP BY turn_id"
            )
        )
        assert all(row["said"] == 1 for row in rows)

    def teardown(self) -> None:
        for key in self.conversations:
            self.somebody_sets_the_mode(key, ConversationMode.AGENT)
        self.do(
            self.office.run(
                "UPDATE konstruct.dispatch SET due_at = now(), lease_until = now()"
                " WHERE tenant_id = $1 AND turn_id IS NOT NULL",
                self.office.tenant_id,
            )
        )
        while (turn := self.do(self.office.claim(max_attempts=99))) is not None:
            self.do(self.office.complete(turn, "at last"))
        self.nothing_is_lost_doubled_or_changed()
        assert set(self.dispositions) == set(self.acknowledged)
        assert self.do(audit.broken(self.office.store, self.office.tenant_id)) == []


def test_the_store_holds_in_any_order_of_events(postgres_server: EmbeddedPostgres) -> None:
    with asyncio.Runner() as runner:
        making = fresh_database(postgres_server)
        database = runner.run(making.__aenter__())
        opening = open_store(database, "gateway", maximum=2)
        store = runner.run(opening.__aenter__())
        run_state_machine_as_test(
            cast("type[RuleBasedStateMachine]", lambda: Path(store, runner)),
            settings=settings(
                max_examples=40,
                stateful_step_count=40,
                deadline=None,
                derandomize=True,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
        runner.run(opening.__aexit__(None, None, None))
        runner.run(making.__aexit__(None, None, None))
