"""Two simple moving averages of the close, compared exactly: the scanner and the exit `sma-cross`.

The averages are compared as whole numbers (sum of ticks times the other length), so that the comparison depends on the
bars of its own window only, never on where the history began. A missing close is no bar of an average.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlas_basics.options import Direction, SmaCrossExitOptions, SmaCrossOptions
from atlas_core import (
    EntryKind,
    Exit,
    ExitRule,
    ExitSteps,
    Need,
    NeedsBars,
    PatientRule,
    Scanner,
    SignalTable,
    SteppedExit,
    Waiting,
    concat_signals,
    signal_table,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from atlas_core import Bars, MarketHistory, MarketNow, Position

ABOVE, BELOW = "cross-above", "cross-below"
FAST_BELOW, FAST_ABOVE = "fast average below the slow one", "fast average above the slow one"
_ROWS = 1 << 13
"""Rows that are worked out at once: so many fit into the cache of a processor."""


class SmaCrossScanner(Scanner):
    """Enters at the market when the fast average crosses the slow one at the close of a bar.

    Averages that were equal on the bar before count as not yet crossed.
    """

    def __init__(self, options: SmaCrossOptions) -> None:
        self._options = options

    def needs(self) -> Sequence[Need]:
        """Return the timeframe with the bars of the slow average and the one before."""
        return (Need(self._options.timeframe.text, self._options.slow),)

    def scan(self, market: MarketHistory) -> SignalTable:
        """Return the crossings of all symbols, ordered by time."""
        timeframe = self._options.timeframe.text
        return concat_signals([self._scan_bars(market, market.bars(symbol, timeframe)) for symbol in market.symbols])

    def _scan_bars(self, market: MarketHistory, whole: Bars) -> SignalTable:
        averages = _Averages(whole, self._options)
        sides = averages.sides()
        crossed = _begins(sides > 0)
        if self._options.direction is not Direction.LONG:
            crossed = np.sort(np.concatenate([crossed, _begins(sides < 0)]))
        bars, row = averages.bars, crossed + averages.first
        ends = market.next_ends(bars.symbol, bars.timeframe.text, bars.available_at[row])
        return self._table(bars, row, sides[crossed], ends)

    def _table(
        self, bars: Bars, row: NDArray[np.int64], side: NDArray[np.int8], valid_until: NDArray[np.int64]
    ) -> SignalTable:
        return signal_table(
            available_at=bars.available_at[row],
            setup_at=bars.opened_at[row],
            symbol=bars.symbol,
            timeframe=bars.timeframe.text,
            pattern=np.where(side > 0, ABOVE, BELOW),
            side=side,
            entry=EntryKind.MARKET.value,
            trigger=bars.close[row],
            valid_until=valid_until,
        )


class SmaCrossExit(ExitRule, SteppedExit, NeedsBars, PatientRule):
    """Closes a long position while the fast average lies below the slow one, a short one while it lies above."""

    def __init__(self, options: SmaCrossExitOptions) -> None:
        self._options = options

    def needs(self) -> Sequence[Need]:
        """Return the timeframe with the bars of the slow average."""
        return (Need(self._options.timeframe.text, self._options.slow),)

    def on_market(self, position: Position, market: MarketNow) -> Exit | None:
        """Return an exit where the averages of the last closed bar lie against the position."""
        bars = market.bars(position.symbol, self._options.timeframe.text)
        last = bars.between(max(0, len(bars) - self._options.slow), len(bars))
        if not np.isfinite(last.close).all():
            last = bars
        averages = _Averages(last, self._options)
        if not len(averages) or position.side.sign * averages.sides()[-1] >= 0:
            return None
        reason = FAST_BELOW if position.side.sign > 0 else FAST_ABOVE
        return Exit(reason, *averages.prices(len(averages) - 1))

    def waiting(self, position: Position, market: MarketNow) -> Waiting:
        """Return the wait for the next bar of the averages."""
        forming = market.forming(position.symbol, self._options.timeframe.text)
        return Waiting(every=True) if forming is None else Waiting(at=forming.ends_at)

    def steps(self, market: MarketHistory, symbol: str) -> ExitSteps:
        """Return where the averages lie after each bar."""
        bars = market.bars(symbol, self._options.timeframe.text)
        averages = _Averages(bars, self._options)
        sides, at = averages.sides(), averages.bars.available_at[averages.first :]
        return ExitSteps(at, sides < 0, sides > 0, FAST_BELOW, FAST_ABOVE, averages.prices)


class _Averages:
    """Both averages where the slow one is whole, as sums of closes in ticks; `bars` are those with a close."""

    def __init__(self, bars: Bars, options: SmaCrossOptions | SmaCrossExitOptions) -> None:
        has_close = np.isfinite(bars.close)
        self.bars = bars if bool(has_close.all()) else bars.take(has_close)
        self.first = options.slow - 1
        self._lengths = options.fast, options.slow
        self._before = self.bars.ticks_before("close")

    def __len__(self) -> int:
        return max(0, len(self.bars) - self.first)

    def sides(self) -> NDArray[np.int8]:
        """Return +1 where the fast average is above the slow one, -1 where it is below, 0 where they are equal."""
        sides = np.zeros(len(self), dtype=np.int8)
        of_fast, of_slow = np.empty((2, min(_ROWS, len(self))), dtype=np.int64)
        for first in range(0, len(self), _ROWS):
            last = min(first + _ROWS, len(self))
            lead = self._lead(first, last, of_fast[: last - first], of_slow[: last - first])
            np.subtract((lead > 0).view(np.int8), (lead < 0).view(np.int8), out=sides[first:last])
        return sides

    def _lead(self, first: int, last: int, of_fast: NDArray[np.int64], of_slow: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return by how much the fast average is above the slow one in some rows, times both lengths.

        Both columns are written over: new ones would take as long as the arithmetic.
        """
        fast, slow = self._lengths
        until = self._before[first + slow : last + slow]
        np.subtract(until, self._before[first + slow - fast : last + slow - fast], out=of_fast)
        np.subtract(until, self._before[first:last], out=of_slow)
        of_fast *= slow
        of_slow *= fast
        of_fast -= of_slow
        return of_fast

    def prices(self, row: int) -> tuple[float, float]:
        """Return the fast and the slow average of a row."""
        until, tick = self._before[row + self.first + 1], float(self.bars.tick_size)
        fast, slow = (
            float(until - self._before[row + self.first + 1 - length]) * (tick / length) for length in self._lengths
        )
        return fast, slow


def _begins(flags: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return where flags become true; the first one has nothing before it."""
    return np.flatnonzero(flags[1:] & ~flags[:-1]) + 1
