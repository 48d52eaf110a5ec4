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


def _bounds(bars: Bars, rows: list[int]) -> list[tuple[int, int]]:
    return [(int(bars.available_at[row]), int(bars.opened_at[row + 1])) for row in rows]


def _expected(bars: Bars, begins: int, ends: int, grid: BucketGrid) -> int:
    starts, _ = grid.buckets(bars.timeframe, begins, ends - 1)
    return int(np.count_nonzero(starts >= begins))
