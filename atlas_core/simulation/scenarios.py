"""How kind the market is assumed to be: the same run under optimistic, base and pessimistic fills."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from atlas_core.model.instrument import ONE, ZERO

if TYPE_CHECKING:
    from atlas_core.model.costs import TradingCosts


class FillScenario(StrEnum):
    """A set of assumptions about fills, each never better for the order than the one before."""

    OPTIMISTIC = "optimistic"
    BASE = "base"
    PESSIMISTIC = "pessimistic"


@frozen(kw_only=True)
class FillModel:
    """What a scenario assumes of every fill.

    `cost_factor` multiplies assumed spread, slippage and impact, `extra_ticks` are taken on top; `ticks_beyond` is
    added to the ticks that a price must go through a limit, 0 at least. `decides_for_us` resolves what a bar leaves
    unclear in favour of the order, `improves_limits` lets a gap fill a limit better than its price, and
    an order at the market that arrived inside a bar fill at its close instead of its worst price.
    """

    cost_factor: Decimal
    extra_ticks: int
    ticks_beyond: int
    decides_for_us: bool
    improves_limits: bool

    def worsened(self, costs: TradingCosts) -> TradingCosts:
        """Return the costs of a fill that takes what the market offers."""
        return evolve(
            costs,
            spread_bps=costs.spread_bps * self.cost_factor,
            slippage_bps=costs.slippage_bps * self.cost_factor,
            impact_bps_at_depth=costs.impact_bps_at_depth * self.cost_factor,
            extra_ticks=self.extra_ticks,
        )

    def beyond(self, base: int) -> int:
        """Return how many ticks the price must go through a limit where the base scenario asks for `base`."""
        return max(0, base + self.ticks_beyond)


FILL_MODELS = {
    FillScenario.OPTIMISTIC: FillModel(
        cost_factor=ZERO, extra_ticks=0, ticks_beyond=-1, decides_for_us=True, improves_limits=True
    ),
    FillScenario.BASE: FillModel(
        cost_factor=ONE, extra_ticks=0, ticks_beyond=0, decides_for_us=False, improves_limits=True
    ),
    FillScenario.PESSIMISTIC: FillModel(
        cost_factor=Decimal(2), extra_ticks=1, ticks_beyond=1, decides_for_us=False, improves_limits=False
    ),
}
