"""Positions and the account, as deciders see them: immutable snapshots."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from attrs import field, frozen

from atlas_core.model.instrument import ZERO
from atlas_core.model.signals import Side, Signal


@frozen(kw_only=True)
class Position:
    """One open position; prices in the quote currency, times in nanoseconds UTC.

    `highest` and `lowest` are the extremes that were certainly seen while the position was open; `initial_risk` is
    the money at risk between entry and first stop, or None without one. `sizing` is what the sizer wrote beside its
    plan: a fact of the trade, which an exit rule may hold it to after any restart. `closed_quantity` is what was closed
    of it already, `quantity` what is still open.
    """

    trade_id: int
    symbol: str
    side: Side
    quantity: Decimal
    entry_price: Decimal
    opened_at: int
    signal: Signal
    leverage: Decimal
    highest: Decimal
    lowest: Decimal
    last_price: Decimal
    bars_held: int = 0
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    initial_risk: Decimal | None = None
    multiplier: Decimal = Decimal(1)
    sizing: Mapping[str, Any] = field(factory=dict)
    closed_quantity: Decimal = ZERO

    @property
    def entered_quantity(self) -> Decimal:
        """Return what was entered so far, also what has been closed of it."""
        return self.quantity + self.closed_quantity

    @property
    def unrealised(self) -> Decimal:
        """Return the profit or loss at the last price, before fees."""
        return (self.last_price - self.entry_price) * self.quantity * self.multiplier * self.side.sign

    @property
    def notional(self) -> Decimal:
        """Return the value of the position at the last price."""
        return self.last_price * self.quantity * self.multiplier

    @property
    def margin(self) -> Decimal:
        """Return the money reserved for the position."""
        return self.entry_price * self.quantity * self.multiplier / self.leverage


@frozen(kw_only=True)
class Account:
    """Cash and what it carries, in the quote currency."""

    cash: Decimal
    equity: Decimal
    margin_used: Decimal = ZERO
    exposure: Decimal = ZERO

    @property
    def available(self) -> Decimal:
        """Return what can still be reserved: open losses count, open profits do not."""
        return max(ZERO, min(self.cash, self.equity) - self.margin_used)


@frozen(kw_only=True)
class ClosedTrade:
    """What remains of a position after it was closed."""

    trade_id: int
    symbol: str
    side: Side
    opened_at: int
    closed_at: int
    net: Decimal
    rule: str
    reason: str


@frozen(kw_only=True)
class Portfolio:
    """What gates may know of the account: open positions and each symbol's last closed trade."""

    account: Account
    positions: Mapping[str, Position] = field(factory=dict)
    last_closed: Mapping[str, ClosedTrade] = field(factory=dict)
