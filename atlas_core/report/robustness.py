"""The same trades under other terms: at a multiple of their costs, and as chance could have dealt them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import frozen

from atlas_core.report import metrics
from atlas_core.report.distributions import Fan, fan
from atlas_core.report.results import Results, TradeColumns

COST_FACTORS = (0, 1, 2, 3)
SAME_TRADES = "The same trades at the same sizes; with higher costs some would not have been made."


@frozen(kw_only=True)
class CostCase:
    """What closed trades would have made at `factor` times all their costs but funding, None for what does not exist.

    Money in the quote currency. Funding stays as it was: it is a price of the market and no cost of a venue.
    """

    factor: float
    costs: float
    net: float
    expectancy: float | None
    profit_factor: float | None
    win_rate: float | None


def cost_sensitivity(trades: TradeColumns, factors: Sequence[float] = COST_FACTORS) -> tuple[CostCase, ...]:
    """Return the trade list recomputed at each factor of its costs; see `SAME_TRADES` for what that leaves out."""
    return tuple(_at(trades, factor) for factor in factors)


def _at(trades: TradeColumns, factor: float) -> CostCase:
    costs = trades.fees + trades.slippage + trades.spread_and_impact
    net = trades.net - costs * (factor - 1)
    wins, losses = net[net > metrics.NO_MONEY], net[net < -metrics.NO_MONEY]
    return CostCase(
        factor=factor,
        costs=float(costs.sum()) * factor,
        net=float(net.sum()),
        expectancy=float(net.mean()) if len(net) else None,
        profit_factor=float(wins.sum() / -losses.sum()) if len(losses) else None,
        win_rate=len(wins) / len(net) if len(net) else None,
    )


def chance(results: Results) -> tuple[tuple[str, Fan], ...]:
    """Return what chance makes of the closed trades, with a title each: drawn anew, and in another order.

    They are drawn one by one, in blocks where they overlap; the seed is that of the run. Empty below two trades.
    """
    drawn = fan(results.trades.net, results.starting_cash, np.random.default_rng(results.seed), block=results.block)
    ordered = fan(results.trades.net, results.starting_cash, np.random.default_rng(results.seed), reorders=True)
    if drawn is None or ordered is None:
        return ()
    together = f", {results.block} at a time" if results.block > 1 else ""
    return (f"drawn anew{together}", drawn), ("in another order", ordered)
