"""The life of a setup during the one bar that may take it: a state machine of prices, and the same in columns.

All prices are ticks. The machine has no clock: whoever drives it says which prices and bars belong to the entry bar,
and when that bar has closed.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray


class LifeState(StrEnum):
    """Where a setup is in its life."""

    ARMED = "ARMED"
    IN_FORCE = "IN_FORCE"
    OUT_OF_FORCE = "OUT_OF_FORCE"
    TARGET_HIT = "TARGET_HIT"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    VOID_GAP = "VOID_GAP"
    EXPIRED = "EXPIRED"
    CLOSED_IN_FORCE = "CLOSED_IN_FORCE"
    CLOSED_OUT_OF_FORCE = "CLOSED_OUT_OF_FORCE"

    @property
    def is_final(self) -> bool:
        """Whether nothing can follow."""
        return self not in _AT_CLOSE


_AT_CLOSE = {
    LifeState.ARMED: LifeState.EXPIRED,
    LifeState.IN_FORCE: LifeState.CLOSED_IN_FORCE,
    LifeState.OUT_OF_FORCE: LifeState.CLOSED_OUT_OF_FORCE,
}
STATES = tuple(LifeState)


@frozen
class Ohlc:
    """One bar in ticks."""

    open: int
    high: int
    low: int
    close: int


@frozen
class SetupTerms:
    """The levels that decide a setup's life, in ticks; `side` is +1 or -1.

    An opening more than `max_gap` beyond the trigger voids the setup; None allows any gap short of the magnitude.
    """

    side: int
    trigger: int
    far_side: int
    magnitude: int | None = None
    max_gap: int | None = None

    def is_beyond_trigger(self, price: int) -> bool:
        """Tell whether a price lies strictly beyond the trigger."""
        return self.side * (price - self.trigger) > 0

    def is_beyond_far_side(self, price: int) -> bool:
        """Tell whether a price lies strictly beyond the far side."""
        return self.side * (price - self.far_side) < 0

    def has_reached_magnitude(self, price: int) -> bool:
        """Tell whether a price lies at or beyond the magnitude."""
        return self.magnitude is not None and self.side * (price - self.magnitude) >= 0

    def is_void_opening(self, price: int) -> bool:
        """Tell whether an opening leaves nothing to win, or too little."""
        gap = self.side * (price - self.trigger)
        return self.has_reached_magnitude(price) or (self.max_gap is not None and gap > self.max_gap)


def entry_price(side: int, trigger: int, price: int) -> int:
    """Return where a stop entry one tick beyond `trigger` fills when the first price beyond it is `price` at best."""
    return side * max(side * price, side * trigger + 1)


@define
class SetupLife:
    """One setup during its entry bar.

    `fill` is the price in ticks at which its stop entry would have filled, None while it has not; `ambiguous` is true
    when the order of prices inside a bar decided and was not known: it then counts as failed.
    """

    terms: SetupTerms
    state: LifeState = field(default=LifeState.ARMED, init=False)
    fill: int | None = field(default=None, init=False)
    ambiguous: bool = field(default=False, init=False)
    _has_opened: bool = field(default=False, init=False)

    def see(self, price: int) -> LifeState:
        """Take in one price; the first one is the opening of the entry bar, and only that can void."""
        is_opening, self._has_opened = not self._has_opened, True
        if self.state.is_final:
            return self.state
        if is_opening and self.terms.is_void_opening(price):
            self.state = LifeState.VOID_GAP
        elif self.terms.is_beyond_far_side(price):
            self.state = LifeState.CANCELLED if self.fill is None else LifeState.FAILED
        elif self.fill is not None or self.terms.is_beyond_trigger(price):
            self.fill = price if self.fill is None else self.fill
            self.state = self._standing_at(price)
        return self.state

    def see_bar(self, bar: Ohlc) -> LifeState:
        """Take in a bar that is the entry bar, or the next part of it."""
        if self.see(bar.open).is_final:
            return self.state
        best, worst = (bar.high, bar.low) if self.terms.side > 0 else (bar.low, bar.high)
        fails = self.terms.is_beyond_far_side(worst)
        if self.fill is None:
            if not self.terms.is_beyond_trigger(best):
                self.state = LifeState.CANCELLED if fails else self.state
                return self.state
            self.fill = entry_price(self.terms.side, self.terms.trigger, bar.open)
            self.ambiguous = fails
        else:
            self.ambiguous = fails and self.terms.has_reached_magnitude(best)
        if fails:
            self.state = LifeState.FAILED
        elif self.terms.has_reached_magnitude(best):
            self.state = LifeState.TARGET_HIT
        else:
            self.state = self._standing_at(bar.close)
        return self.state

    def close(self) -> LifeState:
        """End the life with its bar."""
        self.state = _AT_CLOSE.get(self.state, self.state)
        return self.state

    def other_side_came_first(self) -> None:
        """Take back an entry whose order inside the bar was a guess: the other leg has been taken instead."""
        self.state, self.fill = LifeState.CANCELLED, None

    def _standing_at(self, price: int) -> LifeState:
        if self.terms.has_reached_magnitude(price):
            return LifeState.TARGET_HIT
        return LifeState.IN_FORCE if self.terms.is_beyond_trigger(price) else LifeState.OUT_OF_FORCE


@frozen
class TwoLegs:
    """Both sides of one setup bar as one setup: a price that takes one leg cancels the other."""

    long: SetupLife
    short: SetupLife

    def see(self, price: int) -> None:
        """Show one price to both legs."""
        self.long.see(price)
        self.short.see(price)

    def see_bar(self, bar: Ohlc) -> None:
        """Show a bar to both legs.

        Where it took both and its open tells nothing, the leg whose trigger is nearer to the open is assumed to have
        been taken, and to have failed; the other one is cancelled. Equally near, it is the long one.
        """
        undecided = self.long.fill is None and self.short.fill is None
        self.long.see_bar(bar)
        self.short.see_bar(bar)
        if undecided and self.long.fill is not None and self.short.fill is not None:
            is_long_nearer = self.long.terms.trigger - bar.open <= bar.open - self.short.terms.trigger
            (self.short if is_long_nearer else self.long).other_side_came_first()

    def close(self) -> None:
        """End both legs with their bar."""
        self.long.close()
        self.short.close()


def live_through(terms: SetupTerms, entry: Ohlc, finer: Iterable[Ohlc] = ()) -> SetupLife:
    """Return the life of a setup over its whole entry bar.

    Where the bar alone leaves the order open, `finer` bars decide it, if they show the same high and low; else it
    counts as failed and is marked ambiguous.
    """
    life = SetupLife(terms)
    life.see_bar(entry)
    parts = tuple(finer) if life.ambiguous else ()
    if parts and (max(part.high for part in parts), min(part.low for part in parts)) == (entry.high, entry.low):
        life = SetupLife(terms)
        for part in parts:
            life.see_bar(part)
    life.close()
    return life


@frozen(eq=False)
class Lives:
    """How setups ended over their entry bars, in equal-length columns.

    `state` is a place in `STATES` (int8); `fill` counts only where `has_fill`.
    """

    state: NDArray[np.int8]
    fill: NDArray[np.int64]
    has_fill: NDArray[np.bool_]
    ambiguous: NDArray[np.bool_]


@frozen(eq=False)
class TermColumns:
    """The terms of many setups in equal-length columns (ticks); `magnitude` counts only where `has_magnitude`."""

    side: NDArray[np.int64]
    trigger: NDArray[np.int64]
    far_side: NDArray[np.int64]
    magnitude: NDArray[np.int64]
    has_magnitude: NDArray[np.bool_]

    def at(self, index: int, max_gap: int | None = None) -> SetupTerms:
        """Return the terms of one setup."""
        magnitude = int(self.magnitude[index]) if self.has_magnitude[index] else None
        return SetupTerms(
            int(self.side[index]), int(self.trigger[index]), int(self.far_side[index]), magnitude, max_gap
        )


@frozen(eq=False)
class EntryColumns:
    """The entry bars of many setups in equal-length columns (ticks)."""

    open: NDArray[np.int64]
    high: NDArray[np.int64]
    low: NDArray[np.int64]
    close: NDArray[np.int64]

    def at(self, index: int) -> Ohlc:
        """Return one entry bar."""
        return Ohlc(int(self.open[index]), int(self.high[index]), int(self.low[index]), int(self.close[index]))


def lives(terms: TermColumns, entries: EntryColumns, max_gap: int | None = None) -> Lives:
    """Return what `live_through` says of each setup and its entry bar, in columns."""
    side, trigger = terms.side, terms.trigger
    opening = side * (entries.open - trigger)
    best = side * (np.where(side > 0, entries.high, entries.low) - trigger)
    worst = side * (np.where(side > 0, entries.low, entries.high) - trigger)
    far = side * (terms.far_side - trigger)
    goal = np.where(terms.has_magnitude, side * (terms.magnitude - trigger), np.iinfo(np.int64).max)
    void = (opening >= goal) | (opening > (np.iinfo(np.int64).max if max_gap is None else max_gap))
    cancelled = (opening < far) | ((best <= 0) & (worst < far))
    filled = ~void & ~cancelled & (best > 0)
    failed = filled & (worst < far)
    hit = best >= goal
    stands = np.where(side * (entries.close - trigger) > 0, _place("CLOSED_IN_FORCE"), _place("CLOSED_OUT_OF_FORCE"))
    state = np.select(
        [void, cancelled, ~filled, failed, hit],
        [_place(name) for name in ("VOID_GAP", "CANCELLED", "EXPIRED", "FAILED", "TARGET_HIT")],
        default=stands,
    ).astype(np.int8)
    fill = trigger + side * np.maximum(opening, 1)
    return Lives(state, fill, filled, failed & ((opening <= 0) | hit))


def _place(name: str) -> int:
    return STATES.index(LifeState[name])
