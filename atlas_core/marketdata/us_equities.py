"""The trading days of the US share exchanges from 1993 to 2100: 09:30 to 16:00 in New York, 13:00 on half days.

Holidays follow the rules of the exchange as they stood in each year; what no rule foresees (mourning, attacks, storms)
is listed by date. Days to come follow the rules of today. Sources: the exchange's holiday rule (NYSE Rule 7.2) and its
notices of closings; a test holds every day against an independent calendar.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
from attrs import frozen

from atlas_core.clock import from_datetime
from atlas_core.model.bars import Times, as_times
from atlas_core.model.timeframe import DAY, MINUTE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

FIRST_YEAR, LAST_YEAR = 1993, 2100
ZONE = ZoneInfo("America/New_York")
OPENS, CLOSES, CLOSES_EARLY = 9 * 60 + 30, 16 * 60, 13 * 60  # minutes after midnight

_MONDAY, _WEDNESDAY, _THURSDAY, _SATURDAY, _SUNDAY = 0, 2, 3, 5, 6
_CLOSED = (
    *("1994-04-27", "2001-09-11", "2001-09-12", "2001-09-13", "2001-09-14", "2004-06-11", "2007-01-02"),
    *("2012-10-29", "2012-10-30", "2018-12-05", "2025-01-09"),
)
_SHORT = ("1996-07-05", "1997-12-26", "1999-12-31", "2002-07-05", "2003-12-26")


@frozen(eq=False)
class Sessions:
    """The trading days, oldest first: days since 1970, opening and closing times (nanoseconds UTC), all int64."""

    day: Times
    opens_at: Times
    closes_at: Times


@lru_cache(maxsize=1)
def us_equity_sessions() -> Sessions:
    """Return every trading day of the calendar; made once."""
    years = range(FIRST_YEAR, LAST_YEAR + 1)
    closed = _as_days(day for year in years for day in holidays(year))
    every = np.arange(_first_day(FIRST_YEAR), _first_day(LAST_YEAR + 1), dtype=np.int64)
    weekday = (every + _THURSDAY) % 7  # the first day of 1970 was a Thursday
    day = every[(weekday < _SATURDAY) & ~np.isin(every, closed)]
    is_half = np.isin(day, _as_days(day for year in years for day in half_days(year)))
    midnight = day * DAY - _offsets(day)
    closes = np.where(is_half, CLOSES_EARLY, CLOSES)
    return Sessions(as_times(day), as_times(midnight + OPENS * MINUTE), as_times(midnight + closes * MINUTE))


def holidays(year: int) -> frozenset[date]:
    """Return the weekdays of `year` on which the exchange is closed all day."""
    days = {
        _nth_weekday(year, 2, _MONDAY, 3),
        easter_sunday(year) - timedelta(days=2),
        _last_monday_of_may(year),
        _observed(date(year, 7, 4)),
        _nth_weekday(year, 9, _MONDAY, 1),
        thanksgiving(year),
        _observed(date(year, 12, 25)),
        *_listed(_CLOSED, year),
    }
    new_year = date(year, 1, 1)
    if new_year.weekday() != _SATURDAY:  # it would fall on the last day of the year before, which stays open
        days.add(_observed(new_year))
    if year >= 1998:
        days.add(_nth_weekday(year, 1, _MONDAY, 3))
    if year >= 2022:
        days.add(_observed(date(year, 6, 19)))
    return frozenset(day for day in days if day.weekday() < _SATURDAY)


def half_days(year: int) -> frozenset[date]:
    """Return the days of `year` on which the exchange closes at 13:00."""
    days = {thanksgiving(year) + timedelta(days=1), date(year, 12, 24), *_listed(_SHORT, year)}
    before_independence = date(year, 7, 3)
    if year >= 2013 or before_independence.weekday() != _WEDNESDAY:
        days.add(before_independence)
    return frozenset(day for day in days if day.weekday() < _SATURDAY and day not in holidays(year))


def thanksgiving(year: int) -> date:
    """Return the fourth Thursday of November."""
    return _nth_weekday(year, 11, _THURSDAY, 4)


def easter_sunday(year: int) -> date:
    """Return Easter Sunday of the Gregorian calendar (the anonymous method of Meeus, Astronomical Algorithms)."""
    century, place = divmod(year, 100)
    shift = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * (year % 19) + century - century // 4 - shift + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (place // 4) - epact - place % 4) % 7
    correction = (year % 19 + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * correction + 114, 31)
    return date(year, month, day + 1)


def _offsets(day: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return New York's offset from UTC on each day; clocks change on Sundays, so one look a week is enough."""
    weeks, place = np.unique((day + _THURSDAY) // 7, return_inverse=True)
    mondays = (datetime.fromtimestamp((week * 7 - _THURSDAY) * 86_400, UTC) for week in weeks.tolist())
    offsets = [from_datetime(m) - from_datetime(datetime.combine(m, time(), ZONE)) for m in mondays]
    return np.array(offsets, dtype=np.int64)[place]


def _listed(days: tuple[str, ...], year: int) -> Iterator[date]:
    return (date.fromisoformat(day) for day in days if day.startswith(str(year)))


def _as_days(days: Iterator[date]) -> NDArray[np.int64]:
    return np.array([day.toordinal() - date(1970, 1, 1).toordinal() for day in days], dtype=np.int64)


def _first_day(year: int) -> int:
    return date(year, 1, 1).toordinal() - date(1970, 1, 1).toordinal()


def _last_monday_of_may(year: int) -> date:
    last = date(year, 5, 31)
    return last - timedelta(days=last.weekday())


def _observed(day: date) -> date:
    moves = {_SATURDAY: -1, _SUNDAY: 1}
    return day + timedelta(days=moves.get(day.weekday(), 0))


def _nth_weekday(year: int, month: int, weekday: int, count: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (count - 1))
