"""`process(event) -> commands`: passes each event to the desks in a fixed order.

The engine does no I/O, never sleeps and never asks for the time: the time is the event's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import numpy as np
from attrs import define, field

from atlas_core.engine.bookkeeping import Bookkeeper
from atlas_core.engine.entries import EntryDesk
from atlas_core.engine.exits import ExitDesk
from atlas_core.engine.guard import Ask, Guard, directly, raise_alert
from atlas_core.engine.inquiry import InquiryDesk
from atlas_core.engine.inside import InsideDesk
from atlas_core.engine.limits import LimitDesk
from atlas_core.engine.money import minor_unit
from atlas_core.engine.native import NativeOrders
from atlas_core.engine.orders import OrderDesk
from atlas_core.engine.ports import EngineParts, MovingMarket, Recorder, Rules
from atlas_core.engine.protection import ProtectionDesk
from atlas_core.engine.reconciling import ReconcileDesk
from atlas_core.engine.reports import events_of
from atlas_core.engine.signals import SignalDesk
from atlas_core.engine.state import CHANGES, PositionTrack, State
from atlas_core.errors import EngineError
from atlas_core.model.bars import Bars
from atlas_core.model.decisions import Outcome, Severity
from atlas_core.model.events import (
    AccountRead,
    BarClosed,
    BarOpened,
    BarPart,
    BrokerEvent,
    Command,
    Event,
    FundingCharged,
    FundingDue,
    OperatorCommand,
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    OrderFilled,
    OrderNotFound,
    OrderRejected,
    OrderReported,
    OrderUnknown,
    PositionLiquidated,
    Quote,
    SignalsFound,
    Tick,
    TimerFired,
)
from atlas_core.model.instrument import Instrument
from atlas_core.model.orders import OrderRole, OrderStatus
from atlas_core.model.records import (
    AccountReconciled,
    EquityMarked,
    OperatorActed,
    OrderIntended,
    Record,
    RunFinished,
    RunStarted,
    SessionPaused,
    SessionResumed,
)


@define
class Engine:
    """One engine for back-test, replay, paper and live."""

    state: State
    recorder: Recorder
    guard: Guard
    market: MovingMarket
    signals: SignalDesk
    exits: ExitDesk
    protection: ProtectionDesk
    books: Bookkeeper
    limits: LimitDesk
    orders: OrderDesk
    inquiry: InquiryDesk
    reconciling: ReconcileDesk
    inside: InsideDesk
    _day_end: int = field(default=0)

    def start(self, record: RunStarted) -> None:
        """Begin a run."""
        self._move_to(record.ts)
        self.recorder.write(record)

    def restore(self, records: Iterable[Record]) -> None:
        """Take over the state of an engine that wrote these records.

        What open positions saw of the market comes back with `catch_up`, the equity peak within a day with the prices.
        Raises ProfileError where something is open in a symbol that this engine does not trade.
        """
        last, state = 0, self.state
        for record in records:
            change = CHANGES.get(type(record))
            if change is not None:  # as `State.apply` does: there may be very many records
                if isinstance(record, AccountReconciled):
                    self.reconciling.recorded(record)
                change(state, record)
                if isinstance(record, OrderIntended):
                    self.limits.remember(record)
            last = max(last, record.ts)  # a fill has the venue's time, which may be behind ours
        state.require_instruments()
        if last:
            self._move_to(last)
        self.signals.restore()

    def resume(self, record: SessionResumed) -> None:
        """Go on with a restored state: requests that were never answered may have been carried out or not."""
        self._move_to(record.ts)
        self.recorder.write(record)
        for track in list(self.state.orders.values()):
            if track.status in (OrderStatus.INTENDED, OrderStatus.SUBMITTED):
                reason = "the process ended before the venue's answer"
                self.orders.move(track.intent.client_order_id, OrderStatus.UNKNOWN, reason=reason)
        self.reconciling.resume()
        self.signals.resume()

    def catch_up(self, bars: Bars) -> None:
        """Tell a continued session what the market did in a symbol: the last price, and what a position has seen."""
        if not len(bars):
            return
        symbol = bars.symbol
        last = self._exact(symbol, float(bars.close[-1]))
        self.market.see(symbol, last)
        position = self.state.positions.get(symbol)
        if position is None:
            return
        position.last_price = last
        since = bars.between(int(np.searchsorted(bars.opened_at, position.opened_at)), len(bars))
        if len(since):
            position.highest = max(position.highest, self._exact(symbol, float(since.high.max())))
            position.lowest = min(position.lowest, self._exact(symbol, float(since.low.min())))
            position.bars_held = len(since)

    @property
    def day_end(self) -> int:
        """Return the end of the trading day that goes on: what happens after it begins the next one."""
        return self._day_end

    def pause(self, ts: int, reason: str) -> None:
        """Stop in good order: entries that have not filled are withdrawn, all else stays for the next session."""
        self._move_to(ts)
        self.orders.withdraw_entries()
        self.protection.leave()
        self._mark(is_day_end=False)
        self.recorder.write(SessionPaused(ts=self.recorder.now, reason=reason))

    def process(self, event: Event) -> list[Command]:
        """Take one event in; return the commands that follow from it, in order."""
        handler = _HANDLERS.get(type(event))
        if handler is None:
            raise EngineError(f"expected an event, was {event!r}")
        self._move_to(event.ts, is_opening=isinstance(event, BarOpened))
        if isinstance(event, (BarOpened, BarClosed, Quote)) and event.symbol not in self.state.instruments:
            return []  # another symbol's price is nothing that we act on
        handler(self, event)
        return self.recorder.take_commands()

    def take_records(self) -> list[Record]:
        """Return what was decided since the last call, for the journal."""
        return self.recorder.take_records()

    def component_failed(self, component: str, error: str, policy: str, severity: Severity = Severity.CRITICAL) -> None:
        """Record the failure of a component that is called outside the engine (a scanner in a session)."""
        self.guard.contain(component, error, policy, severity)

    def finish(self, ts: int, reason: str) -> None:
        """End the run: mark the account and write the last record."""
        self._move_to(ts)
        self._mark(is_day_end=False)
        account = self.state.account()
        self.recorder.write(RunFinished(ts=self.recorder.now, reason=reason, cash=account.cash, equity=account.equity))

    def _move_to(self, ts: int, is_opening: bool = False) -> None:
        """Let time pass; a bar that closes at the day's end belongs to the day that ends, one that opens does not."""
        if ts > self._day_end or (is_opening and ts == self._day_end):
            if self._day_end:
                self.recorder.now = self._day_end
                self._mark(is_day_end=True)
                self.limits.new_day()
            self._day_end = self.limits.rules.day_end(ts)
        self.recorder.now = max(ts, self.recorder.now)
        self.market.advance(self.recorder.now)

    def _mark(self, is_day_end: bool) -> None:
        account = self.state.account()
        prices = {symbol: str(track.last_price) for symbol, track in self.state.positions.items()}
        self.recorder.write(
            EquityMarked(
                ts=self.recorder.now,
                cash=account.cash,
                equity=account.equity,
                exposure=account.exposure,
                price_by_symbol=prices,
                is_day_end=is_day_end,
            )
        )

    def _bar_opened(self, event: BarOpened) -> None:
        self._see_print(event.symbol, self._exact(event.symbol, event.price), event.ts)

    def _bar_closed(self, event: BarClosed) -> None:
        """Let the triggers inside the bar come before its close: what they cause must not know how the bar ended."""
        symbol = event.symbol
        self.limits.seen(symbol, event.ts)
        low = high = close = self._exact(symbol, event.close)
        is_told = self.inside.ends(symbol)
        position = self._held_into(event, is_told=is_told)
        if position is not None or self.signals.is_waiting(symbol):
            if not is_told:
                low, high = self._exact(symbol, event.low), self._exact(symbol, event.high)
                self.signals.bar_closed(symbol, event.opened_at, self._exact(symbol, event.open), low, high)
            self._see(symbol, close, event.ts, is_close=True)
            if position is not None:
                self._look_after(position, event.opened_at, low, high, close)
        else:
            self._see(symbol, close, event.ts, is_close=True)
        if self.limits.is_watching and not self.limits.is_relieved:
            self.market.settle()
            self.limits.watch(self.state.account().equity if self.state.positions else self.state.cash)

    def _held_into(self, bar: BarClosed, *, is_told: bool) -> PositionTrack | None:
        """Return the position that a bar is judged by: of one told in parts not one that was entered inside it."""
        position = self.state.positions.get(bar.symbol)
        is_new = position is not None and is_told and position.opened_at > bar.opened_at
        return None if is_new else position

    def _bar_part(self, part: BarPart) -> None:
        self.limits.seen(part.symbol, part.ts)
        self.inside.take(part)

    def is_concerned(self, symbol: str) -> bool:
        """Tell whether anything is held, ordered or waited for in a symbol."""
        return (
            symbol in self.state.positions or self.signals.is_waiting(symbol) or bool(self.state.working_orders(symbol))
        )

    def _look_after(self, position: PositionTrack, opened_at: int, low: Decimal, high: Decimal, close: Decimal) -> None:
        position.saw(opened_at, low, high, close)
        self.protection.check(position)
        self.protection.watch(position, low, high)
        self.exits.ask(position)
        self.protection.sync(position)

    def _quote(self, event: Quote) -> None:
        price = self._exact(event.symbol, event.last if event.last > 0 else (event.bid + event.ask) / 2)
        position = self.state.positions.get(event.symbol)
        if position is not None:
            position.saw(event.ts, price, price, price, bars=0)
        self._see_print(event.symbol, price, event.ts)

    def _see_print(self, symbol: str, price: Decimal, ts: int) -> None:
        """Look at a single price: the first of a bar, or a quote."""
        self._see(symbol, price, ts)
        position = self.state.positions.get(symbol)
        if position is not None:
            self.protection.watch(position, price, price)
            self.protection.retry(position)
        self.signals.bar_opened(symbol, price)

    def _exact(self, symbol: str, price: float) -> Decimal:
        return self.state.instruments[symbol].exact(price)

    def _see(self, symbol: str, price: Decimal, ts: int, *, is_close: bool = False) -> None:
        self.market.see(symbol, price, is_close=is_close)
        self.limits.seen(symbol, ts)
        position = self.state.positions.get(symbol)
        if position is not None:
            position.last_price = price

    def _signals_found(self, event: SignalsFound) -> None:
        if event.judged is not None:
            self.signals.detect_judged(event.judged)
        else:
            self.signals.detect(event.scanner, event.table)

    def _funding_due(self, event: FundingDue) -> None:
        """Only the venue acts on a funding time; what it charges arrives as an event of its own."""

    def _accepted(self, event: OrderAccepted) -> None:
        self.orders.move(event.client_order_id, OrderStatus.ACKNOWLEDGED, venue_order_id=event.venue_order_id)

    def _ended(self, event: OrderCancelled | OrderRejected | OrderExpired) -> None:
        track = self.orders.find(event.client_order_id)
        status, outcome = _ENDINGS[type(event)]
        reason = getattr(event, "reason", "") or str(status)
        if track is None or not self.orders.move(event.client_order_id, status, reason=reason):
            return
        intent = track.intent
        if intent.role is OrderRole.ENTRY and not isinstance(event, OrderRejected):
            self.reconciling.entry_ended(track)
        if intent.role is OrderRole.ENTRY and not track.cumulative_quantity:
            self.recorder.end(intent.signal_key, outcome, "broker", reason)
            return
        if intent.role is OrderRole.ENTRY:
            self.books.settle(intent.signal_key, intent.symbol)
        if isinstance(event, OrderRejected):
            text = f"{intent.role} of {intent.symbol}: {reason}"
            raise_alert(self.recorder, Severity.WARNING, "Order rejected", text, intent.symbol)
        position = self.state.positions.get(intent.symbol)
        if position is None:
            return
        if isinstance(event, OrderRejected):
            self.orders.want_again(position, track)
            self.protection.refused(position, intent.role)  # at once it would only be rejected again
        elif not track.is_withdrawn:
            self.protection.lost(position, intent.role)
        else:
            self.orders.resume_exit(position)
            self.protection.withdrawn(position)

    def _filled(self, event: OrderFilled) -> None:
        self.books.fill(event)
        track = self.orders.find(event.client_order_id)
        if track is None:
            return
        self.reconciling.entry_filled(track)
        symbol = track.intent.symbol
        self.orders.close_unwanted(symbol)
        if not track.is_from_touch:
            return
        position = self.state.positions.get(symbol)
        price = self.inside.last_price(symbol) or self.market.last_price(symbol)
        if position is not None and price is not None:
            self.protection.watch(position, price, price)  # the bar may have closed behind an emulated stop already

    def _unknown(self, event: OrderUnknown) -> None:
        track = self.orders.find(event.client_order_id)
        if self.orders.move(event.client_order_id, OrderStatus.UNKNOWN, reason=event.reason):
            position = self.state.positions.get(track.intent.symbol) if track is not None else None
            if position is not None:
                self.protection.check(position)
            text = f"{event.client_order_id}: {event.reason}; no new orders in this symbol until the venue has answered"
            raise_alert(self.recorder, Severity.CRITICAL, "Order outcome unknown", text, event.client_order_id)

    def _reported(self, event: OrderReported) -> None:
        track = self.orders.find(event.report.client_order_id)
        if track is not None:
            self.inquiry.answered(track, is_final=event.report.status.is_terminal)
        self._follow(events_of(event.report, event.ts))

    def _not_found(self, event: OrderNotFound) -> None:
        end = self.inquiry.not_found(event.client_order_id)
        if end is not None:
            text = f"{event.client_order_id}: it counts as never accepted; one that shows up later is closed"
            raise_alert(self.recorder, Severity.WARNING, "Order given up", text, event.client_order_id)
            self._follow((end,))

    def _account_read(self, event: AccountRead) -> None:
        self._follow(self.reconciling.reported(event))
        self.reconciling.compare(event)

    def _follow(self, told: Iterable[BrokerEvent]) -> None:
        """Act on what an answer of the venue tells, as if it had been told when it happened."""
        for event in told:
            _HANDLERS[type(event)](self, event)

    def _tick(self, _: Tick) -> None:
        self.inquiry.tick()
        self.reconciling.tick()
        self.orders.withdraw_orphans()
        for position in list(self.state.positions.values()):
            self.protection.tick(position)

    def _funding_charged(self, event: FundingCharged) -> None:
        self.books.fund(event)

    def _liquidated(self, event: PositionLiquidated) -> None:
        self.books.liquidate(event)

    def _timer(self, event: TimerFired) -> None:
        self.signals.expire(event.key)

    def _operator(self, event: OperatorCommand) -> None:
        action = _OPERATOR.get(event.name)
        if action is None:
            text = f"{event.actor} asked for {event.name!r}; expected one of {', '.join(_OPERATOR)}"
            raise_alert(self.recorder, Severity.WARNING, "Unknown command", text, "unknown-command")
            return
        self.recorder.write(
            OperatorActed(ts=event.ts, name=event.name, actor=event.actor, arguments=dict(event.arguments))
        )
        action(self, event)

    def _halt(self, event: OperatorCommand) -> None:
        self.limits.halt(event.actor, str(event.arguments.get("reason", "halted by a person")))

    def _resume(self, event: OperatorCommand) -> None:
        self.limits.resume(event.actor, str(event.arguments.get("reason", "resumed by a person")))

    def _close(self, event: OperatorCommand) -> None:
        position = self.state.positions.get(str(event.arguments.get("symbol", "")))
        if position is not None and not position.is_closing:
            self.orders.close_position(position, event.actor, str(event.arguments.get("reason", "closed by a person")))

    def _acknowledge(self, event: OperatorCommand) -> None:
        """Only the outbox acts on it: the record is what it waits for."""

    def _wind_down(self, event: OperatorCommand) -> None:
        """Stop entries: end the waiting signals, withdraw entry orders and, if asked, close what is open."""
        reason = str(event.arguments.get("reason", "end of the run"))
        self.signals.finish(reason)
        self.orders.withdraw_entries()
        if event.arguments.get("close_positions"):
            self.orders.close_all(reason)


_ENDINGS: dict[type[Any], tuple[OrderStatus, Outcome]] = {
    OrderCancelled: (OrderStatus.CANCELLED, Outcome.CANCELLED),
    OrderRejected: (OrderStatus.REJECTED, Outcome.REJECTED),
    OrderExpired: (OrderStatus.EXPIRED, Outcome.EXPIRED),
}
_HANDLERS: dict[type[Any], Callable[[Engine, Any], None]] = {
    BarOpened: Engine._bar_opened,
    BarClosed: Engine._bar_closed,
    BarPart: Engine._bar_part,
    Quote: Engine._quote,
    SignalsFound: Engine._signals_found,
    FundingDue: Engine._funding_due,
    OrderAccepted: Engine._accepted,
    OrderCancelled: Engine._ended,
    OrderRejected: Engine._ended,
    OrderExpired: Engine._ended,
    OrderFilled: Engine._filled,
    OrderUnknown: Engine._unknown,
    OrderReported: Engine._reported,
    OrderNotFound: Engine._not_found,
    AccountRead: Engine._account_read,
    Tick: Engine._tick,
    FundingCharged: Engine._funding_charged,
    PositionLiquidated: Engine._liquidated,
    TimerFired: Engine._timer,
    OperatorCommand: Engine._operator,
}
_OPERATOR: dict[str, Callable[[Engine, OperatorCommand], None]] = {
    "halt": Engine._halt,
    "resume": Engine._resume,
    "close": Engine._close,
    "acknowledge": Engine._acknowledge,
    "wind-down": Engine._wind_down,
}


def make_engine(
    *,
    profile: str,
    namespace: str,
    parts: EngineParts,
    rules: Rules,
    instruments: dict[str, Instrument],
    market: MovingMarket,
    quote: str,
    native: NativeOrders,
    stops_at_failure: bool,
    ask: Ask = directly,
) -> Engine:
    """Wire the desks of one engine.

    `namespace` goes into every order's identity; `stops_at_failure` is true in back-tests, where a failing component
    ends the run instead of being contained; `ask` is how a session calls the deciders.
    """
    state = State(instruments)
    recorder = Recorder(state)
    guard = Guard(recorder, stops_at_failure, ask)
    orders = OrderDesk(namespace, state, recorder, native.holds_quantity)
    protection = ProtectionDesk(parts, state, recorder, guard, orders, native, rules.waiver)
    books = Bookkeeper(minor_unit(quote), state, recorder, orders, protection)
    inquiry = InquiryDesk(state, recorder)
    reconciling = ReconcileDesk(state, recorder, orders, books, inquiry, rules.reconcile_within)
    limits = LimitDesk(rules, state, recorder, orders, reconciling)
    entries = EntryDesk(parts, state, recorder, guard, market, orders, limits, protection)
    signals = SignalDesk(profile, parts, state, recorder, guard, market, entries)
    return Engine(
        state=state,
        recorder=recorder,
        guard=guard,
        market=market,
        signals=signals,
        exits=ExitDesk(parts, recorder, guard, market, orders, rules.flattens_without_a_rule),
        protection=protection,
        books=books,
        limits=limits,
        orders=orders,
        inquiry=inquiry,
        reconciling=reconciling,
        inside=InsideDesk(state, signals, protection),
    )
