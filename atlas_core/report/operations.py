"""How a session fared beside its trades: processes, orders that went wrong, protection, alerts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from attrs import frozen

from atlas_core.model.orders import OrderStatus
from atlas_core.model.records import (
    AlertRaised,
    ComponentFailed,
    ForeignFound,
    OrderIntended,
    OrderMoved,
    OrderQueried,
    PositionAdjusted,
    ProtectionChanged,
    Record,
    SessionPaused,
    SessionResumed,
    TradingStateChanged,
)


@frozen(kw_only=True)
class Operations:
    """Counts over a whole journal; `alerts` by severity, `refused` are orders that a venue or a limit sent back."""

    processes: int
    crashes: int
    pauses: int
    orders: int
    retries: int
    refused: int
    asked_about: int
    adjusted: int
    foreign: int
    unprotected: int
    failures: int
    halts: int
    alerts: dict[str, int]
    latest: tuple[AlertRaised, ...]


def operations_of(records: Sequence[Record], latest: int = 20) -> Operations:
    """Return how the session fared."""
    count = Counter(type(record) for record in records)
    alerts = [record for record in records if isinstance(record, AlertRaised)]
    moved = [record.status for record in records if isinstance(record, OrderMoved)]
    return Operations(
        processes=1 + count[SessionResumed],
        crashes=sum(isinstance(record, SessionResumed) and record.crashed for record in records),
        pauses=count[SessionPaused],
        orders=count[OrderIntended],
        retries=sum(isinstance(record, OrderIntended) and record.attempt > 1 for record in records),
        refused=moved.count(OrderStatus.REJECTED),
        asked_about=len({record.client_order_id for record in records if isinstance(record, OrderQueried)}),
        adjusted=count[PositionAdjusted],
        foreign=count[ForeignFound],
        unprotected=sum(isinstance(record, ProtectionChanged) and not record.protected for record in records),
        failures=count[ComponentFailed],
        halts=sum(isinstance(record, TradingStateChanged) and record.state != "active" for record in records),
        alerts=dict(Counter(alert.severity.value for alert in alerts)),
        latest=tuple(alerts[-latest:]),
    )
