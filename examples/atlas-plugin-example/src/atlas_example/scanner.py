"""The scanner `channel-breakout`: all bars of the history at once, in whole ticks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from atlas_core import Need, Scanner, SignalTable, concat_signals, no_signals, signal_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from atlas_core import Bars, MarketHistory
    from atlas_example.options import ChannelBreakoutOptions

OUT_OF_REACH = np.iinfo(np.int64).max
LONG, SHORT = 1, -1


class ChannelBreakout(Scanner):
    """Enters at the market when a close leaves the channel of the bars before it and the close before did not.

    A signal depends on its own bar and on the bars before it, as many as `needs` declares: neither what comes later
    nor where the history begins can change it.
    """

    def __init__(self, options: ChannelBreakoutOptions) -> None:
        self._options = options
        # The bar before a breakout must have a channel of its own, or nobody knows whether it was the first.
        self._warmup_bars = max(options.channel_bars + 1, options.stop_bars - 1)

    def needs(self) -> Sequence[Need]:
        """Return the one timeframe that is read."""
        return (Need(self._options.timeframe.text, self._warmup_bars),)

    def scan(self, market: MarketHistory) -> SignalTable:
        """Return the breakouts of all symbols, ordered by time."""
        timeframe = self._options.timeframe.text
        return concat_signals(
            [
                self._breakouts(market, market.bars(symbol, timeframe), side)
                for symbol in market.symbols
                for side in self._sides
            ]
        )

    @property
    def _sides(self) -> Sequence[int]:
        return {"long": (LONG,), "short": (SHORT,), "both": (LONG, SHORT)}[self._options.direction]

    def _breakouts(self, market: MarketHistory, bars: Bars, side: int) -> SignalTable:
        """Return the breakouts of one side; a falling market is a rising one with all prices negated."""
        known = np.flatnonzero(bars.valid())
        far, near = ("high", "low") if side == LONG else ("low", "high")
        close, ahead, behind = (side * _ticks(bars, column, known) for column in ("close", far, near))
        found = self._first_beyond(close, highest_before(ahead, self._options.channel_bars))
        if not len(found):
            return no_signals()
        windows = sliding_window_view(behind, self._options.stop_bars)
        stop = windows[found - self._options.stop_bars + 1].min(axis=1)
        risky = close[found] > stop
        rows = known[found[risky]]
        ends = market.next_ends(bars.symbol, bars.timeframe.text, bars.available_at[rows])
        return self._table(bars, side, rows, close[found[risky]], stop[risky], ends)

    def _first_beyond(self, close: NDArray[np.int64], channel: NDArray[np.int64]) -> NDArray[np.int64]:
        beyond = close > channel
        first = np.zeros(len(close), dtype=bool)
        first[1:] = beyond[1:] & ~beyond[:-1]
        first[: self._warmup_bars] = False
        return np.flatnonzero(first)

    def _table(
        self,
        bars: Bars,
        side: int,
        rows: NDArray[np.int64],
        close: NDArray[np.int64],
        stop: NDArray[np.int64],
        valid_until: NDArray[np.int64],
    ) -> SignalTable:
        tick_size = side * float(bars.tick_size)
        return signal_table(
            available_at=bars.available_at[rows],
            setup_at=bars.opened_at[rows],
            symbol=bars.symbol,
            timeframe=bars.timeframe.text,
            pattern="breakout-up" if side == LONG else "breakout-down",
            side=side,
            trigger=close * tick_size,
            stop=stop * tick_size,
            target=(close + self._options.reward_multiple * (close - stop)) * tick_size,
            valid_until=valid_until,
        )


def highest_before(values: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Return for each row the highest of the `length` rows before it; out of reach where there are fewer."""
    highest = np.full(len(values), OUT_OF_REACH, dtype=np.int64)
    if len(values) > length:
        highest[length:] = sliding_window_view(values, length)[:-1].max(axis=1)
    return highest


def _ticks(bars: Bars, column: str, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return prices as whole ticks, because prices that are equal must compare as equal."""
    ticks: NDArray[np.int64] = np.rint(getattr(bars, column)[rows] / float(bars.tick_size)).astype(np.int64)
    return ticks
