"""Prices of bars in whole ticks, rounded where somebody looks: a run looks at few of them."""

from __future__ import annotations

from typing import Any, overload

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

Column = NDArray[np.int64]

_SURELY_AT, _SURELY_ABOVE = 0.25, 0.75
"""Prices so many ticks above a level are rounded to it, or to one above it."""


@frozen(eq=False)
class TickColumn:
    """One price column, times `sign`, which is +1 or -1; rounded as the instrument rounds single prices."""

    prices: NDArray[np.float64]
    tick_size: float
    sign: int = 1

    def __len__(self) -> int:
        return len(self.prices)

    @overload
    def __getitem__(self, rows: int) -> np.int64: ...

    @overload
    def __getitem__(self, rows: slice | NDArray[Any]) -> Column: ...

    def __getitem__(self, rows: int | slice | NDArray[Any]) -> np.int64 | Column:
        ticks: np.int64 | Column = _rounded(self.prices[rows], self.tick_size) * self.sign
        return ticks

    def __mul__(self, sign: int) -> TickColumn:
        return TickColumn(self.prices, self.tick_size, self.sign * sign)

    def is_at_or_below(self, rows: Column, levels: Column) -> NDArray[np.bool_]:
        """Tell which of some rows are at a level or below; rounding is asked only where it could decide."""
        prices = self.prices[rows] if self.sign > 0 else -self.prices[rows]
        found: NDArray[np.bool_] = prices <= (levels + _SURELY_ABOVE) * self.tick_size
        doubtful = found & (prices > (levels + _SURELY_AT) * self.tick_size)
        if doubtful.any():
            wanted = np.broadcast_to(levels, prices.shape)[doubtful]
            found[doubtful] = _rounded(prices[doubtful], self.tick_size) <= wanted
        return found

    def lowest(self, starts: Column) -> Column:
        """Return the least of each stretch of rows, which begins at a start and goes to the next one or to the end."""
        return self._extreme(np.minimum if self.sign > 0 else np.maximum, starts)

    def highest(self, starts: Column) -> Column:
        """Return the greatest of each stretch of rows."""
        return self._extreme(np.maximum if self.sign > 0 else np.minimum, starts)

    def _extreme(self, extreme: np.ufunc, starts: Column) -> Column:
        found: Column = (
            _rounded(extreme.reduceat(self.prices, starts), self.tick_size) * self.sign
        )  # rounding keeps the order
        return found


def _rounded(prices: Any, tick_size: float) -> Any:
    return np.rint(prices / tick_size).astype(np.int64)
