"""Prices in ticks that are rounded where somebody looks are those that are rounded at once."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from atlas_core.backtest.columnar.searching import NEVER, first_at_or_below
from atlas_core.backtest.columnar.ticks import TickColumn

TICKS = (0.01, 0.25, 0.0001, 5.0)


@st.composite
def columns(draw: st.DrawFn) -> TickColumn:
    """Draw prices on the grid, beside it, and just where rounding decides."""
    tick = draw(st.sampled_from(TICKS))
    ticks = draw(st.lists(st.integers(1, 60), min_size=1, max_size=40))
    beside = draw(st.lists(st.sampled_from([0.0, 0.0, 0.5, -0.5, 0.499999, 0.3, -0.3]), min_size=40, max_size=40))
    prices = (np.array(ticks) + np.array(beside[: len(ticks)])) * tick
    return TickColumn(prices, tick, draw(st.sampled_from([1, -1])))


def rounded(column: TickColumn) -> np.ndarray:
    return np.rint(column.prices / column.tick_size).astype(np.int64) * column.sign


@given(columns())
def test_ticks_and_their_extremes_are_those_of_the_whole_column(column: TickColumn) -> None:
    whole = rounded(column)
    starts = np.arange(0, len(column), 3)
    assert column[:].tolist() == whole.tolist()
    assert (column * -1)[:].tolist() == (-whole).tolist()
    assert column.lowest(starts).tolist() == np.minimum.reduceat(whole, starts).tolist()
    assert column.highest(starts).tolist() == np.maximum.reduceat(whole, starts).tolist()


@given(columns(), st.integers(-70, 70))
def test_the_first_row_at_a_level_is_that_of_the_whole_column(column: TickColumn, level: int) -> None:
    count = len(column)
    first, last = np.zeros(count, dtype=np.int64), np.arange(count)
    found = first_at_or_below(column, np.full(count, level), first, last)
    hits = np.flatnonzero(rounded(column) <= level)
    assert found.tolist() == [next((row for row in hits.tolist() if row <= end), NEVER) for end in range(count)]
