"""Tests of the calendar of US share exchanges, held against an independent one where it is installed."""

from __future__ import annotations

import warnings
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from atlas_core.clock import to_datetime
from atlas_core.marketdata.us_equities import easter_sunday, half_days, holidays, us_equity_sessions
from atlas_core.model.timeframe import DAY, HOUR, MINUTE

NEW_YORK = ZoneInfo("America/New_York")


def session(day: str) -> tuple[str, str] | None:
    """Return opening and close of a day in New York, None when the exchange is closed."""
    sessions = us_equity_sessions()
    number = (datetime.fromisoformat(day).replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days
    found = np.flatnonzero(sessions.day == number)
    if not len(found):
        return None
    times = (int(sessions.opens_at[found[0]]), int(sessions.closes_at[found[0]]))
    opens, closes = (to_datetime(ts).astimezone(NEW_YORK).strftime("%H:%M") for ts in times)
    return opens, closes


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2015-12-24", ("09:30", "13:00")),
        ("2015-12-25", None),
        ("2022-06-20", None),
        ("2021-06-18", ("09:30", "16:00")),
        ("2021-12-31", ("09:30", "16:00")),
        ("2013-07-03", ("09:30", "13:00")),
        ("2012-07-03", ("09:30", "13:00")),
        ("1996-07-03", ("09:30", "16:00")),
        ("1996-07-05", ("09:30", "13:00")),
        ("1997-01-20", ("09:30", "16:00")),
        ("1998-01-19", None),
        ("2001-09-12", None),
        ("2012-10-29", None),
        ("2025-01-09", None),
        ("2026-11-26", None),
        ("2026-11-27", ("09:30", "13:00")),
        ("2026-11-28", None),
        ("2026-03-06", ("09:30", "16:00")),
        ("2026-03-09", ("09:30", "16:00")),
        ("2026-11-02", ("09:30", "16:00")),
    ],
)
def test_a_day_has_the_hours_of_the_exchange(day: str, expected: tuple[str, str] | None) -> None:
    assert session(day) == expected


def test_an_opening_moves_in_utc_with_daylight_saving() -> None:
    sessions = us_equity_sessions()
    hours = set(((sessions.opens_at % DAY) // MINUTE).tolist())
    assert hours == {13 * 60 + 30, 14 * 60 + 30}
    assert set(((sessions.closes_at - sessions.opens_at) // MINUTE).tolist()) == {210, 390}


def test_every_session_lies_on_its_own_date_in_utc_and_holds_15_o_clock() -> None:
    sessions = us_equity_sessions()
    assert np.array_equal(sessions.opens_at // DAY, sessions.day)
    assert np.all(sessions.closes_at < (sessions.day + 1) * DAY)
    assert np.all(sessions.opens_at <= sessions.day * DAY + 15 * HOUR)
    assert np.all(sessions.closes_at > sessions.day * DAY + 15 * HOUR)


def test_a_half_day_is_never_a_holiday() -> None:
    for year in range(1993, 2100):
        assert not half_days(year) & holidays(year)


@pytest.mark.parametrize(
    ("year", "expected"), [(1993, date(1993, 4, 11)), (2000, date(2000, 4, 23)), (2038, date(2038, 4, 25))]
)
def test_easter(year: int, expected: date) -> None:
    assert easter_sunday(year) == expected


def test_every_session_is_the_one_of_an_independent_calendar() -> None:
    calendars = pytest.importorskip("exchange_calendars", reason="exchange_calendars is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = calendars.get_calendar("XNYS", start="1993-01-01", end="2026-11-25").schedule
    opens, closes = (np.array([ts.value for ts in table[name]], dtype=np.int64) for name in ("open", "close"))
    own = us_equity_sessions()
    known = own.opens_at <= opens[-1]
    assert len(opens) > 250 * 33
    assert np.array_equal(own.opens_at[known], opens)
    assert np.array_equal(own.closes_at[known], closes)


def test_the_calendar_has_no_longer_pause_than_the_attacks_of_2001() -> None:
    days = us_equity_sessions().day
    assert int(np.diff(days).max()) == 7
    assert date(1970, 1, 1) + timedelta(days=int(days[np.argmax(np.diff(days))])) == date(2001, 9, 10)
