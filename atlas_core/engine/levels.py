"""What the exit rules ask for as prices, merged: the nearest stop, the targets of parts, and the target of the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from attrs import evolve, frozen

from atlas_core.engine.tracks import TargetPart
from atlas_core.errors import ContractError
from atlas_core.model.decisions import Levels, PartialTarget
from atlas_core.model.instrument import ZERO
from atlas_core.model.signals import Side


@frozen
class RuledLevels:
    """The merged levels of all rules, each with the rule that set it; `parts` are nearest first."""

    stop: Decimal | None = None
    stop_rule: str = ""
    target: Decimal | None = None
    target_rule: str = ""
    parts: tuple[TargetPart, ...] = ()

    def targets(self, quantity: Decimal) -> tuple[TargetPart, ...]:
        """Return the targets of a position of `quantity`: those of its parts, and one for what they leave."""
        rest = quantity - sum((part.quantity for part in self.parts), ZERO)
        if self.target is None or not rest:
            return self.parts
        return (*self.parts, TargetPart(self.target, rest, self.target_rule))


def checked_levels(levels: Levels, on_tick: Callable[[Decimal], Decimal]) -> Levels:
    """Return a rule's levels on the tick; raises ContractError for what is no price or no quantity."""
    if not isinstance(levels, Levels):
        raise ContractError(f"expected Levels, was {levels!r}")
    for price in (levels.stop, levels.target, *(part.price for part in levels.parts)):
        if price is not None and not (price.is_finite() and price > 0):
            raise ContractError(f"expected prices above 0, was {price}")
    for part in levels.parts:
        if not (part.quantity.is_finite() and part.quantity > 0):
            raise ContractError(f"expected quantities above 0, was {part.quantity}")
    stop, target = (None if price is None else on_tick(price) for price in (levels.stop, levels.target))
    return Levels(stop, target, tuple(PartialTarget(on_tick(part.price), part.quantity) for part in levels.parts))


def nearest(merged: RuledLevels, levels: Levels, label: str, side: Side) -> RuledLevels:
    """Take a rule's stop and target where they are nearer to the price than what stands, and all of its parts."""
    stop, stop_rule = merged.stop, merged.stop_rule
    if levels.stop is not None and (stop is None or (levels.stop - stop) * side.sign > 0):
        stop, stop_rule = levels.stop, label
    target, target_rule = merged.target, merged.target_rule
    if levels.target is not None and (target is None or (levels.target - target) * side.sign < 0):
        target, target_rule = levels.target, label
    parts = merged.parts + tuple(TargetPart(part.price, part.quantity, label) for part in levels.parts)
    return RuledLevels(stop, stop_rule, target, target_rule, parts)


def fitted(merged: RuledLevels, quantity: Decimal, side: Side, in_lots: Callable[[Decimal], Decimal]) -> RuledLevels:
    """Return the levels with parts in whole lots that lie before the target and add up to `quantity` at most."""
    if not merged.parts:
        return merged
    parts: list[TargetPart] = []
    left = quantity
    for part in _before(merged.parts, merged.target, side):
        amount = min(in_lots(part.quantity), left)
        if amount > 0:
            parts.append(evolve(part, quantity=amount))
            left -= amount
    return evolve(merged, parts=tuple(parts))


def _before(parts: Sequence[TargetPart], target: Decimal | None, side: Side) -> list[TargetPart]:
    sign = side.sign
    near = [part for part in parts if target is None or (target - part.price) * sign > 0]
    return sorted(near, key=lambda part: part.price * sign)
