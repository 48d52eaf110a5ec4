"""The search for the first row of a column that reaches a level, for many levels at once."""

from __future__ import annotations

import numpy as np

from atlas_core.backtest.columnar.ticks import Column, TickColumn

NEVER = np.iinfo(np.int64).max
_STEP = 64
_WIDEST = 4096
_CELLS = 1 << 15
"""Prices that are looked at together: so many fit into the cache of a processor."""


def first_at_or_below(extremes: Column | TickColumn, levels: Column, first: Column, last: Column) -> Column:
    """Return the first rows at which `extremes` is at a level or below, in windows that grow; NEVER where none is."""
    found = np.full(len(levels), NEVER, dtype=np.int64)
    waiting, start, width = np.arange(len(levels)), first.copy(), _STEP
    while len(waiting) and width <= _WIDEST:
        pieces = [waiting[begin : begin + _CELLS // width] for begin in range(0, len(waiting), _CELLS // width)]
        for piece in pieces:
            found[piece] = _in_window(extremes, levels[piece], start[piece], last[piece], width)
        start[waiting] += width
        waiting = waiting[(found[waiting] == NEVER) & (start[waiting] <= last[waiting])]
        width *= 2
    if len(waiting):
        found[waiting] = _in_blocks(extremes, levels[waiting], start[waiting], last[waiting])
    return found


def _in_window(extremes: Column | TickColumn, levels: Column, first: Column, last: Column, width: int) -> Column:
    """Return the same rows among the `width` first ones of each level."""
    rows = first[:, None] + np.arange(width)
    known, wanted = np.minimum(rows, len(extremes) - 1), levels[:, None]
    hit = extremes.is_at_or_below(known, wanted) if isinstance(extremes, TickColumn) else extremes[known] <= wanted
    hit &= rows <= last[:, None]
    place = hit.argmax(axis=1)
    return np.where(hit[np.arange(len(hit)), place], first + place, NEVER)


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
