"""How alike the symbols of a run earned: the correlation of their daily results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

if TYPE_CHECKING:
    from atlas_core.report.equity import EquityPoint
    from atlas_core.report.results import Floats, Times, TradeColumns

LEAST_DAYS = 30


@frozen
class PairCorrelation:
    """Pearson's correlation of two symbols."""

    first: str
    second: str
    value: float

    def __str__(self) -> str:
        return f"{self.first} and {self.second} {self.value:+.2f}"


@frozen(kw_only=True)
class Correlations:
    """The correlations of all pairs of symbols in figures; both pairs are the same where there is one."""

    pairs: int
    mean: float
    highest: PairCorrelation
    lowest: PairCorrelation

    def __str__(self) -> str:
        if self.pairs == 1:
            return f"{self.highest}"
        return f"mean {self.mean:+.2f} of {self.pairs:,} pairs, highest {self.highest}, lowest {self.lowest}"


def correlations(trades: TradeColumns, curve: Sequence[EquityPoint]) -> Correlations | None:
    """Return how the daily results of the symbols correlate.

    What correlates are the results of closed trades, added up by the day of closing, with 0 on days without one. A
    symbol that has the same result every day has no correlation. None below 30 days or two such symbols.
    """
    ends = np.array([point.ts for point in curve[1:]], dtype=np.int64)
    if len(ends) < LEAST_DAYS:
        return None
    daily = daily_results(trades, ends)
    names = [symbol for symbol, results in daily.items() if results.std() > 0]
    if len(names) < 2:
        return None
    matrix = np.corrcoef([daily[symbol] for symbol in names])
    first, second = np.triu_indices(len(names), k=1)
    values = matrix[first, second]

    def pair(place: int) -> PairCorrelation:
        return PairCorrelation(names[first[place]], names[second[place]], float(values[place]))

    return Correlations(
        pairs=len(values),
        mean=float(values.mean()),
        highest=pair(int(values.argmax())),
        lowest=pair(int(values.argmin())),
    )


def daily_results(trades: TradeColumns, ends: Times) -> dict[str, Floats]:
    """Return for each symbol that traded what it earned on each of the days that end at `ends`."""
    names = trades.names("symbol")
    daily = {symbol: np.zeros(len(ends)) for symbol in sorted(set(names))}
    days = np.minimum(np.searchsorted(ends, trades.closed_at), len(ends) - 1)
    for symbol, day, net in zip(names, days.tolist(), trades.net.tolist(), strict=True):
        daily[symbol][day] += net
    return daily
