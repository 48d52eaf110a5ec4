"""Bars as they arrive: columns that grow by one base bar at a time, and their higher timeframes."""

from __future__ import annotations

from copy import copy
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from atlas_core.errors import DataError
from atlas_core.marketdata.forming import Forming, formed
from atlas_core.marketdata.grid import UTC_GRID
from atlas_core.marketdata.resample import Columns, fold, only_valid, require_makeable, whole_from
from atlas_core.model.bars import Bars, sealed
from atlas_core.model.timeframe import Timeframe

if TYPE_CHECKING:
    from collections.abc import Callable

    from atlas_core.marketdata.grid import BucketGrid
    from atlas_core.model.bars import FormingBar

FIRST_CAPACITY = 256


class GrowingBars:
    """Columns with room at the end; rows are written once and never change, so views of them stay true.

    With `keep` the oldest rows go when there is no more room, so that at least `keep` stay; `dropped` counts them.
    """

    def __init__(self, symbol: str, timeframe: Timeframe, tick_size: Decimal) -> None:
        self.symbol = symbol
        self.timeframe = timeframe
        self.tick_size = tick_size
        self.count = 0
        self.keep: int | None = None
        self.dropped = 0
        self.times = np.empty((2, FIRST_CAPACITY), dtype=np.int64)
        self.values = np.empty((5, FIRST_CAPACITY), dtype=np.float64)

    def add(self, opened_at: int, available_at: int, *values: float) -> None:
        """Add one row."""
        self._make_room(1)
        self.times[:, self.count] = opened_at, available_at
        self.values[:, self.count] = values
        self.count += 1

    def extend(self, columns: Columns) -> None:
        """Add many rows."""
        added = len(columns.opened_at)
        self._make_room(added)
        rows = slice(self.count, self.count + added)
        self.times[0, rows], self.times[1, rows] = columns.opened_at, columns.available_at
        for column, values in zip(self.values, columns[2:], strict=True):
            column[rows] = values
        self.count += added

    def view(self, first: int, last: int) -> Bars:
        """Return rows `first` to `last` (exclusive) without copying them; every row was checked when it came."""
        columns = [*sealed(self.times[:, first:last]), *sealed(self.values[:, first:last])]
        return Bars.trusted(self.symbol, self.timeframe, self.tick_size, columns)

    def _make_room(self, rows: int) -> None:
        capacity = self.times.shape[1]
        if self.count + rows <= capacity:
            return
        if self.keep is not None and self.count >= 2 * self.keep:
            self._drop(self.count - self.keep)
            self._make_room(rows)
            return
        # Doubling keeps the cost of an append constant on average.
        room = max(2 * capacity, self.count + rows) - capacity
        self.times = np.concatenate((self.times, np.empty((2, room), dtype=np.int64)), axis=1)
        self.values = np.concatenate((self.values, np.empty((5, room), dtype=np.float64)), axis=1)

    def _drop(self, rows: int) -> None:
        """Forget the oldest rows; the columns are new ones, so that views of the old ones stay true."""
        self.times = np.concatenate((self.times[:, rows:], np.empty((2, rows), dtype=np.int64)), axis=1)
        self.values = np.concatenate((self.values[:, rows:], np.empty((5, rows), dtype=np.float64)), axis=1)
        self.count -= rows
        self.dropped += rows


class BarFeed:
    """One symbol's base bars as they arrive.

    `bars(timeframe)` equals `resample` of everything appended so far; appending costs the same however long the
    history is, and only buckets that closed since the last call are folded.
    """

    def __init__(
        self, symbol: str, timeframe: Timeframe, tick_size: Decimal = Decimal("0.01"), grid: BucketGrid = UTC_GRID
    ) -> None:
        self.symbol = symbol
        self.timeframe = timeframe
        self._grid = grid
        self._base = GrowingBars(symbol, timeframe, tick_size)
        self._now = 0
        self._last_opened_at: int | None = None
        self._last_available_at = 0
        self._last_close: float | None = None
        self._arrived: list[tuple[int, int, float, float, float, float, float]] = []
        self._forming: dict[str, Forming] = {}  # by the text of the timeframe, which hashes much faster
        self._adders: list[Callable[[int, float, float, float, float, float], None]] = []
        self._higher: dict[Timeframe, _Higher] = {}
        self._views: dict[str, tuple[tuple[int, int], Bars]] = {}

    def __len__(self) -> int:
        """Return the number of base bars that are kept."""
        return self._base.count + len(self._arrived)

    def keep_last(self, rows: int) -> None:
        """From now on keep the newest `rows` bars of every timeframe, and up to four times as many."""
        self._base.keep = rows
        for higher in self._higher.values():
            higher.columns.keep = rows

    @property
    def last_close(self) -> float | None:
        """The close of the newest base bar, None before the first."""
        return self._last_close

    @property
    def grid(self) -> BucketGrid:
        """The grid on which the higher timeframes lie."""
        return self._grid

    @property
    def now(self) -> int:
        """Until when the feed knows the market: everything that opened before has been appended."""
        return self._now

    def append(
        self, opened_at: int, available_at: int, open_: float, high: float, low: float, close: float, volume: float
    ) -> None:
        """Add a closed base bar; raises DataError when it does not come after the last one and what is closed."""
        if self._last_opened_at is not None and opened_at <= self._last_opened_at:
            raise DataError(
                f"{self.symbol} {self.timeframe} feed: expected a bar after {self._last_opened_at}, was {opened_at}"
            )
        if opened_at < self._now or available_at <= opened_at:
            raise DataError(
                f"{self.symbol} {self.timeframe} feed: expected a bar that opens at {self._now} or later and ends "
                f"after it opens, was {opened_at} to {available_at}"
            )
        self._arrived.append((opened_at, available_at, open_, high, low, close, volume))
        self._last_opened_at, self._last_available_at, self._now = opened_at, available_at, available_at
        self._last_close = close
        for add in self._adders:
            add(opened_at, open_, high, low, close, volume)

    def close_until(self, ts: int) -> None:
        """Declare that no bar that opens before `ts` is still to come: buckets that end by then are complete."""
        self._now = max(self._now, ts)

    def bars(self, timeframe: Timeframe, last: int | None = None) -> Bars:
        """Return the complete bars of a timeframe, oldest first, or the `last` of them; nothing is copied.

        Raises DataError when the base bars cannot make `timeframe`.
        """
        self._store()
        columns = self._base if timeframe == self.timeframe else self._closed(timeframe)
        first = 0 if last is None else max(0, columns.count - last)
        span = (columns.dropped + first, columns.dropped + columns.count)
        seen_span, view = self._views.get(timeframe.text, (None, None))
        if view is None or seen_span != span:
            view = columns.view(first, columns.count)
            self._views[timeframe.text] = span, view
        return view

    def forming(self, timeframe: Timeframe) -> FormingBar | None:
        """Return the current bar of a timeframe, None when its beginning is not known.

        The first call for a timeframe reads the history, the others only what arrived since. Raises DataError when the
        base bars cannot make `timeframe`.
        """
        return (self._forming.get(timeframe.text) or self._watched(timeframe)).bar(self.symbol)

    def formed_until(self, timeframe: Timeframe, at: int) -> Forming:
        """Return what `forming` knew at `at`, to be grown further by the caller."""
        if self._last_available_at <= at:
            return copy(self._forming.get(timeframe.text) or self._watched(timeframe))
        return formed(self.bars(self.timeframe).until(at), timeframe, self._grid)

    def _watched(self, timeframe: Timeframe) -> Forming:
        forming = self._forming[timeframe.text] = formed(self.bars(self.timeframe), timeframe, self._grid)
        self._adders.append(forming.add)
        return forming

    def _store(self) -> None:
        """Write the bars that arrived into the columns: many at once cost hardly more than one."""
        if not self._arrived:
            return
        if len(self._arrived) == 1:
            self._base.add(*self._arrived[0])
        else:
            opened_at, available_at, *values = zip(*self._arrived, strict=True)
            self._base.extend(Columns(np.array(opened_at), np.array(available_at), *map(np.array, values)))
        self._arrived.clear()

    def _closed(self, timeframe: Timeframe) -> GrowingBars:
        higher = self._higher.get(timeframe)
        if higher is None:
            require_makeable(self.symbol, self.timeframe, timeframe, self._grid)
            columns = GrowingBars(self.symbol, timeframe, self._base.tick_size)
            columns.keep = self._base.keep
            higher = self._higher[timeframe] = _Higher(columns, self._grid)
        higher.catch_up(self._base, self._now)
        return higher.columns


class _Higher:
    """One higher timeframe of a feed: its closed bars, and until when all buckets are closed."""

    def __init__(self, columns: GrowingBars, grid: BucketGrid) -> None:
        self.columns = columns
        self._grid = grid
        self._closed_until: int | None = None
        self._next_end = 0

    def catch_up(self, base: GrowingBars, now: int) -> None:
        if not base.count or now < self._next_end:
            return
        timeframe, opened_at = self.columns.timeframe, base.times[0, : base.count]
        if self._closed_until is None:
            self._closed_until = whole_from(int(opened_at[0]), timeframe, self._grid)
        open_from = self._grid.start(timeframe, now)
        first, last = np.searchsorted(opened_at, (self._closed_until, open_from)).tolist()
        if last > first:
            self.columns.extend(fold(only_valid(base.view(first, last)), timeframe, self._grid))
        self._closed_until = max(self._closed_until, open_from)
        self._next_end = self._grid.end(timeframe, now)
