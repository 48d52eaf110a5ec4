"""From a triggered signal to its entry order: gates, size and limits, or the verdict that ends it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np
from attrs import define, evolve

from atlas_core.contracts import Gate, MarketNow
from atlas_core.engine.guard import Guard
from atlas_core.engine.limits import Check, LimitDesk
from atlas_core.engine.orders import OrderDesk
from atlas_core.engine.ports import EngineParts, MovingMarket, Recorder
from atlas_core.engine.protection import ProtectionDesk
from atlas_core.engine.state import State
from atlas_core.errors import ContractError
from atlas_core.model.decisions import Approve, GateAnswer, OrderPlan, Outcome, Refuse, Scale, finite
from atlas_core.model.instrument import ONE
from atlas_core.model.orders import OrderKind, OrderRole, Touch, action_for
from atlas_core.model.records import GateAnswered, LimitChecked, SignalSized, SignalTriggered
from atlas_core.model.signals import EntryKind, Signal


@define
class EntryDesk:
    """Judges an entry at the moment it would be made, and sends its order."""

    parts: EngineParts
    state: State
    recorder: Recorder
    guard: Guard
    market: MovingMarket
    orders: OrderDesk
    limits: LimitDesk
    protection: ProtectionDesk

    def enter(self, signal: Signal, price: Decimal, touch: Touch | None, seen_at: int | None = None) -> None:
        """Take a signal whose trigger was taken at `price` to its order, or to its verdict.

        `seen_at` is given for a touch inside a bar: gates and sizer then see the market as it was when the bar opened,
        with the price of the touch, and not how the bar went on.
        """
        self.market.settle()
        self.recorder.write(SignalTriggered(ts=self.recorder.now, key=signal.key, price=price))
        market = self.market if seen_at is None else self.market.glimpse(seen_at, signal.symbol, price)
        factor = self._gates(signal, market)
        if factor is None:
            return
        plan = self._size(signal, price, factor, market)
        if plan is None or not self._within_limits(signal, plan, price, market, inside_bar=seen_at is not None):
            return
        self.limits.entry_sent(self.recorder.now)
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

    def approved(self, key: str, gate: str, answer: Approve | Scale) -> None:
        """Record that a gate let a signal pass."""
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

    def _gates(self, signal: Signal, market: MarketNow) -> Decimal | None:
        """Ask the gates that judge at the moment of entry; return the scale of the size, None when refused."""
        factor = ONE
        for label, gate in self.parts.entry_gates:
            answer = self._ask(label, gate, signal, market)
            if isinstance(answer, Refuse):
                self.recorder.end(signal.key, Outcome.REFUSED, label, answer.reason, answer.value, answer.threshold)
                return None
            self.approved(signal.key, label, answer)
            factor *= answer.factor if isinstance(answer, Scale) else ONE
        return factor

    def _ask(self, label: str, gate: Gate, signal: Signal, market: MarketNow) -> GateAnswer:
        answer = self.guard.call(
            f"gate {label}",
            signal.symbol,
            "refused the signal",
            lambda: _judged(gate.review(signal, self.state.portfolio(market.last_price), market)),
        )
        return answer if answer is not None else Refuse("gate failed")

    def _size(self, signal: Signal, price: Decimal, factor: Decimal, market: MarketNow) -> OrderPlan | None:
        label, sizer = self.parts.sizer
        at_price = evolve(signal, trigger=price) if signal.entry is not EntryKind.MARKET else signal
        answer = self.guard.call(
            f"sizer {label}",
            signal.symbol,
            "skipped the signal",
            lambda: self._tradable(sizer.size(at_price, self.state.account(market.last_price), market), signal),
        )
        if answer is None:
            self.recorder.end(signal.key, Outcome.SKIPPED, label, "sizer failed")
            return None
        plan = evolve(answer, quantity=self.state.instruments[answer.symbol].round_quantity(answer.quantity * factor))
        if plan.quantity <= 0:
            self.recorder.end(signal.key, Outcome.SKIPPED, label, answer.reason or "the size rounds to zero")
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
                inputs=plan.inputs,
            )
        )
        return plan

    def _tradable(self, plan: OrderPlan, signal: Signal) -> OrderPlan:
        """Return a sizer's plan if it can be traded; raises ContractError."""
        if not isinstance(plan, OrderPlan):
            raise ContractError(f"expected an OrderPlan, was {plan!r}")
        if plan.symbol != signal.symbol:
            raise ContractError(f"expected a plan for {signal.symbol}, was one for {plan.symbol!r}")
        if not plan.quantity.is_finite() or plan.quantity < 0:
            raise ContractError(f"expected a quantity of 0 or more, was {plan.quantity}")
        if not plan.leverage.is_finite() or plan.leverage < 1:
            raise ContractError(f"expected a leverage of 1 or more, was {plan.leverage}")
        return evolve(plan, reason=str(plan.reason), inputs=_plain(plan.inputs))

    def _within_limits(
        self, signal: Signal, plan: OrderPlan, price: Decimal, market: MarketNow, *, inside_bar: bool
    ) -> bool:
        checks = [
            *self.limits.checks(signal, plan, price, market.last_price, inside_bar=inside_bar),
            *self._level_checks(signal, plan, price),
        ]
        for check in checks:
            if not check.holds:
                by = f"limit {check.limit}"
                self.recorder.end(signal.key, Outcome.REFUSED, by, check.reason, check.value, check.threshold)
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

    def _level_checks(self, signal: Signal, plan: OrderPlan, price: Decimal) -> tuple[Check, Check]:
        """Check the levels against the price of the entry: those of the signal, and those that the rules would set."""
        levels, _ = self.protection.expected_risk(signal, plan, price)
        sign = signal.side.sign
        stops = [stop for stop in (signal.stop, levels.stop) if stop is not None]
        prices = (signal.target, levels.target, *(part.price for part in levels.parts))
        targets = [target for target in prices if target is not None]
        is_wrong = any((price - stop) * sign <= 0 for stop in stops) or any((t - price) * sign <= 0 for t in targets)
        has_stop = bool(self.protection.waiver) or levels.stop is not None
        return (
            Check("geometry", float(is_wrong), 0.0, "expected stop, entry and target in this order"),
            Check("protection", float(not has_stop), 0.0, "no exit rule gives a stop and there is no waiver"),
        )


def _judged(answer: GateAnswer) -> GateAnswer:
    """Return a gate's answer if it may be followed; raises ContractError."""
    if not isinstance(answer, (Approve, Refuse, Scale)):
        raise ContractError(f"expected Approve, Refuse or Scale, was {answer!r}")
    answer = evolve(answer, reason=str(answer.reason), value=finite(answer.value), threshold=finite(answer.threshold))
    if isinstance(answer, Scale) and not (answer.factor.is_finite() and 0 < answer.factor <= 1):
        raise ContractError(f"expected a factor above 0 and at most 1, was {answer.factor}")
    return answer


def _plain(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return a sizer's numbers as the journal can hold them."""
    return {name: _plain_value(value) for name, value in inputs.items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return finite(value)
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)
