"""The standard exit rules. Their order in the profile is their precedence.

Rounding to the tick never flatters: a stop is rounded towards the entry, so that it risks no more than was said; a
target is rounded away from it, so that it pays no less.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from atlas_core import (
    NO_LEVEL,
    ColumnarLevels,
    Exit,
    ExitRule,
    Instrument,
    LevelColumns,
    LevelRule,
    Levels,
    PartialTarget,
    PatientRule,
    Position,
    Waiting,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlas_basics.options import (
        MaxLossOptions,
        ScaleOutOptions,
        ScaleOutStep,
        StopOptions,
        TargetOptions,
        TimeOptions,
        TrailingOptions,
    )
    from atlas_core import EntryColumns, MarketNow

PERCENT = Decimal(100)
BPS = Decimal(10_000)
NANOSECONDS_PER_HOUR = 3_600_000_000_000
NO_LEVELS = Levels()
_LARGEST = 2**62


class _PriceRule(LevelRule):
    """An exit rule that gives prices and never closes at the market."""

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self._instruments = instruments

    def _against(self, position: Position, distance: Decimal) -> Decimal | None:
        """Return the price `distance` on the losing side of the entry, None where it is not above zero."""
        price = self._towards_entry(position, position.entry_price - distance * position.side.sign)
        return price if price > 0 else None

    def _towards_entry(self, position: Position, stop: Decimal) -> Decimal:
        instrument = self._instruments[position.symbol]
        return instrument.round_up(stop) if position.side.sign > 0 else instrument.round_down(stop)

    def _ahead(self, position: Position, distance: Decimal) -> Decimal | None:
        """Return the price `distance` on the winning side of the entry, None where it is not above zero."""
        instrument = self._instruments[position.symbol]
        price = position.entry_price + distance * position.side.sign
        price = instrument.round_up(price) if position.side.sign > 0 else instrument.round_down(price)
        return price if price > 0 else None


class StopRule(_PriceRule, ColumnarLevels):
    """The signal's own stop, or a percentage of the entry price.

    The order stands `ticks_beyond` beyond the level, so that a price that only touches the level closes nothing.
    """

    def __init__(self, options: StopOptions, instruments: Mapping[str, Instrument]) -> None:
        super().__init__(instruments)
        self._options = options

    def levels(self, position: Position) -> Levels:
        """Return the stop, or no level where the signal has none and no percentage is set."""
        level = self._level(position)
        if level is None:
            return NO_LEVELS
        beyond = self._instruments[position.symbol].tick_size * self._options.ticks_beyond
        return Levels(stop=level - beyond * position.side.sign)

    def level_columns(self, instrument: Instrument, entries: EntryColumns) -> LevelColumns:  # noqa: ARG002
        """Return the stops of many entries at once."""
        own, pct = entries.stop, self._options.pct
        stop = own
        if pct is not None:
            level = _away(entries, pct, losing=True)
            is_own = (own != NO_LEVEL) & (not self._options.pct_overrides)
            stop = np.where(is_own, own, np.where(level > 0, level, NO_LEVEL))
        beyond = self._options.ticks_beyond * entries.side
        return LevelColumns(np.where(stop == NO_LEVEL, NO_LEVEL, stop - beyond), np.full(len(stop), NO_LEVEL))

    def _level(self, position: Position) -> Decimal | None:
        own, pct = position.signal.stop, self._options.pct
        if pct is None or (own is not None and not self._options.pct_overrides):
            return own
        return self._against(position, position.entry_price * pct / PERCENT)


class TargetRule(_PriceRule, ColumnarLevels):
    """The signal's own target, or one at a percentage or a multiple of the risk from the entry price."""

    def __init__(self, options: TargetOptions, instruments: Mapping[str, Instrument]) -> None:
        super().__init__(instruments)
        self._options = options

    def levels(self, position: Position) -> Levels:
        """Return the target, or no level where there is nothing to take it from."""
        own = position.signal.target
        if own is not None and not self._options.overrides:
            return Levels(target=own)
        distance = self._distance(position)
        return NO_LEVELS if distance is None else Levels(target=self._ahead(position, distance))

    def level_columns(self, instrument: Instrument, entries: EntryColumns) -> LevelColumns:  # noqa: ARG002
        """Return the targets of many entries at once."""
        target, other = entries.target, np.full(len(entries.target), NO_LEVEL)
        if self._options.pct is not None:
            other = _away(entries, self._options.pct, losing=False)
        elif self._options.reward_to_risk is not None:
            other = _multiple(entries, self._options.reward_to_risk)
        is_own = (target != NO_LEVEL) & (not self._options.overrides)
        return LevelColumns(
            np.full(len(target), NO_LEVEL), np.where(is_own, target, np.where(other > 0, other, NO_LEVEL))
        )

    def _distance(self, position: Position) -> Decimal | None:
        if self._options.pct is not None:
            return position.entry_price * self._options.pct / PERCENT
        risk = _risk_distance(position)
        if self._options.reward_to_risk is None or risk is None:
            return None
        return risk * self._options.reward_to_risk


class ScaleOutRule(_PriceRule):
    """A ladder of targets, each for a part of the position, and a stop at the entry after some of them.

    Shares are of what was entered, and what was closed by whatever exit counts for the nearest steps: a step that is
    closed is never asked for again, also after a restart. A step that rounds to no lot closes nothing.
    """

    def __init__(self, options: ScaleOutOptions, instruments: Mapping[str, Instrument]) -> None:
        super().__init__(instruments)
        self._options = options

    def levels(self, position: Position) -> Levels:
        """Return the steps that are still to come, the last one as the target where the steps close everything."""
        ends = self._ends(position)
        parts: list[PartialTarget] = []
        begin = position.closed_quantity
        for step, end in zip(self._options.steps, ends, strict=True):
            price = self._price(position, step)
            if price is not None and end > begin:
                parts.append(PartialTarget(price, end - begin))
                begin = end
        stop = self._break_even(position, ends)
        last = self._price(position, self._options.steps[-1])
        if parts and parts[-1].price == last and ends[-1] == position.entered_quantity:
            return Levels(stop, parts[-1].price, tuple(parts[:-1]))
        return Levels(stop, None, tuple(parts))

    def _ends(self, position: Position) -> list[Decimal]:
        """Return for each step how much of the position is closed after it, in whole lots."""
        entered, share = position.entered_quantity, Decimal(0)
        ends = []
        for step in self._options.steps:
            share += step.close_pct
            ends.append(self._instruments[position.symbol].round_quantity(entered * share / PERCENT))
        return ends

    def _price(self, position: Position, step: ScaleOutStep) -> Decimal | None:
        if step.at_pct is not None:
            return self._ahead(position, position.entry_price * step.at_pct / PERCENT)
        risk = _risk_distance(position)
        return None if risk is None or step.at_r is None else self._ahead(position, risk * step.at_r)

    def _break_even(self, position: Position, ends: list[Decimal]) -> Decimal | None:
        after = self._options.break_even_after
        if not after or not 0 < ends[after - 1] <= position.closed_quantity:
            return None
        offset = position.entry_price * self._options.break_even_offset_bps / BPS
        return self._towards_entry(position, position.entry_price + offset * position.side.sign)


class TrailingRule(_PriceRule):
    """A stop that keeps a percentage from the best price since the entry.

    The best price only improves, so the stop never moves back. `activate_at_r` counts in distances from entry to the
    signal's stop; a signal without a stop has no such distance, and its position is trailed from the start.
    """

    def __init__(self, options: TrailingOptions, instruments: Mapping[str, Instrument]) -> None:
        super().__init__(instruments)
        self._options = options

    def levels(self, position: Position) -> Levels:
        """Return the trailing stop, or no level before it is active."""
        sign = position.side.sign
        best = position.highest if sign > 0 else position.lowest
        if not self._is_active(position, (best - position.entry_price) * sign):
            return NO_LEVELS
        stop = self._towards_entry(position, best * (1 - sign * self._options.pct / PERCENT))
        return Levels(stop=stop) if stop > 0 else NO_LEVELS

    def _is_active(self, position: Position, ahead: Decimal) -> bool:
        risk = _risk_distance(position)
        if self._options.activate_at_r is None or risk is None:
            return True
        return ahead >= risk * self._options.activate_at_r


class MaxLossRule(_PriceRule):
    """A stop where the loss, before costs, reaches a share of the value at entry or a sum of money, the nearer one."""

    def __init__(self, options: MaxLossOptions, instruments: Mapping[str, Instrument]) -> None:
        super().__init__(instruments)
        self._options = options

    def levels(self, position: Position) -> Levels:
        """Return the stop, or no level where the loss cannot be reached above a price of zero."""
        distances = []
        if self._options.pct is not None:
            distances.append(position.entry_price * self._options.pct / PERCENT)
        if self._options.money is not None:
            distances.append(self._options.money / (position.quantity * position.multiplier))
        return Levels(stop=self._against(position, min(distances)))


class TimeRule(ExitRule, PatientRule):
    """Closes a position that was held long enough, in closed bars or in hours, whichever comes first."""

    def __init__(self, options: TimeOptions) -> None:
        self._options = options

    def on_market(self, position: Position, market: MarketNow) -> Exit | None:
        """Return an exit once the time is up."""
        max_bars, max_hours = self._options.max_bars, self._options.max_hours
        if max_bars is not None and position.bars_held >= max_bars:
            return Exit(f"held for {max_bars} bars", float(position.bars_held), float(max_bars))
        held = market.now - position.opened_at
        if max_hours is not None and held >= max_hours * NANOSECONDS_PER_HOUR:
            return Exit(f"held for {max_hours} hours", held / NANOSECONDS_PER_HOUR, float(max_hours))
        return None

    def waiting(self, position: Position, market: MarketNow) -> Waiting:  # noqa: ARG002  (the contract's own)
        """Return the wait for the bar or the hour at which the time is up."""
        max_bars, max_hours = self._options.max_bars, self._options.max_hours
        waiting = Waiting() if max_bars is None else Waiting(bars=max_bars - position.bars_held)
        if max_hours is None:
            return waiting
        ends_at = position.opened_at + max_hours * NANOSECONDS_PER_HOUR
        return waiting.also(Waiting(at=int(ends_at)))


def _away(entries: EntryColumns, pct: Decimal, *, losing: bool) -> NDArray[np.int64]:
    """Return the ticks at a percentage from the entry, rounded towards it where losing, else away from it."""
    part, whole = _ratio(pct / PERCENT, entries)
    sign = -entries.side if losing else entries.side
    exact = entries.price * (whole + sign * part)
    return np.where(entries.side > 0, -(-exact // whole), exact // whole)


def _ratio(share: Decimal, entries: EntryColumns) -> tuple[int, int]:
    """Return a share as a fraction; raises OverflowError where columns could not hold what it is multiplied with."""
    part, whole = share.as_integer_ratio()
    if (part + whole) * int(entries.price.max(initial=0)) >= _LARGEST:
        raise OverflowError(f"expected fewer digits, was {share}")
    return part, whole


def _multiple(entries: EntryColumns, multiple: Decimal) -> NDArray[np.int64]:
    """Return the ticks at a multiple of the distance to the signal's stop, rounded away from the entry."""
    risk = (entries.price - entries.stop) * entries.side
    has_risk = (entries.stop != NO_LEVEL) & (risk > 0)
    part, whole = _ratio(multiple, entries)
    exact = entries.price * whole + entries.side * np.where(has_risk, risk, 0) * part
    return np.where(has_risk, np.where(entries.side > 0, -(-exact // whole), exact // whole), NO_LEVEL)


def _risk_distance(position: Position) -> Decimal | None:
    """Return the distance from the entry to the signal's stop, None where it has none on the losing side."""
    if position.signal.stop is None:
        return None
    distance = (position.entry_price - position.signal.stop) * position.side.sign
    return distance if distance > 0 else None
