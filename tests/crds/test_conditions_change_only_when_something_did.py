"""Conditions: times stay while nothing changes, and kstatus is never told two things at once."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from konstruct_crds.conditions import (
    Condition,
    ConditionStatus,
    ConditionType,
    Progress,
    find_condition,
    pending_condition,
    progress_of,
    set_condition,
    set_conditions,
    set_progress,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)


def ready(status: str = "True", at: datetime = NOW, **over: Any) -> Condition:
    fields = {"type": "Ready", "status": status, "reason": "Available", "message": "It works."}
    return Condition.model_validate({**fields, "last_transition_time": at, **over})


def test_setting_the_same_again_changes_nothing_whenever_it_is_done() -> None:
    conditions = set_condition((), ready())
    assert set_condition(conditions, ready(at=LATER)) == conditions


def test_the_time_moves_with_the_status_alone() -> None:
    conditions = (ready(),)
    (reworded,) = set_condition(conditions, ready(at=LATER, reason="Asleep", message="It sleeps."))
    assert (reworded.reason, reworded.last_transition_time) == ("Asleep", NOW)
    (turned,) = set_condition(conditions, ready("False", at=LATER))
    assert turned.last_transition_time == LATER
    (seen,) = set_condition(conditions, ready(at=LATER, observed_generation=3))
    assert (seen.observed_generation, seen.last_transition_time) == (3, NOW)


def test_conditions_keep_their_order_and_their_neighbours() -> None:
    conditions = (ready(type="SecretsReady"), ready(), ready(type="Available"))
    changed = set_condition(conditions, ready("False", at=LATER))
    assert [one.type for one in changed] == ["SecretsReady", "Ready", "Available"]
    assert (changed[0], changed[2]) == (conditions[0], conditions[2])
    longer = set_conditions(changed, (ready(type="Registered"), ready(type="Available")))
    assert [one.type for one in longer] == ["SecretsReady", "Ready", "Available", "Registered"]


def test_a_condition_is_found_by_type() -> None:
    assert find_condition((ready(),), ConditionType.READY) == ready()
    assert find_condition((ready(),), ConditionType.STALLED) is None


@given(
    st.lists(st.tuples(st.sampled_from(Progress), st.integers(min_value=1, max_value=9))),
)
def test_reconciling_and_stalled_are_never_both_true(steps: list[tuple[Progress, int]]) -> None:
    conditions: tuple[Condition, ...] = ()
    for minute, (progress, generation) in enumerate(steps):
        conditions = set_progress(
            conditions,
            progress,
            reason="SecretMissing",
            message="Create the Secret.",
            generation=generation,
            now=NOW + timedelta(minutes=minute),
        )
        true = [one.type for one in conditions if one.status is ConditionStatus.TRUE]
        assert len(true) <= 1
        assert progress_of(conditions) is progress
        assert {one.observed_generation for one in conditions} == {generation}


def test_progress_tells_its_reason_where_it_holds() -> None:
    said: dict[str, Any] = {"reason": "SecretMissing", "message": "Create it.", "generation": 2}
    conditions = set_progress((ready(),), Progress.STALLED, now=NOW, **said)
    stalled = find_condition(conditions, ConditionType.STALLED)
    reconciling = find_condition(conditions, ConditionType.RECONCILING)
    assert stalled is not None
    assert (stalled.status, stalled.reason, stalled.message) == (
        "True",
        "SecretMissing",
        "Create it.",
    )
    assert reconciling is not None
    assert (reconciling.status, reconciling.message) == ("False", "")
    assert find_condition(conditions, "Ready") == ready()


def test_progress_that_stays_keeps_its_times() -> None:
    said: dict[str, Any] = {"reason": "PodsNotReady", "message": "Wait.", "generation": 2}
    for progress in Progress:
        first = set_progress((), progress, now=NOW, **said)
        assert set_progress(first, progress, now=LATER, **said) == first


def test_an_object_that_nobody_looked_at_is_not_done() -> None:
    pending = pending_condition()
    assert (pending.type, pending.status, pending.reason) == ("Ready", "Unknown", "Pending")
    assert progress_of((pending,)) is Progress.SETTLED
    (seen,) = set_condition((pending,), ready("False", at=NOW))
    assert seen.last_transition_time == NOW


def test_times_are_written_as_kubernetes_writes_them() -> None:
    written = ready(at=NOW.replace(microsecond=987_654)).model_dump(mode="json", by_alias=True)
    assert written["lastTransitionTime"] == "2026-03-01T12:00:00Z"
    assert written["observedGeneration"] == 0
    assert Condition.model_validate(written) == ready()


@pytest.mark.parametrize("word", ["", "lower", "Two words", "Dash-ed", "Ünder", "A" * 129])
def test_a_reason_is_one_camel_case_word(word: str) -> None:
    with pytest.raises(ValidationError):
        ready(reason=word)


def test_every_type_is_one_camel_case_word() -> None:
    for one, status in itertools.product(ConditionType, ConditionStatus):
        assert ready(type=one, status=status).type == one
