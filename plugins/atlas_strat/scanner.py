"""The scanner `strat`: every armed setup of every timeframe as one row of a signal table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlas_core import EntryKind, Need, Scanner, SignalTable, concat_signals, signal_table
from atlas_strat.breaks import break_history
from atlas_strat.broadening import FORMATION_BARS
from atlas_strat.context import break_columns, context_columns
from atlas_strat.exhaustion import LADDER_BARS
from atlas_strat.labels import label_bars
from atlas_strat.patterns import codes_where
from atlas_strat.pivots import PIVOTS_COUNTED
from atlas_strat.setups import arm
from atlas_strat.targets import RANGES_AVERAGED, TargetPolicy
from atlas_strat.vocabulary import ContextPart, PatternKind, ThreeTwoTarget

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from atlas_core import Bars, MarketHistory
    from atlas_strat.breaks import BreakHistory
    from atlas_strat.options import StratOptions
    from atlas_strat.setups import Setups

WARMUP_BARS = PIVOTS_COUNTED + 1
"""A setup reads its own bar, three before it, and counts pivots back; nothing older changes a row."""
RANGE_WARMUP_BARS = RANGES_AVERAGED + 1
_CONTEXT_WARMUP_BARS = {ContextPart.BROADENING: FORMATION_BARS, ContextPart.EXHAUSTION: LADDER_BARS}


class StratScanner(Scanner):
    """Arms a stop entry at the close of every setup bar, for exactly the next bar of its timeframe.

    Rows are made at the close of the setup bar: the trigger is its extreme, a price beyond its other extreme cancels
    the setup (the bar can no longer become that 2), and an opening at or beyond the target voids it. The two sides of
    one setup bar are the legs of one setup: they share its time, and each cancels beyond the trigger of the other.
    """

    def __init__(self, options: StratOptions) -> None:
        self._options = options
        self._wanted = wanted_codes(options)
        self._targets = TargetPolicy(
            three_two=options.three_two_target,
            percent=options.three_two_target_pct,
            ranges=options.three_two_target_atr,
            measured_move=options.measured_move,
        )

    def needs(self) -> Sequence[Need]:
        """Return each timeframe with the bars that a setup looks back."""
        averages = self._options.three_two_target is ThreeTwoTarget.ATR
        read = [_CONTEXT_WARMUP_BARS.get(part, 0) for part in self._options.context]
        warmup = max(WARMUP_BARS, RANGE_WARMUP_BARS if averages else 0, *read)
        return tuple(Need(timeframe.text, warmup) for timeframe in self._options.timeframes)

    def scan(self, market: MarketHistory) -> SignalTable:
        """Return the armed setups of all symbols and timeframes, ordered by time."""
        histories = self._break_histories(market)
        return concat_signals(
            [
                self._scan_bars(market, market.bars(symbol, timeframe.text), histories.get(timeframe.text))
                for symbol in market.symbols
                for timeframe in self._options.timeframes
            ]
        )

    def _break_histories(self, market: MarketHistory) -> Mapping[str, BreakHistory]:
        """Return the breaks of the universe by timeframe, none where the context does not tell them."""
        if ContextPart.BREAKS not in self._options.context or not market.symbols:
            return {}
        texts = [timeframe.text for timeframe in self._options.timeframes]
        return {text: break_history([market.bars(symbol, text) for symbol in market.symbols]) for text in texts}

    def _scan_bars(self, market: MarketHistory, bars: Bars, history: BreakHistory | None) -> SignalTable:
        setups = arm(label_bars(bars), self._options.stop_mode, self._wanted)
        tick = float(bars.tick_size)
        levels = setups.levels
        available_at = bars.available_at[setups.row]
        target, has_target = self._targets.targets(setups)
        context = context_columns(setups, self._options.failed_two, self._options.context, tick)
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
            target=np.where(has_target, target * tick, np.nan),
            valid_until=market.next_ends(bars.symbol, bars.timeframe.text, available_at),
            cancel_beyond=levels.far_side * tick,
            void_beyond=self._void_levels(setups, target, has_target) * tick,
            context=context if history is None else {**context, **break_columns(history, setups, bars)},
        )

    def _void_levels(
        self, setups: Setups, target: NDArray[np.int64], has_target: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Return the nearest level at which an opening voids the setup: the target, or the first tick too far away."""
        nothing = np.where(has_target, target, np.nan)
        if self._options.max_gap_pct is None:
            return nothing
        side, trigger = setups.side, setups.levels.trigger
        allowed = np.abs(trigger) * int(self._options.max_gap_pct * 10_000) // 1_000_000
        too_far = trigger + side * (allowed + 1)
        nearest: NDArray[np.float64] = side * np.fmin(side * nothing, side * too_far)
        return nearest


def wanted_codes(options: StratOptions) -> NDArray[np.bool_]:
    """Mark the codes of the patterns that a profile enters."""
    return codes_where(
        lambda pattern: (
            pattern.rule.family in options.families
            and (options.include_continuations or pattern.kind is not PatternKind.CONTINUATION)
        )
    )
