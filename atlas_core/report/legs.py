"""The legs of a trade: each exit order that closed some of it, with the money that it made."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from attrs import define, evolve, field, frozen

from atlas_core.model.instrument import ZERO
from atlas_core.model.orders import OrderRole
from atlas_core.model.records import FillBooked, OrderIntended, PositionChanged, PositionClosed, PositionOpened, Record


@frozen(kw_only=True)
class ExitLeg:
    """What one exit order closed; `price` is its average, `gross` what it made before fees, `ts` its last fill."""

    trade_id: int
    symbol: str
    ts: int
    rule: str
    reason: str
    quantity: Decimal
    price: Decimal
    gross: Decimal
    fee: Decimal

    def grown(self, fill: FillBooked) -> ExitLeg:
        """Return the leg with one more fill of its order."""
        quantity = self.quantity + fill.quantity
        cost = self.quantity * self.price + fill.quantity * fill.price
        return evolve(self, ts=fill.ts, quantity=quantity, price=cost / quantity, fee=self.fee + fill.fee)


@define
class LegBook:
    """Collects the legs of trades from the records of a run, in their order."""

    _orders: dict[str, OrderIntended] = field(factory=dict)
    _opened: dict[int, PositionOpened] = field(factory=dict)
    _legs: dict[int, dict[str, ExitLeg]] = field(factory=dict)
    _last: dict[int, str] = field(factory=dict)

    def take(self, record: Record) -> None:
        """Look at one record before the end of its trade."""
        if isinstance(record, OrderIntended):
            self._orders[record.client_order_id] = record
        elif isinstance(record, PositionOpened):
            self._opened[record.trade_id] = record
        elif isinstance(record, FillBooked):
            self._fill(record)
        elif isinstance(record, PositionChanged) and record.realised:
            self._realise(record.trade_id, record.realised)

    def closed(self, record: PositionClosed) -> tuple[ExitLeg, ...]:
        """Return the legs of a trade that ended, in the order of their first fills; their `gross` is the trade's."""
        legs = self._legs.get(record.trade_id, {})
        rest = record.quantity - sum((leg.quantity for leg in legs.values()), ZERO)
        known = sum((leg.gross for leg in legs.values()), ZERO)
        if rest:
            self._legs.pop(record.trade_id, None)
            return *legs.values(), _without_order(record, rest, record.gross - known)
        self._realise(record.trade_id, record.gross - known)
        return tuple(self._legs.pop(record.trade_id, {}).values())

    def _fill(self, fill: FillBooked) -> None:
        order, opened = self._orders.get(fill.client_order_id), self._opened.get(fill.trade_id)
        if order is None or opened is None or order.action.sign == opened.side.sign:
            return
        legs = self._legs.setdefault(fill.trade_id, {})
        leg = legs.get(fill.client_order_id)
        legs[fill.client_order_id] = _leg(order, fill) if leg is None else leg.grown(fill)
        self._last[fill.trade_id] = fill.client_order_id

    def _realise(self, trade_id: int, amount: Decimal) -> None:
        legs, last = self._legs.get(trade_id, {}), self._last.get(trade_id)
        if last in legs:
            legs[last] = evolve(legs[last], gross=legs[last].gross + amount)


def _leg(order: OrderIntended, fill: FillBooked) -> ExitLeg:
    prices = {OrderRole.STOP: order.stop_price, OrderRole.TARGET: order.limit_price}
    level = prices.get(order.role)
    return ExitLeg(
        trade_id=fill.trade_id,
        symbol=fill.symbol,
        ts=fill.ts,
        rule=order.rule,
        reason=order.reason if level is None else f"{order.role} {level:f} reached",
        quantity=fill.quantity,
        price=fill.price,
        gross=ZERO,
        fee=fill.fee,
    )


def _without_order(closed: PositionClosed, rest: Decimal, gross: Decimal) -> ExitLeg:
    """Return the leg of what no order of ours closed, at the trade's average: a forced close, or others' doing."""
    return ExitLeg(
        trade_id=closed.trade_id,
        symbol=closed.symbol,
        ts=closed.ts,
        rule=closed.rule,
        reason=closed.reason,
        quantity=rest,
        price=closed.exit_price,
        gross=gross,
        fee=closed.liquidation_fee,
    )


def exit_legs(records: Iterable[Record]) -> tuple[ExitLeg, ...]:
    """Return the exits of all closed trades, in the order in which the trades were closed."""
    book = LegBook()
    legs: list[ExitLeg] = []
    for record in records:
        book.take(record)
        if isinstance(record, PositionClosed):
            legs += book.closed(record)
    return tuple(legs)
