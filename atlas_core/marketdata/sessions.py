"""The grid of a market with trading hours: buckets begin at the opening and are cut at the close.

A bucket of minutes or hours begins at `opening + k * width` and ends where the next one begins or the session closes:
the seventh hour of a US share lasts 30 minutes, and a half day has one bucket of four hours. A day is one session.
Weeks (Monday first), months, quarters and years hold the sessions whose date lies in them: they begin with the first
opening and end with the last close. Between two sessions there is no bucket.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from atlas_core.clock import to_datetime
from atlas_core.errors import DataError
from atlas_core.marketdata.grid import UTC_GRID, BucketGrid
from atlas_core.marketdata.us_equities import us_equity_sessions
from atlas_core.model.bars import Bars, Times, as_times
from atlas_core.model.session import TradingSession
from atlas_core.model.timeframe import DAY, HOUR, Timeframe

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlas_core.marketdata.us_equities import Sessions

_MONDAY_DAY = 4  # 1970-01-05
_NOON = 15 * HOUR  # UTC; an hour at which every session of its date is open


@frozen(eq=False)
class _Periods:
    """Sessions put together by date: where each period begins and ends, as columns and as lists to bisect."""

    key: NDArray[np.int64]
    starts: Times
    ends: Times
    start_list: list[int]
    end_list: list[int]


class SessionGrid(BucketGrid):
    """The buckets of a market with sessions; raises DataError for times outside its calendar."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._periods: dict[tuple[str, int], _Periods] = {}

    def start(self, timeframe: Timeframe, ts: int) -> int:
        """Return the start of the bucket that contains `ts`, or of the next one between two sessions."""
        periods = self._of(timeframe)
        begins = periods.start_list[_index(periods, ts)]
        if timeframe.is_within_day and ts > begins:
            return ts - (ts - begins) % timeframe.duration
        return begins

    def end(self, timeframe: Timeframe, ts: int) -> int:
        """Return the end of the bucket that begins at `start(timeframe, ts)`."""
        periods = self._of(timeframe)
        index = _index(periods, ts)
        begins, ends = periods.start_list[index], periods.end_list[index]
        if not timeframe.is_within_day:
            return ends
        passed = max(0, ts - begins) // timeframe.duration
        return min(begins + (passed + 1) * timeframe.duration, ends)

    def before(self, timeframe: Timeframe, ts: int, count: int) -> int:
        """Return the start of the bucket that is `count` buckets before the one of `ts`."""
        periods = self._of(timeframe)
        index = _index(periods, ts)
        if timeframe.is_within_day:
            passed = (self.start(timeframe, ts) - periods.start_list[index]) // timeframe.duration
            while passed < count and index:
                index, count = index - 1, count - passed
                passed = -(-(periods.end_list[index] - periods.start_list[index]) // timeframe.duration)
            return periods.start_list[index] + max(0, passed - count) * timeframe.duration
        return periods.start_list[max(0, index - count)]

    def ends(self, timeframe: Timeframe, times: Times) -> Times:
        """Return `end` of each of many times."""
        if not len(times):
            return as_times(times)
        periods = self._of(timeframe)
        _index(periods, int(times.min())), _index(periods, int(times.max()))
        index = np.searchsorted(periods.ends, times, side="right")
        begins, ends = periods.starts[index], periods.ends[index]
        if not timeframe.is_within_day:
            return as_times(ends)
        passed = np.maximum(0, times - begins) // timeframe.duration
        return as_times(np.minimum(begins + (passed + 1) * timeframe.duration, ends))

    def buckets(self, timeframe: Timeframe, first: int, last: int) -> tuple[Times, Times]:
        """Return the starts and ends of all buckets from the one of `first` to the one of `last`."""
        periods = self._of(timeframe)
        part = slice(_index(periods, first), _index(periods, last) + 1)
        begins, ends = periods.starts[part], periods.ends[part]
        if not timeframe.is_within_day:
            return begins, ends
        counts = -(-(ends - begins) // timeframe.duration)
        starts = np.repeat(begins, counts) + _count_up(counts) * timeframe.duration
        cut = np.minimum(starts + timeframe.duration, np.repeat(ends, counts))
        inside = slice(*np.searchsorted(starts, (self.start(timeframe, first), self.start(timeframe, last) + 1)))
        return as_times(starts[inside]), as_times(cut[inside])

    def can_make(self, base: Timeframe, timeframe: Timeframe) -> bool:
        """Tell whether both timeframes exist on this grid and bars of `base` make those of `timeframe`."""
        if not (_exists(base) and _exists(timeframe)):
            return False
        if base.is_within_day:
            return not timeframe.is_within_day or timeframe.duration % base.duration == 0
        if base.unit == "d":
            return not timeframe.is_within_day
        return timeframe.unit == base.unit and timeframe.count % base.count == 0

    def place(self, timeframe: Timeframe, opened_at: int, available_at: int) -> tuple[int, int] | None:
        """Return where a bar of `timeframe` lies: cut at the close; a day, week or month is known by its date (UTC)."""
        periods = self._of(timeframe)
        date = opened_at // DAY
        index = _index(periods, opened_at if timeframe.is_within_day else date * DAY + _NOON)
        begins, ends = periods.start_list[index], periods.end_list[index]
        if not timeframe.is_within_day:
            return (begins, ends) if int(_keys(timeframe, np.array([date]))[0]) == periods.key[index] else None
        if opened_at < begins:
            return None
        if (opened_at - begins) % timeframe.duration:
            raise _between(str(timeframe), opened_at, begins)
        return opened_at, min(available_at, ends)

    def fitted(self, bars: Bars) -> Bars:
        """Return the bars inside the sessions; days, weeks and months are given the times of their sessions."""
        if not len(bars):
            return bars
        rows, begins, ends = (self._hours if bars.timeframe.is_within_day else self._dates)(bars)
        if len(rows) < len(bars):
            bars = bars.take(rows)
        if bars.timeframe.is_within_day:
            between = np.flatnonzero((bars.opened_at - begins) % bars.timeframe.duration)
            if len(between):
                raise _between(str(bars), int(bars.opened_at[between[0]]), int(begins[between[0]]))
            begins, ends = bars.opened_at, np.minimum(bars.available_at, ends)
        if np.array_equal(begins, bars.opened_at) and np.array_equal(ends, bars.available_at):
            return bars
        return Bars(bars.symbol, bars.timeframe, begins, ends, *bars.prices(), bars.volume, bars.tick_size)

    def _hours(self, bars: Bars) -> tuple[Times, Times, Times]:
        """Return the rows that open inside a session, and its opening and close for each of them."""
        sessions = self._of(_DAY)
        first, last = int(bars.opened_at[0]), int(bars.opened_at[-1])
        part = slice(_index(sessions, first), _index(sessions, last) + 1)
        opens, closes = sessions.starts[part], sessions.ends[part]
        firsts = np.searchsorted(bars.opened_at, opens)
        counts = np.searchsorted(bars.opened_at, closes) - firsts
        return np.repeat(firsts, counts) + _count_up(counts), np.repeat(opens, counts), np.repeat(closes, counts)

    def _dates(self, bars: Bars) -> tuple[Times, Times, Times]:
        """Return the rows whose date lies in a period with sessions, and its start and end for each of them."""
        periods = self._of(bars.timeframe)
        for ts in (int(bars.opened_at[0]), int(bars.opened_at[-1])):
            _index(periods, ts)
        keys = _keys(bars.timeframe, bars.opened_at // DAY)
        index = np.searchsorted(periods.key, keys)
        rows = np.flatnonzero(periods.key[np.minimum(index, len(periods.key) - 1)] == keys)
        return rows, periods.starts[index[rows]], periods.ends[index[rows]]

    def _of(self, timeframe: Timeframe) -> _Periods:
        """Return the periods of a timeframe; those of minutes and hours are the sessions."""
        unit, count = ("d", 1) if timeframe.is_within_day else (timeframe.unit, timeframe.count)
        periods = self._periods.get((unit, count))
        if periods is None:
            if not _exists(timeframe):
                raise DataError(
                    f"expected a timeframe that sessions can make (up to 23h, or 1d, 1w, 1M), was {timeframe}"
                )
            sessions = self._sessions
            keys = _keys(timeframe, sessions.day)
            firsts = np.flatnonzero(np.diff(keys, prepend=keys[0] - 1))
            starts = as_times(sessions.opens_at[firsts])
            ends = as_times(sessions.closes_at[np.append(firsts[1:], len(keys)) - 1])
            periods = _Periods(keys[firsts], starts, ends, starts.tolist(), ends.tolist())
            self._periods[unit, count] = periods
        return periods


@cache
def grid_of(session: TradingSession) -> BucketGrid:
    """Return the grid of a trading session; the same object for the same session."""
    return SessionGrid(us_equity_sessions()) if session is TradingSession.US_EQUITIES else UTC_GRID


_DAY = Timeframe("1d", 1, "d", DAY)


def _exists(timeframe: Timeframe) -> bool:
    return timeframe.is_within_day or timeframe.unit in "wM" or (timeframe.unit == "d" and timeframe.count == 1)


def _keys(timeframe: Timeframe, day: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the number of the period in which each day since 1970 lies."""
    if timeframe.is_calendar_month:
        months = day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
        return (months + 1970 * 12) // timeframe.count
    return (day - _MONDAY_DAY) // 7 // timeframe.count if timeframe.unit == "w" else day


def _index(periods: _Periods, ts: int) -> int:
    """Return the period that contains `ts`, or the next one."""
    index = bisect_right(periods.end_list, ts)
    if index == len(periods.end_list) or ts < periods.start_list[0] - 7 * DAY:
        covered = " to ".join(f"{to_datetime(t):%Y-%m-%d}" for t in (periods.start_list[0], periods.end_list[-1]))
        raise DataError(f"expected times that the session calendar covers ({covered}), was {to_datetime(ts):%Y-%m-%d}")
    return index


def _count_up(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return 0, 1, 2 … within each of the groups that have so many members."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total, dtype=np.int64) - np.repeat(ends - counts, counts)


def _between(what: str, opened_at: int, begins: int) -> DataError:
    return DataError(
        f"{what}: expected bars that begin at the opening ({to_datetime(begins):%H:%M}Z that day) or a whole number of "
        f"bars after it, was {to_datetime(opened_at):%Y-%m-%d %H:%M}Z; bars of clock hours make no session bars, "
        "so take minute bars"
    )
