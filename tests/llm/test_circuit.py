"""Breakers and the retry budget, with a clock in the test's hand."""

from hypothesis import given
from hypothesis import strategies as st

from konstruct_llm.circuit import Breaker, CircuitState, RetryBudget


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_third_failure_opens_and_one_probe_at_a_time_closes() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(3):
        assert breaker.admit(30)
        breaker.failed()
    assert breaker.state.value == "open"
    assert not breaker.admit(30)
    clock.now += breaker.opens_in()
    assert breaker.admit(30)
    assert not breaker.admit(30)
    breaker.succeeded()
    assert breaker.state is CircuitState.CLOSED
    assert breaker.admit(30)


def test_a_failed_probe_opens_for_longer() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(3):
        breaker.failed()
    rests = []
    for _ in range(8):
        rests.append(breaker.opens_in())
        clock.now += breaker.opens_in()
        assert breaker.admit(30)
        breaker.failed()
    assert rests == sorted(rests)
    assert rests[-1] == 60.0


def test_what_the_provider_asks_for_is_kept_at_once_within_a_minute() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    breaker.failed(rest_seconds=7)
    assert breaker.opens_in() == 7
    breaker.succeeded()
    breaker.failed(rest_seconds=86_400)
    assert breaker.opens_in() == 60


def test_a_probe_that_never_reports_does_not_shut_the_deployment_out_for_ever() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    breaker.failed(rest_seconds=1)
    clock.now += 1
    assert breaker.admit(30)
    clock.now += 30
    assert breaker.admit(30)


@given(st.lists(st.booleans(), max_size=200))
def test_no_three_failures_in_a_row_are_ever_let_through(outcomes: list[bool]) -> None:
    clock = Clock()
    breaker = Breaker(clock)
    row = 0
    for good in outcomes:
        if not breaker.admit(30):
            assert row >= 1
            clock.now += breaker.opens_in()
            row = 0
            continue
        if good:
            breaker.succeeded()
            row = 0
        else:
            breaker.failed()
            row += 1
        assert row <= 3


@given(st.lists(st.booleans(), min_size=50, max_size=2_000))
def test_retries_stay_within_the_budget(wants: list[bool]) -> None:
    budget = RetryBudget()
    calls = retries = 0
    for want in wants:
        budget.earn()
        calls += 1
        if want and budget.spend():
            retries += 1
    assert retries <= 3 + 0.15 * calls
