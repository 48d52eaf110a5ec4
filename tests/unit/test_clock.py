from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_core.clock import LiveClock, SimClock, Stopwatch, from_datetime, to_datetime

TIMES = st.integers(-(2**63), 2**63 - 1)
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(1700, 1, 1), datetime(2250, 1, 1), timezones=ZONES)  # noqa: DTZ001


@given(TIMES)
def test_a_time_survives_as_a_datetime_but_for_its_nanoseconds(ts: int) -> None:
    moment = to_datetime(ts)
    assert moment.tzinfo is UTC
    assert from_datetime(moment) == ts - ts % 1_000


@given(MOMENTS)
def test_a_moment_of_any_zone_survives_as_nanoseconds(moment: datetime) -> None:
    assert to_datetime(from_datetime(moment)) == moment


@given(MOMENTS, ZONES)
def test_the_zone_in_which_a_moment_is_written_changes_nothing(moment: datetime, zone: timezone) -> None:
    assert from_datetime(moment.astimezone(zone)) == from_datetime(moment)


def test_a_known_moment_has_its_known_number() -> None:
    assert from_datetime(datetime(2022, 1, 1, 0, 0, 0, 250_000, tzinfo=UTC)) == 1_640_995_200_250_000_000
    assert to_datetime(1_640_995_200_000_000_999) == datetime(2022, 1, 1, tzinfo=UTC)
    assert to_datetime(-1) == datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a time with a zone, was 2024-01-02T03:04:00"):
        from_datetime(datetime(2024, 1, 2, 3, 4))  # noqa: DTZ001


@given(TIMES, st.lists(TIMES, max_size=10))
def test_a_simulated_clock_shows_the_latest_time_it_was_sent_to(start: int, times: list[int]) -> None:
    clock, shown = SimClock(start), [start]
    for ts in times:
        clock.advance_to(ts)
        shown.append(clock.now())
    assert shown == sorted(shown)
    assert clock.now() == max([start, *times])


def test_the_machines_time_is_in_nanoseconds() -> None:
    before, after = LiveClock().now(), LiveClock().now()
    assert from_datetime(datetime(2024, 1, 1, tzinfo=UTC)) < before <= after


def test_a_stopwatch_runs_forward() -> None:
    watch = Stopwatch()
    first = watch.seconds()
    assert 0 <= first <= watch.seconds()
