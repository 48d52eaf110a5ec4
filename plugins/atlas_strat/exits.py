"""The exit rules of the method: a premise that failed, a reversal against the position, a continuity that turned.

All of them close at the market, at the close of a base bar. Their order in the profile is their precedence; stops and
targets work as orders and come first, because they were reached before that close.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_core import Exit, ExitRule, Need, NeedsBars, PatientRule, Waiting
from atlas_strat.continuity import ContinuityState, continuity_now
from atlas_strat.setups import armed_setups
from atlas_strat.vocabulary import PatternKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlas_core import FormingBar, MarketNow, Position
    from atlas_strat.exit_options import ContinuityFlipOptions, OppositeReversalOptions

BARS_OF_A_SETUP = 5
"""A setup reads its own bar, the two before it and one more that labels the oldest; one is to spare."""


class InvalidationRule(ExitRule, NeedsBars, PatientRule):
    """Closes a position whose entry bar took both sides of the setup bar: it is no 2 any more but a 3.

    The premise is that of the entry bar, so the rule speaks during that bar only, its close included. A later
    pull-back through the far side of the setup bar is the business of the stop.
    """

    def __init__(self, timeframes: Sequence[str]) -> None:
        self._needs = tuple(Need(timeframe) for timeframe in timeframes)

    def needs(self) -> Sequence[Need]:
        """Return the timeframes of the signals, whose entry bars are looked at while they form."""
        return self._needs

    def on_market(self, position: Position, market: MarketNow) -> Exit | None:
        """Return an exit while the entry bar has gone beyond both extremes of the setup bar."""
        signal = position.signal
        if signal.trigger is None or signal.cancel_beyond is None:
            return None
        entry_bar = market.forming(position.symbol, signal.timeframe)
        if entry_bar is None or entry_bar.ends_at != signal.valid_until:
            return None
        ticks = market.instrument(position.symbol).to_ticks
        low, high = sorted((ticks(signal.trigger), ticks(signal.cancel_beyond)))
        if ticks(entry_bar.high) <= high or ticks(entry_bar.low) >= low:
            return None
        far = entry_bar.low if position.side.sign > 0 else entry_bar.high
        return Exit("the entry bar took both sides of the setup bar", far, float(signal.cancel_beyond))

    def waiting(self, position: Position, market: MarketNow) -> Waiting:
        """Return the wait for the side that the entry bar has not taken; nothing once that bar is over."""
        signal = position.signal
        if signal.trigger is None or signal.cancel_beyond is None or market.now >= signal.valid_until:
            return Waiting()
        entry_bar = market.forming(position.symbol, signal.timeframe)
        if entry_bar is None or entry_bar.ends_at != signal.valid_until:
            return Waiting(every=True)
        low, high = sorted((float(signal.trigger), float(signal.cancel_beyond)))
        ticks = market.instrument(position.symbol).to_ticks
        waiting = Waiting()
        if ticks(entry_bar.high) <= ticks(high):
            waiting = waiting.also(Waiting(above=high))
        if ticks(entry_bar.low) >= ticks(low):
            waiting = waiting.also(Waiting(below=low))
        return waiting


class OppositeReversalRule(ExitRule, NeedsBars, PatientRule):
    """Closes a position when a reversal against it comes into force on the timeframe of its signal.

    The reversal is armed by closed bars only and in force once the forming bar has gone strictly beyond its trigger.
    The entry bar itself can make none: what breaks there is the position's own setup. On another timeframe the first
    bar that can make one is the first that opens after the entry.
    """

    def __init__(self, options: OppositeReversalOptions, timeframes: Sequence[str]) -> None:
        self._timeframe = None if options.timeframe is None else options.timeframe.text
        read = timeframes if self._timeframe is None else (self._timeframe,)
        self._needs = tuple(Need(timeframe, BARS_OF_A_SETUP) for timeframe in read)

    def needs(self) -> Sequence[Need]:
        """Return the timeframes on which reversals are looked for."""
        return self._needs

    def on_market(self, position: Position, market: MarketNow) -> Exit | None:
        """Return an exit once a reversal against the position is in force."""
        signal = position.signal
        timeframe = self._timeframe or signal.timeframe
        begins = signal.valid_until if timeframe == signal.timeframe else position.opened_at
        forming = market.forming(position.symbol, timeframe)
        if forming is None or forming.opened_at < begins:
            return None
        found = _trigger_against(position, market, timeframe, forming)
        if found is None:
            return None
        pattern, trigger = found
        instrument = market.instrument(position.symbol)
        reached = forming.low if position.side.sign > 0 else forming.high
        if (instrument.to_ticks(reached) - trigger) * position.side.sign >= 0:
            return None
        return Exit(f"{pattern} on {timeframe} against the position", reached, float(instrument.from_ticks(trigger)))

    def waiting(self, position: Position, market: MarketNow) -> Waiting:
        """Return the wait for the trigger of the reversal that is armed now, and for the next bar of its timeframe."""
        signal = position.signal
        timeframe = self._timeframe or signal.timeframe
        begins = signal.valid_until if timeframe == signal.timeframe else position.opened_at
        forming = market.forming(position.symbol, timeframe)
        if forming is None:
            return Waiting(every=True)
        next_bar = Waiting(at=forming.ends_at)
        found = None if forming.opened_at < begins else _trigger_against(position, market, timeframe, forming)
        if found is None:
            return next_bar
        level = float(market.instrument(position.symbol).from_ticks(found[1]))
        return next_bar.also(Waiting(below=level) if position.side.sign > 0 else Waiting(above=level))


def _trigger_against(
    position: Position, market: MarketNow, timeframe: str, forming: FormingBar
) -> tuple[str, int] | None:
    """Return pattern and trigger, in ticks, of the reversal that the last closed bar arms against a position."""
    bars = market.bars(position.symbol, timeframe)
    closed = bars.count_available(forming.opened_at)
    tail = bars.between(max(0, closed - BARS_OF_A_SETUP), closed)
    setups = armed_setups(tail)
    for row in range(len(setups)):
        is_last = int(setups.row[row]) == len(tail) - 1
        is_against = int(setups.side[row]) == -position.side.sign
        if is_last and is_against and str(setups.kind[row]) == PatternKind.REVERSAL.value:
            return str(setups.pattern[row]), int(setups.levels.trigger[row])
    return None


class ContinuityFlipRule(ExitRule, NeedsBars, PatientRule):
    """Closes a position when enough of the timeframes trade against it, each on the other side of its own open.

    A timeframe whose open is not known speaks for nobody, so a continuity that is incomplete is never fully against.
    """

    def __init__(self, options: ContinuityFlipOptions, timeframes: Sequence[str]) -> None:
        asked = [timeframe.text for timeframe in options.timeframes] or list(timeframes)
        self._timeframes = tuple(dict.fromkeys(asked))
        self._share = float(options.share_against_pct) / 100

    def needs(self) -> Sequence[Need]:
        """Return the timeframes that are asked."""
        return tuple(Need(timeframe) for timeframe in self._timeframes)

    def on_market(self, position: Position, market: MarketNow) -> Exit | None:
        """Return an exit once the share of the timeframes against the position has been reached."""
        found = continuity_now(market, position.symbol, self._timeframes)
        if found.state is ContinuityState.INCOMPLETE:
            return None
        against = found.score(-position.side.sign) or 0.0
        if against < self._share:
            return None
        return Exit(f"continuity is against the position: {found}", against, self._share)

    def waiting(self, position: Position, market: MarketNow) -> Waiting:
        """Return the wait for a price at an open of a current bar, and for the next bar of any timeframe."""
        price = market.last_price(position.symbol)
        waiting, exact = Waiting(), market.instrument(position.symbol).exact
        for timeframe in self._timeframes:
            bar = market.forming(position.symbol, timeframe)
            if bar is None or price is None:
                return Waiting(every=True)
            waiting = waiting.also(Waiting(at=bar.ends_at))
            opened = exact(bar.open)
            if opened <= price:
                waiting = waiting.also(Waiting(below=float(opened)))
            if opened >= price:
                waiting = waiting.also(Waiting(above=float(opened)))
        return waiting
