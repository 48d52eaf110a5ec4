"""The circuit breaker: when it opens, when it lets a trial through, and how it closes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from atlas_core.engine.breaker import Breaker


def windowed() -> Breaker:
    return Breaker(limit=3, window=10, rest=60, longest_rest=300)


def in_a_row() -> Breaker:
    return Breaker(limit=3, window=None, rest=60, longest_rest=300)


def test_it_opens_at_the_last_failure_that_it_bears() -> None:
    breaker = windowed()
    assert [breaker.failed(now) for now in (0, 1, 2)] == [False, False, True]
    assert breaker.is_open
    assert not breaker.allows(2)


def test_failures_that_are_older_than_the_window_do_not_count() -> None:
    breaker = windowed()
    assert not any(breaker.failed(now) for now in (0, 6, 12, 18, 24, 30))


def test_without_a_window_failures_count_in_a_row_only() -> None:
    breaker = in_a_row()
    for now in (0, 1_000):
        breaker.failed(now)
    breaker.succeeded()
    assert [breaker.failed(now) for now in (2_000, 3_000, 4_000)] == [False, False, True]


def test_with_a_window_a_success_between_takes_nothing_back() -> None:
    breaker = windowed()
    breaker.failed(0)
    breaker.failed(1)
    breaker.succeeded()
    assert breaker.failed(2)


def test_a_trial_is_allowed_after_the_rest_and_its_success_closes() -> None:
    breaker = windowed()
    for now in (0, 1, 2):
        breaker.failed(now)
    assert not breaker.allows(61)
    assert breaker.allows(62)
    breaker.succeeded()
    assert not breaker.is_open
    assert breaker.allows(0)
    assert not breaker.failed(63)


def test_each_failed_trial_doubles_the_rest_up_to_the_longest() -> None:
    breaker, now, rests = windowed(), 0.0, []
    for _ in range(3):
        breaker.failed(now)
    for _ in range(5):
        rests.append(breaker.rest_left(now))
        now += breaker.rest_left(now)
        assert breaker.allows(now)
        assert breaker.failed(now)
    assert rests == [60, 120, 240, 300, 300]


def test_trials_that_fail_for_days_are_counted_too() -> None:
    breaker = Breaker(limit=1, window=600.0, rest=60.0, longest_rest=300.0)
    assert all(breaker.failed(60.0 * number) for number in range(2_000))
    assert breaker.rest_left(60.0 * 1_999) == 300.0


def test_a_heavy_failure_opens_at_once() -> None:
    breaker = windowed()
    assert breaker.failed(0, weight=3)
    assert breaker.openings == 1


@given(some.lists(some.tuples(some.integers(0, 30), some.booleans()), max_size=60))
def test_it_keeps_no_more_failures_than_its_limit_and_never_rests_beyond_the_longest(
    steps: list[tuple[int, bool]],
) -> None:
    breaker, now = windowed(), 0
    for pause, is_failure in steps:
        now += pause
        if is_failure:
            breaker.failed(now)
        else:
            breaker.succeeded()
        assert breaker.failures <= breaker.limit
        assert 0 <= breaker.rest_left(now) <= breaker.longest_rest
        assert breaker.is_open or breaker.allows(now)
