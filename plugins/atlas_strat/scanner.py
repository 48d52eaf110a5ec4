"""The scanner `strat`: every armed setup of every timeframe as one row of a signal table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlas_core import EntryKind, Need, Scanner, SignalTable, concat_signals, signal_table
from atlas_strat.levels import moved_by_percent
from atlas_strat.setups import Setups, armed_setups
from atlas_strat.vocabulary import Family, PatternKind, ThreeTwoTarget

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from atlas_core import Bars, MarketHistory
    from atlas_strat.options import StratOptions

WARMUP_BARS = 4
"""A setup reads its own bar, the two before it and one more that labels the oldest of them."""


class StratScanner(Scanner):
    """Arms a stop entry at the close of every setup bar, for exactly the next bar of its timeframe.

    Rows are made at the close of the setup bar: the trigger is its extreme, a price beyond its other extreme cancels
    the setup (the bar can no longer become that 2), and an opening at or beyond the target voids it.
    """

    def __init__(self, options: StratOptions) -> None:
        self._options = options
        self._families = np.array([family.value for family in options.families])
        self._target_parts_per_million = int(options.three_two_target_pct * 10_000)

    def needs(self) -> Sequence[Need]:
        """Return each timeframe with the bars that a setup looks back."""
        return tuple(Need(timeframe.text, WARMUP_BARS) for timeframe in self._options.timeframes)

    def scan(self, market: MarketHistory) -> SignalTable:
        """Return the armed setups of all symbols and timeframes, ordered by time."""
        return concat_signals(
            [
                self._scan_bars(market.bars(symbol, timeframe.text))
                for symbol in market.symbols
                for timeframe in self._options.timeframes
            ]
        )

    def _scan_bars(self, bars: Bars) -> SignalTable:
        setups = armed_setups(bars, self._options.stop_mode)
        table = self._table(bars, setups)
        return table.take(self._wanted(setups))

    def _wanted(self, setups: Setups) -> NDArray[np.bool_]:
        wanted: NDArray[np.bool_] = np.isin(setups.family, self._families)
        if self._options.include_continuations:
            return wanted
        wanted &= setups.kind != PatternKind.CONTINUATION.value
        return wanted

    def _table(self, bars: Bars, setups: Setups) -> SignalTable:
        tick = float(bars.tick_size)
        levels = setups.levels
        available_at = bars.available_at[setups.row]
        target = self._targets(setups) * tick
        return signal_table(
            available_at=available_at,
            setup_at=bars.opened_at[setups.row],
            symbol=bars.symbol,
            timeframe=bars.timeframe.text,
            pattern=setups.pattern,
            side=setups.side,
            entry=EntryKind.STOP.value,
            trigger=levels.trigger * tick,
            stop=levels.stop * tick,
            target=target,
            valid_until=_end_of_next_bar(bars, available_at),
            cancel_beyond=levels.far_side * tick,
            void_beyond=target,
            context={"family": setups.family, "kind": setups.kind},
        )

    def _targets(self, setups: Setups) -> NDArray[np.float64]:
        levels = setups.levels
        targets = np.where(levels.has_magnitude, levels.magnitude, np.nan)
        if self._options.three_two_target is ThreeTwoTarget.PERCENT:
            moved = moved_by_percent(levels.trigger, setups.side, self._target_parts_per_million)
            targets = np.where(setups.family == Family.THREE_TWO.value, moved, targets)
        return targets


def _end_of_next_bar(bars: Bars, available_at: NDArray[np.int64]) -> NDArray[np.int64]:
    if not bars.timeframe.is_calendar_month:
        return available_at + bars.timeframe.duration
    return np.array([bars.timeframe.bucket_end(ts) for ts in available_at.tolist()], dtype=np.int64)
