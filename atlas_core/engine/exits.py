"""Asks the exit rules about open positions; every answer is journalled, the first in the profile's order acts.

An exit of a part does not keep a later rule from closing the rest.
"""

from __future__ import annotations

from decimal import Decimal

from attrs import define

from atlas_core.engine.guard import Guard
from atlas_core.engine.orders import OrderDesk
from atlas_core.engine.ports import EngineParts, MovingMarket, Recorder
from atlas_core.engine.state import PositionTrack
from atlas_core.errors import ContractError
from atlas_core.model.decisions import Exit, finite
from atlas_core.model.records import ExitDecided
from atlas_core.model.waiting import EVERYTHING, NOTHING, Waiting


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
            self._follow(position, label, answer)

    def _follow(self, position: PositionTrack, label: str, answer: Exit) -> None:
        """Close what a rule wants closed: all of it once, or a part while no other exit is on its way."""
        part = self._part(position, answer)
        acts = not position.is_closing if part is None else part > 0 and not position.is_exiting
        self.recorder.write(_decided(position.trade_id, self.recorder.now, label, answer, part, acts))
        if acts:
            self.orders.close_position(position, label, answer.reason, part)

    def _part(self, position: PositionTrack, answer: Exit) -> Decimal | None:
        """Return the part that an answer wants closed, in whole lots; None for all that is open."""
        wanted = answer.quantity
        if answer.fraction is not None:
            wanted = position.quantity * answer.fraction
        if wanted is None or wanted >= position.quantity:
            return None
        return self.orders.state.instruments[position.symbol].round_quantity(wanted)

    def waiting(self, position: PositionTrack) -> Waiting:
        """Return what must happen before a rule that said nothing at the last bar may speak."""
        if self.parts.is_restless:
            return EVERYTHING
        view, waiting = position.view(), NOTHING
        for label, rule in self.parts.patient_rules:
            answer = self.guard.call(
                f"exit rule {label}",
                position.symbol,
                "asked it at every bar",
                lambda rule=rule: _wait(rule.waiting(view, self.market)),  # type: ignore[misc]
            )
            waiting = waiting.also(answer or EVERYTHING)
        return waiting


def _wait(waiting: Waiting) -> Waiting:
    if not isinstance(waiting, Waiting):
        raise ContractError(f"expected a Waiting, was {waiting!r}")
    return waiting


def _answer(answer: Exit | None) -> Exit | None:
    if answer is not None and not isinstance(answer, Exit):
        raise ContractError(f"expected an Exit or None, was {answer!r}")
    if answer is None:
        return None
    if answer.fraction is not None and not (isinstance(answer.fraction, Decimal) and 0 < answer.fraction <= 1):
        raise ContractError(f"expected a fraction above 0 and at most 1 as a Decimal, was {answer.fraction!r}")
    if answer.quantity is not None and not (isinstance(answer.quantity, Decimal) and answer.quantity > 0):
        raise ContractError(f"expected a quantity above 0 as a Decimal, was {answer.quantity!r}")
    return answer


def _decided(trade_id: int, now: int, rule: str, answer: Exit, quantity: Decimal | None, acted: bool) -> ExitDecided:
    return ExitDecided(
        ts=now,
        trade_id=trade_id,
        rule=rule,
        reason=answer.reason,
        value=finite(answer.value),
        threshold=finite(answer.threshold),
        acted=acted,
        quantity=quantity,
    )
