"""Futures that never were: what nobody could know is replaced by nonsense that is well formed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import evolve

from atlas_core.checking.market import RecordedMarket
from atlas_core.model.bars import Bars

if TYPE_CHECKING:
    from numpy.typing import NDArray

LARGEST_FACTOR = 30.0
"""Prices of a poisoned future are up to so many times what they were, or that part of it."""


def poisoned(market: RecordedMarket, cut: int, random: np.random.Generator) -> RecordedMarket:
    """Return the market with absurd bars after `cut`: in their places, finite, above zero, and never true again."""
    return market.with_bars({symbol: _poisoned(bars, cut, random) for symbol, bars in market.bars.items()})


def _poisoned(bars: Bars, cut: int, random: np.random.Generator) -> Bars:
    first = bars.count_available(cut)
    rows = len(bars) - first
    ends = random.uniform(-1.0, 1.0, (2, rows))
    open_, close = bars.open[first:] * LARGEST_FACTOR ** ends[0], bars.close[first:] * LARGEST_FACTOR ** ends[1]
    reach = random.uniform(1.1, 2.0, (2, rows))
    high, low = np.maximum(open_, close) * reach[0], np.minimum(open_, close) / reach[1]
    return evolve(
        bars,
        open=_joined(bars.open, _on_tick(open_, bars)),
        high=_joined(bars.high, _on_tick(high, bars)),
        low=_joined(bars.low, _on_tick(low, bars)),
        close=_joined(bars.close, _on_tick(close, bars)),
        volume=_joined(bars.volume, random.uniform(1.0, 1e9, rows)),
    )


def with_other_close(market: RecordedMarket, symbol: str, ts: int) -> RecordedMarket:
    """Return the market in which the bar of `symbol` that ends at `ts` closes elsewhere inside its range.

    The market itself where the bar has no range or there is none.
    """
    bars = market.bars[symbol]
    row = bars.count_available(ts) - 1
    if row < 0 or int(bars.available_at[row]) != ts:
        return market
    low, high, close = float(bars.low[row]), float(bars.high[row]), float(bars.close[row])
    farthest = low if close - low > high - close else high
    if farthest == close:
        return market
    changed = bars.close.copy()
    changed[row] = farthest
    return market.with_bars({**market.bars, symbol: evolve(bars, close=changed)})


def _on_tick(prices: NDArray[np.float64], bars: Bars) -> NDArray[np.float64]:
    tick = float(bars.tick_size)
    rounded: NDArray[np.float64] = np.maximum(np.rint(prices / tick), 1.0) * tick
    return rounded


def _joined(true: NDArray[np.float64], false: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a column whose last rows are false."""
    return np.concatenate([true[: len(true) - len(false)], false])
