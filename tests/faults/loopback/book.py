"""The account of the venue: orders by client id, one net position per symbol, stops that the venue executes itself.

It is the oracle of the process faults and shares no code with Atlas. Everything that changes is told to `log`, and
what an account's owner may hear to `tell`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

ZERO = Decimal(0)
TICK, LOT = Decimal("0.01"), Decimal("0.001")
WORKING = ("acknowledged", "partially_filled")


@dataclass
class VenueOrder:
    """One order as the venue has it; `filled` and `cost` are totals so far."""

    id: str
    symbol: str
    action: str
    kind: str
    quantity: Decimal
    stop_price: Decimal | None
    reduce_only: bool
    venue_id: str
    status: str = "acknowledged"
    filled: Decimal = ZERO
    cost: Decimal = ZERO

    @property
    def sign(self) -> int:
        """Return +1 for a buy and -1 for a sell."""
        return 1 if self.action == "buy" else -1

    @property
    def is_working(self) -> bool:
        """Tell whether it may still be filled."""
        return self.status in WORKING

    def facts(self) -> dict[str, Any]:
        """Return it in words of the wire."""
        return {
            "id": self.id, "symbol": self.symbol, "action": self.action, "kind": self.kind,
            "quantity": str(self.quantity), "status": self.status, "venue_id": self.venue_id,
            "stop_price": None if self.stop_price is None else str(self.stop_price), "reduce_only": self.reduce_only,
            "filled": str(self.filled), "price": str(self.cost / self.filled) if self.filled else None,
        }  # fmt: skip


class Refused(Exception):
    """The venue does not take an order, for good."""


@dataclass
class Book:
    """`holds` makes a resting stop bind the quantity that it would sell, as some venues do."""

    log: Callable[..., None]
    tell: Callable[[dict[str, Any]], None]
    holds: bool = False
    cash: Decimal = Decimal(100_000)
    prices: dict[str, Decimal] = field(default_factory=dict)
    orders: dict[str, VenueOrder] = field(default_factory=dict)
    positions: dict[str, Decimal] = field(default_factory=dict)
    entry_prices: dict[str, Decimal] = field(default_factory=dict)

    def place(self, asked: Mapping[str, Any]) -> tuple[VenueOrder, bool]:
        """Take an order, or find the one that has its identity; tell whether it is new. Raises Refused."""
        known = self.orders.get(str(asked.get("id")))
        if known is not None:
            return known, False
        order = self._read(asked)
        self._require_room(order)
        self.orders[order.id] = order
        self.log(
            "accepted", id=order.id, symbol=order.symbol, action=order.action, order=order.kind,
            quantity=str(order.quantity), reduce_only=order.reduce_only,
            signal=asked.get("signal", ""), role=asked.get("role", ""), attempt=asked.get("attempt", 0),
        )  # fmt: skip
        self._tell("accepted", order)
        self._trigger(order)
        return order, True

    def fill(self, name: str, quantity: Decimal | None = None) -> None:
        """Fill a working order at the present price; one that only reduces is cut to what there is."""
        order = self.orders[name]
        if not order.is_working:
            return
        wanted = order.quantity - order.filled if quantity is None else min(quantity, order.quantity - order.filled)
        if order.reduce_only:
            wanted = min(wanted, self._reducible(order))
        if wanted <= 0:
            self._end(order, "cancelled", "there is nothing to close")
            return
        price = self.prices[order.symbol]
        self._book(order.symbol, order.sign * wanted, price)
        order.filled += wanted
        order.cost += wanted * price
        order.status = "filled" if order.filled == order.quantity else "partially_filled"
        self.log(
            "filled", id=order.id, symbol=order.symbol, quantity=str(wanted), price=str(price),
            position=str(self.positions.get(order.symbol, ZERO)), reduce_only=order.reduce_only,
        )  # fmt: skip
        self._tell("filled", order)

    def cancel(self, name: str) -> VenueOrder | None:
        """Withdraw an order; one that has ended stays as it is."""
        order = self.orders.get(name)
        if order is not None and order.is_working:
            self._end(order, "cancelled", "withdrawn")
        return order

    def move(self, symbol: str, price: Decimal) -> None:
        """Let the market move; stops that it reached are filled."""
        self.prices[symbol] = price
        for order in list(self.orders.values()):
            if order.symbol == symbol:
                self._trigger(order)

    def account(self) -> dict[str, Any]:
        """Return the whole account."""
        open_profit = sum(
            ((self.prices[s] - self.entry_prices[s]) * quantity for s, quantity in self.positions.items()), ZERO
        )
        held = [
            {"symbol": symbol, "quantity": str(quantity), "price": str(self.entry_prices[symbol])}
            for symbol, quantity in sorted(self.positions.items())
        ]
        return {
            "account": "L-1", "cash": str(self.cash), "equity": str(self.cash + open_profit), "positions": held,
            "orders": [order.facts() for order in self.orders.values() if order.is_working],
        }  # fmt: skip

    def _read(self, asked: Mapping[str, Any]) -> VenueOrder:
        try:
            quantity = Decimal(asked["quantity"])
            stop = None if asked["stop_price"] is None else Decimal(asked["stop_price"])
            order = VenueOrder(
                id=str(asked["id"]), symbol=asked["symbol"], action=asked["action"], kind=asked["kind"],
                quantity=quantity, stop_price=stop, reduce_only=bool(asked["reduce_only"]),
                venue_id=f"V{len(self.orders) + 1}",
            )  # fmt: skip
            is_sound = (
                order.symbol in self.prices and order.action in ("buy", "sell") and quantity > 0 and not quantity % LOT
                and (order.kind == "market" or (order.kind == "stop" and stop is not None and not stop % TICK))
            )  # fmt: skip
        except (KeyError, InvalidOperation, TypeError) as error:
            raise Refused(f"malformed: {error!r}") from error
        if not is_sound:
            raise Refused(f"malformed: {dict(asked)}")
        return order

    def _require_room(self, order: VenueOrder) -> None:
        if not order.reduce_only:
            return
        held = self.positions.get(order.symbol, ZERO)
        if held * order.sign >= 0:
            raise Refused("there is nothing to close")
        bound = sum((o.quantity - o.filled for o in self._resting(order.symbol)), ZERO) if self.holds else ZERO
        if bound + order.quantity > abs(held) and self.holds:
            raise Refused(f"insufficient quantity: {abs(held) - bound} of {abs(held)} can be sold")

    def _resting(self, symbol: str) -> list[VenueOrder]:
        return [o for o in self.orders.values() if o.symbol == symbol and o.reduce_only and o.is_working]

    def _reducible(self, order: VenueOrder) -> Decimal:
        held = self.positions.get(order.symbol, ZERO)
        return max(ZERO, -held * order.sign)

    def _trigger(self, order: VenueOrder) -> None:
        if order.kind != "stop" or not order.is_working or order.stop_price is None:
            return
        if (self.prices[order.symbol] - order.stop_price) * order.sign >= 0:
            self.fill(order.id)

    def _book(self, symbol: str, change: Decimal, price: Decimal) -> None:
        held = self.positions.get(symbol, ZERO)
        entry = self.entry_prices.get(symbol, price)
        after = held + change
        if held * change >= 0:
            entry = (abs(held) * entry + abs(change) * price) / abs(after)
        else:
            closed = min(abs(held), abs(change))
            self.cash += (price - entry) * closed * (1 if held > 0 else -1)
            entry = price if held * after < 0 else entry
        self.positions[symbol], self.entry_prices[symbol] = after, entry
        if not after:
            del self.positions[symbol], self.entry_prices[symbol]

    def _end(self, order: VenueOrder, status: str, reason: str) -> None:
        order.status = status
        self.log(status, id=order.id, symbol=order.symbol, reason=reason)
        self._tell(status, order, reason)

    def _tell(self, what: str, order: VenueOrder, reason: str = "") -> None:
        self.tell({"what": what, "reason": reason, **order.facts()})
