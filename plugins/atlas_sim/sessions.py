"""When the synthetic venues trade: opening times of minute bars, cut into spells of half an hour.

Shares trade Monday to Friday 09:30 to 16:00 in New York, except on ten holidays a year, and until 13:00 on three half
days. Perpetuals trade around the clock except on Friday from 17:00 to 18:00 in New York, when the venue is maintained.
Every session is a whole number of half hours, so a spell never spans a break.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
from attrs import frozen

from atlas_core import from_datetime

if TYPE_CHECKING:
    from numpy.typing import NDArray

MINUTE = 60_000_000_000
SPELL_MINUTES = 30
MINUTES_PER_DAY = 1_440
NEW_YORK = ZoneInfo("America/New_York")

_MONDAY, _FRIDAY, _SATURDAY, _SUNDAY = 0, 4, 5, 6
_OPEN, _CLOSE, _EARLY_CLOSE = time(9, 30), time(16, 0), time(13, 0)
_MAINTENANCE = time(17, 0)

# Volatility of each half hour in percent of the day's average: shares are busiest at both ends of the session,
# perpetuals while New York is awake.
_SHARE_ACTIVITY = (190, 140, 115, 100, 90, 80, 75, 72, 75, 82, 92, 110, 145)
_PERP_ACTIVITY = (
    *(95, 90, 85, 80, 80, 78, 76, 76, 78, 80, 84, 88, 92, 96, 100, 100, 98, 96, 94, 92, 92, 94, 98, 104),
    *(112, 120, 132, 150, 158, 150, 142, 136, 130, 122, 116, 112, 108, 106, 104, 102, 100, 98, 96, 94, 92, 92, 94, 96),
)


@frozen(eq=False)
class Week:
    """The minutes of one week: opening times in nanoseconds UTC, and the activity of each spell in percent."""

    opened_at: NDArray[np.int64]
    activity_pct: NDArray[np.int64]


def monday_of(day: date) -> date:
    """Return the Monday on or before `day`."""
    return day - timedelta(days=day.weekday())


def perpetual_week(monday: date) -> Week:
    """Return the week of a market that never closes but for its maintenance hour."""
    start = from_datetime(datetime.combine(monday, time(), UTC))
    minutes = np.arange(7 * MINUTES_PER_DAY, dtype=np.int64)
    pause = from_datetime(datetime.combine(monday + timedelta(days=_FRIDAY), _MAINTENANCE, NEW_YORK))
    first = (pause - start) // MINUTE
    minutes = np.delete(minutes, slice(first, first + 60))
    half_hours = (minutes[::SPELL_MINUTES] % MINUTES_PER_DAY) // SPELL_MINUTES
    return Week(start + minutes * MINUTE, np.array(_PERP_ACTIVITY, dtype=np.int64)[half_hours])


def share_week(monday: date) -> Week:
    """Return the week of a stock exchange; holidays are missing and half days are short."""
    opened: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)]
    activity: list[int] = []
    for day in (monday + timedelta(days=offset) for offset in range(5)):
        minutes = session_minutes(day)
        start = from_datetime(datetime.combine(day, _OPEN, NEW_YORK))
        opened.append(start + np.arange(minutes, dtype=np.int64) * MINUTE)
        activity.extend(_SHARE_ACTIVITY[: minutes // SPELL_MINUTES])
    return Week(np.concatenate(opened), np.array(activity, dtype=np.int64))


def session_minutes(day: date) -> int:
    """Return how many minutes the stock exchange is open on `day`: 390, 210 on a half day, or 0."""
    if day.weekday() >= _SATURDAY or day in holidays(day.year):
        return 0
    closing = _EARLY_CLOSE if day in half_days(day.year) else _CLOSE
    return (closing.hour - _OPEN.hour) * 60 + closing.minute - _OPEN.minute


@lru_cache(maxsize=64)
def holidays(year: int) -> frozenset[date]:
    """Return the days of `year` on which the stock exchange is closed."""
    fixed = (date(year, 6, 19), date(year, 7, 4), date(year, 12, 25))
    new_year = date(year, 1, 1)
    return frozenset(
        {
            *(_observed(day) for day in fixed),
            # A New Year's Day on a Saturday is not moved into the year before.
            new_year if new_year.weekday() == _SATURDAY else _observed(new_year),
            _nth_weekday(year, 1, _MONDAY, 3),
            _nth_weekday(year, 2, _MONDAY, 3),
            easter_sunday(year) - timedelta(days=2),
            monday_of(date(year, 5, 31)),
            _nth_weekday(year, 9, _MONDAY, 1),
            thanksgiving(year),
        }
    )


@lru_cache(maxsize=64)
def half_days(year: int) -> frozenset[date]:
    """Return the days of `year` on which the stock exchange closes at 13:00."""
    candidates = (date(year, 7, 3), thanksgiving(year) + timedelta(days=1), date(year, 12, 24))
    return frozenset(day for day in candidates if day.weekday() < _SATURDAY and day not in holidays(year))


def thanksgiving(year: int) -> date:
    """Return the fourth Thursday of November."""
    return _nth_weekday(year, 11, 3, 4)


def easter_sunday(year: int) -> date:
    """Return Easter Sunday of the Gregorian calendar (the anonymous method of Meeus, Astronomical Algorithms)."""
    century, place = divmod(year, 100)
    shift = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * (year % 19) + century - century // 4 - shift + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (place // 4) - epact - place % 4) % 7
    correction = (year % 19 + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * correction + 114, 31)
    return date(year, month, day + 1)


def _observed(day: date) -> date:
    moves = {_SATURDAY: -1, _SUNDAY: 1}
    return day + timedelta(days=moves.get(day.weekday(), 0))


def _nth_weekday(year: int, month: int, weekday: int, count: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (count - 1))
