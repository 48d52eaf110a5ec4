"""What trading cost, split into its parts: they add up to the whole, to the last digit."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from attrs import frozen

from atlas_core.model.instrument import ZERO

if TYPE_CHECKING:
    from atlas_core.report.trades import TradeRow

COST_PARTS = ("fee", "spread", "slippage", "impact", "funding", "liquidation")


@frozen(kw_only=True)
class CostSplit:
    """Costs in the quote currency; a part below 0 was received.

    `fee`, `liquidation` (the fee of forced closes) and `funding` were paid; `spread`, `slippage` and `impact` were lost
    to prices that are worse than the middle of the market, and lie within the gross result.
    """

    fee: Decimal = ZERO
    spread: Decimal = ZERO
    slippage: Decimal = ZERO
    impact: Decimal = ZERO
    funding: Decimal = ZERO
    liquidation: Decimal = ZERO

    @property
    def parts(self) -> dict[str, Decimal]:
        """Return the parts by name, in the order of `COST_PARTS`."""
        return {name: getattr(self, name) for name in COST_PARTS}

    @property
    def total(self) -> Decimal:
        """Return the sum of the parts: by so much the result is worse than without any cost."""
        return sum(self.parts.values(), ZERO)


def costs_of(trades: Iterable[TradeRow]) -> CostSplit:
    """Return what some trades cost together."""
    splits = [trade.costs for trade in trades]
    return CostSplit(**{name: sum((getattr(split, name) for split in splits), ZERO) for name in COST_PARTS})
