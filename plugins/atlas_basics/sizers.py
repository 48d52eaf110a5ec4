"""The standard sizers; every one rounds down to the lot and says with numbers why it skips."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from attrs import frozen

from atlas_core import Account, Instrument, OrderPlan, Signal, Sizer

if TYPE_CHECKING:
    from atlas_basics.options import FixedFractionOptions, FixedNotionalOptions, RiskPerTradeOptions
    from atlas_core import MarketNow

ZERO, ONE, PERCENT, BASIS_POINTS = Decimal(0), Decimal(1), Decimal(100), Decimal(10_000)


class _CannotSize(Exception):
    """There is no size, for a reason that names the numbers."""


@frozen(kw_only=True)
class _Entry:
    """What a size is made from."""

    signal: Signal
    account: Account
    instrument: Instrument
    price: Decimal

    @property
    def unit_value(self) -> Decimal:
        """Return the value of a quantity of one, in the quote currency."""
        return self.instrument.notional(ONE, self.price)

    @property
    def equity(self) -> Decimal:
        """Return the equity; raises _CannotSize when nothing is left."""
        if self.account.equity <= 0:
            raise _CannotSize(f"expected equity above 0, was {self.account.equity}")
        return self.account.equity


@frozen(kw_only=True)
class _Wish:
    """What a sizer would like, before lots and minima; `inputs` are the numbers that led to it."""

    quantity: Decimal
    inputs: Mapping[str, Any]
    leverage: Decimal = ONE


class _PricedSizer(Sizer):
    """What the sizers share: find the entry price, ask for the wish, cut it to what the instrument trades."""

    def size(self, signal: Signal, account: Account, market: MarketNow) -> OrderPlan:
        """Return the plan, its quantity 0 with a reason where no position can be taken."""
        instrument = market.instrument(signal.symbol)
        try:
            price = _entry_price(signal, market)
            entry = _Entry(signal=signal, account=account, instrument=instrument, price=price)
            return _plan(self._wish(entry), entry)
        except _CannotSize as why:
            return OrderPlan(symbol=signal.symbol, quantity=ZERO, reason=str(why))

    @abstractmethod
    def _wish(self, entry: _Entry) -> _Wish:
        """Return the size before rounding; raises _CannotSize."""


class FixedNotionalSizer(_PricedSizer):
    """Positions of one value in the quote currency."""

    def __init__(self, options: FixedNotionalOptions) -> None:
        self._notional = options.notional

    def _wish(self, entry: _Entry) -> _Wish:
        inputs = {"price": entry.price, "notional": self._notional}
        return _Wish(quantity=self._notional / entry.unit_value, inputs=inputs)


class FixedFractionSizer(_PricedSizer):
    """Positions of one share of the equity."""

    def __init__(self, options: FixedFractionOptions) -> None:
        self._fraction_pct = options.fraction_pct
        self._reserve = ONE + options.cost_reserve_bps / BASIS_POINTS

    def _wish(self, entry: _Entry) -> _Wish:
        notional = entry.equity * self._fraction_pct / PERCENT / self._reserve
        inputs = {
            "price": entry.price,
            "equity": entry.equity,
            "fraction_pct": self._fraction_pct,
            "notional": notional,
        }
        return _Wish(quantity=notional / entry.unit_value, inputs=inputs)


class RiskPerTradeSizer(_PricedSizer):
    """Positions that lose one share of the equity, costs included, when they are closed at the signal's stop."""

    def __init__(self, options: RiskPerTradeOptions) -> None:
        self._options = options

    def _wish(self, entry: _Entry) -> _Wish:
        options = self._options
        distance = _risk_distance(entry.signal, entry.price)
        cost_per_unit = entry.price * options.cost_reserve_bps / BASIS_POINTS
        risk_money = entry.equity * options.risk_pct / PERCENT
        by_risk = risk_money / ((distance + cost_per_unit) * entry.instrument.multiplier)
        reserve = ONE + options.cost_reserve_bps / BASIS_POINTS
        by_notional = entry.equity * options.max_notional_pct / PERCENT / reserve / entry.unit_value
        inputs = {
            "price": entry.price,
            "stop": entry.signal.stop,
            "distance": distance,
            "cost_per_unit": cost_per_unit,
            "equity": entry.equity,
            "risk_pct": options.risk_pct,
            "risk_money": risk_money,
            "max_notional_pct": options.max_notional_pct,
            "capped": by_notional < by_risk,
        }
        leverage = min(options.leverage, max(ONE, entry.instrument.max_leverage))
        return _Wish(quantity=min(by_risk, by_notional), inputs=inputs, leverage=leverage)


def _entry_price(signal: Signal, market: MarketNow) -> Decimal:
    price = market.last_price(signal.symbol) if signal.trigger is None else signal.trigger
    if price is None:
        raise _CannotSize(f"no price of {signal.symbol} was seen yet")
    if price <= 0:
        raise _CannotSize(f"expected a price above 0, was {price}")
    return price


def _risk_distance(signal: Signal, price: Decimal) -> Decimal:
    if signal.stop is None:
        raise _CannotSize("the signal has no stop to measure the risk by")
    distance = (price - signal.stop) * signal.side.sign
    if distance <= 0:
        where = "below" if signal.side.sign > 0 else "above"
        raise _CannotSize(f"expected the stop of a {signal.side} {where} the entry {price}, was {signal.stop}")
    return distance


def _plan(wish: _Wish, entry: _Entry) -> OrderPlan:
    instrument, price = entry.instrument, entry.price
    quantity = instrument.round_quantity(wish.quantity)
    notional = instrument.notional(quantity, price)
    reason = ""
    if quantity < instrument.lot_size:
        reason = f"{wish.quantity:.8f} is less than one lot of {instrument.lot_size}"
    elif notional < instrument.min_notional:
        reason = f"{quantity} at {price} is worth {notional:.2f}, below the minimum of {instrument.min_notional}"
    if reason:
        quantity = ZERO
    return OrderPlan(
        symbol=instrument.symbol, quantity=quantity, leverage=wish.leverage, reason=reason, inputs=wish.inputs
    )
