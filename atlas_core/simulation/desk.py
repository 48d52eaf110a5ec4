"""Carries out what was decided: fills, cancellations, forced closes and funding, each with its money and its event."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from atlas_core.model.costs import TakenPrice
from atlas_core.model.events import (
    BrokerEvent,
    FundingCharged,
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    PositionLiquidated,
)
from atlas_core.model.instrument import ONE, ZERO
from atlas_core.model.orders import Liquidity
from atlas_core.simulation.ledger import Ledger
from atlas_core.simulation.pricing import liquidation_fee, money_text, to_money, trade_fee

if TYPE_CHECKING:
    from atlas_core.simulation.costs import CostOptions
    from atlas_core.simulation.market import Market
    from atlas_core.simulation.working import Working

NOTHING_TO_REDUCE = "reduce-only: there is no position to reduce"
LINKED = "one-cancels-other: a linked order was filled"


class Desk:
    """The venue's hands; `now` stamps the events, which pile up until they are drained."""

    def __init__(self, costs: CostOptions, ledger: Ledger) -> None:
        self.costs = costs
        self.ledger = ledger
        self.now = 0
        self._taker_costs = costs.assumed.worsened(costs.trading_costs())
        self._events: list[BrokerEvent] = []

    def drain(self) -> list[BrokerEvent]:
        """Return what happened since the last call."""
        events, self._events = self._events, []
        return events

    def accept(self, market: Market, working: Working) -> None:
        """Let an admitted order work."""
        order = working.order
        market.orders[order.client_order_id] = working
        working.accepted = OrderAccepted(
            ts=self.now,
            client_order_id=order.client_order_id,
            venue_order_id=f"sim-{order.symbol}-{working.sequence}",
        )
        self._events.append(working.accepted)
        if working.clipped and not self._reducible(market, working):
            self.cancel(market, working, NOTHING_TO_REDUCE)

    def cancel(self, market: Market, working: Working, reason: str) -> None:
        """End an order without (further) fills."""
        order_id = working.order.client_order_id
        market.orders.pop(order_id, None)
        working.end = OrderCancelled(ts=self.now, client_order_id=order_id, reason=reason)
        self._events.append(working.end)

    def expire(self, market: Market, until: int) -> None:
        """End the orders whose own time has come."""
        for working in tuple(market.orders.values()):
            expires_at = working.order.expires_at
            if expires_at is not None and expires_at <= until:
                order_id = working.order.client_order_id
                del market.orders[order_id]
                working.end = OrderExpired(ts=self.now, client_order_id=order_id)
                self._events.append(working.end)

    def take(self, market: Market, working: Working, reference_ticks: int, *, at_limit: bool = False) -> Decimal:
        """Fill at the market, worsened by spread, slippage and impact but never beyond the order's own limit.

        `at_limit` fills at that limit itself. Returns the quantity filled.
        """
        quantity = self._fillable(market, working)
        if not quantity:
            return ZERO
        instrument = market.instrument
        taken = self._taker_costs.taken(
            instrument,
            working.order.action,
            instrument.from_ticks(reference_ticks),
            quantity,
            half_spread=market.half_spread(reference_ticks, working.sign),
            limit=None if working.limit is None else instrument.from_ticks(working.limit),
            at_limit=at_limit,
        )
        return self._fill(market, working, quantity, taken, Liquidity.TAKER)

    def make(self, market: Market, working: Working) -> Decimal:
        """Fill a resting order at its limit and return the quantity filled."""
        quantity = self._fillable(market, working)
        if not quantity or working.limit is None:
            return ZERO
        price = market.instrument.from_ticks(working.limit)
        return self._fill(market, working, quantity, TakenPrice(price, price), Liquidity.MAKER)

    def liquidate(self, market: Market, price_ticks: int, *, gapped: bool) -> None:
        """Close the position by force and cancel every order of the symbol.

        The fee is taken from what is left of the margin, unless the price gapped beyond the liquidation price: then
        the whole loss and the whole fee are the account's.
        """
        holding, instrument = market.holding, market.instrument
        price, quantity, margin = instrument.from_ticks(price_ticks), abs(holding.quantity), holding.margin
        realised = holding.trade(-holding.quantity, price, ONE)
        fee = liquidation_fee(self.costs, instrument, quantity, price)
        if not gapped:
            fee = min(fee, max(ZERO, margin + realised))
        self.ledger.book_trade(realised, fee)
        market.position_moved()
        self._events.append(
            PositionLiquidated(ts=self.now, symbol=instrument.symbol, quantity=quantity, price=price, fee=fee)
        )
        for working in tuple(market.orders.values()):
            self.cancel(market, working, "the position was liquidated")

    def charge(self, market: Market, time: int, rate: Decimal) -> None:
        """Book the funding of one time at the last price: longs pay a rate above 0, shorts receive it."""
        quantity = market.holding.quantity
        if not quantity:
            return
        amount = to_money(market.instrument.notional(quantity, market.last_price) * rate)
        self.ledger.book_funding(amount)
        self._events.append(FundingCharged(ts=time, symbol=market.instrument.symbol, rate=rate, amount=amount))

    def _reducible(self, market: Market, working: Working) -> Decimal:
        return market.holding.closing_part(working.sign * working.open_quantity)

    def _fillable(self, market: Market, working: Working) -> Decimal:
        quantity = working.open_quantity
        if working.clipped:
            quantity = self._reducible(market, working)
            if not quantity:
                self.cancel(market, working, NOTHING_TO_REDUCE)
        left = market.volume_left(self.costs.max_volume_participation_pct)
        return quantity if left is None else min(quantity, left)

    def _fill(
        self, market: Market, working: Working, quantity: Decimal, taken: TakenPrice, liquidity: Liquidity
    ) -> Decimal:
        price = taken.price
        fee = trade_fee(self.costs, market.instrument, quantity, price, liquidity)
        lacking = self._lacking(market, working, quantity, price, fee)
        if lacking is not None:
            self.cancel(market, working, lacking)
            return ZERO
        holding, side_before = market.holding, market.holding.sign
        self.ledger.book_trade(holding.trade(working.sign * quantity, price, working.order.leverage), fee)
        market.position_moved()
        if holding.sign not in (side_before, 0):
            market.funded_until = max(market.funded_until, market.held_from())
        if self.costs.max_volume_participation_pct is not None:
            market.use_volume(quantity)
        self._events.append(working.book(self.now, quantity, taken, fee, liquidity, market.basis))
        self._after_fill(market, working, quantity)
        return quantity

    def _lacking(self, market: Market, working: Working, quantity: Decimal, price: Decimal, fee: Decimal) -> str | None:
        opening = quantity - market.holding.closing_part(working.sign * quantity)
        if not opening:
            return None
        needed = market.instrument.notional(opening, price) / working.order.leverage + fee
        available = self.ledger.account(besides=working).available
        if needed <= available:
            return None
        expected, was = money_text(available), money_text(needed)
        return f"margin and fee at the fill: expected at most the {expected} available, was {was}"

    def _after_fill(self, market: Market, working: Working, quantity: Decimal) -> None:
        if not working.open_quantity:
            market.orders.pop(working.order.client_order_id, None)
            if not working.is_done:
                self.cancel(market, working, LINKED)
        if market.orders:
            self._settle_links(market, working, quantity)
            self._drop_unneeded(market)

    def _settle_links(self, market: Market, working: Working, quantity: Decimal) -> None:
        group = working.order.oco_group
        if not group:
            return
        for sibling in self._others_of(group, market, working):
            both_reduce = sibling.order.reduce_only and working.order.reduce_only
            sibling.withheld += quantity
            if not both_reduce or working.is_done or sibling.open_quantity <= 0:
                self.cancel(market, sibling, LINKED)

    def _others_of(self, group: str, market: Market, working: Working) -> Iterable[Working]:
        return [other for other in market.orders.values() if other.order.oco_group == group and other is not working]

    def _drop_unneeded(self, market: Market) -> None:
        for working in tuple(market.orders.values()):
            if working.clipped and not self._reducible(market, working):
                self.cancel(market, working, NOTHING_TO_REDUCE)
