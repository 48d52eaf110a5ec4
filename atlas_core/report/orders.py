"""Orders as rows: what was intended, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from attrs import evolve, frozen

from atlas_core.model.instrument import ZERO
from atlas_core.model.orders import Action, OrderKind, OrderRole, OrderStatus
from atlas_core.model.records import FillBooked, OrderIntended, OrderMoved, Record


@frozen(kw_only=True)
class OrderRow:
    """One order; `average_price` is None until something was filled, `reason` is the venue's last word."""

    client_order_id: str
    signal_key: str
    symbol: str
    role: OrderRole
    attempt: int
    action: Action
    kind: OrderKind
    quantity: Decimal
    limit_price: Decimal | None
    stop_price: Decimal | None
    reduce_only: bool
    intended_at: int
    changed_at: int
    status: OrderStatus = OrderStatus.INTENDED
    filled_quantity: Decimal = ZERO
    paid: Decimal = ZERO
    fee: Decimal = ZERO
    slippage: Decimal = ZERO
    spread: Decimal = ZERO
    impact: Decimal = ZERO
    reason: str = ""

    @property
    def average_price(self) -> Decimal | None:
        """Return the price over all fills, weighted by quantity."""
        return self.paid / self.filled_quantity if self.filled_quantity else None


def order_rows(records: Iterable[Record]) -> tuple[OrderRow, ...]:
    """Return every order in the order of intention."""
    rows: dict[str, OrderRow] = {}
    for record in records:
        if isinstance(record, OrderIntended):
            rows[record.client_order_id] = _intended(record)
        elif isinstance(record, OrderMoved) and record.client_order_id in rows:
            rows[record.client_order_id] = _moved(rows[record.client_order_id], record)
        elif isinstance(record, FillBooked) and record.client_order_id in rows:
            rows[record.client_order_id] = _filled(rows[record.client_order_id], record)
    return tuple(rows.values())


def _intended(record: OrderIntended) -> OrderRow:
    return OrderRow(
        client_order_id=record.client_order_id,
        signal_key=record.signal_key,
        symbol=record.symbol,
        role=record.role,
        attempt=record.attempt,
        action=record.action,
        kind=record.order_kind,
        quantity=record.quantity,
        limit_price=record.limit_price,
        stop_price=record.stop_price,
        reduce_only=record.reduce_only,
        intended_at=record.ts,
        changed_at=record.ts,
        reason=record.reason,
    )


def _moved(row: OrderRow, record: OrderMoved) -> OrderRow:
    return evolve(row, status=record.status, changed_at=record.ts, reason=record.reason or row.reason)


def _filled(row: OrderRow, record: FillBooked) -> OrderRow:
    return evolve(
        row,
        status=record.status,
        changed_at=record.ts,
        filled_quantity=row.filled_quantity + record.quantity,
        paid=row.paid + record.quantity * record.price,
        fee=row.fee + record.fee,
        slippage=row.slippage + record.slippage,
        spread=row.spread + record.spread,
        impact=row.impact + record.impact,
    )
