"""The way of a signal from its detection to its entry order, or to the verdict that ends it before."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np
from attrs import define, evolve, field
from numpy.typing import NDArray

from atlas_core.contracts import Gate, MaskingGate
from atlas_core.engine.guard import Guard
from atlas_core.engine.limits import Check, LimitDesk
from atlas_core.engine.orders import OrderDesk
from atlas_core.engine.ports import EngineParts, MovingMarket, Recorder
from atlas_core.engine.protection import ProtectionDesk
from atlas_core.engine.state import SignalState, State
from atlas_core.model.decisions import Approve, GateMask, OrderPlan, Outcome, Refuse, Scale
from atlas_core.model.events import CallAt
from atlas_core.model.instrument import ONE
from atlas_core.model.orders import OrderKind, OrderRole, Touch, action_for
from atlas_core.model.records import (
    GateAnswered,
    LimitChecked,
    SignalArmed,
    SignalDetected,
    SignalSized,
    SignalTriggered,
    VerdictReached,
)
from atlas_core.model.signals import FOREVER, EntryKind, Signal, SignalTable


@define
class EntryDesk:
    """Takes signals in, watches their levels, and turns the ones that trigger into orders."""

    profile: str
    parts: EngineParts
    state: State
    recorder: Recorder
    guard: Guard
    market: MovingMarket
    orders: OrderDesk
    limits: LimitDesk
    protection: ProtectionDesk
    _armed: dict[str, dict[str, Signal]] = field(factory=dict)

    def detect(self, scanner: str, table: SignalTable) -> None:
        """Take in the signals that a scanner found now; a setup seen before is not a new signal."""
        fresh = table.take(self._new_rows(scanner, table))
        if not len(fresh):
            return
        masks = [(label, self._mask(label, gate, fresh)) for label, gate in self.parts.masking_gates]
        for row in range(len(fresh)):
            symbol = str(fresh.symbol[row])
            signal = fresh.signal(row, self.profile, scanner, self.state.instruments[symbol])
            self.recorder.write(_detected(signal, self.recorder.now))
            if self._passes_masks(signal, row, masks):
                self._take_in(signal)

    def bar_opened(self, symbol: str, price: Decimal) -> None:
        """Look at the armed signals of a symbol when a bar opens at `price`."""
        for signal in self._waiting(symbol):
            if signal.void_beyond is not None and _reaches(signal, price, signal.void_beyond):
                self._end(signal, Outcome.VOID_GAP, "opened at or beyond the target", price, signal.void_beyond)
            elif self._is_cancelled_at(signal, price):
                self._end(signal, Outcome.INVALIDATED, "opened beyond the other side", price, signal.cancel_beyond)
            elif self._trigger_price(signal, price, price) is not None:
                self._trigger(signal, price, Touch(price, _travel(signal) > 0))

    def bar_closed(self, symbol: str, low: Decimal, high: Decimal) -> None:
        """Look at the armed signals of a symbol after a bar that ranged from `low` to `high`.

        Where a bar took the trigger and the cancelling level, the order is unknown: the entry is assumed, so that the
        loss is taken rather than hidden.
        """
        for signal in self._waiting(symbol):
            price = self._trigger_price(signal, low, high)
            if price is not None:
                self._trigger(signal, price, Touch(price, _travel(signal) > 0))
            elif self._is_cancelled_at(signal, low) or self._is_cancelled_at(signal, high):
                extreme = low if signal.side.sign > 0 else high
                self._end(signal, Outcome.INVALIDATED, "the other side was taken first", extreme, signal.cancel_beyond)

    def is_waiting(self, symbol: str) -> bool:
        """Tell whether a signal waits for its trigger in a symbol."""
        return bool(self._armed.get(symbol))

    def expire(self, key: str) -> None:
        """End a signal whose time is over, if it still waits."""
        track = self.state.signals.get(key)
        if track is not None and track.state is SignalState.ARMED:
            self._end(track.signal, Outcome.EXPIRED, "not triggered in time")

    def finish(self, reason: str) -> None:
        """End the signals that still wait."""
        for symbol in list(self._armed):
            for signal in self._waiting(symbol):
                self._end(signal, Outcome.EXPIRED, reason)

    def restore(self) -> None:
        """Watch the signals again that the restored state holds as armed."""
        for track in self.state.signals.values():
            if track.state is SignalState.ARMED:
                self._watch(track.signal)

    def _new_rows(self, scanner: str, table: SignalTable) -> NDArray[np.int64]:
        """Return the first row of each setup that was not seen before."""
        first: dict[str, int] = {}
        for row in range(len(table)):
            key = table.key(row, self.profile, scanner)
            if key not in self.state.seen:
                first.setdefault(key, row)
        return np.array(list(first.values()), dtype=np.int64)

    def _mask(self, label: str, gate: MaskingGate, table: SignalTable) -> GateMask:
        answer = self.guard.call(
            f"gate {label}", f"{len(table)} signals", "refused them", lambda: gate.mask(table), GateMask
        )
        if answer is not None:
            return answer
        nothing = np.zeros(len(table), dtype=bool)
        return GateMask(nothing, np.full(len(table), np.nan), float("nan"), "gate failed")

    def _passes_masks(self, signal: Signal, row: int, masks: list[tuple[str, GateMask]]) -> bool:
        for label, mask in masks:
            answer = mask.answer(row)
            if isinstance(answer, Refuse):
                self._verdict(signal.key, Outcome.REFUSED, label, answer.reason, answer.value, answer.threshold)
                return False
            self._approved(signal.key, label, answer)
        return True

    def _take_in(self, signal: Signal) -> None:
        if signal.entry is EntryKind.MARKET:
            price = self.market.last_price(signal.symbol)
            if price is None:
                self._verdict(signal.key, Outcome.REFUSED, "no_price", "no price was seen yet")
                return
            self._trigger(signal, price, None)
            return
        if signal.trigger is None:
            self._verdict(signal.key, Outcome.REFUSED, "geometry", f"a {signal.entry} entry needs a trigger, was none")
            return
        if signal.valid_until <= self.recorder.now:
            self._verdict(signal.key, Outcome.EXPIRED, "life cycle", "its time was over when it was found")
            return
        self.recorder.write(SignalArmed(ts=self.recorder.now, key=signal.key))
        self._watch(signal)

    def _watch(self, signal: Signal) -> None:
        self._armed.setdefault(signal.symbol, {})[signal.key] = signal
        if signal.valid_until < FOREVER:
            self.recorder.command(CallAt(signal.valid_until, signal.key))

    def _waiting(self, symbol: str) -> list[Signal]:
        return list(self._armed.get(symbol, {}).values())

    def _trigger_price(self, signal: Signal, low: Decimal, high: Decimal) -> Decimal | None:
        """Return the first price that takes the trigger within a range, None where it is not taken."""
        level = signal.trigger
        assert level is not None
        tick = self.state.instruments[signal.symbol].tick_size
        if signal.entry is EntryKind.LIMIT:
            if _travel(signal) < 0:  # a long waits below, a short above: touching is enough
                return min(high, level) if low <= level else None
            return max(low, level) if high >= level else None
        if signal.side.sign > 0:  # strictly beyond: one tick at least
            return max(low, level + tick) if high > level else None
        return min(high, level - tick) if low < level else None

    def _is_cancelled_at(self, signal: Signal, price: Decimal) -> bool:
        level = signal.cancel_beyond
        return level is not None and (price - level) * signal.side.sign < 0

    def _trigger(self, signal: Signal, price: Decimal, touch: Touch | None) -> None:
        self._armed.get(signal.symbol, {}).pop(signal.key, None)
        now = self.recorder.now
        self.recorder.write(SignalTriggered(ts=now, key=signal.key, price=price))
        factor = self._entry_gates(signal)
        if factor is None:
            return
        plan = self._size(signal, price, factor)
        if plan is None or not self._within_limits(signal, plan, price):
            return
        self.limits.entry_sent(now)
        self.orders.send(
            signal_key=signal.key,
            role=OrderRole.ENTRY,
            symbol=plan.symbol,
            action=action_for(signal.side, opening=True),
            kind=OrderKind.MARKET,
            quantity=plan.quantity,
            leverage=plan.leverage,
            touch=touch,
            reference_price=price,
            reason=f"{signal.pattern} {signal.side} on {signal.timeframe}",
        )

    def _entry_gates(self, signal: Signal) -> Decimal | None:
        """Ask the gates that judge at the moment of entry; return the scale of the size, None when refused."""
        factor = ONE
        for label, gate in self.parts.entry_gates:
            answer = self._ask(label, gate, signal)
            if isinstance(answer, Refuse):
                self._verdict(signal.key, Outcome.REFUSED, label, answer.reason, answer.value, answer.threshold)
                return None
            self._approved(signal.key, label, answer)
            factor *= answer.factor if isinstance(answer, Scale) else ONE
        return factor

    def _approved(self, key: str, gate: str, answer: Approve | Scale) -> None:
        factor = answer.factor if isinstance(answer, Scale) else None
        self.recorder.write(
            GateAnswered(
                ts=self.recorder.now,
                key=key,
                gate=gate,
                answer="approve" if factor is None else "scale",
                reason=answer.reason,
                value=answer.value,
                threshold=answer.threshold,
                factor=factor,
            )
        )

    def _ask(self, label: str, gate: Gate, signal: Signal) -> Approve | Refuse | Scale:
        answer = self.guard.call(
            f"gate {label}",
            signal.symbol,
            "refused the signal",
            lambda: gate.review(signal, self.state.portfolio(), self.market),
            (Approve, Refuse, Scale),
        )
        if answer is None:
            return Refuse("gate failed")
        if isinstance(answer, Scale) and not 0 < answer.factor <= 1:
            return Refuse(f"expected a factor above 0 and at most 1, was {answer.factor}")
        return answer

    def _size(self, signal: Signal, price: Decimal, factor: Decimal) -> OrderPlan | None:
        label, sizer = self.parts.sizer
        at_price = evolve(signal, trigger=price) if signal.entry is not EntryKind.MARKET else signal
        answer = self.guard.call(
            f"sizer {label}",
            signal.symbol,
            "skipped the signal",
            lambda: sizer.size(at_price, self.state.account(), self.market),
            OrderPlan,
        )
        if answer is None:
            self._verdict(signal.key, Outcome.SKIPPED, label, "sizer failed")
            return None
        instrument = self.state.instruments.get(answer.symbol)
        if instrument is None or not answer.quantity.is_finite() or answer.leverage < 1:
            self._verdict(signal.key, Outcome.SKIPPED, label, f"the plan is not usable: {answer}")
            return None
        plan = evolve(answer, quantity=instrument.round_quantity(answer.quantity * factor))
        if plan.quantity <= 0:
            self._verdict(signal.key, Outcome.SKIPPED, label, answer.reason or "the size rounds to zero")
            return None
        self.recorder.write(
            SignalSized(
                ts=self.recorder.now,
                key=signal.key,
                sizer=label,
                symbol=plan.symbol,
                quantity=plan.quantity,
                leverage=plan.leverage,
                reason=plan.reason,
                inputs=_plain(plan.inputs),
            )
        )
        return plan

    def _within_limits(self, signal: Signal, plan: OrderPlan, price: Decimal) -> bool:
        checks = [*self.limits.checks(signal, plan, price), self._stop_check(signal, plan, price)]
        for check in checks:
            if not check.holds:
                self._verdict(
                    signal.key, Outcome.REFUSED, f"limit {check.limit}", check.reason, check.value, check.threshold
                )
                return False
        for check in checks:
            self.recorder.write(
                LimitChecked(
                    ts=self.recorder.now,
                    key=signal.key,
                    limit=check.limit,
                    value=check.value,
                    threshold=check.threshold,
                )
            )
        return True

    def _stop_check(self, signal: Signal, plan: OrderPlan, price: Decimal) -> Check:
        has_stop = self.protection.would_protect(signal, plan, price)
        return Check("protection", float(not has_stop), 0.0, "no exit rule gives a stop and there is no waiver")

    def _end(
        self,
        signal: Signal,
        outcome: Outcome,
        reason: str,
        price: Decimal | None = None,
        level: Decimal | None = None,
    ) -> None:
        """End a waiting signal; `price` against `level` is what ended it."""
        self._armed[signal.symbol].pop(signal.key)
        value = None if price is None else float(price)
        threshold = None if level is None else float(level)
        self._verdict(signal.key, outcome, "life cycle", reason, value, threshold)

    def _verdict(
        self,
        key: str,
        outcome: Outcome,
        by: str,
        reason: str,
        value: float | None = None,
        threshold: float | None = None,
    ) -> None:
        self.recorder.write(
            VerdictReached(
                ts=self.recorder.now,
                key=key,
                outcome=outcome,
                by=by,
                reason=reason,
                value=value,
                threshold=threshold,
            )
        )


def _travel(signal: Signal) -> int:
    """Return the way the market goes when it takes the trigger: +1 for up, -1 for down."""
    return -signal.side.sign if signal.entry is EntryKind.LIMIT else signal.side.sign


def _reaches(signal: Signal, price: Decimal, level: Decimal) -> bool:
    return (price - level) * signal.side.sign >= 0


def _plain(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, Decimal) else value for name, value in inputs.items()}


def _detected(signal: Signal, now: int) -> SignalDetected:
    return SignalDetected(
        ts=now,
        key=signal.key,
        scanner=signal.scanner,
        symbol=signal.symbol,
        timeframe=signal.timeframe,
        pattern=signal.pattern,
        side=signal.side,
        entry=signal.entry,
        setup_at=signal.setup_at,
        valid_until=signal.valid_until,
        trigger=signal.trigger,
        stop=signal.stop,
        target=signal.target,
        cancel_beyond=signal.cancel_beyond,
        void_beyond=signal.void_beyond,
        score=signal.score,
        context={name: _context_value(value) for name, value in signal.context.items()},
    )


def _context_value(value: Any) -> Any:
    return None if isinstance(value, float) and np.isnan(value) else value
