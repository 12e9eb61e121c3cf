"""Token buckets: full at first, refilled with time, and taken from only when they hold enough."""

import pytest

from konstruct_channels.buckets import Buckets, Rate

_THREE = Rate(burst=3, per_second=2)


@pytest.fixture
def now() -> list[float]:
    return [100.0]


@pytest.fixture
def buckets(now: list[float]) -> Buckets:
    return Buckets(keys=2, clock=lambda: now[0])


def test_a_bucket_is_full_at_first_and_never_holds_more_than_its_burst(
    now: list[float], buckets: Buckets
) -> None:
    assert [buckets.take("a", _THREE) for _ in range(4)] == [0, 0, 0, 0.5]
    now[0] += 0.5
    assert [buckets.take("a", _THREE) for _ in range(2)] == [0, 0.5]
    now[0] += 3600
    assert [buckets.take("a", _THREE) for _ in range(4)] == [0, 0, 0, 0.5]


def test_whoever_must_wait_takes_nothing(now: list[float], buckets: Buckets) -> None:
    for _ in range(3):
        buckets.take("a", _THREE)
    now[0] += 0.25
    assert [buckets.take("a", _THREE) for _ in range(9)] == [0.25] * 9
    now[0] += 0.25
    assert buckets.take("a", _THREE) == 0


def test_asking_takes_nothing_until_it_is_spent(buckets: Buckets) -> None:
    assert [buckets.wait("a", _THREE) for _ in range(9)] == [0] * 9
    buckets.spend("a")
    assert [buckets.take("a", _THREE) for _ in range(3)] == [0, 0, 0.5]


def test_what_is_spared_is_left_to_others(buckets: Buckets) -> None:
    assert [buckets.take("a", _THREE, needed=2) for _ in range(3)] == [0, 0, 0.5]
    assert [buckets.take("a", _THREE) for _ in range(2)] == [0, 0.5]


def test_each_key_has_a_bucket_and_the_longest_unused_is_forgotten(buckets: Buckets) -> None:
    once = Rate(burst=1, per_second=0.001)
    assert [buckets.take(key, once) > 0 for key in ("a", "a", "b", "a")] == [
        False,
        True,
        False,
        True,
    ]
    buckets.take("c", once)
    assert buckets.take("a", once) > 0
    assert buckets.take("b", once) == 0
