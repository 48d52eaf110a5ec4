"""The scanner `sma-cross`: two simple moving averages of the close, compared exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlas_basics.options import Direction, SmaCrossOptions
from atlas_core import EntryKind, Need, Scanner, SignalTable, concat_signals, signal_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from atlas_core import Bars, MarketHistory

ABOVE, BELOW = "cross-above", "cross-below"


class SmaCrossScanner(Scanner):
    """Enters at the market when the fast average crosses the slow one at the close of a bar.

    The averages are compared as whole numbers (sum of ticks times the other length), so that a crossing depends on the
    bars of its own window only, never on where the history began. Averages that were equal on the bar before count as
    not yet crossed.
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

    def _scan_bars(self, market: MarketHistory, bars: Bars) -> SignalTable:
        known = np.flatnonzero(np.isfinite(bars.close))
        closes = _close_ticks(bars, known)
        lead = self._lead(closes)
        above = np.flatnonzero((lead[1:] > 0) & (lead[:-1] <= 0)) + 1
        below = np.flatnonzero((lead[1:] < 0) & (lead[:-1] >= 0)) + 1
        if self._options.direction is Direction.LONG:
            below = below[:0]
        crossed = np.sort(np.concatenate([above, below]))
        # `lead` begins with the first bar that has a whole slow window.
        row = known[crossed + self._options.slow - 1]
        ends = market.next_ends(bars.symbol, bars.timeframe.text, bars.available_at[row])
        return self._table(bars, row, np.sign(lead[crossed]), ends)

    def _lead(self, closes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return fast minus slow average times both lengths for each bar with a whole slow window (in ticks, exact)."""
        fast, slow = self._options.fast, self._options.slow
        if len(closes) < slow:
            return np.zeros(0, dtype=np.int64)
        total = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(closes)])
        slow_sum = total[slow:] - total[:-slow]
        fast_sum = (total[fast:] - total[:-fast])[slow - fast :]
        lead: NDArray[np.int64] = fast_sum * slow - slow_sum * fast
        return lead

    def _table(
        self, bars: Bars, row: NDArray[np.int64], side: NDArray[np.int64], valid_until: NDArray[np.int64]
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


def _close_ticks(bars: Bars, known: NDArray[np.int64]) -> NDArray[np.int64]:
    if len(known) == len(bars):
        return bars.ticks("close")
    return np.rint(bars.close[known] / float(bars.tick_size)).astype(np.int64)
