"""The kernel-owned limits: checked before every entry, never plugged away.

Exposure counts the worst case: what is open, what entry orders may still fill, and the entry that is asked for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from decimal import Decimal

from attrs import define, field, frozen

from atlas_core.engine.guard import raise_alert
from atlas_core.engine.ports import Recorder, Rules
from atlas_core.engine.state import OrderTrack, State
from atlas_core.model.decisions import OrderPlan, Severity
from atlas_core.model.instrument import ZERO
from atlas_core.model.orders import OrderRole, OrderStatus
from atlas_core.model.records import TradingStateChanged
from atlas_core.model.signals import Signal
from atlas_core.model.timeframe import MINUTE, SECOND

HUNDRED = Decimal(100)


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
    """Compares what an entry would lead to with the limits, and halts entries when losses reach theirs."""

    rules: Rules
    state: State
    recorder: Recorder
    is_daily_loss_reached: bool = False
    _peak_equity: Decimal = ZERO
    _entry_times: deque[int] = field(factory=deque)
    _last_seen: dict[str, int] = field(factory=dict)

    def new_day(self) -> None:
        """Begin a new UTC day: the daily loss counts from the equity that was just marked."""
        self.is_daily_loss_reached = False

    def seen(self, symbol: str, now: int) -> None:
        """Note that a symbol's market data are alive."""
        self._last_seen[symbol] = now

    def entry_sent(self, now: int) -> None:
        """Count an entry order for the order rate."""
        self._entry_times.append(now)

    def checks(self, signal: Signal, plan: OrderPlan, price: Decimal) -> Iterator[Check]:
        """Yield the limits in the order in which they are checked; the first that does not hold refuses."""
        yield from self._state_checks(plan.symbol)
        yield from self._position_checks(plan.symbol)
        yield from self._money_checks(plan, price)
        yield from self._protection_checks(signal)

    def watch(self, equity: Decimal) -> None:
        """Compare the running loss with the daily loss and drawdown limits."""
        rules, state = self.rules, self.state
        self._peak_equity = max(self._peak_equity, state.peak_equity, equity)
        if rules.max_daily_loss_pct is not None and not self.is_daily_loss_reached:
            loss = _percent(state.day_equity - equity, state.day_equity)
            if loss >= float(rules.max_daily_loss_pct):
                self.is_daily_loss_reached = True
                text = f"lost {loss:.2f} % today, limit {rules.max_daily_loss_pct} %: no entries until tomorrow (UTC)"
                raise_alert(self.recorder, Severity.CRITICAL, "Daily loss limit reached", text, "daily-loss")
        if rules.max_drawdown_pct is not None and state.trading_state == "active":
            drawdown = _percent(self._peak_equity - equity, self._peak_equity)
            if drawdown >= float(rules.max_drawdown_pct):
                self.halt("max_drawdown_pct", "drawdown limit reached", drawdown, float(rules.max_drawdown_pct))

    def halt(self, by: str, reason: str, value: float | None = None, threshold: float | None = None) -> None:
        """Stop all entries until a person resumes them; exits go on."""
        now = self.recorder.now
        self.recorder.write(
            TradingStateChanged(ts=now, state="halted", by=by, reason=reason, value=value, threshold=threshold)
        )
        raise_alert(self.recorder, Severity.CRITICAL, "Entries halted", f"{reason} ({by})", "trading-state")

    def _state_checks(self, symbol: str) -> Iterator[Check]:
        now, rules = self.recorder.now, self.rules
        halted = float(self.state.trading_state != "active")
        yield Check("kill_switch", halted, 0.0, "entries are halted")
        yield Check("market_closed", float(rules.is_market_closed(now)), 0.0, "inside a maintenance window")
        yield Check("daily_loss", float(self.is_daily_loss_reached), 0.0, "the daily loss limit is reached")
        unknown = [track for track in self.state.working_orders(symbol) if track.status is OrderStatus.UNKNOWN]
        yield Check("unknown_order", float(len(unknown)), 0.0, "the outcome of an order in this symbol is not known")
        if rules.stale_data_seconds is not None:
            age = (now - self._last_seen.get(symbol, 0)) / SECOND
            yield Check("stale_data_seconds", age, float(rules.stale_data_seconds), "market data are too old")
        while self._entry_times and self._entry_times[0] <= now - MINUTE:
            self._entry_times.popleft()
        rate = len(self._entry_times) + 1
        yield Check(
            "max_orders_per_minute", float(rate), float(rules.max_orders_per_minute), "too many entries a minute"
        )

    def _position_checks(self, symbol: str) -> Iterator[Check]:
        rules = self.rules
        entries = self._entry_orders()
        held = [
            *self.state.positions,
            *(t.intent.symbol for t in entries if t.intent.symbol not in self.state.positions),
        ]
        in_symbol = float(held.count(symbol) + 1)
        yield Check(
            "max_positions_per_symbol", in_symbol, float(rules.max_positions_per_symbol), "a position is open in it"
        )
        yield Check("max_positions", float(len(held) + 1), float(rules.max_positions), "all positions are taken")
        group = rules.group_of.get(symbol, "")
        if rules.max_positions_per_group is not None and group:
            members = sum(1 for other in held if rules.group_of.get(other, "") == group)
            limit = float(rules.max_positions_per_group)
            yield Check("max_positions_per_group", members + 1.0, limit, f"group {group} is full")

    def _money_checks(self, plan: OrderPlan, price: Decimal) -> Iterator[Check]:
        account = self.state.account()
        instrument = self.state.instruments[plan.symbol]
        notional = instrument.notional(plan.quantity, price)
        leverage_limit = float(min(self.rules.max_leverage, instrument.max_leverage))
        yield Check("max_leverage", float(plan.leverage), leverage_limit, "leverage is too high")
        pending = sum((self._open_notional(track) for track in self._entry_orders()), ZERO)
        exposure = _percent(account.exposure + pending + notional, account.equity)
        yield Check("max_exposure_pct", exposure, float(self.rules.max_exposure_pct), "exposure would be too high")
        needed = notional / plan.leverage
        yield Check("buying_power", float(needed), float(account.available), "margin is not available")

    def _protection_checks(self, signal: Signal) -> Iterator[Check]:
        if signal.trigger is None:
            return
        sign = signal.side.sign
        wrong_stop = signal.stop is not None and (signal.trigger - signal.stop) * sign <= 0
        wrong_target = signal.target is not None and (signal.target - signal.trigger) * sign <= 0
        yield Check(
            "geometry", float(wrong_stop or wrong_target), 0.0, "expected stop, trigger and target in this order"
        )

    def _entry_orders(self) -> list[OrderTrack]:
        return [t for t in self.state.orders.values() if t.is_working and t.intent.role is OrderRole.ENTRY]

    def _open_notional(self, track: OrderTrack) -> Decimal:
        intent = track.intent
        price = intent.limit_price or intent.stop_price or intent.reference_price or ZERO
        leaves = intent.quantity - track.cumulative_quantity
        return self.state.instruments[intent.symbol].notional(leaves, price)


def _percent(part: Decimal, whole: Decimal) -> float:
    if whole <= 0:
        return float("inf") if part > 0 else 0.0
    return float(part / whole * HUNDRED)
