"""When a waiting signal is taken, cancelled or void: pure functions of its levels and of the prices seen."""

from __future__ import annotations

from decimal import Decimal

from atlas_core.model.orders import Touch
from atlas_core.model.signals import EntryKind, Signal
from atlas_core.model.waiting import Waiting, waiting_for_price


def is_upward(signal: Signal) -> bool:
    """Tell whether the market rises when it takes the trigger: a limit entry waits on the other side."""
    return (signal.side.sign > 0) != (signal.entry is EntryKind.LIMIT)


def trigger_price(signal: Signal, low: Decimal, high: Decimal, tick: Decimal) -> Decimal | None:
    """Return the first price between `low` and `high` that takes the trigger, None where none does.

    A limit entry is taken by a touch, a stop entry only strictly beyond its level: one tick at least.
    """
    level = signal.trigger
    if level is None:
        return None
    if signal.entry is not EntryKind.LIMIT:
        level += tick * signal.side.sign
    if is_upward(signal):
        return max(low, level) if high >= level else None
    return min(high, level) if low <= level else None


def touch_at(signal: Signal, price: Decimal) -> Touch:
    """Return the touch that takes a signal at `price`."""
    return Touch(price, is_upward(signal))


def is_void_at(signal: Signal, price: Decimal) -> bool:
    """Tell whether an opening price has already reached what the signal aims at."""
    level = signal.void_beyond
    return level is not None and (price - level) * signal.side.sign >= 0


def is_cancelled_at(signal: Signal, price: Decimal) -> bool:
    """Tell whether a price lies strictly beyond the level that ends the signal."""
    level = signal.cancel_beyond
    return level is not None and (price - level) * signal.side.sign < 0


def levels_of(signal: Signal) -> Waiting:
    """Return the wait for a price that may take or cancel a signal."""
    trigger, cancel = signal.trigger, signal.cancel_beyond
    taken = Waiting(every=True) if trigger is None else waiting_for_price(trigger, upward=is_upward(signal))
    return taken if cancel is None else taken.also(waiting_for_price(cancel, upward=signal.side.sign < 0))


def ends_other_leg(taken: Signal, price: Decimal, signal: Signal) -> bool:
    """Tell whether `taken`, which was entered at `price`, is the other leg of the same setup and ends `signal`.

    Two signals of one scanner on one setup bar that face each other are the legs of one setup, where the price that
    takes one lies beyond the cancelling level of the other.
    """
    same_setup = (taken.scanner, taken.symbol, taken.timeframe, taken.setup_at) == (
        signal.scanner, signal.symbol, signal.timeframe, signal.setup_at
    )  # fmt: skip
    return same_setup and taken.side is not signal.side and is_cancelled_at(signal, price)
