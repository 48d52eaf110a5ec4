"""Bars of higher timeframes while they form: what was known of them, from base bars that had closed.

The current bar of a timeframe is the one in which the last trade lies. It is complete when its end has come, and stays
the current one until the next trade. A bar whose beginning is not in the data has no known open, so it is not known
at all; the same rule drops it from the bars. Volumes are added in the order of the base bars.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlas_core.marketdata.resample import all_valid, require_makeable, whole_from
from atlas_core.model.bars import FormingBar, FormingColumns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlas_core.marketdata.grid import BucketGrid
    from atlas_core.model.bars import Bars, Prices
    from atlas_core.model.timeframe import Timeframe

_NEW = tuple.__new__  # a named tuple's own way there costs twice as much
_EMPTY, _INFINITY = float("nan"), float("inf")


class Forming:
    """The current bar of one timeframe, grown by one base bar at a time."""

    __slots__ = (
        *("timeframe", "grid", "opened_at", "ends_at", "open", "high", "low", "close", "volume"),
        *("begins", "is_known", "previous_high", "previous_low"),
    )

    def __init__(self, timeframe: Timeframe, grid: BucketGrid) -> None:
        self.timeframe = timeframe
        self.grid = grid
        self.opened_at = self.ends_at = -(2**63)
        self.open = self.high = self.low = self.close = self.volume = _EMPTY
        self.begins: int | None = None
        self.is_known = False
        self.previous_high: float | None = None
        self.previous_low: float | None = None

    def __copy__(self) -> Forming:
        """Return another one that is as far; the general way of copying takes five times as long."""
        other = Forming(self.timeframe, self.grid)
        other.opened_at, other.ends_at, other.begins, other.is_known = (
            self.opened_at, self.ends_at, self.begins, self.is_known
        )  # fmt: skip
        other.open, other.high, other.low, other.close, other.volume = (
            self.open, self.high, self.low, self.close, self.volume
        )  # fmt: skip
        other.previous_high, other.previous_low = self.previous_high, self.previous_low
        return other

    def add(self, opened_at: int, open_: float, high: float, low: float, close: float, volume: float) -> None:
        """Take in the base bar that comes next; a row that is no bar changes nothing."""
        if not (-_INFINITY < low <= open_ <= high < _INFINITY and low <= close <= high):
            self.begins = opened_at if self.begins is None else self.begins
            return
        if opened_at < self.ends_at:
            if high > self.high:  # noqa: PLR1730  (a call would cost more than the rest)
                self.high = high
            if low < self.low:  # noqa: PLR1730
                self.low = low
            self.close = close
            self.volume += volume
            return
        self._begin(opened_at)
        self.open, self.high, self.low, self.close, self.volume = open_, high, low, close, volume

    def note(self, ts: int, price: float) -> None:
        """Take in a single price; the volume is that of the base bars alone."""
        self.add(ts, price, price, price, price, 0.0)

    def _begin(self, opened_at: int) -> None:
        self.begins = opened_at if self.begins is None else self.begins
        if self.is_known:
            self.previous_high, self.previous_low = self.high, self.low
        self.opened_at = self.grid.start(self.timeframe, opened_at)
        self.ends_at = self.grid.end(self.timeframe, opened_at)
        self.is_known = self.begins <= self.opened_at

    def bar(self, symbol: str) -> FormingBar | None:
        """Return the bar as it is now, None when its beginning is not known."""
        if not self.is_known:
            return None
        return _NEW(FormingBar, (
            symbol, self.timeframe, self.opened_at, self.ends_at,
            self.open, self.high, self.low, self.close, self.volume, self.previous_high, self.previous_low,
        ))  # fmt: skip


def formed(
    base: Bars, timeframe: Timeframe, grid: BucketGrid, *, count: int | None = None, known_valid: bool = False
) -> Forming:
    """Return the current bar of `timeframe` after the last of the base bars, as adding them one by one does.

    Only the first `count` bars are taken, all without it. `known_valid` says that every row is a bar. Raises DataError
    when the base bars cannot make `timeframe`.
    """
    require_makeable(base.symbol, base.timeframe, timeframe, grid)
    count = len(base) if count is None else count
    forming = Forming(timeframe, grid)
    forming.begins = base.opened_at.item(0) if count else None
    last = _last_valid(base, count, known_valid)
    if last is None:
        return forming
    first = _bounded(forming, base, last)
    rows = slice(first, last + 1) if known_valid else _valid_rows(base, first, last + 1)
    forming.open, forming.close = float(base.open[rows][0]), base.close.item(last)
    forming.high, forming.low = float(base.high[rows].max()), float(base.low[rows].min())
    forming.volume = float(np.add.accumulate(base.volume[rows])[-1])  # in order, where `sum` adds in pairs
    before = _last_valid(base, first, known_valid)
    if before is not None:
        _see_previous(forming, base, before, known_valid)
    return forming


def _see_previous(forming: Forming, base: Bars, last: int, known_valid: bool) -> None:
    """Note the extremes of the bar in which the row `last` lies, if its beginning is known."""
    previous = Forming(forming.timeframe, forming.grid)
    previous.begins = forming.begins
    first = _bounded(previous, base, last)
    if previous.is_known:
        rows = slice(first, last + 1) if known_valid else _valid_rows(base, first, last + 1)
        forming.previous_high, forming.previous_low = float(base.high[rows].max()), float(base.low[rows].min())


def grow(forming: Forming, base: Bars, first: int, last: int) -> None:
    """Add the base bars of rows `first` to `last` (exclusive)."""
    rows = base.between(first, last)
    columns = (rows.opened_at, *rows.prices(), rows.volume)
    for row in zip(*(column.tolist() for column in columns), strict=True):
        forming.add(*row)


def extend(forming: Forming, base: Bars, first: int, last: int) -> None:
    """Add the base bars of rows `first` to `last` (exclusive), which are bars and lie in the bar that is forming."""
    forming.high = max(forming.high, float(base.high[first:last].max()))
    forming.low = min(forming.low, float(base.low[first:last].min()))
    forming.close = base.close.item(last - 1)
    volumes = np.concatenate(((forming.volume,), base.volume[first:last]))
    forming.volume = float(np.add.accumulate(volumes)[-1])  # in order, as one by one


def _bounded(forming: Forming, base: Bars, last: int) -> int:
    """Let a bar cover the bucket in which the row `last` lies; return the first row of it."""
    grid, timeframe, opened_at = forming.grid, forming.timeframe, base.opened_at.item(last)
    forming.opened_at, forming.ends_at = grid.start(timeframe, opened_at), grid.end(timeframe, opened_at)
    forming.is_known = forming.begins is not None and forming.begins <= forming.opened_at
    return int(base.opened_at.searchsorted(forming.opened_at))


def _valid_rows(base: Bars, first: int, last: int) -> NDArray[np.int64]:
    """Return those of the rows `first` to `last` (exclusive) that are bars."""
    return first + np.flatnonzero(base.between(first, last).valid())


def _last_valid(base: Bars, end: int, known_valid: bool) -> int | None:
    """Return the last row before `end` that is a bar; rows that are none are rare, so look backwards."""
    if known_valid:
        return end - 1 if end else None
    for row in range(end - 1, -1, -1):
        if base.between(row, row + 1).valid()[0]:
            return row
    return None


def forming_columns(base: Bars, timeframe: Timeframe, grid: BucketGrid, begins: int | None = None) -> FormingColumns:
    """Return for each base bar the bar of `timeframe` in which it lies, as it was known at its `available_at`.

    NaN where its beginning is not in the data, which begin at `begins` (by default with the first base bar). Raises
    DataError when the base bars cannot make `timeframe`.
    """
    require_makeable(base.symbol, base.timeframe, timeframe, grid)
    if begins is None:
        begins = int(base.opened_at[0]) if len(base) else 0
    if all_valid(base):
        return _columns(base, timeframe, grid, begins)
    valid = base.valid()
    rows = np.cumsum(valid) - 1  # of each base bar: the last valid one so far
    opened_at, ends_at = _bounds(base, timeframe, grid)
    known = _columns(base.take(valid), timeframe, grid, begins)
    has_bar = rows >= 0
    has_bar[has_bar] = known.opened_at[rows[has_bar]] == opened_at[has_bar]
    values = (np.where(has_bar, column[np.maximum(rows, 0)], np.nan) if len(column) else np.full(len(base), np.nan)
              for column in known[2:])  # fmt: skip
    return FormingColumns(opened_at, ends_at, *values)


def _columns(base: Bars, timeframe: Timeframe, grid: BucketGrid, begins: int) -> FormingColumns:
    opened_at, ends_at = _bounds(base, timeframe, grid)
    if not len(base):
        return FormingColumns(opened_at, ends_at, *base.prices(), base.volume)
    firsts = np.flatnonzero(np.diff(opened_at, prepend=opened_at[0] - 1))
    counts = np.diff(firsts, append=len(base))
    columns = (
        np.repeat(base.open[firsts], counts),
        _running(np.maximum, base.high, firsts, counts),
        _running(np.minimum, base.low, firsts, counts),
        base.close.copy(),
        _running(np.add, base.volume, firsts, counts),
    )
    unknown = int(np.searchsorted(base.opened_at, whole_from(begins, timeframe, grid)))
    for column in columns:
        column[:unknown] = np.nan
    return FormingColumns(opened_at, ends_at, *columns)


def _bounds(base: Bars, timeframe: Timeframe, grid: BucketGrid) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if not len(base):
        return base.opened_at, base.available_at
    starts, ends = grid.buckets(timeframe, int(base.opened_at[0]), int(base.opened_at[-1]))
    firsts = np.searchsorted(base.opened_at, starts)
    firsts[0] = 0
    counts = np.diff(firsts, append=len(base))
    return np.repeat(starts, counts), np.repeat(ends, counts)


def _running(
    step: np.ufunc, values: Prices, firsts: NDArray[np.int64], counts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Accumulate within each group, in order.

    Whichever is fewer is walked in Python: the groups, each accumulated at once, or the places within them, where the
    n-th rows of all groups are taken a step further together.
    """
    result = values.copy()
    most = int(counts.max())
    if len(firsts) <= most:
        for first, count in zip(firsts.tolist(), counts.tolist(), strict=True):
            step.accumulate(values[first : first + count], out=result[first : first + count])
        return result
    rows, left = firsts, counts
    for _ in range(1, most):
        rows, left = rows[left > 1] + 1, left[left > 1] - 1
        result[rows] = step(result[rows - 1], values[rows])
    return result
