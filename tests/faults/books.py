"""What follows from the trace so far: what the journal claims, and what the venue's log proves. Checkers read both."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from attrs import define, field

from atlas_core.model import records as r
from atlas_core.model.decisions import Severity
from atlas_core.model.orders import OrderRole, OrderStatus
from atlas_core.model.signals import Side
from tests.faults.trace import Entry

ZERO = Decimal(0)
NEVER = 10**30
UNANSWERED = (OrderStatus.INTENDED, OrderStatus.SUBMITTED, OrderStatus.UNKNOWN)


@define
class Intent:
    """An order as the journal has it; `at` is the world's time of the intent's commit.

    `filled` is the total that its last fill told, `booked` the sum of what was booked. The answers that do not find it
    began at `not_found_since`, by the session's clock.
    """

    record: r.OrderIntended
    at: int
    status: OrderStatus = OrderStatus.INTENDED
    filled: Decimal = ZERO
    booked: Decimal = ZERO
    not_found: int = 0
    not_found_since: int = 0

    @property
    def is_entry(self) -> bool:
        return self.record.role is OrderRole.ENTRY

    @property
    def leaves(self) -> Decimal:
        return ZERO if self.status.is_terminal else self.record.quantity - self.filled


@define
class Trade:
    """A position as the journal has it, with what it has brought so far."""

    symbol: str
    sign: int
    quantity: Decimal
    cost: Decimal
    realised: Decimal = ZERO
    fees: Decimal = ZERO
    is_protected: bool = True
    unprotected_at: int = 0


@define
class VenueSide:
    """An order as the venue's log has it, in lots."""

    number: int
    client_id: str
    symbol: str
    sign: int
    type: str
    quantity: int
    at: int
    stop: int | None
    filled: int = 0
    is_open: bool = True

    @property
    def leaves(self) -> int:
        return max(0, self.quantity - self.filled) if self.is_open else 0


@define
class Books:
    """The fold of a trace up to one entry: the one at `index`, seen at `at`."""

    index: int = -1
    at: int = -1
    intents: dict[str, Intent] = field(factory=dict)
    live: dict[str, Intent] = field(factory=dict)
    trades: dict[int, Trade] = field(factory=dict)
    foreign: dict[str, Decimal] = field(factory=dict)
    orders: dict[int, VenueSide] = field(factory=dict)
    last_ended: dict[str, int] = field(factory=dict)
    open: dict[int, VenueSide] = field(factory=dict)
    by_client: dict[str, VenueSide] = field(factory=dict)
    late: list[VenueSide] = field(factory=list)
    strange: set[str] = field(factory=set)
    held: dict[str, int] = field(factory=dict)
    ours: dict[str, int] = field(factory=dict)
    refused: set[str] = field(factory=set)
    requests: dict[str, int] = field(factory=dict)
    throttled: dict[str, float] = field(factory=dict)
    unknown_to_venue: dict[str, list[int]] = field(factory=dict)
    closings: dict[int, int] = field(factory=dict)
    trading_state: str = "active"
    is_killed: bool = False
    is_up: bool = False
    up_since: int = 0
    reconciled_since_up: bool = False
    reads: list[Entry] = field(factory=list)
    data_at: dict[str, int] = field(factory=dict)
    clock_offset: int = 0
    clock_ahead: int = 0
    clock_right_since: int = 0
    refused_at: int = 0
    down_at: int = 0
    profit: Decimal = ZERO
    alarms: list[tuple[int, r.AlertRaised]] = field(factory=list)
    named: set[str] = field(factory=set)
    overdue: set[str] = field(factory=set)
    is_touched: bool = False
    calm_since: int | None = None

    def take(self, entry: Entry) -> None:
        """Fold one entry."""
        handler = _HANDLERS.get(entry.kind)
        if handler is not None:
            handler(self, entry)

    # --- questions

    def ledger(self, symbol: str) -> Decimal:
        """Return the signed quantity that the journal has of a symbol."""
        return sum((t.quantity * t.sign for t in self.trades.values() if t.symbol == symbol), ZERO)

    def intent_of(self, client_id: str) -> Intent | None:
        """Return the intent behind an identity."""
        return self.intents.get(client_id)

    def covered(self, symbol: str) -> int:
        """Return the lots that resting stops at the venue would close of what the venue holds for us."""
        held = self.held.get(symbol, 0)
        return sum(
            o.leaves for o in self.open.values() if o.symbol == symbol and o.type == "stop" and o.sign * held < 0
        )

    def believed_cover(self, symbol: str) -> Decimal:
        """Return the quantity that working stops close according to the journal."""
        stops = (i for i in self.live.values() if i.record.symbol == symbol and i.record.role is OrderRole.STOP)
        return sum((stop.leaves for stop in stops), ZERO)

    def working_entries(self, symbol: str) -> list[VenueSide]:
        """Return our open entry orders of a symbol at the venue."""
        return [o for o in self.open.values() if o.symbol == symbol and self.is_entry(o)]

    def is_entry(self, order: VenueSide) -> bool:
        """Tell whether an order at the venue is an entry of ours."""
        intent = self.intents.get(order.client_id)
        return intent is not None and intent.is_entry

    def is_doubted(self, client_id: str) -> bool:
        """Tell whether people know of an order that may still work: nobody answers, or it does not end as it shall."""
        intent = self.intents.get(client_id)
        is_answered = intent is not None and not intent.status.is_terminal and intent.status not in UNANSWERED
        return client_id in (self.overdue if is_answered else self.named)

    def alarm_since(self, at: int, *words: str) -> bool:
        """Tell whether a critical alarm since a time names one of some words."""
        for when, alarm in reversed(self.alarms):
            if when < at:
                return False
            if any(word and (word in alarm.key or word in alarm.text) for word in words):
                return True
        return False

    # --- the journal

    def _order_intended(self, entry: Entry) -> None:
        record: Any = entry.record
        self.intents[record.client_order_id] = self.live[record.client_order_id] = Intent(record, entry.at)
        if record.role is OrderRole.STOP:
            self._exit_given_up(record.symbol)

    def _order_moved(self, entry: Entry) -> None:
        record: Any = entry.record
        intent = self.intents.get(record.client_order_id)
        if intent is not None:
            self._move(intent, record.status, entry.at)

    def _exit_given_up(self, symbol: str) -> None:
        """The exit failed or the stop is back: what is open now is asked about anew."""
        for trade_id in [number for number, trade in self.trades.items() if trade.symbol == symbol]:
            self.closings.pop(trade_id, None)

    def _move(self, intent: Intent, status: OrderStatus, at: int) -> None:
        intent.status = status
        if status.is_terminal:
            self.last_ended[intent.record.symbol] = at
            if intent.record.role is OrderRole.EXIT:
                self._exit_given_up(intent.record.symbol)
            self.live.pop(intent.record.client_order_id, None)

    def _order_queried(self, entry: Entry) -> None:
        record: Any = entry.record
        intent = self.intents.get(record.client_order_id)
        if intent is not None:
            intent.not_found = record.count
            if record.count == 1:
                intent.not_found_since = record.ts

    def _fill_booked(self, entry: Entry) -> None:
        record: Any = entry.record
        intent = self.intents.get(record.client_order_id)
        if intent is not None:
            intent.filled = record.cumulative_quantity
            intent.booked += record.quantity
            if not intent.status.is_terminal:
                self._move(intent, record.status, entry.at)
        trade = self.trades.get(record.trade_id)
        if trade is not None:
            trade.fees += record.fee
        else:
            self.profit -= record.fee

    def _position_opened(self, entry: Entry) -> None:
        record: Any = entry.record
        sign = 1 if record.side is Side.LONG else -1
        self.trades[record.trade_id] = Trade(record.symbol, sign, record.quantity, record.quantity * record.price)

    def _position_changed(self, entry: Entry) -> None:
        record: Any = entry.record
        trade = self.trades.get(record.trade_id)
        if trade is not None:
            trade.quantity, trade.cost = record.quantity, record.entry_cost
            trade.realised += record.realised

    def _position_closed(self, entry: Entry) -> None:
        record: Any = entry.record
        self.trades.pop(record.trade_id, None)
        self.closings.pop(record.trade_id, None)
        self.profit += record.net

    def _exit_decided(self, entry: Entry) -> None:
        record: Any = entry.record
        if getattr(record, "acted", True) and record.trade_id in self.trades:
            self.closings.setdefault(record.trade_id, entry.at)

    def _protection_changed(self, entry: Entry) -> None:
        record: Any = entry.record
        trade = self.trades.get(record.trade_id)
        if trade is not None:
            trade.is_protected = record.protected
            trade.unprotected_at = entry.at

    def _foreign_found(self, entry: Entry) -> None:
        record: Any = entry.record
        if record.what == "position":
            self.foreign[record.symbol] = record.quantity

    def _position_adjusted(self, entry: Entry) -> None:
        self.is_touched = True

    def _trading_state_changed(self, entry: Entry) -> None:
        record: Any = entry.record
        self.trading_state = record.state

    def _account_reconciled(self, entry: Entry) -> None:
        self.reconciled_since_up = True

    def _alert_raised(self, entry: Entry) -> None:
        record: Any = entry.record
        if record.severity is not Severity.CRITICAL:
            return
        if not record.title.endswith(" failed"):  # that a component failed on a symbol tells nothing of its position
            self.alarms.append((entry.at, record))
        self.named.add(record.key)
        if record.title == "Order not withdrawn":
            self.overdue.add(record.key)

    # --- the venue

    def _request(self, entry: Entry) -> None:
        self.requests[entry["client_id"]] = entry.at
        self.throttled.pop(entry["client_id"], None)

    def _throttled(self, entry: Entry) -> None:
        self.throttled[entry["client_id"]] = entry["wait"]

    def _refused(self, entry: Entry) -> None:
        if (
            entry["client_id"] not in self.by_client
        ):  # a second copy of an order that is there is no word about the first
            self.refused.add(entry["client_id"])

    def _accepted(self, entry: Entry) -> None:
        names = ("client_id", "symbol", "sign", "type", "quantity", "stop")
        order = VenueSide(number=entry["order"], at=entry.at, **{name: entry[name] for name in names})
        self.orders[order.number] = self.open[order.number] = order
        self.by_client[order.client_id] = order
        intent = self.intents.get(order.client_id)
        if intent is not None and intent.status.is_terminal and order.client_id not in self.refused:
            self.late.append(order)

    def _filled(self, entry: Entry) -> None:
        order = self.orders[entry["order"]]
        order.filled = entry["total"]
        if order.filled >= order.quantity:
            self._close(order)
        symbol = order.symbol
        self.held[symbol] = entry["position"]
        if order.client_id in self.intents:
            self.ours[symbol] = self.ours.get(symbol, 0) + entry["sign"] * entry["quantity"]
        else:
            self.is_touched = True
            self.strange.add(symbol)
        self._clip(symbol)

    def _liquidated(self, entry: Entry) -> None:
        symbol = entry["symbol"]
        self.held[symbol] = self.ours[symbol] = 0
        self.is_touched = True
        self.strange.add(symbol)

    def _clip(self, symbol: str) -> None:
        """What others closed of ours is not ours any more."""
        held, ours = self.held[symbol], self.ours.get(symbol, 0)
        if ours * held <= 0:
            self.ours[symbol] = 0
        elif abs(ours) > abs(held):
            self.ours[symbol] = held

    def _ended(self, entry: Entry) -> None:
        self._close(self.orders[entry["order"]])

    def _close(self, order: VenueSide) -> None:
        order.is_open = False
        self.open.pop(order.number, None)

    def _queried(self, entry: Entry) -> None:
        if entry["status"] is None:
            self.unknown_to_venue.setdefault(entry["client_id"], []).append(entry.at)

    def _snapshot(self, entry: Entry) -> None:
        self.reads.append(entry)

    # --- the process

    def _up(self, entry: Entry) -> None:
        self.is_up, self.up_since, self.reconciled_since_up = True, entry.at, False
        self.reads = []
        self._set_ahead(max(self.clock_offset, self.clock_ahead - (entry.at - self.down_at)), entry.at)

    def _resumed(self, entry: Entry) -> None:
        """A frozen process could see to nothing."""
        self.is_up, self.up_since = True, entry.at

    def _down(self, entry: Entry) -> None:
        self.is_up, self.down_at = False, entry.at

    def _killed(self, entry: Entry) -> None:
        self.is_killed = entry["present"]

    def _bars(self, entry: Entry) -> None:
        for symbol, ts, _, _ in entry["bars"]:
            self.data_at[symbol] = max(min(ts, entry.at), self.data_at.get(symbol, 0))

    def _quotes(self, entry: Entry) -> None:
        for symbol, ts, price in entry["quotes"]:
            if price > 0:
                self.data_at[symbol] = max(min(ts, entry.at), self.data_at.get(symbol, 0))

    def _fault(self, entry: Entry) -> None:
        if entry["what"].startswith("journal"):
            self.refused_at = entry.at  # nothing can be written, and nothing is decided that is not

    def _clock(self, entry: Entry) -> None:
        """A session follows a clock that is set forward, and stays ahead of one that is set back, as its journal is."""
        self.clock_offset, self.clock_right_since = entry["offset"], NEVER
        self._set_ahead(max(self.clock_ahead, self.clock_offset if self.is_up else 0), entry.at)

    def _set_ahead(self, ahead: int, at: int) -> None:
        """Note by how much the session may be ahead of the world, and whether its time is right from now on."""
        self.clock_ahead = max(0, ahead)
        is_right = not (self.clock_offset or self.clock_ahead)
        self.clock_right_since = min(self.clock_right_since, at) if is_right else NEVER

    def _calm(self, entry: Entry) -> None:
        self.calm_since = entry.at

    def _storm(self, entry: Entry) -> None:
        self.calm_since = None


_HANDLERS: dict[str, Any] = {
    "order_intended": Books._order_intended, "order_moved": Books._order_moved, "order_queried": Books._order_queried,
    "fill_booked": Books._fill_booked, "position_opened": Books._position_opened,
    "position_changed": Books._position_changed, "position_closed": Books._position_closed,
    "protection_changed": Books._protection_changed, "foreign_found": Books._foreign_found,
    "position_adjusted": Books._position_adjusted, "trading_state_changed": Books._trading_state_changed,
    "account_reconciled": Books._account_reconciled, "alert_raised": Books._alert_raised,
    "request": Books._request, "throttled": Books._throttled, "refused": Books._refused, "accepted": Books._accepted,
    "fill": Books._filled, "liquidated": Books._liquidated, "canceled": Books._ended, "expired": Books._ended,
    "frozen": Books._down, "resumed": Books._resumed,
    "snapshot": Books._snapshot, "queried": Books._queried, "exit_decided": Books._exit_decided,
    "exit_requested": Books._exit_decided, "up": Books._up, "down": Books._down, "kill_file": Books._killed,
    "bars": Books._bars, "quotes": Books._quotes, "clock": Books._clock, "calm": Books._calm, "storm": Books._storm,
    "fault": Books._fault,
}  # fmt: skip
