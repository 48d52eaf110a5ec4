"""What the simulated venue answers when it is asked about its orders and positions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_core.model.events import OrderExpired
from atlas_core.model.instrument import ZERO
from atlas_core.model.orders import OrderStatus
from atlas_core.model.signals import Side
from atlas_core.model.venue import OrderReport, VenuePosition

if TYPE_CHECKING:
    from atlas_core.model.orders import Order
    from atlas_core.simulation.holding import Holding
    from atlas_core.simulation.working import Working


def report_of(working: Working) -> OrderReport:
    """Return an accepted order as it stands."""
    fill = working.fill
    return _report(
        working.order,
        _status(working),
        venue_order_id=working.accepted.venue_order_id if working.accepted else "",
        cumulative_quantity=working.filled,
        average_price=fill.price if fill else None,
        cumulative_fee=working.fee,
    )


def rejected_report(order: Order) -> OrderReport:
    """Return an order that was refused."""
    return _report(order, OrderStatus.REJECTED)


def position_of(holding: Holding) -> VenuePosition:
    """Return what is held as a position."""
    snapshot = holding.snapshot()
    side = Side.LONG if snapshot.quantity > 0 else Side.SHORT
    return VenuePosition(
        symbol=snapshot.symbol, side=side, quantity=abs(snapshot.quantity), entry_price=snapshot.entry_price
    )


def _report(order: Order, status: OrderStatus, **state: object) -> OrderReport:
    return OrderReport(
        symbol=order.symbol,
        action=order.action,
        kind=order.kind,
        quantity=order.quantity,
        status=status,
        client_order_id=order.client_order_id,
        limit_price=order.limit_price,
        stop_price=order.stop_price,
        reduce_only=order.reduce_only,
        **state,  # type: ignore[arg-type]
    )


def _status(working: Working) -> OrderStatus:
    if working.filled >= working.order.quantity:
        return OrderStatus.FILLED
    if working.end is not None:
        return OrderStatus.EXPIRED if isinstance(working.end, OrderExpired) else OrderStatus.CANCELLED
    return OrderStatus.PARTIALLY_FILLED if working.filled > ZERO else OrderStatus.ACKNOWLEDGED
