"""What sizers read from a signal and its market, and the words in which they say that there is no size."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from atlas_core import Instrument, MarketNow, Signal


class CannotSize(Exception):
    """There is no size, for a reason that names the numbers."""


def entry_price(signal: Signal, market: MarketNow) -> Decimal:
    """Return the price at which a signal would enter; raises CannotSize where there is none."""
    price = market.last_price(signal.symbol) if signal.trigger is None else signal.trigger
    if price is None:
        raise CannotSize(f"no price of {signal.symbol} was seen yet")
    if price <= 0:
        raise CannotSize(f"expected a price above 0, was {price}")
    return price


def stop_distance(signal: Signal, price: Decimal) -> Decimal:
    """Return the distance from the entry to the signal's stop; raises CannotSize where there is none."""
    if signal.stop is None:
        raise CannotSize("the signal has no stop to measure the risk by")
    distance = (price - signal.stop) * signal.side.sign
    if distance <= 0:
        where = "below" if signal.side.sign > 0 else "above"
        raise CannotSize(f"expected the stop of a {signal.side} {where} the entry {price}, was {signal.stop}")
    return distance


def too_small(instrument: Instrument, wanted: Decimal, quantity: Decimal, price: Decimal) -> str:
    """Return why `wanted`, rounded to `quantity`, is too little to trade; empty where it is enough."""
    if quantity < instrument.lot_size:
        return f"{wanted:.8f} is less than one lot of {instrument.lot_size}"
    notional = instrument.notional(quantity, price)
    if notional < instrument.min_notional:
        return f"{quantity} at {price} is worth {notional:.2f}, below the minimum of {instrument.min_notional}"
    return ""
