# ruff: noqa: PLC0414  (the tracks can be imported from here)
"""What the engine knows, as the fold of its records: replaying a journal gives the same state.

Nothing here decides. `State.apply` is the only way in, with one exception: what an open position has seen of the market
(`last_price`, `highest`, `lowest`, `bars_held`) is noted by the engine at each price and comes back with the market.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from itertools import chain
from types import MappingProxyType
from typing import Any

from attrs import Factory, define

from atlas_core.engine.tracks import OrderTrack as OrderTrack
from atlas_core.engine.tracks import OverClosed as OverClosed
from atlas_core.engine.tracks import PositionTrack as PositionTrack
from atlas_core.engine.tracks import SignalState as SignalState
from atlas_core.engine.tracks import SignalTrack as SignalTrack
from atlas_core.engine.tracks import TargetPart as TargetPart
from atlas_core.errors import EngineError, ProfileError
from atlas_core.model.instrument import ZERO, Instrument
from atlas_core.model.orders import Action, OrderRole, OrderStatus
from atlas_core.model.portfolio import Account, ClosedTrade, Portfolio
from atlas_core.model.records import (
    AccountReconciled,
    EquityMarked,
    ExitRequested,
    FillBooked,
    ForeignFound,
    FundingBooked,
    LevelsSet,
    OperatorActed,
    OrderIntended,
    OrderMoved,
    OrderQueried,
    PositionAdjusted,
    PositionChanged,
    PositionClosed,
    PositionOpened,
    ProtectionChanged,
    Record,
    RunStarted,
    SessionPaused,
    SessionResumed,
    SignalArmed,
    SignalDetected,
    SignalSized,
    SignalTriggered,
    TradingStateChanged,
    VerdictReached,
)
from atlas_core.model.refusals import RefusedSignals
from atlas_core.model.signals import Signal
from atlas_core.model.timeframe import DAY, parse_timeframe
from atlas_core.problem import Problem

_ROLES = tuple(OrderRole)
ACTIVE = "active"
ENDED_KEPT = 2 * DAY
"""How long a message about an order that ended can still be told from a stranger's."""

SEEN_DAYS = 2
SEEN_BARS = 50


def signal_of(record: SignalDetected) -> Signal:
    """Return the signal that a record tells of."""
    return Signal(
        key=record.key,
        scanner=record.scanner,
        symbol=record.symbol,
        timeframe=record.timeframe,
        pattern=record.pattern,
        side=record.side,
        entry=record.entry,
        available_at=record.ts,
        setup_at=record.setup_at,
        valid_until=record.valid_until,
        trigger=record.trigger,
        stop=record.stop,
        target=record.target,
        cancel_beyond=record.cancel_beyond,
        void_beyond=record.void_beyond,
        score=record.score,
        context=MappingProxyType(dict(record.context)),
    )


@lru_cache(maxsize=256)
def _remembered_for(timeframe: str) -> int:
    """Return how long a setup is known as seen after its detection: no scanner finds it again later than this."""
    try:
        bar = parse_timeframe(timeframe).duration
    except ValueError:  # a scanner's own word
        bar = DAY
    return SEEN_DAYS * DAY + SEEN_BARS * bar


@define
class State:
    """Signals, orders, positions and cash of one run; `seen` tells until when a setup is remembered."""

    instruments: dict[str, Instrument]
    cash: Decimal = ZERO
    signals: dict[str, SignalTrack] = Factory(dict)
    seen: dict[str, int] = Factory(dict)
    orders: dict[str, OrderTrack] = Factory(dict)
    ended_orders: dict[str, OrderTrack] = Factory(dict)
    foreign: dict[tuple[str, str, str], Decimal] = Factory(dict)
    positions: dict[str, PositionTrack] = Factory(dict)
    over_closed: dict[str, OverClosed] = Factory(dict)
    last_closed: dict[str, ClosedTrade] = Factory(dict)
    unwanted: dict[str, str] = Factory(dict)
    attempts: dict[tuple[str, str], int] = Factory(dict)
    trades_opened: int = 0
    is_begun: bool = False
    is_paused: bool = False
    reconciled_at: int = 0
    trading_state: str = ACTIVE
    day_equity: Decimal = ZERO
    peak_equity: Decimal = ZERO

    def apply(self, record: Record) -> None:
        """Fold one record into the state; records that change nothing here are passed over."""
        change = CHANGES.get(type(record))
        if change is not None:
            change(self, record)

    def account(self, price_of: Callable[[str], Decimal | None] | None = None) -> Account:
        """Return cash, equity, reserved margin and exposure, at the last prices or at those of `price_of`."""
        equity, margin, exposure = self.cash, ZERO, ZERO
        for position in self.positions.values():
            price = (price_of(position.symbol) if price_of else None) or position.last_price
            equity += position.unrealised_at(price)
            margin += position.entry_cost * position.multiplier / position.leverage
            exposure += price * position.quantity * position.multiplier
        return Account(cash=self.cash, equity=equity, margin_used=margin, exposure=exposure)

    def portfolio(self, price_of: Callable[[str], Decimal | None] | None = None) -> Portfolio:
        """Return the snapshot that gates get."""
        return Portfolio(
            account=self.account(price_of),
            positions={symbol: track.view() for symbol, track in self.positions.items()},
            last_closed=dict(self.last_closed),
        )

    def working_orders(self, symbol: str, roles: tuple[OrderRole, ...] = _ROLES) -> list[OrderTrack]:
        """Return the orders of a symbol that can still do something, all or those of some roles, oldest first."""
        return [
            track
            for track in self.orders.values()
            if not track.status.is_terminal and track.intent.symbol == symbol and track.intent.role in roles
        ]

    def find_order(self, client_order_id: str) -> OrderTrack | None:
        """Return an order of ours, also one that ended in the last two days; None for one that is not."""
        return self.orders.get(client_order_id) or self.ended_orders.get(client_order_id)

    def part_on_its_way(self, position: PositionTrack) -> Decimal:
        """Return what an exit of a part may still close."""
        track = self.orders.get(position.part_order)
        return ZERO if track is None else track.intent.quantity - track.cumulative_quantity

    def signed_quantity(self, symbol: str) -> Decimal:
        """Return what the books hold in a symbol, below 0 for a short."""
        position = self.positions.get(symbol)
        return ZERO if position is None else position.quantity * position.side.sign

    def position_of_trade(self, trade_id: int) -> PositionTrack:
        """Return the open position of a trade; raises EngineError when there is none."""
        for track in self.positions.values():
            if track.trade_id == trade_id:
                return track
        raise EngineError(f"trade {trade_id}: expected an open position, found none")

    def require_instruments(self) -> None:
        """Raise ProfileError where something is open or ordered in a symbol that is not traded any more."""
        working = {track.intent.symbol for track in self.orders.values() if track.is_working}
        missing = ", ".join(sorted((working | self.positions.keys()) - self.instruments.keys()))
        if missing:
            message = f"expected every symbol that has a position or a working order, was without {missing}"
            suggestion = "put it back until that is closed"
            raise ProfileError([Problem(message=message, table="universe", key="symbols", suggestion=suggestion)])

    def _run_started(self, record: RunStarted) -> None:
        self.cash = self.day_equity = self.peak_equity = record.starting_cash
        self.is_begun = True

    def _session_resumed(self, _: SessionResumed) -> None:
        self.is_paused = False

    def _session_paused(self, _: SessionPaused) -> None:
        self.is_paused = True

    def _equity_marked(self, record: EquityMarked) -> None:
        if record.is_day_end:
            self.day_equity = record.equity
            for name in [n for n, track in self.ended_orders.items() if record.ts - track.moved_at > ENDED_KEPT]:
                del self.ended_orders[name]
            for key in [key for key, until in self.seen.items() if until < record.ts and key not in self.signals]:
                del self.seen[key]
            for key in [k for k, known in self.over_closed.items() if record.ts - known.since > ENDED_KEPT]:
                del self.over_closed[key]
        self.peak_equity = max(self.peak_equity, record.equity)

    def _signal_detected(self, record: SignalDetected) -> None:
        self.seen[record.key] = record.ts + _remembered_for(record.timeframe)
        self.signals[record.key] = SignalTrack(signal_of(record))

    def _signals_refused(self, record: RefusedSignals) -> None:
        keys, timeframes = record.sheet.keys, record.sheet.timeframes
        for row in range(record.first, record.last):
            self.seen[keys[row]] = record.ts + _remembered_for(timeframes[row])

    def _signal_armed(self, record: SignalArmed) -> None:
        self.signals[record.key].state = SignalState.ARMED

    def _signal_triggered(self, record: SignalTriggered) -> None:
        self.signals[record.key].state = SignalState.ENTERING

    def _signal_sized(self, record: SignalSized) -> None:
        self.signals[record.key].sizing = record.inputs

    def _verdict_reached(self, record: VerdictReached) -> None:
        ended = self.signals.pop(record.key, None)
        if ended is None:
            raise EngineError(f"signal {record.key}: expected one verdict, {record.outcome} is a second one")
        for role in _ROLES:
            self.attempts.pop((record.key, role), None)
        for track in [track for track in self.orders.values() if track.intent.signal_key == record.key]:
            track.signal = ended.signal
            self._forget_if_done(track)

    def _order_intended(self, record: OrderIntended) -> None:
        self.orders[record.client_order_id] = OrderTrack(record, moved_at=record.ts)
        self.attempts[record.signal_key, record.role] = record.attempt
        if record.role is OrderRole.EXIT:
            self._exit_sent(self.positions[record.symbol], record)

    def _exit_sent(self, position: PositionTrack, record: OrderIntended) -> None:
        """Note an exit that was sent: it closes a part, or whatever a part on its way does not."""
        if record.quantity + self.part_on_its_way(position) < position.quantity:
            position.part_order = record.client_order_id
        else:
            position.exit_order = record.client_order_id
        position.exit_wanted, position.exit_asked_at = None, record.ts

    def _order_moved(self, record: OrderMoved) -> None:
        track = self.orders[record.client_order_id]
        track.status = record.status
        track.moved_at = record.ts
        if record.status is OrderStatus.ACKNOWLEDGED:
            track.was_heard_of()
        self._exit_over(track)
        self._forget_if_done(track)

    def _order_queried(self, record: OrderQueried) -> None:
        track = self.orders.get(record.client_order_id)
        if track is not None:
            track.not_found, track.not_found_since, track.not_found_at = record.count, record.since, record.ts

    def _exit_over(self, track: OrderTrack) -> None:
        """Note that an exit order can do no more: what is still open then is asked about and protected again."""
        position = self.positions.get(track.intent.symbol)
        if position is None or track.is_working:
            return
        if position.exit_order == track.intent.client_order_id:
            position.exit_order = ""
        elif position.part_order == track.intent.client_order_id:
            position.part_order = ""

    def _fill_booked(self, record: FillBooked) -> None:
        track = self.orders.get(record.client_order_id) or self.ended_orders[record.client_order_id]
        track.moved_at = max(track.moved_at, record.ts)  # the time of a fill is the venue's
        track.was_heard_of()
        if track.is_working:  # a late fill counts, but brings no ended order back
            track.status = record.status
        track.cumulative_quantity = record.cumulative_quantity
        track.cumulative_cost += record.quantity * record.price
        track.cumulative_fee += record.fee
        self.cash -= record.fee
        self._count_over_closed(record, track.intent)
        if record.trade_id:
            self._fill_of_position(record, track.intent.action)
        self._exit_over(track)
        self._forget_if_done(track)

    def _count_over_closed(self, record: FillBooked, intent: OrderIntended) -> None:
        """Keep what exits closed beyond what is known of their entry, until fills of it that come later explain it.

        It counts as far as the cumulative quantities of the signal's orders say so too: what others closed before, or
        an entry of another signal opened, is explained already.
        """
        key, before = intent.signal_key, self.over_closed.get(intent.signal_key)
        if intent.role is OrderRole.ENTRY:
            after = None if before is None else before.without(record.quantity)
        else:
            known, proceeds = (before.quantity, before.proceeds) if before is not None else (ZERO, ZERO)
            held = self.positions[record.symbol].quantity if record.trade_id else ZERO
            more = record.quantity - held
            if more <= 0 or (more := min(more, self._closed_beyond_entry(key) - known)) <= 0:
                return
            after = OverClosed(record.symbol, known + more, proceeds + more * record.price, record.ts)
        self.over_closed.pop(key, None)
        if after is not None:
            self.over_closed[key] = after

    def _closed_beyond_entry(self, signal_key: str) -> Decimal:
        """Return by how much the exits of a signal filled more than its entry, by their cumulative quantities."""
        tracks = chain(self.orders.values(), self.ended_orders.values())
        quantities = (
            -track.cumulative_quantity if track.intent.role is OrderRole.ENTRY else track.cumulative_quantity
            for track in tracks
            if track.intent.signal_key == signal_key
        )
        return sum(quantities, ZERO)

    def _fill_of_position(self, record: FillBooked, action: Action) -> None:
        """Book a fill on the position of its symbol; even an entry that came late may have closed some of it."""
        position = self.positions[record.symbol]
        position.fees += record.fee
        position.spread += record.spread
        position.slippage += record.slippage
        position.impact += record.impact
        position.is_ambiguous |= record.ambiguous
        if action.sign != position.side.sign:
            position.exit_cost += record.quantity * record.price
            position.exit_quantity += record.quantity

    def _forget_if_done(self, track: OrderTrack) -> None:
        """Set a finished order aside once its signal has a verdict; late messages still find it there.

        Stops and targets are replaced all the time and are set aside at once.
        """
        is_replaced = track.intent.role in (OrderRole.STOP, OrderRole.TARGET) and track.status is not OrderStatus.FILLED
        if not track.is_working and (is_replaced or track.intent.signal_key not in self.signals):
            self.orders.pop(track.intent.client_order_id, None)
            self.ended_orders[track.intent.client_order_id] = track

    def _position_opened(self, record: PositionOpened) -> None:
        self.trades_opened = record.trade_id
        track = self.signals[record.signal_key]
        track.state = SignalState.OPEN
        self.positions[record.symbol] = PositionTrack(
            trade_id=record.trade_id,
            signal=track.signal,
            symbol=record.symbol,
            side=record.side,
            opened_at=record.ts,
            leverage=record.leverage,
            quantity=record.quantity,
            entry_cost=record.quantity * record.price,
            multiplier=record.multiplier,
            last_price=record.price,
            highest=record.price,
            lowest=record.price,
            entry_price=record.price,
            initial_risk=record.initial_risk,
            sizing=track.sizing,
        )

    def _position_changed(self, record: PositionChanged) -> None:
        track = self.position_of_trade(record.trade_id)
        track.closed_quantity += max(ZERO, track.quantity - record.quantity)
        track.quantity = record.quantity
        track.entry_price = record.entry_price
        track.entry_cost = record.entry_cost
        track.initial_risk = record.initial_risk
        track.realised += record.realised
        self.cash += record.realised

    def _levels_set(self, record: LevelsSet) -> None:
        track = self.position_of_trade(record.trade_id)
        track.stop, track.stop_rule = record.stop, record.stop_rule
        track.target, track.target_rule = record.target, record.target_rule
        columns = (record.part_prices, record.part_quantities, record.part_rules)
        track.parts = tuple(TargetPart(*values) for values in zip(*columns, strict=True))

    def _exit_requested(self, record: ExitRequested) -> None:
        track = self.position_of_trade(record.trade_id)
        track.exit_wanted, track.exit_asked_at = record, record.ts

    def _foreign_found(self, record: ForeignFound) -> None:
        key = (record.what, record.symbol, record.reference)
        if record.quantity:
            self.foreign[key] = record.quantity
        else:
            self.foreign.pop(key, None)

    def _account_reconciled(self, record: AccountReconciled) -> None:
        self.reconciled_at = record.asked_at

    def _position_adjusted(self, record: PositionAdjusted) -> None:
        """Forget what was closed too much: the books follow the venue, which has it."""
        for key in [key for key, known in self.over_closed.items() if known.symbol == record.symbol]:
            del self.over_closed[key]

    def _protection_changed(self, record: ProtectionChanged) -> None:
        self.position_of_trade(record.trade_id).is_protected = record.protected

    def _funding_booked(self, record: FundingBooked) -> None:
        track = self.position_of_trade(record.trade_id)
        track.funding += record.amount
        track.funded_at = record.ts
        self.cash -= record.amount

    def _position_closed(self, record: PositionClosed) -> None:
        track = self.positions.pop(record.symbol)
        self.cash += record.gross - track.realised - (record.fees - track.fees)
        self.last_closed[record.symbol] = ClosedTrade(
            trade_id=record.trade_id,
            symbol=record.symbol,
            side=record.side,
            opened_at=record.opened_at,
            closed_at=record.ts,
            net=record.net,
            rule=record.rule,
            reason=record.reason,
        )

    def _operator_acted(self, record: OperatorActed) -> None:
        """Remember what is still on its way when everything is to be closed: it may fill all the same."""
        if record.arguments.get("close_positions"):
            reason = str(record.arguments.get("reason", ""))
            on_their_way = (track.intent for track in self.orders.values() if track.is_working)
            self.unwanted = {intent.signal_key: reason for intent in on_their_way if intent.role is OrderRole.ENTRY}

    def _trading_state_changed(self, record: TradingStateChanged) -> None:
        self.trading_state = record.state
        if record.equity is not None:
            self.peak_equity = record.equity


CHANGES: dict[type[Record], Callable[[State, Any], None]] = {
    RunStarted: State._run_started,
    SessionResumed: State._session_resumed,
    SessionPaused: State._session_paused,
    EquityMarked: State._equity_marked,
    SignalDetected: State._signal_detected,
    SignalArmed: State._signal_armed,
    RefusedSignals: State._signals_refused,
    SignalTriggered: State._signal_triggered,
    SignalSized: State._signal_sized,
    VerdictReached: State._verdict_reached,
    OrderIntended: State._order_intended,
    OrderMoved: State._order_moved,
    OrderQueried: State._order_queried,
    ExitRequested: State._exit_requested,
    AccountReconciled: State._account_reconciled,
    ForeignFound: State._foreign_found,
    FillBooked: State._fill_booked,
    PositionOpened: State._position_opened,
    PositionAdjusted: State._position_adjusted,
    PositionChanged: State._position_changed,
    LevelsSet: State._levels_set,
    ProtectionChanged: State._protection_changed,
    FundingBooked: State._funding_booked,
    PositionClosed: State._position_closed,
    TradingStateChanged: State._trading_state_changed,
    OperatorActed: State._operator_acted,
}
