"""Invariants of single orders: identity, intent, proof, and what may be sent when."""

from __future__ import annotations

from collections import deque
from typing import Any, ClassVar

from attrs import define, field

from atlas_core.model.orders import OrderRole, OrderStatus
from atlas_core.model.records import OrderIntended
from tests.faults.books import UNANSWERED, Intent
from tests.faults.checking import SECOND, Checker
from tests.faults.trace import Entry

ANSWERS_LAG = 10 * SECOND
PROOF_ANSWERS = 3
PROOF_SPAN = 120 * SECOND
PROOF_SPAN_OF_A_SET_CLOCK = 90 * SECOND
"""Two minutes of the session's clock: one that is set forward between two answers adds 30 seconds at most."""

CLOCK_TAKEN = 6 * SECOND
"""From a clock that is right again on the session decides by it with the next tick."""

STALE_READ = 75 * SECOND
STALE_DATA = 180 * SECOND
SLACK = 10 * SECOND
"""Between deciding and sending lie a commit, a queue and the time-to-live of an entry."""

FAR_FROM_THE_MARKET = 0.3
SANE_WAIT = 60.0
MOST_REQUESTS_A_MINUTE = 300


@define
class OneOrderForEachIntent(Checker):
    """I1: a signal has one entry order at the venue at most, and an identity one order."""

    name: ClassVar[str] = "I1"
    entries: dict[str, str] = field(factory=dict)

    def before_accepted(self, entry: Entry) -> None:
        client_id = entry["client_id"]
        intent = self.books.intent_of(client_id)
        if intent is None:
            return
        if client_id in self.books.by_client:
            self.breach(f"order {client_id} was accepted twice")
        if intent.is_entry:
            first = self.entries.setdefault(intent.record.signal_key, client_id)
            if first != client_id:
                self.breach(
                    f"signal {intent.record.signal_key} has two entry orders at the venue: {first}, {client_id}"
                )


@define
class IntentBeforeRequest(Checker):
    """I2, I3: an intent is committed before its request leaves, says the same, and is sent again after a clear no only.

    What is not ours is never asked to end.
    """

    name: ClassVar[str] = "I2"

    def before_request(self, entry: Entry) -> None:
        client_id = entry["client_id"]
        intent = self.books.intent_of(client_id)
        if intent is None:
            self.breach(f"request {client_id} left before its intent was committed")
            return
        record = intent.record
        told = (entry["symbol"], entry["sign"], entry["type"], entry["quantity"], entry["reduce_only"])
        meant = (
            record.symbol, record.action.sign, record.order_kind.value, int(record.quantity * 1000), record.reduce_only,
        )  # fmt: skip
        if told != meant:
            self.breach(f"request {client_id} differs from its intent: {told}, expected {meant}")
        if client_id in self.books.requests and client_id not in self.books.throttled:
            self.breach(f"request {client_id} was sent again without knowing that the first one failed")
        if intent.status.is_terminal:
            self.breach(f"request {client_id} was sent although the order is {intent.status} in the journal")

    def before_cancel_request(self, entry: Entry) -> None:
        name = entry["client_id"]
        if name not in self.books.intents:
            self.breach(f"order {name} is not ours and was asked to end")


@define
class AttemptAfterEnd(Checker):
    """I3: a further attempt of an entry or an exit exists only after the one before has ended.

    A part of an entry that fills after the trade was over opens another trade: its exit reduces what that one opened,
    and does not wait for an exit of the one before.
    """

    name: ClassVar[str] = "I3"
    last: dict[tuple[str, OrderRole], str] = field(factory=dict)

    def after_position_opened(self, entry: Entry) -> None:
        self.last.pop((entry.record.signal_key, OrderRole.EXIT), None)  # type: ignore[attr-defined]

    def before_order_intended(self, entry: Entry) -> None:
        record = entry.record
        assert hasattr(record, "role")
        if record.client_order_id in self.books.intents:  # type: ignore[attr-defined]
            self.breach(f"intent {record.client_order_id} was written twice")  # type: ignore[attr-defined]
        if record.role in (OrderRole.STOP, OrderRole.TARGET):
            return
        key = (record.signal_key, record.role)  # type: ignore[attr-defined]
        before = self.books.intents.get(self.last.get(key, ""))
        if before is not None and not before.status.is_terminal:
            self.breach(f"{record.role} {record.client_order_id} was tried while attempt before is {before.status}")  # type: ignore[attr-defined]
        self.last[key] = record.client_order_id  # type: ignore[attr-defined]


@define
class EndNeedsProof(Checker):
    """I4: an order ends in the journal only with the venue's word, or with a proof that it never had it.

    A refusal is the venue's word, even where a second copy of the request is accepted after it: that order is found
    by the next read of the account. So is one that was given up with a proof and came while the last answer lagged, or
    while the journal did not take it.
    """

    name: ClassVar[str] = "I4"

    def before_order_moved(self, entry: Entry) -> None:
        record = entry.record
        intent = self.books.intent_of(record.client_order_id)  # type: ignore[attr-defined]
        status: OrderStatus = record.status  # type: ignore[attr-defined]
        if intent is None or not status.is_terminal or status is OrderStatus.FILLED:
            return
        client_id = intent.record.client_order_id
        order = self.books.by_client.get(client_id)
        if order is not None:
            seen_at = max(order.at, self.books.refused_at) + ANSWERS_LAG
            is_unseen = intent.status in UNANSWERED and self.at <= seen_at
            if is_unseen and self._is_proven(intent):
                return
            if client_id in self.books.refused:
                return
            if order.is_open:
                self.breach(f"order {client_id} is {status} in the journal and works at the venue")
            elif order.filled >= order.quantity:
                self.breach(f"order {client_id} is {status} in the journal and filled at the venue")
            return
        if client_id in self.books.refused or client_id not in self.books.requests or client_id in self.books.throttled:
            return
        if not self._is_proven(intent):
            self.breach(f"order {client_id} is {status} without proof: {intent.not_found} answers of not found")

    def _is_proven(self, intent: Intent) -> bool:
        """Tell whether venue and journal show enough answers, and a complete read between the first and now."""
        books = self.books
        told = books.unknown_to_venue.get(intent.record.client_order_id, [])
        if min(intent.not_found, len(told)) < PROOF_ANSWERS:
            return False
        is_clock_right = books.clock_right_since + CLOCK_TAKEN <= told[0]
        begun = max(told[0], intent.not_found_since) if is_clock_right else told[0]
        span = PROOF_SPAN if is_clock_right else PROOF_SPAN_OF_A_SET_CLOCK
        return self.at - begun >= span and any(begun <= read.at <= self.at for read in books.reads)


@define
class FillsAreTrue(Checker):
    """I5, I14: fills belong to intents, only grow, and never exceed what the venue filled; an end is an end."""

    name: ClassVar[str] = "I5"

    def before_fill_booked(self, entry: Entry) -> None:
        record = entry.record
        client_id = record.client_order_id  # type: ignore[attr-defined]
        intent, order = self.books.intent_of(client_id), self.books.by_client.get(client_id)
        if intent is None:
            self.breach(f"fill of {client_id} without an intent")
            return
        total = record.cumulative_quantity  # type: ignore[attr-defined]
        if total <= intent.filled:
            self.breach(f"fill of {client_id} does not grow: {total} after {intent.filled}")
        if intent.booked + record.quantity != total:  # type: ignore[attr-defined]
            self.breach(f"fill of {client_id} adds {record.quantity} to {intent.booked}, the total is {total}")  # type: ignore[attr-defined]
        if order is None or total * 1000 > order.filled:
            self.breach(f"fill of {client_id} is {total}, the venue has {order.filled if order else 'no such order'}")

    def before_order_moved(self, entry: Entry) -> None:
        intent = self.books.intent_of(entry.record.client_order_id)  # type: ignore[attr-defined]
        if intent is not None and intent.status.is_terminal:
            text = f"order {intent.record.client_order_id} went from {intent.status} to {entry.record.status}"  # type: ignore[attr-defined]
            self.breach(text)


@define
class NoEntryWhileStopped(Checker):
    """I9, I16: no entry leaves while entries are stopped, the account or the market is not known, or one hangs."""

    name: ClassVar[str] = "I9"
    stopped_at: int = 0

    def after_trading_state_changed(self, entry: Entry) -> None:
        self.stopped_at = self.at

    def before_order_intended(self, entry: Entry) -> None:
        """Judge the age of the market data by their own time when an entry is decided."""
        record = entry.record
        assert isinstance(record, OrderIntended)
        age = record.ts - self.books.data_at.get(record.symbol, 0)
        if record.role is OrderRole.ENTRY and age > STALE_DATA + SECOND:
            self.breach(f"entry in {record.symbol} was decided on market data that are {age // SECOND} s old")

    def before_request(self, entry: Entry) -> None:
        books = self.books
        intent = books.intent_of(entry["client_id"])
        if intent is None or not intent.is_entry:
            return
        symbol = entry["symbol"]
        if books.trading_state != "active":
            self.breach(f"entry in {symbol} left while the trading state is {books.trading_state}")
        if books.is_killed:
            self.breach(f"entry in {symbol} left while the kill file is there")
        if not books.reads or not books.reconciled_since_up:
            self.breach(f"entry in {symbol} left before a complete read of the account since the start")
        elif self.at - books.reads[-1].at > STALE_READ + SLACK:
            self.breach(f"entry in {symbol} left {(self.at - books.reads[-1].at) / SECOND:.0f} s after the last read")
        unknown = [i for i in books.live.values() if i.record.symbol == symbol and i.status is OrderStatus.UNKNOWN]
        if unknown:
            self.breach(f"entry in {symbol} left while the outcome of {unknown[0].record.client_order_id} is unknown")


@define
class ReducingReduces(Checker):
    """I10: an order that shall reduce never opens or turns a position."""

    name: ClassVar[str] = "I10"

    def before_fill(self, entry: Entry) -> None:
        intent = self.books.intent_of(entry["client_id"])
        if intent is None or intent.is_entry:
            return
        after = entry["position"]
        before = after - entry["sign"] * entry["quantity"]
        if abs(after) > abs(before) or after * before < 0:
            self.breach(f"{intent.record.role} {entry['client_id']} took the position from {before} to {after}")

    def before_request(self, entry: Entry) -> None:
        intent = self.books.intent_of(entry["client_id"])
        if intent is not None and not intent.is_entry and not entry["reduce_only"]:
            self.breach(f"{intent.record.role} {entry['client_id']} was sent without reduce-only")


@define
class SaneNumbers(Checker):
    """I18: numbers of orders are finite, on the grid and near the market."""

    name: ClassVar[str] = "I18"
    prices: dict[str, int] = field(factory=dict)

    def before_prices(self, entry: Entry) -> None:
        self.prices = entry["by_symbol"]

    def before_bad_number(self, entry: Entry) -> None:
        self.breach(f"order {entry['client_id']} has {entry['name']} {entry['value']}")

    def before_refused(self, entry: Entry) -> None:
        if entry["code"] in ("band", "stop", "symbol"):
            self.breach(f"order {entry['client_id']} was refused for its {entry['code']}")

    def before_order_intended(self, entry: Entry) -> None:
        record = entry.record
        is_seen = self.at - self.books.data_at.get(record.symbol, 0) < STALE_DATA  # type: ignore[attr-defined]
        price = self.prices.get(record.symbol) if is_seen else None  # type: ignore[attr-defined]
        reference = record.reference_price  # type: ignore[attr-defined]
        if price and reference is not None and abs(float(reference) * 100 / price - 1) > FAR_FROM_THE_MARKET:
            self.breach(f"{record.role} in {record.symbol} was decided at {reference}, the market is {price / 100}")  # type: ignore[attr-defined]


@define
class EntryInTime(Checker):
    """I19, I20: a signal is found once, ends once, and enters only while it is valid."""

    name: ClassVar[str] = "I19"
    until: dict[str, int] = field(factory=dict)
    ended: set[str] = field(factory=set)

    def before_signal_detected(self, entry: Entry) -> None:
        record = entry.record
        if record.key in self.until:  # type: ignore[attr-defined]
            self.breach(f"signal {record.key} was detected twice")  # type: ignore[attr-defined]
        self.until[record.key] = record.valid_until  # type: ignore[attr-defined]

    def before_verdict_reached(self, entry: Entry) -> None:
        key = entry.record.key  # type: ignore[attr-defined]
        if key in self.ended:
            self.breach(f"signal {key} has two verdicts")
        self.ended.add(key)

    def before_request(self, entry: Entry) -> None:
        intent = self.books.intent_of(entry["client_id"])
        if intent is None or not intent.is_entry or self.books.clock_offset:
            return
        until = self.until.get(intent.record.signal_key, 0)
        if self.at > until + SLACK:
            self.breach(f"entry of {intent.record.signal_key} left {(self.at - until) / SECOND:.0f} s after its time")


@define
class WaitsWhenAsked(Checker):
    """I23: a throttled request waits as long as the venue asked, and requests stay few."""

    name: ClassVar[str] = "I23"
    until: dict[str, int] = field(factory=dict)
    recent: deque[int] = field(factory=deque)

    def before_throttled(self, entry: Entry) -> None:
        if 0 < entry["wait"] <= SANE_WAIT:
            self.until[entry["client_id"]] = self.at + round(entry["wait"] * SECOND)

    def before_request(self, entry: Entry) -> None:
        if self.at < self.until.get(entry["client_id"], 0):
            self.breach(f"request {entry['client_id']} was sent again before the venue's wait was over")
        self._count()

    def before_cancel_request(self, entry: Entry) -> None:
        self._count()

    def before_ask(self, entry: Entry) -> None:
        self._count()

    def _count(self) -> None:
        while self.recent and self.recent[0] <= self.at - 60 * SECOND:
            self.recent.popleft()
        self.recent.append(self.at)
        if len(self.recent) == MOST_REQUESTS_A_MINUTE + 1:
            self.breach(f"more than {MOST_REQUESTS_A_MINUTE} requests in a minute")


@define
class ClosedByFacts(Checker):
    """I34: a position ends in the books only with the venue's fills, its word, or two agreeing complete reads.

    A position is somebody else's only where others have traded: what we did ourselves must be found by asking.
    """

    name: ClassVar[str] = "I34"
    ended: dict[str, int] = field(factory=dict)

    def before_position_adjusted(self, entry: Entry) -> None:
        record = entry.record
        symbol, venue = record.symbol, int(record.venue_quantity * 1000)  # type: ignore[attr-defined]
        agreeing = []
        for read in reversed(self.books.reads):
            if read["held"].get(symbol, 0) != venue:
                break
            agreeing.append(read.at)
        if len(agreeing) < 2 or agreeing[0] - agreeing[-1] < 5 * SECOND:
            self.breach(f"position of {symbol} was adjusted to {venue} lots without two agreeing reads")

    def before_foreign_found(self, entry: Entry) -> None:
        record: Any = entry.record
        if record.what == "position" and record.quantity and record.symbol not in self.books.strange:
            self.breach(f"{record.quantity} {record.symbol} counts as somebody else's, where only we have traded")

    def after_position_adjusted(self, entry: Entry) -> None:
        self.ended[entry.record.symbol] = self.at  # type: ignore[attr-defined]

    def after_fill_booked(self, entry: Entry) -> None:
        self.ended[entry.record.symbol] = self.at  # type: ignore[attr-defined]

    def after_position_closed(self, entry: Entry) -> None:
        record = entry.record
        if record.rule != "liquidation" and self.ended.get(record.symbol) != self.at:  # type: ignore[attr-defined]
            self.breach(f"position of {record.symbol} is closed in the books without a fill or an adjustment")  # type: ignore[attr-defined]


ORDER_CHECKS = (
    OneOrderForEachIntent, IntentBeforeRequest, AttemptAfterEnd, EndNeedsProof, FillsAreTrue, NoEntryWhileStopped,
    ReducingReduces, SaneNumbers, EntryInTime, WaitsWhenAsked, ClosedByFacts,
)  # fmt: skip
