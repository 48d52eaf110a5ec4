"""Where base bars are missing, for markets that never close."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from atlas_core.marketdata.grid import UTC_GRID

if TYPE_CHECKING:
    from atlas_core.marketdata.grid import BucketGrid
    from atlas_core.model.bars import Bars


@frozen
class Gap:
    """No bars from `begins` to `ends` (nanoseconds UTC, end exclusive), where `missing_bars` were expected."""

    begins: int
    ends: int
    missing_bars: int


def find_gaps(bars: Bars, grid: BucketGrid = UTC_GRID) -> tuple[Gap, ...]:
    """Return the gaps between the bars, oldest first; what lies before the first or after the last bar is none."""
    rows = np.flatnonzero(bars.opened_at[1:] > bars.available_at[:-1])
    gaps = (Gap(begins, ends, _expected(bars, begins, ends, grid)) for begins, ends in _bounds(bars, rows.tolist()))
    return tuple(gap for gap in gaps if gap.missing_bars)


def count_missing(bars: Bars, grid: BucketGrid = UTC_GRID, ended_at: int = 0) -> tuple[int, int]:
    """Return how many gaps there are and how many bars are missing in them, as `find_gaps` does.

    `ended_at` is the end of the bar before these (nanoseconds UTC), 0 for none: a gap behind it counts.
    """
    opened_at, ends = bars.opened_at, np.concatenate([[ended_at or bars.opened_at[0]], bars.available_at[:-1]])
    if grid is UTC_GRID and not bars.timeframe.is_calendar_month:
        # Whole buckets between the end of a bar and the opening of the next one, counted at once.
        begins = -(-(ends - bars.timeframe.bucket_offset) // bars.timeframe.duration)
        missing = np.maximum(0, -(-(opened_at - bars.timeframe.bucket_offset) // bars.timeframe.duration) - begins)
        return int(np.count_nonzero(missing)), int(missing.sum())
    rows = np.flatnonzero(opened_at > ends).tolist()
    counts = [_expected(bars, int(ends[row]), int(opened_at[row]), grid) for row in rows]
    return sum(map(bool, counts)), sum(counts)


def _bounds(bars: Bars, rows: list[int]) -> list[tuple[int, int]]:
    return [(int(bars.available_at[row]), int(bars.opened_at[row + 1])) for row in rows]


def _expected(bars: Bars, begins: int, ends: int, grid: BucketGrid) -> int:
    starts, _ = grid.buckets(bars.timeframe, begins, ends - 1)
    return int(np.count_nonzero((starts >= begins) & (starts < ends)))
