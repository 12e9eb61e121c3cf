"""Budgets hold before the call, and cost is booked with the step after it."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from konstruct_messages.turns import ClaimedTurn, StepState, Verdict
from konstruct_store import Store, usage
from konstruct_store.errors import BudgetExceeded, TurnLost
from konstruct_store.journal import RecordedStep
from konstruct_store.usage import Limits, Reservation
from support.build import inbound
from support.working import Office

pytestmark = pytest.mark.postgres

ANSWER = {"message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}


async def begin(office: Office, key: str = "c1") -> ClaimedTurn:
    await office.write(inbound("hello", conversation_key=key))
    return await office.must_claim()


async def reserve(
    store: Store, turn: ClaimedTurn, estimate: int = 100, step: int = 0, **over: Any
) -> Reservation | RecordedStep:
    return await usage.reserve(
        store,
        **{
            "tenant_id": turn.tenant_id,
            "turn_id": turn.turn_id,
            "attempt": turn.attempt,
            "turn_token": turn.turn_token,
            "step_number": step,
            "agent_id": UUID(turn.agent["agentId"]),
            "person_id": None,
            "model": "demo",
            "estimate_micro_usd": estimate,
            "limits": Limits(),
            "time_zone": "Europe/Madrid",
            **over,
        },
    )


async def reserved(*arguments: Any, **over: Any) -> Reservation:
    answer = await reserve(*arguments, **over)
    assert isinstance(answer, Reservation)
    return answer


async def settle(store: Store, reservation: Reservation, cost: int = 40) -> RecordedStep:
    return await usage.settle_model_step(
        store,
        reservation,
        model="demo",
        input_tokens=7,
        output_tokens=3,
        cost_micro_usd=cost,
        result=ANSWER,
    )


async def test_a_step_its_cost_and_its_reservation_settle_together(
    gateway_store: Store, llm_store: Store, portal_store: Store
) -> None:
    office = Office(gateway_store)
    turn = await begin(office)
    reservation = await reserved(llm_store, turn)
    month = await usage.month_usage(portal_store, office.tenant_id, time_zone="Europe/Madrid")
    assert (month.spent_micro_usd, month.reserved_micro_usd) == (0, 100)
    recorded = await settle(llm_store, reservation)
    assert recorded.step.state is StepState.DONE
    assert recorded.step.result == ANSWER
    assert recorded.verdict is Verdict.CONTINUE
    assert await settle(llm_store, reservation) == recorded
    again = await reserve(llm_store, turn)
    assert again == recorded
    await office.complete(turn)
    month = await usage.month_usage(portal_store, office.tenant_id, time_zone="Europe/Madrid")
    assert (month.spent_micro_usd, month.reserved_micro_usd) == (40, 0)
    assert (month.messages, month.answers) == (1, 1)
    assert month.by_model["demo"].input_tokens == 7
    assert [one.micro_usd for one in month.by_agent.values()] == [40]
    assert [one.calls for one in month.by_day.values()] == [1]
    days = await usage.daily_usage(
        portal_store, office.tenant_id, first=month.month, last=max(month.by_day)
    )
    assert sum(day.spent.micro_usd for day in days) == 40


@pytest.mark.parametrize("kind", ["tenant", "agent", "person"])
async def test_a_limit_refuses_what_does_not_fit(
    gateway_store: Store, llm_store: Store, kind: str
) -> None:
    turn = await begin(Office(gateway_store))
    with pytest.raises(BudgetExceeded) as refused:
        await reserve(llm_store, turn, 101, limits=Limits(**{kind: 100}))
    assert refused.value.kind == kind
    await reserved(llm_store, turn, 100, limits=Limits(**{kind: 100}))


async def test_concurrent_reservations_cannot_overspend(
    gateway_store: Store, llm_store: Store
) -> None:
    office = Office(gateway_store)
    turns = [await begin(office, f"c{i}") for i in range(12)]
    results = await asyncio.gather(
        *(reserve(llm_store, turn, 100, limits=Limits(tenant=550)) for turn in turns),
        return_exceptions=True,
    )
    assert sum(isinstance(one, Reservation) for one in results) == 5
    assert sum(isinstance(one, BudgetExceeded) for one in results) == 7


async def test_what_a_released_reservation_held_is_free_again(
    gateway_store: Store, llm_store: Store
) -> None:
    turn = await begin(Office(gateway_store))
    reservation = await reserved(llm_store, turn, limits=Limits(tenant=100))
    await usage.release(llm_store, reservation)
    await usage.release(llm_store, reservation)
    again = await reserved(llm_store, turn, limits=Limits(tenant=100))
    await usage.release(llm_store, again, input_tokens=5, cost_micro_usd=10)
    month = await usage.month_usage(llm_store, turn.tenant_id, time_zone="Europe/Madrid")
    assert (month.spent_micro_usd, month.reserved_micro_usd) == (10, 0)


async def test_a_call_that_never_came_back_frees_its_reservation(
    gateway_store: Store, llm_store: Store
) -> None:
    office = Office(gateway_store)
    turn, other = await begin(office), await begin(office, "c2")
    await reserved(llm_store, turn, limits=Limits(tenant=100), expires_seconds=0)
    await reserved(llm_store, other, limits=Limits(tenant=100))
    month = await usage.month_usage(llm_store, turn.tenant_id, time_zone="Europe/Madrid")
    assert month.reserved_micro_usd == 100


async def test_a_second_call_of_a_step_replaces_the_firsts_reservation(
    gateway_store: Store, llm_store: Store
) -> None:
    turn = await begin(Office(gateway_store))
    first = await reserved(llm_store, turn, limits=Limits(tenant=100))
    second = await reserved(llm_store, turn, limits=Limits(tenant=100))
    recorded = await settle(llm_store, first, cost=30)
    assert await settle(llm_store, second, cost=20) == recorded
    month = await usage.month_usage(llm_store, turn.tenant_id, time_zone="Europe/Madrid")
    # Both calls cost money; one of them is the step.
    assert (month.spent_micro_usd, month.reserved_micro_usd) == (50, 0)


async def test_the_cost_of_a_lost_turn_is_booked_all_the_same(
    gateway_store: Store, llm_store: Store
) -> None:
    office = Office(gateway_store)
    turn = await begin(office)
    reservation = await reserved(llm_store, turn)
    await office.let_lease_end(turn)
    taker = await office.must_claim()
    with pytest.raises(TurnLost):
        await settle(llm_store, reservation)
    with pytest.raises(TurnLost):
        await reserve(llm_store, turn)
    month = await usage.month_usage(llm_store, turn.tenant_id, time_zone="Europe/Madrid")
    assert (month.spent_micro_usd, month.reserved_micro_usd) == (40, 0)
    await office.let_lease_end(taker)
    assert (await office.must_claim()).steps == ()


async def test_embeddings_are_booked_once(gateway_store: Store, llm_store: Store) -> None:
    office = Office(gateway_store)
    entry = uuid4()
    for _ in range(2):
        await usage.record_embedding_usage(
            llm_store,
            tenant_id=office.tenant_id,
            agent_id=office.tenant.agents[0].agent_id,
            person_id=None,
            model="small",
            input_tokens=9,
            cost_micro_usd=2,
            time_zone="Etc/UTC",
            entry_id=entry,
        )
    month = await usage.month_usage(llm_store, office.tenant_id, time_zone="Etc/UTC")
    assert month.spent_micro_usd == 2
