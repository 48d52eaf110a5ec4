"""The kernel-owned limits: checked before every entry, never plugged away.

Exposure counts the worst case: what is open, what entry orders may still fill, and the entry that is asked for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from decimal import Decimal

from attrs import define, field, frozen

from atlas_core.engine.guard import raise_alert
from atlas_core.engine.orders import OrderDesk
from atlas_core.engine.ports import Recorder, Rules
from atlas_core.engine.reconciling import TOO_OLD, ReconcileDesk
from atlas_core.engine.state import ACTIVE, OrderTrack, State
from atlas_core.model.decisions import OrderPlan, Severity
from atlas_core.model.instrument import ZERO
from atlas_core.model.orders import Action, OrderRole, OrderStatus
from atlas_core.model.portfolio import Account
from atlas_core.model.records import OrderIntended, TradingStateChanged
from atlas_core.model.signals import Side, Signal
from atlas_core.model.timeframe import MINUTE, SECOND

PriceOf = Callable[[str], Decimal | None]

HUNDRED = Decimal(100)
HALTED = "halted"
DAILY_LOSS = "daily_loss"
TRADING_STATE = "trading-state"


@frozen
class Check:
    """One limit compared: `value` must not exceed `threshold`."""

    limit: str
    value: float
    threshold: float
    reason: str

    @property
    def holds(self) -> bool:
        """Tell whether the limit holds."""
        return self.value <= self.threshold


@define
class LimitDesk:
    """Compares what an entry would lead to with the limits, and halts entries when losses reach theirs.

    `is_relieved`: somebody else looks after the equity of the present close.
    """

    rules: Rules
    state: State
    recorder: Recorder
    orders: OrderDesk
    reconciling: ReconcileDesk
    is_relieved: bool = False
    _peak_equity: Decimal = ZERO
    _entry_times: deque[int] = field(factory=deque)
    _last_seen: dict[str, int] = field(factory=dict)

    def new_day(self) -> None:
        """Begin a new trading day: the daily loss counts from the equity that was just marked."""
        if self.state.trading_state == DAILY_LOSS:
            self._change(ACTIVE, "max_daily_loss_pct", "a new trading day has begun")

    def seen(self, symbol: str, ts: int) -> None:
        """Note of when a symbol's market data are: a bar that comes late makes nothing fresh."""
        self._last_seen[symbol] = max(ts, self._last_seen.get(symbol, 0))

    def entry_sent(self, now: int) -> None:
        """Count an entry order for the order rate."""
        self._entry_times.append(now)

    def remember(self, record: OrderIntended) -> None:
        """Count the entries of a journal that is taken over, so that a restart does not forget the order rate."""
        if record.role is OrderRole.ENTRY:
            self.entry_sent(record.ts)

    def checks(
        self, signal: Signal, plan: OrderPlan, price: Decimal, price_of: PriceOf, *, inside_bar: bool
    ) -> Iterator[Check]:
        """Yield the limits in the order in which they are checked; the first that does not hold refuses.

        `price_of` tells the prices that the entry is measured at; losses of this very instant count first.
        """
        account = self.state.account(price_of)
        self.watch(account.equity)
        yield from self._state_checks(plan.symbol)
        yield from self._position_checks(plan.symbol, signal.side, inside_bar)
        yield from self._money_checks(plan, price, account)
        yield from self._share_checks(plan, signal.side, price, account.equity, price_of)
        can_sell = self.rules.can_sell_short or signal.side is Side.LONG
        yield Check("short_selling", float(not can_sell), 0.0, "the broker does not sell short")

    @property
    def peak_equity(self) -> Decimal:
        """Return the highest equity so far, from which the drawdown counts."""
        return max(self._peak_equity, self.state.peak_equity)

    def note_peak(self, equity: Decimal) -> None:
        """Take note of an equity at which nothing was stopped."""
        self._peak_equity = max(self._peak_equity, equity)

    @property
    def is_watching(self) -> bool:
        """Tell whether a loss could stop entries now, so that the equity of every close counts."""
        rules, trading = self.rules, self.state.trading_state
        is_bounded_by_day = rules.max_daily_loss_pct is not None and trading == ACTIVE
        return is_bounded_by_day or (rules.max_drawdown_pct is not None and trading != HALTED)

    def blocked(self) -> dict[str, str]:
        """Return the symbols in which nothing is entered until something there is settled, each with what it is."""
        checks = ((symbol, check) for symbol in self.state.instruments for check in self._symbol_checks(symbol))
        blocked: dict[str, str] = {}
        for symbol, check in checks:
            if not check.holds:
                blocked.setdefault(symbol, check.reason)
        return blocked

    def watch(self, equity: Decimal) -> None:
        """Compare the running loss with the daily loss and drawdown limits."""
        rules, state = self.rules, self.state
        self._peak_equity = max(self._peak_equity, state.peak_equity, equity)
        if rules.max_drawdown_pct is not None and state.trading_state != HALTED:
            drawdown = _percent(self._peak_equity - equity, self._peak_equity)
            if drawdown >= float(rules.max_drawdown_pct):
                self.halt("max_drawdown_pct", "drawdown limit reached", drawdown, float(rules.max_drawdown_pct))
        if rules.max_daily_loss_pct is not None and state.trading_state == ACTIVE:
            loss = _percent(state.day_equity - equity, state.day_equity)
            if loss >= float(rules.max_daily_loss_pct):
                reason = "daily loss limit reached, no entries until the next trading day"
                self._stop(DAILY_LOSS, "max_daily_loss_pct", reason, loss, float(rules.max_daily_loss_pct))

    def halt(self, by: str, reason: str, value: float | None = None, threshold: float | None = None) -> None:
        """Stop all entries until a person resumes them; exits go on."""
        self._stop(HALTED, by, reason, value, threshold)

    def resume(self, by: str, reason: str) -> None:
        """Allow entries again; drawdown counts from the present equity."""
        self._peak_equity = self.state.account().equity
        self._change(ACTIVE, by, reason, equity=self._peak_equity)

    def _stop(self, state: str, by: str, reason: str, value: float | None, threshold: float | None) -> None:
        """Stop entries, and withdraw those that have not filled."""
        self._change(state, by, reason, value, threshold)
        self.orders.withdraw_entries()
        raise_alert(self.recorder, Severity.CRITICAL, "Entries stopped", f"{reason} ({by})", TRADING_STATE)

    def _change(
        self,
        state: str,
        by: str,
        reason: str,
        value: float | None = None,
        threshold: float | None = None,
        equity: Decimal | None = None,
    ) -> None:
        self.recorder.write(
            TradingStateChanged(
                ts=self.recorder.now,
                state=state,
                by=by,
                reason=reason,
                value=value,
                threshold=threshold,
                equity=equity,
            )
        )

    def _state_checks(self, symbol: str) -> Iterator[Check]:
        now, rules = self.recorder.now, self.rules
        halted = float(self.state.trading_state == HALTED)
        yield Check("kill_switch", halted, 0.0, "entries are halted")
        yield Check("market_closed", float(rules.is_market_closed(now)), 0.0, "inside a maintenance window")
        lost = float(self.state.trading_state == DAILY_LOSS)
        yield Check("daily_loss", lost, 0.0, "the daily loss limit is reached")
        yield from self._symbol_checks(symbol)
        if rules.reconcile_within is not None:
            age = self.reconciling.age_seconds()
            limit = rules.reconcile_within / SECOND
            yield Check("reconcile_age_seconds", age, limit, TOO_OLD)
        if rules.stale_data_seconds is not None:
            age = (now - self._last_seen.get(symbol, 0)) / SECOND
            yield Check("stale_data_seconds", age, float(rules.stale_data_seconds), "market data are too old")
        while self._entry_times and self._entry_times[0] <= now - MINUTE:
            self._entry_times.popleft()
        rate = len(self._entry_times) + 1
        yield Check(
            "max_orders_per_minute", float(rate), float(rules.max_orders_per_minute), "too many entries a minute"
        )

    def _symbol_checks(self, symbol: str) -> Iterator[Check]:
        """Yield what stops entries in one symbol until it is settled, and in no other."""
        unknown = [track for track in self.state.working_orders(symbol) if self._may_interfere(track)]
        unknown += [track for track in self.reconciling.open_ends() if track.intent.symbol == symbol]
        yield Check("unknown_order", float(len(unknown)), 0.0, "an order in this symbol is not settled")
        if self.rules.reconcile_within is not None:
            strange = sum(1 for _, other, _ in self.state.foreign if other == symbol)
            yield Check("foreign_holdings", float(strange), 0.0, "the account holds what is not ours in this symbol")
            doubtful = float(self.reconciling.is_doubtful(symbol))
            yield Check("books_differ", doubtful, 0.0, "books and venue differ in this symbol")

    def _may_interfere(self, track: OrderTrack) -> bool:
        """Tell whether an order could fill against an entry: its outcome is unknown, or its trade is over."""
        is_left_over = track.intent.role is not OrderRole.ENTRY and track.intent.symbol not in self.state.positions
        return is_left_over or track.status is OrderStatus.UNKNOWN

    def _position_checks(self, symbol: str, side: Side, inside_bar: bool) -> Iterator[Check]:
        rules = self.rules
        held = self._held()
        last = self.state.last_closed.get(symbol)
        is_taken = symbol in held
        if not rules.counts_closing:
            held = {other: sides for other, sides in held.items() if not self._is_closing(other)}
        if inside_bar and last is not None and last.closed_at == self.recorder.now:
            is_taken = True  # it may have been closed after the touch: the order inside a bar is not known
        yield Check("max_positions_per_symbol", is_taken + 1.0, 1.0, "a position is open in it")
        taken = len(held.keys() | self.reconciling.doubtful)
        yield Check("max_positions", float(taken + 1), float(rules.max_positions), "all positions are taken")
        group = rules.group_of.get(symbol, "")
        if rules.max_positions_per_group is not None and group:
            members = sum(1 for other in held if rules.group_of.get(other, "") == group)
            limit = float(rules.max_positions_per_group)
            yield Check("max_positions_per_group", members + 1.0, limit, f"group {group} is full")
        most = rules.max_long_positions if side is Side.LONG else rules.max_short_positions
        if most is not None:
            alike = sum(1 for other in held.values() if other is side)
            yield Check(f"max_{side}_positions", alike + 1.0, float(most), f"all {side} positions are taken")

    def _held(self) -> dict[str, Side]:
        """Return the symbols in which something is open, or may be once an entry fills, with the side of it."""
        entries = {track.intent.symbol: _side_of(track) for track in self._entry_orders()}
        return entries | {symbol: position.side for symbol, position in self.state.positions.items()}

    def _is_closing(self, symbol: str) -> bool:
        position = self.state.positions.get(symbol)
        return position is not None and position.is_closing

    def _money_checks(self, plan: OrderPlan, price: Decimal, account: Account) -> Iterator[Check]:
        instrument = self.state.instruments[plan.symbol]
        notional = instrument.notional(plan.quantity, price)
        leverage_limit = float(min(self.rules.max_leverage, instrument.max_leverage))
        yield Check("max_leverage", float(plan.leverage), leverage_limit, "leverage is too high")
        pending = sum((self._open_notional(track) for track in self._entry_orders()), ZERO)
        exposure = _percent(account.exposure + pending + notional, account.equity)
        yield Check("max_exposure_pct", exposure, float(self.rules.max_exposure_pct), "exposure would be too high")
        promised = sum((self._open_notional(track) / track.intent.leverage for track in self._entry_orders()), ZERO)
        needed = notional / plan.leverage + promised
        yield Check("buying_power", float(needed), float(account.available), "margin is not available")

    def _share_checks(
        self, plan: OrderPlan, side: Side, price: Decimal, equity: Decimal, price_of: PriceOf
    ) -> Iterator[Check]:
        """Yield the limits on the value of what an entry stands beside: its group, and its side."""
        rules, group = self.rules, self.rules.group_of.get(plan.symbol, "")
        added = self.state.instruments[plan.symbol].notional(plan.quantity, price)
        if rules.max_exposure_pct_per_group is not None and group:
            value = added + self._value_of(price_of, lambda symbol, _: rules.group_of.get(symbol, "") == group)
            limit, reason = float(rules.max_exposure_pct_per_group), f"exposure in group {group} would be too high"
            yield Check("max_exposure_pct_per_group", _percent(value, equity), limit, reason)
        most = rules.max_long_exposure_pct if side is Side.LONG else rules.max_short_exposure_pct
        if most is not None:
            value = added + self._value_of(price_of, lambda _, other: other is side)
            reason = f"{side} exposure would be too high"
            yield Check(f"max_{side}_exposure_pct", _percent(value, equity), float(most), reason)

    def _value_of(self, price_of: PriceOf, belongs: Callable[[str, Side], bool]) -> Decimal:
        """Return the value of what is open and of what entries may still fill, of those that belong."""
        positions = (
            (price_of(symbol) or track.last_price) * track.quantity * track.multiplier
            for symbol, track in self.state.positions.items()
            if belongs(symbol, track.side)
        )
        entries = (
            self._open_notional(track)
            for track in self._entry_orders()
            if belongs(track.intent.symbol, _side_of(track))
        )
        return sum(positions, ZERO) + sum(entries, ZERO)

    def _entry_orders(self) -> list[OrderTrack]:
        """Return the entries that may still fill, or may have filled without our knowing."""
        working = [t for t in self.state.orders.values() if t.is_working and t.intent.role is OrderRole.ENTRY]
        return working + self.reconciling.open_ends()

    def _open_notional(self, track: OrderTrack) -> Decimal:
        intent = track.intent
        price = intent.limit_price or intent.stop_price or intent.reference_price or ZERO
        leaves = intent.quantity - track.cumulative_quantity
        return self.state.instruments[intent.symbol].notional(leaves, price)


def _side_of(entry: OrderTrack) -> Side:
    return Side.LONG if entry.intent.action is Action.BUY else Side.SHORT


def _percent(part: Decimal, whole: Decimal) -> float:
    if whole <= 0:
        return float("inf") if part > 0 else 0.0
    return float(part / whole * HUNDRED)
