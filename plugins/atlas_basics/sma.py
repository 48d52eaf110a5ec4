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

    def _scan_bars(self, market: MarketHistory, bars: Bars) -> SignalTable:
        rows, fast, slow = _sums(bars, self._options.fast, self._options.slow)
        side = np.sign(fast * self._options.slow - slow * self._options.fast)
        before, now = side[:-1], side[1:]
        crossed = np.flatnonzero((now != 0) & (before != now)) + 1
        if self._options.direction is Direction.LONG:
            crossed = crossed[side[crossed] > 0]
        row = rows[crossed]
        ends = market.next_ends(bars.symbol, bars.timeframe.text, bars.available_at[row])
        return self._table(bars, row, side[crossed], ends)

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
        _, fast, slow = _sums(last, self._options.fast, self._options.slow)
        if not len(fast) or position.side.sign * self._lead(fast[-1:], slow[-1:])[0] >= 0:
            return None
        value, threshold = self._averages(last, fast[-1:], slow[-1:])
        return Exit(FAST_BELOW if position.side.sign > 0 else FAST_ABOVE, float(value[0]), float(threshold[0]))

    def waiting(self, position: Position, market: MarketNow) -> Waiting:
        """Return the wait for the next bar of the averages."""
        forming = market.forming(position.symbol, self._options.timeframe.text)
        return Waiting(every=True) if forming is None else Waiting(at=forming.ends_at)

    def steps(self, market: MarketHistory, symbol: str) -> ExitSteps:
        """Return where the averages lie after each bar."""
        bars = market.bars(symbol, self._options.timeframe.text)
        rows, fast, slow = _sums(bars, self._options.fast, self._options.slow)
        lead = self._lead(fast, slow)
        return ExitSteps(
            bars.available_at[rows], lead < 0, lead > 0, *self._averages(bars, fast, slow), FAST_BELOW, FAST_ABOVE
        )

    def _lead(self, fast: NDArray[np.int64], slow: NDArray[np.int64]) -> NDArray[np.int64]:
        return fast * self._options.slow - slow * self._options.fast

    def _averages(
        self, bars: Bars, fast: NDArray[np.int64], slow: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        tick = float(bars.tick_size)
        value = fast.astype(np.float64) * (tick / self._options.fast)
        return value, slow.astype(np.float64) * (tick / self._options.slow)


def _sums(bars: Bars, fast: int, slow: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows with a whole slow window, and the sums of the last `fast` and `slow` closes there (in ticks)."""
    whole = bool(np.isfinite(bars.close).all())
    rows = np.arange(len(bars)) if whole else np.flatnonzero(np.isfinite(bars.close))
    if len(rows) < slow:
        nothing = np.zeros(0, dtype=np.int64)
        return nothing, nothing, nothing
    ticks = bars.ticks("close") if whole else np.rint(bars.close[rows] / float(bars.tick_size)).astype(np.int64)
    total = np.zeros(len(ticks) + 1, dtype=np.int64)
    np.cumsum(ticks, out=total[1:])
    return rows[slow - 1 :], total[slow:] - total[slow - fast : -fast], total[slow:] - total[:-slow]
