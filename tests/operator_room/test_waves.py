"""A new agent image reaches tenants in waves; a bad one stops after its first wave. Pure."""

import dataclasses
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from konstruct_operator import names
from konstruct_operator.plan import platform, rollout
from konstruct_operator.plan.rollout import Decision, Health, Member
from konstruct_operator.settings import OperatorSettings

NOW = datetime(2026, 11, 23, tzinfo=UTC)
PATIENCE = timedelta(seconds=300)


def fleet(count: int, platform: str = "old", health: Health = Health.WELL) -> list[Member]:
    return [
        Member(f"t{number}", f"id-{number}", platform, health, NOW - timedelta(days=1))
        for number in range(count)
    ]


def decide(members: list[Member], now: datetime = NOW, target: str = "new") -> Decision:
    return rollout.decide(members, target=target, now=now, patience=PATIENCE)


def moved(members: list[Member], turn: frozenset[str], health: Health) -> list[Member]:
    return [
        dataclasses.replace(one, platform="new", health=health, waiting_since=NOW)
        if one.tenant in turn
        else one
        for one in members
    ]


def test_waves_end_at_their_share_and_have_at_least_one_more() -> None:
    assert rollout.ends(100, (5, 25, 100)) == [5, 25, 100]
    assert rollout.ends(4, (5, 25, 100)) == [1, 2, 4]
    assert rollout.ends(1, (5, 25, 100)) == [1]
    assert rollout.ends(10, (50,)) == [5, 10]
    assert rollout.ends(0, (5,)) == []


def test_nobody_waits_while_everybody_has_the_target() -> None:
    assert decide(fleet(7, "new", Health.FAILED)) == Decision("new")


def test_the_next_wave_begins_when_everybody_of_the_one_before_is_well() -> None:
    members = fleet(100)
    first = decide(members)
    assert (first.wave, len(first.turn), len(first.pending)) == (1, 5, 100)
    coming = moved(members, first.turn, Health.COMING)
    assert decide(coming).turn == frozenset()
    assert decide(coming).look_again == NOW + PATIENCE
    second = decide(moved(members, first.turn, Health.WELL))
    assert (second.wave, len(second.turn)) == (2, 20)
    assert not second.turn & first.turn


def test_a_bad_image_stops_after_its_first_wave_and_a_repaired_one_goes_on() -> None:
    members = fleet(100)
    first = decide(members)
    failed = moved(members, first.turn, Health.FAILED)
    paused = decide(failed)
    assert paused.paused
    assert set(paused.stuck) == first.turn
    assert paused.turn == frozenset()
    slow = moved(members, first.turn, Health.COMING)
    assert not decide(slow, NOW + PATIENCE - timedelta(seconds=1)).paused
    assert decide(slow, NOW + PATIENCE).paused
    assert decide(failed, target="repaired").turn
    recovered = decide(moved(members, first.turn, Health.WELL), NOW + 2 * PATIENCE)
    assert len(recovered.turn) == 20


def test_sleepers_the_ill_and_those_out_of_reach_hold_nobody_up() -> None:
    members = fleet(100)
    first = decide(members)
    for health in (Health.IDLE, Health.ILL_BEFORE, Health.WAKING):
        assert decide(moved(members, first.turn, health)).wave == 2
    away = [dataclasses.replace(one, reachable=one.tenant not in first.turn) for one in members]
    assert decide(away).wave == 2
    assert first.turn <= decide(away).turn, "they may move as soon as they can be reached"


def test_a_woken_tenant_that_does_not_come_up_stops_a_roll_out() -> None:
    members = fleet(100)
    first = decide(members)
    waking = moved(members, first.turn, Health.WAKING)
    assert decide(waking).look_again == NOW + PATIENCE
    assert set(decide(waking, NOW + PATIENCE).stuck) == first.turn


def test_the_order_differs_from_target_to_target_and_not_from_look_to_look() -> None:
    members = fleet(100)
    shuffled = random.Random(1).sample(members, len(members))
    assert decide(members) == decide(shuffled)
    assert decide(members, target="next").turn != decide(members).turn


@given(st.integers(1, 60), st.randoms(use_true_random=False), st.sets(st.integers(0, 59)))
def test_never_more_than_a_wave_in_flight_and_it_always_ends(
    count: int, chance: random.Random, sleepers: set[int]
) -> None:
    members = [
        dataclasses.replace(one, health=Health.IDLE) if number in sleepers else one
        for number, one in enumerate(fleet(count))
    ]
    sizes = rollout.ends(count, rollout.WAVES)
    for _ in range(20 * count):
        found = decide(members)
        if not found.pending:
            break
        coming = {one.tenant for one in members if one.health is Health.COMING}
        earlier = ([0, *sizes])[found.wave - 1]
        assert len(coming | found.turn) <= sizes[found.wave - 1] - earlier
        one = chance.choice(sorted(coming | found.turn))
        members = [_step(other) if other.tenant == one else other for other in members]
    assert not decide(members).pending


@given(st.integers(2, 60), st.integers(0, 59))
def test_a_paused_roll_out_touches_nobody(count: int, which: int) -> None:
    members = fleet(count)
    turn = decide(members).turn
    bad = sorted(turn)[which % len(turn)]
    members = moved(members, turn, Health.WELL)
    members = [
        dataclasses.replace(one, health=Health.FAILED) if one.tenant == bad else one
        for one in members
    ]
    found = decide(members)
    assert (found.turn, found.stuck) == (frozenset(), (bad,))


def deployment(**status: Any) -> dict[str, Any]:
    settings = OperatorSettings(
        registry_url="http://g",
        registry_token="t",
        gateway_seal_public_key="",
        llm_seal_public_key="",
    )
    return {
        "metadata": {
            "generation": 2,
            "labels": {names.LABEL_TENANT: "acme"},
            "annotations": {
                names.ANNOTATION_PLATFORM: platform.target(settings),
                names.ANNOTATION_PLATFORM_SINCE: "2026-11-23T10:00:00Z",
            },
        },
        "spec": {"replicas": 1, "template": {"spec": {}}},
        "status": {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 1, **status},
    }


def condition(kind: str, status: str, at: str) -> dict[str, str]:
    return {"type": kind, "status": status, "lastTransitionTime": at, "lastUpdateTime": at}


@pytest.mark.parametrize(
    ("status", "health", "since"),
    [
        ({}, Health.COMING, "2026-11-23T10:00:00+00:00"),
        ({"replicas": 1, "availableReplicas": 1}, Health.WELL, None),
        ({"replicas": 1, "availableReplicas": 1, "observedGeneration": 1}, Health.COMING, None),
        (
            {"conditions": [condition("Progressing", "True", "2026-11-23T10:01:00Z")]},
            Health.COMING,
            "2026-11-23T10:01:00+00:00",
        ),
        (
            {"conditions": [condition("Progressing", "False", "2026-11-23T10:01:00Z")]},
            Health.FAILED,
            None,
        ),
        (
            {
                "replicas": 1,
                "conditions": [
                    condition("Progressing", "True", "2026-11-23T10:01:00Z")
                    | {"reason": "NewReplicaSetAvailable"}
                ],
            },
            Health.WAKING,
            "2026-11-23T10:01:00+00:00",
        ),
        (
            {"conditions": [condition("Available", "False", "2026-11-23T09:00:00Z")]},
            Health.ILL_BEFORE,
            None,
        ),
        (
            {"conditions": [condition("Available", "False", "2026-11-23T11:00:00Z")]},
            Health.COMING,
            "2026-11-23T11:00:00+00:00",
        ),
    ],
)
def test_what_a_deployment_says_of_its_health(
    status: dict[str, Any], health: Health, since: str | None
) -> None:
    found = rollout.member(deployment(**status))
    assert (found.tenant, found.health) == ("acme", health)
    if since is not None:
        assert found.waiting_since == datetime.fromisoformat(since)


def test_waves_in_the_settings_ascend() -> None:
    values: dict[str, Any] = {
        "registry_url": "http://g",
        "registry_token": "t",
        "gateway_seal_public_key": "",
        "llm_seal_public_key": "",
    }
    assert OperatorSettings(**values, rollout_waves="10, 100").rollout_waves == (10, 100)
    for wrong in ("", "25,5", "0,100", "50,101"):
        with pytest.raises(ValidationError):
            OperatorSettings(**values, rollout_waves=wrong)


def _step(one: Member) -> Member:
    if one.platform == "old":
        health = Health.IDLE if one.health is Health.IDLE else Health.COMING
        return dataclasses.replace(one, platform="new", health=health, waiting_since=NOW)
    return dataclasses.replace(one, health=Health.WELL)
