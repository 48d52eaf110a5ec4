"""A venue's report of an order, as the events that would have told the same."""

from __future__ import annotations

from collections.abc import Iterator

from atlas_core.model.events import BrokerEvent, OrderAccepted, OrderCancelled, OrderExpired, OrderFilled, OrderRejected
from atlas_core.model.orders import OrderStatus
from atlas_core.model.venue import OrderReport

_SAYS_NOTHING = (OrderStatus.INTENDED, OrderStatus.SUBMITTED, OrderStatus.UNKNOWN)


def events_of(report: OrderReport, ts: int) -> Iterator[BrokerEvent]:
    """Yield what a report tells, in the order in which it must have happened.

    Events that repeat what is known change nothing, so a report may be taken at any time and more than once.
    What filled counts in every state, also in one that nobody knows; a refused order that filled in part is told as
    withdrawn.
    """
    name, reason = report.client_order_id, f"the venue has it as {report.status}"
    if report.status in _SAYS_NOTHING and not report.cumulative_quantity:
        return
    if report.status is OrderStatus.REJECTED and not report.cumulative_quantity:
        yield OrderRejected(ts=ts, client_order_id=name, reason=reason)
        return
    yield OrderAccepted(ts=ts, client_order_id=name, venue_order_id=report.venue_order_id)
    if report.cumulative_quantity > 0 and report.average_price is not None:
        yield OrderFilled(
            ts=ts,
            client_order_id=name,
            cumulative_quantity=report.cumulative_quantity,
            price=report.average_price,
            cumulative_fee=report.cumulative_fee,
        )
    if report.status in (OrderStatus.CANCELLED, OrderStatus.REJECTED):
        yield OrderCancelled(ts=ts, client_order_id=name, reason=reason)
    elif report.status is OrderStatus.EXPIRED:
        yield OrderExpired(ts=ts, client_order_id=name)
