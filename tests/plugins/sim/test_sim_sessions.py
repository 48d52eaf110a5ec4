"""The calendars of the synthetic venues."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from atlas_core import to_datetime
from atlas_sim.sessions import (
    MINUTE,
    SPELL_MINUTES,
    monday_of,
    perpetual_week,
    share_week,
)

NEW_YORK = ZoneInfo("America/New_York")
days = st.dates(date(1994, 1, 1), date(2099, 12, 31))


def test_a_week_holds_the_sessions_of_the_exchange() -> None:
    assert len(share_week(date(2026, 1, 5)).opened_at) == 5 * 390
    assert len(share_week(date(2026, 11, 23)).opened_at) == 3 * 390 + 210
    assert len(share_week(date(2001, 9, 10)).opened_at) == 390


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
        assert local.weekday() < 5


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
