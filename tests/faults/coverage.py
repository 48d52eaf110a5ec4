"""Rare states that a campaign must have reached: that they were is shown by what the trace says, not assumed."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any, ClassVar

from attrs import define, field

from atlas_core.model.orders import OrderRole, OrderStatus
from tests.faults.checking import SECOND, Checker
from tests.faults.trace import Entry

SOMETIMES = (
    "unknown resolved to working", "unknown resolved to filled", "unknown proven dead", "accepted after its proof",
    "stray withdrawn", "sent again after a clear no", "refused entry", "refused stop", "refused exit",
    "partial then cancelled", "overfilled", "stop filled", "target filled", "exit filled", "exit waited for its stop",
    "stop tightened", "position adjusted", "foreign position", "foreign order", "liquidated", "unprotected, told",
    "protected again", "fill while down", "restart with a position",
    "restart with an unanswered order", "two crashes within a minute", "halted", "entry denied by the gateway",
    "entry denied while reads are old", "killed", "restart while killed", "exit while killed", "stop while killed",
    "released", "cancel raced by a fill", "component failed", "journal refused",
)  # fmt: skip


@define
class Coverage(Checker):
    """Counts how often each rare state was reached: it sees what the checkers see, and finds nothing wrong."""

    name: ClassVar[str] = "coverage"
    seen: Counter[str] = field(factory=Counter)
    withdrawn: set[str] = field(factory=set)
    stops: dict[str, Decimal] = field(factory=dict)
    crashed_at: int = -60 * SECOND

    # --- the venue

    def before_accepted(self, entry: Entry) -> None:
        intent = self.books.intent_of(entry["client_id"])
        was_refused = entry["client_id"] in self.books.refused
        self.seen["accepted after its proof"] += intent is not None and intent.status.is_terminal and not was_refused

    def before_fill(self, entry: Entry) -> None:
        self.seen["cancel raced by a fill"] += entry["client_id"] in self.withdrawn
        intent = self.books.intent_of(entry["client_id"])
        if intent is None:
            return
        self.seen["fill while down"] += not self.books.is_up
        self.seen["overfilled"] += entry["total"] > entry["ordered"]
        if not intent.is_entry:
            self.seen[f"{intent.record.role} filled"] += 1

    def before_refused(self, entry: Entry) -> None:
        intent = self.books.intent_of(entry["client_id"])
        if intent is not None:
            self.seen[f"refused {intent.record.role}"] += 1

    def before_request(self, entry: Entry) -> None:
        self.seen["sent again after a clear no"] += entry["client_id"] in self.books.throttled
        intent = self.books.intent_of(entry["client_id"])
        if self.books.is_killed and intent is not None:
            self.seen[f"{intent.record.role} while killed"] += 1

    def before_cancel_request(self, entry: Entry) -> None:
        self.withdrawn.add(entry["client_id"])

    def before_canceled(self, entry: Entry) -> None:
        order = self.books.orders[entry["order"]]
        self.seen["partial then cancelled"] += order.filled > 0 and order.client_id in self.books.intents

    def before_liquidated(self, entry: Entry) -> None:
        self.seen["liquidated"] += 1

    # --- the process

    def before_up(self, entry: Entry) -> None:
        books = self.books
        unanswered = any(i.status in (OrderStatus.SUBMITTED, OrderStatus.UNKNOWN) for i in books.live.values())
        self.seen["restart with a position"] += bool(books.trades)
        self.seen["restart while killed"] += books.is_killed
        self.seen["restart with an unanswered order"] += unanswered

    def before_down(self, entry: Entry) -> None:
        if entry["crashed"]:
            self.seen["two crashes within a minute"] += entry.at - self.crashed_at < 60 * SECOND
            self.crashed_at = entry.at

    def before_kill_file(self, entry: Entry) -> None:
        self.seen["killed"] += entry["present"]

    def before_released(self, entry: Entry) -> None:
        self.seen["released"] += 1

    def before_fault(self, entry: Entry) -> None:
        self.seen["journal refused"] += entry["what"].startswith("journal")

    # --- the journal

    def before_order_intended(self, entry: Entry) -> None:
        record: Any = entry.record
        if record.role is OrderRole.STOP and record.stop_price is not None:
            before = self.stops.get(record.signal_key, record.stop_price)
            self.seen["stop tightened"] += (record.stop_price - before) * record.action.sign < 0
            self.stops[record.signal_key] = record.stop_price

    def before_order_moved(self, entry: Entry) -> None:
        record: Any = entry.record
        intent = self.books.intent_of(record.client_order_id)
        if intent is None:
            return
        if record.status is OrderStatus.REJECTED and "not sent" in record.reason and intent.is_entry:
            self.seen["entry denied by the gateway"] += 1
        elif intent.status is OrderStatus.UNKNOWN and record.status is OrderStatus.ACKNOWLEDGED:
            self.seen["unknown resolved to working"] += 1
        elif record.status is OrderStatus.REJECTED and "does not know it" in record.reason:
            self.seen["unknown proven dead"] += 1

    def before_fill_booked(self, entry: Entry) -> None:
        record: Any = entry.record
        intent = self.books.intent_of(record.client_order_id)
        self.seen["unknown resolved to filled"] += intent is not None and intent.status is OrderStatus.UNKNOWN

    def before_position_adjusted(self, entry: Entry) -> None:
        self.seen["position adjusted"] += 1

    def before_foreign_found(self, entry: Entry) -> None:
        record: Any = entry.record
        self.seen[f"foreign {record.what}"] += 1

    def before_protection_changed(self, entry: Entry) -> None:
        record: Any = entry.record
        self.seen["protected again" if record.protected else "unprotected, told"] += 1

    def before_exit_requested(self, entry: Entry) -> None:
        self.seen["exit waited for its stop"] += 1

    def before_trading_state_changed(self, entry: Entry) -> None:
        record: Any = entry.record
        self.seen["halted"] += record.state == "halted"

    def before_component_failed(self, entry: Entry) -> None:
        self.seen["component failed"] += 1

    def before_alert_raised(self, entry: Entry) -> None:
        record: Any = entry.record
        self.seen["stray withdrawn"] += record.title == "Order without an owner"

    def before_verdict_reached(self, entry: Entry) -> None:
        record: Any = entry.record
        self.seen["entry denied while reads are old"] += record.by == "limit reconcile_age_seconds"
