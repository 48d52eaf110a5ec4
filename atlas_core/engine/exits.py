"""Asks the exit rules about open positions; every answer is journalled, the first in the profile's order acts."""

from __future__ import annotations

from attrs import define

from atlas_core.engine.guard import Guard
from atlas_core.engine.orders import OrderDesk
from atlas_core.engine.ports import EngineParts, MovingMarket, Recorder
from atlas_core.engine.state import PositionTrack
from atlas_core.errors import ContractError
from atlas_core.model.decisions import Exit, finite
from atlas_core.model.records import ExitDecided


@define
class ExitDesk:
    """Closes positions at the market when a rule says so, or when one is benched and the profile wants that."""

    parts: EngineParts
    recorder: Recorder
    guard: Guard
    market: MovingMarket
    orders: OrderDesk
    flattens_without_a_rule: bool = False

    def ask(self, position: PositionTrack) -> None:
        """Ask every rule about one position."""
        if position.is_closing:
            return
        view = position.view()
        acted = False
        for label, rule in self.parts.exits:
            component = f"exit rule {label}"
            answer = self.guard.call(
                component,
                position.symbol,
                "asked the other rules",
                lambda rule=rule: _answer(rule.on_market(view, self.market)),  # type: ignore[misc]
            )
            if answer is None and self.flattens_without_a_rule and self.guard.is_benched(component):
                answer = Exit(f"{component} is benched")
            if answer is None:
                continue
            self.recorder.write(_decided(position.trade_id, self.recorder.now, label, answer, not acted))
            if not acted:
                self.orders.close_position(position, label, answer.reason)
                acted = True


def _answer(answer: Exit | None) -> Exit | None:
    if answer is not None and not isinstance(answer, Exit):
        raise ContractError(f"expected an Exit or None, was {answer!r}")
    return answer


def _decided(trade_id: int, now: int, rule: str, answer: Exit, acted: bool) -> ExitDecided:
    return ExitDecided(
        ts=now,
        trade_id=trade_id,
        rule=rule,
        reason=answer.reason,
        value=finite(answer.value),
        threshold=finite(answer.threshold),
        acted=acted,
    )
