"""One order at the venue and what became of it so far."""

from __future__ import annotations

from decimal import Decimal
from enum import IntEnum
from typing import TYPE_CHECKING

from attrs import define

from atlas_core.model.events import OrderAccepted, OrderCancelled, OrderExpired, OrderFilled
from atlas_core.model.instrument import ZERO
from atlas_core.model.orders import Action, Order, OrderKind

if TYPE_CHECKING:
    from atlas_core.model.costs import TakenPrice
    from atlas_core.model.events import BrokerEvent
    from atlas_core.model.instrument import Instrument
    from atlas_core.model.orders import FillBasis, Liquidity


class Stance(IntEnum):
    """How an order meets the market now: a stop that was triggered has become a market or a limit order."""

    MARKET = 0
    STOP = 1
    LIMIT = 2


_STANCE = {OrderKind.MARKET: Stance.MARKET, OrderKind.LIMIT: Stance.LIMIT}
_WITH_LIMIT = (OrderKind.LIMIT, OrderKind.STOP_LIMIT)


@define(eq=False)
class Working:
    """An accepted order. Prices are whole ticks; `sign` is +1 for buy and -1 for sell.

    `active_from` is when it reached the market; `withheld` is what a linked order has already done in its place;
    `clipped` orders only ever reduce a position; `resting` tells that the market has moved since the order arrived.
    The last three fields restate its history.
    """

    order: Order
    sign: int
    stance: Stance
    sequence: int
    active_from: int
    reserve_price: Decimal
    stop: int = 0
    limit: int | None = None
    offset: int = 0
    clipped: bool = False
    resting: bool = False
    ambiguous: bool = False
    filled: Decimal = ZERO
    withheld: Decimal = ZERO
    paid: Decimal = ZERO
    fee: Decimal = ZERO
    accepted: OrderAccepted | None = None
    fill: OrderFilled | None = None
    end: OrderCancelled | OrderExpired | None = None

    @property
    def open_quantity(self) -> Decimal:
        """Return what may still be filled."""
        return self.order.quantity - self.filled - self.withheld

    @property
    def is_done(self) -> bool:
        """Tell whether nothing more can happen to it."""
        return self.end is not None or self.filled >= self.order.quantity

    def stop_reached(self, price: int) -> bool:
        """Tell whether the market at `price` triggers the stop."""
        return self.sign * (price - self.stop) >= 0

    def limit_reached(self, price: int, beyond: int) -> bool:
        """Tell whether the market at `price` is at the limit or better by at least `beyond` ticks."""
        return self.limit is not None and self.sign * (self.limit - price) >= beyond

    def stop_reference(self, market: int) -> int:
        """Return the worse of the stop and the market's price: a stop never fills better than its price."""
        return max(self.stop, market) if self.sign > 0 else min(self.stop, market)

    def trailed(self, best: int) -> int:
        """Return where the stop stands after the market was at `best`; it never moves away from the price."""
        moved = best + self.sign * self.offset
        return min(self.stop, moved) if self.sign > 0 else max(self.stop, moved)

    def trail(self, best: int) -> None:
        """Let a trailing stop follow; other orders stay."""
        if self.offset:
            self.stop = self.trailed(best)

    def trigger(self) -> None:
        """Turn a stop into what it becomes once it was triggered."""
        self.stance = Stance.LIMIT if self.order.kind is OrderKind.STOP_LIMIT else Stance.MARKET

    def book(
        self, ts: int, quantity: Decimal, taken: TakenPrice, fee: Decimal, liquidity: Liquidity, basis: FillBasis
    ) -> OrderFilled:
        """Add one fill and return the totals of the order.

        The average price is not rounded to the tick; the middle of the market and the parts are of this fill alone.
        """
        price = taken.price
        single = not self.filled
        self.filled += quantity
        self.paid += quantity * price
        self.fee += fee
        self.fill = OrderFilled(
            ts=ts,
            client_order_id=self.order.client_order_id,
            cumulative_quantity=self.filled,
            price=price if single else self.paid / self.filled,
            cumulative_fee=self.fee,
            liquidity=liquidity,
            reference_price=taken.middle,
            ambiguous=self.ambiguous,
            spread=taken.spread,
            impact=taken.impact,
            basis=basis,
        )
        return self.fill

    def history(self) -> tuple[BrokerEvent, ...]:
        """Return the events that restate where the order stands."""
        return tuple(event for event in (self.accepted, self.fill, self.end) if event is not None)


def working_order(
    order: Order, instrument: Instrument, *, sequence: int, active_from: int, market: int, reserve_price: Decimal
) -> Working:
    """Make the venue's view of an admitted order; a trailing stop without a price starts from `market`."""
    sign = 1 if order.action is Action.BUY else -1
    stance = _STANCE.get(order.kind, Stance.STOP)
    working = Working(order, sign, stance, sequence, active_from, reserve_price)
    if order.limit_price is not None and order.kind in _WITH_LIMIT:
        working.limit = instrument.to_ticks(order.limit_price)
    if stance is Stance.STOP:
        if order.trail_offset is not None and order.kind is OrderKind.TRAILING_STOP:
            working.offset = instrument.to_ticks(order.trail_offset)
        follows = market + sign * working.offset
        working.stop = follows if order.stop_price is None else instrument.to_ticks(order.stop_price)
    return working
