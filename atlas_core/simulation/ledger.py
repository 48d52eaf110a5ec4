"""The account's money at the venue, and what of it is bound."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from attrs import define

from atlas_core.model.instrument import ZERO
from atlas_core.model.portfolio import Account
from atlas_core.simulation.pricing import to_money

if TYPE_CHECKING:
    from atlas_core.simulation.market import Market
    from atlas_core.simulation.working import Working


def reserved(market: Market, working: Working) -> Decimal:
    """Return the margin that a working order binds: that of the part which would open a position."""
    if working.clipped:
        return ZERO
    quantity = working.open_quantity
    opening = quantity - market.holding.closing_part(working.sign * quantity)
    return to_money(market.instrument.notional(opening, working.reserve_price) / working.order.leverage)


@define(eq=False)
class Ledger:
    """Cash with the totals of what was paid. `cash = start + realised - fees - funding`, to the last digit."""

    cash: Decimal
    markets: Mapping[str, Market]
    fees: Decimal = ZERO
    funding: Decimal = ZERO

    def book_trade(self, realised: Decimal, fee: Decimal) -> None:
        """Add what a trade realised and take its fee."""
        self.cash += realised - fee
        self.fees += fee

    def book_funding(self, amount: Decimal) -> None:
        """Take what funding costs (add it when it is below 0)."""
        self.cash -= amount
        self.funding += amount

    def account(self, *, besides: Working | None = None) -> Account:
        """Return the account marked to the last prices, without the reservation of one order."""
        equity, margin, exposure = self.cash, ZERO, ZERO
        for market in self.markets.values():
            if market.idle:
                continue
            if market.holding.quantity:
                price = market.last_price
                equity += market.holding.unrealised(price)
                margin += market.holding.margin
                exposure += abs(market.instrument.notional(market.holding.quantity, price))
            for working in market.orders.values():
                if working is not besides:
                    margin += reserved(market, working)
        return Account(cash=self.cash, equity=equity, margin_used=margin, exposure=exposure)
