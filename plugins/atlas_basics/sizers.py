"""The standard sizers; every one rounds down to the lot and says with numbers why it skips."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen

from atlas_basics.pricing import CannotSize, entry_price, stop_distance, too_small
from atlas_core import Account, ColumnarSizer, Instrument, LeveragedSizer, OrderPlan, Signal, Sizer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlas_basics.options import (
        FixedFractionOptions,
        FixedNotionalOptions,
        FixedQuantityOptions,
        RiskPerTradeOptions,
    )
    from atlas_core import MarketNow

ZERO, ONE, PERCENT, BASIS_POINTS = Decimal(0), Decimal(1), Decimal(100), Decimal(10_000)


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
        """Return the equity; raises CannotSize when nothing is left."""
        if self.account.equity <= 0:
            raise CannotSize(f"expected equity above 0, was {self.account.equity}")
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
            price = entry_price(signal, market)
            entry = _Entry(signal=signal, account=account, instrument=instrument, price=price)
            return _plan(self._wish(entry), entry)
        except CannotSize as why:
            return OrderPlan(symbol=signal.symbol, quantity=ZERO, reason=str(why))

    @abstractmethod
    def _wish(self, entry: _Entry) -> _Wish:
        """Return the size before rounding; raises CannotSize."""


class FixedQuantitySizer(_PricedSizer, ColumnarSizer):
    """Positions of one quantity."""

    def __init__(self, options: FixedQuantityOptions) -> None:
        self._quantity = options.quantity

    def lots(self, instrument: Instrument, price: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the same number of lots for every price."""
        return np.full(len(price), int(self._quantity / instrument.lot_size), dtype=np.int64)

    def _wish(self, entry: _Entry) -> _Wish:
        return _Wish(quantity=self._quantity, inputs={"price": entry.price, "quantity": self._quantity})


class FixedNotionalSizer(_PricedSizer, ColumnarSizer):
    """Positions of one value in the quote currency."""

    def __init__(self, options: FixedNotionalOptions) -> None:
        self._notional = options.notional

    def lots(self, instrument: Instrument, price: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the value divided by that of one lot, rounded down."""
        lot_ticks = self._notional / (instrument.tick_size * instrument.multiplier * instrument.lot_size)
        value, of_tick = lot_ticks.as_integer_ratio()
        return np.array([value // (of_tick * ticks) for ticks in price.tolist()], dtype=np.int64)

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


class RiskPerTradeSizer(_PricedSizer, LeveragedSizer):
    """Positions that lose one share of the equity, costs included, when they are closed at the signal's stop."""

    def __init__(self, options: RiskPerTradeOptions) -> None:
        self._options = options

    def highest_leverage(self, instrument: Instrument) -> Decimal:
        """Return the leverage of the options, cut to what the instrument allows."""
        return min(self._options.leverage, max(ONE, instrument.max_leverage))

    def _wish(self, entry: _Entry) -> _Wish:
        options = self._options
        distance = stop_distance(entry.signal, entry.price)
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
        leverage = self.highest_leverage(entry.instrument)
        return _Wish(quantity=min(by_risk, by_notional), inputs=inputs, leverage=leverage)


def _plan(wish: _Wish, entry: _Entry) -> OrderPlan:
    instrument, price = entry.instrument, entry.price
    quantity = instrument.round_quantity(wish.quantity)
    reason = too_small(instrument, wish.quantity, quantity, price)
    if reason:
        quantity = ZERO
    return OrderPlan(
        symbol=instrument.symbol, quantity=quantity, leverage=wish.leverage, reason=reason, inputs=wish.inputs
    )
