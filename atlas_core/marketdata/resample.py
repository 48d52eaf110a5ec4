"""Higher timeframes from base bars, without looking ahead.

A bucket holds the valid base rows that open inside it: open of the first, highest high, lowest low, close of the
last, sum of the volume. It opens at its place on the grid and is available at its end on the grid, however late its
last base bar was. A bucket without valid rows does not exist.

The first bucket is dropped when the data begin inside it: its open and its range would be those of a part, and every
label that compares with it would be wrong. The last bucket exists only once the base bars reach its end, so that a
longer history never changes a bar that was already there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from atlas_core.errors import DataError
from atlas_core.marketdata.grid import UTC_GRID
from atlas_core.model.bars import Bars, Prices, Times

if TYPE_CHECKING:
    from atlas_core.marketdata.grid import BucketGrid
    from atlas_core.model.timeframe import Timeframe


_CHUNK = 16_384  # rows


class Columns(NamedTuple):
    """The seven columns of bars, of one length."""

    opened_at: Times
    available_at: Times
    open: Prices
    high: Prices
    low: Prices
    close: Prices
    volume: Prices


def resample(bars: Bars, timeframe: Timeframe, grid: BucketGrid = UTC_GRID, *, until: int = 0) -> Bars:
    """Return the complete bars of `timeframe` built from those of `bars` that have a place on the grid.

    The same object when it is their own timeframe. `until` says that no bar that opens before it is missing at the end
    (nanoseconds UTC; by default the end of the last bar). Raises DataError when the base cannot make `timeframe` on
    this grid or a base bar reaches across two buckets.
    """
    if timeframe == bars.timeframe:
        return bars
    require_makeable(bars.symbol, bars.timeframe, timeframe, grid)
    return complete_bars(grid.fitted(bars), timeframe, grid, until=until)


def complete_bars(
    bars: Bars, timeframe: Timeframe, grid: BucketGrid, *, known_valid: bool = False, until: int = 0
) -> Bars:
    """Return what `resample` does, from bars that are at their places on the grid.

    `known_valid` says that `all_valid(bars)` holds, which saves a pass over the columns.
    """
    if timeframe == bars.timeframe:
        return bars
    require_makeable(bars.symbol, bars.timeframe, timeframe, grid)
    first, last = _complete_rows(bars, timeframe, grid, until)
    rows = bars.between(first, last)
    folded = fold(rows if known_valid else only_valid(rows), timeframe, grid)
    return Bars(bars.symbol, timeframe, *folded, bars.tick_size)


def all_valid(bars: Bars) -> bool:
    """Tell whether every row is a bar, as `bars.valid()` does row by row, at a fraction of its cost."""
    return all(_is_ordered(bars, first) for first in range(0, len(bars), _CHUNK))


def _is_ordered(bars: Bars, first: int) -> bool:
    """Tell whether the rows of one chunk are bars: a few columns of it fit into the cache of a processor."""
    open_, high, low, close = (column[first : first + _CHUNK] for column in bars.prices())
    # Comparisons are false for NaN, and a finite range holds its open and close finite.
    ordered = high >= open_
    for also in (high >= close, low <= open_, low <= close):
        ordered &= also
    return bool(ordered.all()) and bool(np.isfinite(high.max()) and np.isfinite(low.min()))


def only_valid(bars: Bars) -> Bars:
    """Return the valid rows; the same object when all are."""
    if all_valid(bars):
        return bars
    return bars.take(bars.valid())


def require_makeable(symbol: str, base: Timeframe, timeframe: Timeframe, grid: BucketGrid) -> None:
    """Raise DataError when bars of `timeframe` cannot be built from bars of `base` on the grid."""
    if not grid.can_make(base, timeframe):
        raise DataError(f"{symbol}: expected a timeframe that is a multiple of {base}, was {timeframe}")


def whole_from(begins: int, timeframe: Timeframe, grid: BucketGrid) -> int:
    """Return the start of the first bucket that data beginning at `begins` cover from its start."""
    start = grid.start(timeframe, begins)
    return start if begins <= start else grid.end(timeframe, begins)


def _complete_rows(bars: Bars, timeframe: Timeframe, grid: BucketGrid, until: int) -> tuple[int, int]:
    if not len(bars):
        return 0, 0
    whole = whole_from(int(bars.opened_at[0]), timeframe, grid)
    still_open = grid.start(timeframe, max(until, int(bars.available_at[-1])))
    first, last = np.searchsorted(bars.opened_at, (whole, still_open)).tolist()
    return first, max(first, last)


def fold(rows: Bars, timeframe: Timeframe, grid: BucketGrid) -> Columns:
    """Return the columns of the buckets of `rows`, which are valid and lie in complete buckets.

    Raises DataError when a row reaches beyond the end of its bucket.
    """
    if not len(rows):
        return Columns(rows.opened_at, rows.available_at, *rows.prices(), rows.volume)
    starts, ends = grid.buckets(timeframe, int(rows.opened_at[0]), int(rows.opened_at[-1]))
    firsts, filled = _filled(_first_rows(rows, starts), len(rows))
    starts, ends = starts[filled], ends[filled]
    lasts = np.append(firsts[1:], len(rows)) - 1
    # Every other bucket begins with a row that was looked up as not before its start.
    if int(rows.opened_at[0]) < int(starts[0]) or bool(np.any(rows.available_at[lasts] > ends)):
        raise DataError(f"{rows} to {timeframe}: expected base bars inside one bucket each, one reaches beyond its own")
    return Columns(
        starts, ends,
        rows.open[firsts], np.maximum.reduceat(rows.high, firsts), np.minimum.reduceat(rows.low, firsts),
        rows.close[lasts], np.add.reduceat(rows.volume, firsts),
    )  # fmt: skip


def _first_rows(rows: Bars, starts: Times) -> Times:
    # Rows without gaps sit where division says; looking there proves it and saves the search: as the times increase,
    # a row that opens exactly at the start of a bucket is its first one.
    opened_at = rows.opened_at
    guess = np.minimum((starts[1:] - opened_at[0]) // rows.timeframe.duration, len(rows) - 1)
    if bool(np.array_equal(opened_at[guess], starts[1:])):
        return np.concatenate((np.zeros(1, np.int64), guess))
    return np.searchsorted(opened_at, starts)


def _filled(firsts: Times, count: int) -> tuple[Times, slice | Times]:
    has_rows = np.append(firsts[1:], count) > firsts
    if bool(has_rows.all()):
        return firsts, slice(None)
    filled = np.flatnonzero(has_rows)
    return firsts[filled], filled
