"""The calendars of the synthetic venues."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_core import to_datetime
from atlas_sim.sessions import (
    MINUTE,
    SPELL_MINUTES,
    easter_sunday,
    half_days,
    holidays,
    monday_of,
    perpetual_week,
    session_minutes,
    share_week,
)

NEW_YORK = ZoneInfo("America/New_York")
days = st.dates(date(1990, 1, 1), date(2099, 12, 31))


@pytest.mark.parametrize(
    ("year", "closed"),
    [
        (2022, "01-17 02-21 04-15 05-30 06-20 07-04 09-05 11-24 12-26"),
        (2025, "01-01 01-20 02-17 04-18 05-26 06-19 07-04 09-01 11-27 12-25"),
        (2026, "01-01 01-19 02-16 04-03 05-25 06-19 07-03 09-07 11-26 12-25"),
    ],
)
def test_the_exchange_is_closed_on_its_holidays(year: int, closed: str) -> None:
    weekdays = sorted(day.strftime("%m-%d") for day in holidays(year) if day.weekday() < 5)
    assert weekdays == closed.split()


def test_half_days_leave_out_those_that_are_holidays() -> None:
    assert sorted(half_days(2025)) == [date(2025, 7, 3), date(2025, 11, 28), date(2025, 12, 24)]
    assert sorted(half_days(2026)) == [date(2026, 11, 27), date(2026, 12, 24)]


def test_a_new_years_day_on_a_saturday_closes_no_day_of_the_year_before() -> None:
    assert session_minutes(date(2021, 12, 31)) == 390


@pytest.mark.parametrize("text", ["2000-04-23", "2008-03-23", "2011-04-24", "2024-03-31", "2026-04-05", "2038-04-25"])
def test_easter_is_where_the_church_puts_it(text: str) -> None:
    day = date.fromisoformat(text)
    assert easter_sunday(day.year) == day


def test_a_full_session_lasts_390_minutes_and_a_half_one_210() -> None:
    assert session_minutes(date(2026, 1, 5)) == 390
    assert session_minutes(date(2026, 11, 27)) == 210
    assert session_minutes(date(2026, 1, 19)) == 0
    assert session_minutes(date(2026, 1, 10)) == 0


def test_shares_trade_from_half_past_nine_in_new_york_in_winter_and_in_summer() -> None:
    for monday, opening in ((date(2026, 1, 5), "14:30"), (date(2026, 7, 6), "13:30")):
        first = to_datetime(int(share_week(monday).opened_at[0]))
        assert first.strftime("%H:%M") == opening
        assert first.astimezone(NEW_YORK).strftime("%H:%M") == "09:30"


@given(days)
def test_a_share_week_lies_inside_its_sessions(day: date) -> None:
    week = share_week(monday_of(day))
    assert len(week.opened_at) == len(week.activity_pct) * SPELL_MINUTES
    for ts in week.opened_at[::SPELL_MINUTES].tolist():
        local = to_datetime(ts).astimezone(NEW_YORK)
        assert (9, 30) <= (local.hour, local.minute) < (16, 0)
        assert session_minutes(local.date()) > 0


@given(days)
def test_a_perpetual_week_misses_one_hour_on_friday_evening_in_new_york(day: date) -> None:
    week = perpetual_week(monday_of(day))
    assert len(week.opened_at) == 7 * 1_440 - 60 == len(week.activity_pct) * SPELL_MINUTES
    breaks = np.flatnonzero(np.diff(week.opened_at) != MINUTE)
    assert len(breaks) == 1
    paused = to_datetime(int(week.opened_at[breaks[0]]) + MINUTE).astimezone(NEW_YORK)
    resumed = to_datetime(int(week.opened_at[breaks[0] + 1])).astimezone(NEW_YORK)
    assert (paused.weekday(), paused.hour, paused.minute) == (4, 17, 0)
    assert (resumed.weekday(), resumed.hour, resumed.minute) == (4, 18, 0)


def test_weeks_of_perpetuals_join_without_a_break() -> None:
    first, second = perpetual_week(date(2026, 1, 5)), perpetual_week(date(2026, 1, 12))
    assert first.opened_at[0] == int(datetime(2026, 1, 5, tzinfo=UTC).timestamp()) * 10**9
    assert second.opened_at[0] == first.opened_at[-1] + MINUTE
