"""What is asked of the loaded market of a back-test as a whole."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from atlas_core.compose import OpenSystem
from atlas_core.loading import LoadedMarket
from atlas_core.model.bars import Bars
from atlas_core.watching import TradedMarket


def traded_market(live: OpenSystem, market: LoadedMarket) -> TradedMarket:
    """Return what whoever watches a back-test learns of its market."""
    symbols = live.system.profile.universe.symbols
    return TradedMarket(
        bars={symbol: market.bars_of_run(symbol) for symbol in symbols},
        instruments=live.instruments,
        costs=live.system.costs,
        history={symbol: market.data.base(symbol) for symbol in symbols},
        finer={symbol: detail.finer for symbol, detail in market.detail.items()},
    )


def has_bars_in_order(market: LoadedMarket, symbols: Iterable[str]) -> bool:
    """Tell whether the bars of every symbol come one after the other: none opens before the one before has closed."""
    return all(_is_in_order(market.bars_of_run(symbol)) for symbol in symbols)


def _is_in_order(bars: Bars) -> bool:
    return bool(np.all(bars.opened_at[1:] >= bars.available_at[:-1]))
