"""Rare states that a campaign must have reached: that they were is shown by what the trace says, not assumed."""

from __future__ import annotations

from collections import Counter

from atlas_core.model.orders import OrderRole, OrderStatus
from tests.faults.books import Books
from tests.faults.trace import Entry, Trace

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


def coverage_of(trace: Trace) -> Counter[str]:
    """Return how often each rare state was reached."""
    books, seen, crashed_at = Books(), Counter[str](), -(10**18)
    withdrawn: set[str] = set()
    for entry in trace:
        for what in _before(entry, books):
            seen[what] += 1
        if entry.kind == "cancel_request":
            withdrawn.add(entry["client_id"])
        seen["cancel raced by a fill"] += entry.kind == "fill" and entry["client_id"] in withdrawn
        if entry.kind == "down" and entry["crashed"]:
            seen["two crashes within a minute"] += entry.at - crashed_at < 60 * 10**9
            crashed_at = entry.at
        books.take(entry)
    return seen


def _before(entry: Entry, books: Books) -> list[str]:
    kind = entry.kind
    if entry.source == "J":
        return _of_record(entry, books)
    if kind == "accepted":
        return _accepted(entry, books)
    if kind == "fill":
        return _filled(entry, books)
    if kind == "up":
        return _up(books)
    if kind == "kill_file":
        return ["killed"] if entry["present"] else []
    if kind == "fault":
        return ["journal refused"] if entry["what"].startswith("journal") else []
    if kind == "released":
        return ["released"]
    if kind == "refused":
        intent = books.intent_of(entry["client_id"])
        return [f"refused {intent.record.role}"] if intent else []
    if kind == "request":
        return _requested(entry, books)
    if kind == "canceled":
        order = books.orders[entry["order"]]
        return ["partial then cancelled"] if order.filled and order.client_id in books.intents else []
    return ["liquidated"] if kind == "liquidated" else []


def _accepted(entry: Entry, books: Books) -> list[str]:
    intent = books.intent_of(entry["client_id"])
    return ["accepted after its proof"] if intent is not None and intent.status.is_terminal else []


def _filled(entry: Entry, books: Books) -> list[str]:
    intent = books.intent_of(entry["client_id"])
    if intent is None:
        return []
    what = [] if books.is_up else ["fill while down"]
    if entry["total"] > entry["ordered"]:
        what.append("overfilled")
    return what if intent.is_entry else [*what, f"{intent.record.role} filled"]


def _requested(entry: Entry, books: Books) -> list[str]:
    intent = books.intent_of(entry["client_id"])
    what = ["sent again after a clear no"] if entry["client_id"] in books.throttled else []
    return [*what, f"{intent.record.role} while killed"] if books.is_killed and intent is not None else what


def _up(books: Books) -> list[str]:
    what = ["restart with a position"] if books.trades else []
    what += ["restart while killed"] if books.is_killed else []
    unanswered = any(i.status in (OrderStatus.SUBMITTED, OrderStatus.UNKNOWN) for i in books.live.values())
    return [*what, "restart with an unanswered order"] if unanswered else what


def _of_record(entry: Entry, books: Books) -> list[str]:
    record = entry.record
    match entry.kind:
        case "order_moved":
            return _moved(record, books)  # type: ignore[arg-type]
        case "fill_booked":
            intent = books.intent_of(record.client_order_id)  # type: ignore[attr-defined]
            return ["unknown resolved to filled"] if intent and intent.status is OrderStatus.UNKNOWN else []
        case "position_adjusted":
            return ["position adjusted"]
        case "foreign_found":
            return [f"foreign {record.what}"]  # type: ignore[attr-defined]
        case "protection_changed":
            return ["protected again" if record.protected else "unprotected, told"]  # type: ignore[attr-defined]
        case "exit_requested":
            return ["exit waited for its stop"]
        case "trading_state_changed":
            return ["halted"] if record.state == "halted" else []  # type: ignore[attr-defined]
        case "component_failed":
            return ["component failed"]
        case "order_intended" if record.role is OrderRole.STOP and record.attempt > 1:  # type: ignore[attr-defined]
            return ["stop tightened"]
        case "alert_raised" if record.title == "Order without an owner":  # type: ignore[attr-defined]
            return ["stray withdrawn"]
        case "verdict_reached" if record.by == "limit reconcile_age_seconds":  # type: ignore[attr-defined]
            return ["entry denied while reads are old"]
    return []


def _moved(record: object, books: Books) -> list[str]:
    intent = books.intent_of(record.client_order_id)  # type: ignore[attr-defined]
    status, reason = record.status, record.reason  # type: ignore[attr-defined]
    if intent is None:
        return []
    if status is OrderStatus.REJECTED and "not sent" in reason and intent.is_entry:
        return ["entry denied by the gateway"]
    if intent.status is OrderStatus.UNKNOWN and status is OrderStatus.ACKNOWLEDGED:
        return ["unknown resolved to working"]
    if status is OrderStatus.REJECTED and "does not know it" in reason:
        return ["unknown proven dead"]
    return []
