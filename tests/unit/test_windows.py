from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from atlas_core.clock import from_datetime
from atlas_core.marketdata.windows import WindowCalendar, window_calendar
from atlas_core.model.timeframe import DAY, HOUR, MINUTE, WEEK

NEW_YORK = "America/New_York"


@frozen
class Weekly:
    weekday: str
    start: str
    end: str
    zone: str = "UTC"


def calendar(weekday: str, start: str, end: str, zone: str = "UTC") -> WindowCalendar:
    return window_calendar([Weekly(weekday, start, end, zone)])


def at(text: str, zone: str = "UTC", *, fold: int = 0) -> int:
    return from_datetime(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold))


def test_a_window_begins_with_its_start_and_ends_before_its_end() -> None:
    friday = calendar("fri", "17:00", "18:30")
    start, end = at("2024-03-08 17:00"), at("2024-03-08 18:30")
    assert [friday.contains(ts) for ts in (start - 1, start, end - 1, end)] == [False, True, True, False]


def test_a_window_is_open_on_its_own_weekday_only() -> None:
    friday = calendar("fri", "17:00", "18:30")
    noon_past_five = at("2024-03-04 17:15")
    assert [friday.contains(noon_past_five + day * DAY) for day in range(7)] == [False] * 4 + [True] + [False] * 2


def test_a_window_that_passes_midnight_ends_on_the_next_day() -> None:
    friday = calendar("fri", "23:00", "01:00")
    start = at("2024-03-08 23:00")
    assert [friday.contains(start + hours * HOUR) for hours in (-1, 0, 1, 2)] == [False, True, True, False]
    assert not friday.contains(at("2024-03-08 00:30"))


def test_a_window_that_passes_the_end_of_the_week_ends_on_monday() -> None:
    sunday = calendar("sun", "23:30", "00:15")
    start = at("2024-03-10 23:30")
    assert [sunday.contains(start + minutes * MINUTE) for minutes in (-1, 0, 44, 45)] == [False, True, True, False]


def test_a_window_is_kept_in_its_own_zone() -> None:
    new_york = calendar("mon", "20:00", "21:00", NEW_YORK)
    assert new_york.contains(at("2024-01-09 01:30"))  # in UTC it is Tuesday already
    assert not new_york.contains(at("2024-01-08 20:30"))


@pytest.mark.parametrize(
    ("day", "hours_behind"), [("2024-03-08", 5), ("2024-03-15", 4), ("2024-11-01", 4), ("2024-11-08", 5)]
)
def test_daylight_saving_moves_nothing_on_the_clock_of_the_wall(day: str, hours_behind: int) -> None:
    friday = calendar("fri", "17:00", "18:00", NEW_YORK)
    start = at(f"{day} 17:00", NEW_YORK)
    assert start == at(f"{day} 17:00") + hours_behind * HOUR
    assert [friday.contains(ts) for ts in (start - 1, start, start + HOUR - 1, start + HOUR)] == [
        False, True, True, False,
    ]  # fmt: skip


def test_a_window_over_the_hour_that_is_left_out_in_spring_is_an_hour_shorter() -> None:
    sunday = calendar("sun", "01:00", "04:00", NEW_YORK)
    start = at("2024-03-10 01:00", NEW_YORK)
    assert [sunday.contains(start + hours * HOUR) for hours in (0, 1, 2)] == [True, True, False]
    assert at("2024-03-10 04:00", NEW_YORK) == start + 2 * HOUR


def test_a_window_in_the_hour_that_comes_twice_in_autumn_is_open_both_times() -> None:
    sunday = calendar("sun", "01:00", "02:00", NEW_YORK)
    first = at("2024-11-03 01:30", NEW_YORK)
    second = at("2024-11-03 01:30", NEW_YORK, fold=1)
    assert second - first == HOUR
    assert [sunday.contains(ts) for ts in (first - HOUR, first, second, second + HOUR)] == [False, True, True, False]


def test_a_calendar_holds_all_its_windows() -> None:
    both = window_calendar([Weekly("mon", "10:00", "11:00"), Weekly("tue", "10:00", "11:00", NEW_YORK)])
    monday = at("2024-03-11 10:30")
    assert both.contains(monday)
    assert both.contains(at("2024-03-12 10:30", NEW_YORK))
    assert not both.contains(monday + DAY)


def test_a_calendar_without_windows_is_never_in_one() -> None:
    assert not window_calendar([]).contains(at("2024-03-08 17:00"))


TIME_OF_DAY = st.integers(0, 1439)


def clock_text(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


@given(st.sampled_from(["mon", "wed", "sun"]), TIME_OF_DAY, st.integers(1, 1439), st.integers(0, 7 * 1440 - 1))
def test_a_week_holds_a_window_exactly_once(weekday: str, start: int, length: int, minute: int) -> None:
    window = calendar(weekday, clock_text(start), clock_text((start + length) % 1440))
    monday = from_datetime(datetime(2024, 3, 4, tzinfo=UTC))
    first = monday + ["mon", "tue", "wed", "thu", "fri", "sat", "sun"].index(weekday) * DAY + start * MINUTE
    ts = monday + minute * MINUTE
    assert window.contains(ts) == ((ts - first) % WEEK < length * MINUTE)
