"""What whoever watches a back-test learns of its market."""

from __future__ import annotations

from atlas_core.compose import OpenSystem
from atlas_core.loading import LoadedMarket
from atlas_core.watching import TradedMarket


def traded_market(live: OpenSystem, market: LoadedMarket) -> TradedMarket:
    """Return what whoever watches a back-test learns of its market."""
    symbols = live.system.profile.universe.symbols
    return TradedMarket(
        bars={symbol: market.bars_of_run(symbol) for symbol in symbols},
        instruments=live.instruments,
        costs=live.system.costs,
        history={symbol: market.data.base(symbol) for symbol in symbols},
    )
