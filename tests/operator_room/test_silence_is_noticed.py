"""A watch that went silent is found by comparing it with the sweeps' lists."""

from konstruct_operator.reconcile.hearing import Hearing


def test_what_was_heard_is_no_problem_however_often_it_is_listed() -> None:
    hearing = Hearing()
    hearing.heard("a", "1")
    for _ in range(3):
        hearing.listed([("a", "1")])
        assert not hearing.problem


def test_a_version_just_written_is_given_time_until_the_next_sweep() -> None:
    hearing = Hearing()
    hearing.heard("a", "1")
    hearing.listed([("a", "2")])
    assert not hearing.problem
    hearing.heard("a", "2")
    hearing.listed([("a", "2")])
    assert not hearing.problem


def test_a_version_that_two_sweeps_list_and_nobody_told_of_is_silence() -> None:
    hearing = Hearing()
    hearing.listed([("a", "1"), ("b", "1")])
    hearing.heard("b", "1")
    hearing.listed([("a", "1"), ("b", "1")])
    assert "1 listed objects" in hearing.problem
    hearing.heard("a", "1")
    hearing.listed([("a", "1"), ("b", "1")])
    assert not hearing.problem


def test_an_object_that_changes_between_sweeps_is_not_silence() -> None:
    hearing = Hearing()
    for version in ("1", "2", "3"):
        hearing.listed([("a", version)])
        assert not hearing.problem
