"""When the synthetic venues trade: opening times of minute bars, cut into spells of half an hour.

Shares trade in the sessions of the US exchanges: 09:30 to 16:00 in New York, until 13:00 on half days. Perpetuals trade
around the clock except on Friday from 17:00 to 18:00 in New York, when the venue is maintained.
Every session is a whole number of half hours, so a spell never spans a break.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
from attrs import frozen

from atlas_core import TradingSession, from_datetime, grid_of, parse_timeframe

if TYPE_CHECKING:
    from numpy.typing import NDArray

MINUTE = 60_000_000_000
SPELL_MINUTES = 30
MINUTES_PER_DAY = 1_440
NEW_YORK = ZoneInfo("America/New_York")

_FRIDAY = 4
_DAY = parse_timeframe("1d")
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
    start = from_datetime(datetime.combine(monday, time(), UTC))
    opens, closes = grid_of(TradingSession.US_EQUITIES).buckets(_DAY, start, start + 7 * _DAY.duration)
    opened: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)]
    activity: list[int] = []
    for opening, closing in zip(opens.tolist(), closes.tolist(), strict=True):
        if closing > start + 7 * _DAY.duration:
            break  # the first session of the next week
        opened.append(np.arange(opening, closing, MINUTE, dtype=np.int64))
        activity.extend(_SHARE_ACTIVITY[: (closing - opening) // MINUTE // SPELL_MINUTES])
    return Week(np.concatenate(opened), np.array(activity, dtype=np.int64))
