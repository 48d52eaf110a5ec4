"""How long a session runs: durations and times as people write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_core.clock import from_datetime, to_datetime
from atlas_core.errors import UsageError
from atlas_core.model.timeframe import HOUR, MINUTE
from atlas_core.runtime.ending import next_local, read_duration, read_until

NEW_YORK = "America/New_York"


def moment(text: str) -> int:
    return from_datetime(datetime.fromisoformat(text).replace(tzinfo=UTC))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10m", 600), ("90s", 90), ("1h30m", 5400), ("2d", 172_800), ("1d1h1m1s", 90_061), ("120m", 7200)],
)
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert read_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0s", "10", "m", "10 m", "1m1h", "-1m", "1.5h", "10M", "10min"])
def test_what_is_no_duration_is_refused_with_the_forms(text: str) -> None:
    with pytest.raises(UsageError, match="expected a duration such as 10m"):
        read_duration(text)


def test_a_time_of_day_is_the_next_one_in_the_zone() -> None:
    assert read_until("16:00", moment("2026-04-06T19:59:59"), NEW_YORK) == moment("2026-04-06T20:00")
    assert read_until("16:00", moment("2026-04-06T20:00:00"), NEW_YORK) == moment("2026-04-07T20:00")
    assert read_until("16:00:30", moment("2026-04-06T15:00"), "UTC") == moment("2026-04-06T16:00:30")


def test_an_iso_time_without_a_zone_is_utc() -> None:
    now = moment("2026-04-06T00:00")
    assert read_until("2026-04-06T16:00", now, NEW_YORK) == moment("2026-04-06T16:00")
    assert read_until("2026-04-06T16:00-04:00", now, NEW_YORK) == moment("2026-04-06T20:00")


@pytest.mark.parametrize("text", ["24:00", "16", "4pm", "tomorrow", ""])
def test_what_is_no_time_is_refused_with_the_forms(text: str) -> None:
    with pytest.raises(UsageError, match="expected a time such as 16:00"):
        read_until(text, 0, "UTC")


def test_a_time_that_has_passed_is_refused() -> None:
    with pytest.raises(UsageError, match="expected a time after now"):
        read_until("2026-04-06", moment("2026-04-06T00:00"), "UTC")


def test_a_time_that_the_clocks_skip_comes_an_hour_later() -> None:
    assert next_local(moment("2026-03-08T05:30"), NEW_YORK, 2, 30) == moment("2026-03-08T07:30")


def test_a_time_that_comes_twice_is_the_first_one_and_then_that_of_the_next_day() -> None:
    first = moment("2026-11-01T05:30")
    assert next_local(moment("2026-11-01T05:00"), NEW_YORK, 1, 30) == first
    assert next_local(first, NEW_YORK, 1, 30) == moment("2026-11-02T06:30")


@given(st.integers(0, 86_399), st.integers(0, 400 * 24), st.sampled_from([NEW_YORK, "UTC", "Australia/Lord_Howe"]))
def test_the_next_time_of_day_is_ahead_and_at_most_some_hours_more_than_a_day_away(
    second_of_day: int, hours: int, zone: str
) -> None:
    now = moment("2026-01-01T00:00") + hours * HOUR + MINUTE
    found = next_local(now, zone, second_of_day // 3600, second_of_day // 60 % 60, second_of_day % 60)
    assert 0 < found - now <= 26 * HOUR
    assert to_datetime(found).second == second_of_day % 60
