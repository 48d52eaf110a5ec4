"""The search for the first row of a column that reaches a level, for many levels at once."""

from __future__ import annotations

import numpy as np

from atlas_core.backtest.columnar.ticks import Column, TickColumn

NEVER = np.iinfo(np.int64).max
_STEP = 64
_WIDEST = 4096


def first_at_or_below(extremes: Column | TickColumn, levels: Column, first: Column, last: Column) -> Column:
    """Return the first rows at which `extremes` is at a level or below, in windows that grow; NEVER where none is."""
    found = np.full(len(levels), NEVER, dtype=np.int64)
    waiting, start, width = np.arange(len(levels)), first.copy(), _STEP
    while len(waiting) and width <= _WIDEST:
        rows = start[waiting, None] + np.arange(width)
        hit = (extremes[np.minimum(rows, len(extremes) - 1)] <= levels[waiting, None]) & (rows <= last[waiting, None])
        has_hit = hit.any(axis=1)
        found[waiting[has_hit]] = rows[has_hit, hit[has_hit].argmax(axis=1)]
        start[waiting] += width
        waiting = waiting[~has_hit & (start[waiting] <= last[waiting])]
        width *= 2
    if len(waiting):
        found[waiting] = _in_blocks(extremes, levels[waiting], start[waiting], last[waiting])
    return found


def _in_blocks(extremes: Column | TickColumn, levels: Column, first: Column, last: Column) -> Column:
    """Return the same rows, for levels that are far away: whole blocks are passed over by their least value."""
    starts = np.arange(0, len(extremes), _WIDEST)
    least = extremes.lowest(starts) if isinstance(extremes, TickColumn) else np.minimum.reduceat(extremes, starts)
    found = np.full(len(levels), NEVER, dtype=np.int64)
    for place, (level, start, end) in enumerate(zip(levels.tolist(), first.tolist(), last.tolist(), strict=True)):
        row = start
        while row <= end and found[place] == NEVER:
            block = row // _WIDEST
            hits = np.flatnonzero(extremes[row : min(end + 1, (block + 1) * _WIDEST)] <= level)
            later = np.flatnonzero(least[block + 1 : end // _WIDEST + 1] <= level)
            if len(hits):
                found[place] = row + hits[0]
            row = (block + 1 + int(later[0])) * _WIDEST if len(later) else end + 1
    return found
