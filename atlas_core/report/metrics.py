"""Performance figures with one written definition each; a figure that does not exist is None, never a stand-in.

Daily figures use simple returns of the equity marked at the end of each UTC day; `periods` is the number of such days
in a year (365, or 252 for markets that rest at week-ends) and `risk_free` a yearly rate. Trade figures use money after
costs. Definitions agree with empyrical and quantstats where those agree with each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from atlas_core.model.instrument import ZERO

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = Sequence[float] | NDArray[np.float64]

CAGR_MINIMUM_DAYS = 30
RATIO_MINIMUM_RETURNS = 30
SQN_MINIMUM_TRADES = 30
SQN_CAP = 100
FEW_TRADES = 100
DAYS_PER_YEAR = 365.25
TAIL = 0.05
NO_MONEY = 1e-9  # what binary sums of decimals leave of nothing
_TINY = 1e-15


def total_return(start: float, end: float) -> float | None:
    """Return `end / start - 1`."""
    return end / start - 1.0 if start > 0 else None


def cagr(start: float, end: float, days: float, *, minimum_days: float = CAGR_MINIMUM_DAYS) -> float | None:
    """Return `(end / start) ** (365.25 / days) - 1`, or None below `minimum_days` or with debts at the end."""
    return None if days < minimum_days else growth(start, end, days / DAYS_PER_YEAR)


def cagr_of_periods(start: float, end: float, count: int, periods: int) -> float | None:
    """Return `(end / start) ** (periods / count) - 1` for `count` returns: the year of empyrical and quantstats."""
    return growth(start, end, count / periods)


def growth(start: float, end: float, years: float) -> float | None:
    """Return `(end / start) ** (1 / years) - 1`, or None without time, without a start or with debts at the end."""
    if years <= 0 or start <= 0 or end < 0:
        return None
    try:
        return float((end / start) ** (1.0 / years) - 1.0)
    except OverflowError:
        return None


def volatility(returns: Numbers, periods: int) -> float | None:
    """Return the yearly standard deviation (ddof 1) of the returns."""
    values = np.asarray(returns, dtype=np.float64)
    return float(values.std(ddof=1) * math.sqrt(periods)) if len(values) > 1 else None


def sharpe(returns: Numbers, periods: int, risk_free: float = 0.0) -> float | None:
    """Return `(mean(r) - rf/T) / std(r, ddof 1) * sqrt(T)`."""
    values = np.asarray(returns, dtype=np.float64)
    if len(values) < 2:
        return None
    spread = float(values.std(ddof=1))
    return _ratio(float(values.mean()) - risk_free / periods, spread, math.sqrt(periods))


def sortino(returns: Numbers, periods: int, risk_free: float = 0.0) -> float | None:
    """Return `mean(e) / sqrt(mean(min(e, 0)^2 over all periods)) * sqrt(T)` with `e = r - rf/T`."""
    excess = np.asarray(returns, dtype=np.float64) - risk_free / periods
    if len(excess) < 2:
        return None
    downside = math.sqrt(float(np.mean(np.minimum(excess, 0.0) ** 2)))
    return _ratio(float(excess.mean()), downside, math.sqrt(periods))


def calmar(yearly_return: float | None, max_drawdown: float) -> float | None:
    """Return CAGR / |max drawdown|."""
    return None if yearly_return is None else _ratio(yearly_return, abs(max_drawdown), 1.0)


def underwater(equity: Numbers) -> NDArray[np.float64]:
    """Return for each point how far it is below the highest one until then, as a fraction of that: 0 or below.

    Before the first point above zero there is nothing to fall from: 0.
    """
    values = np.asarray(equity, dtype=np.float64)
    if len(values) == 0:
        return values
    peaks = np.maximum.accumulate(values)
    return np.divide(values - peaks, peaks, out=np.zeros_like(values), where=peaks > 0)


def max_drawdown(equity: Numbers) -> float:
    """Return `min(equity / running maximum - 1)`: 0 or below."""
    below = underwater(equity)
    return float(below.min()) if len(below) else 0.0


def longest_run(holds: NDArray[np.bool_]) -> int:
    """Return the most places in a row at which something holds."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], holds, [False])).astype(np.int8)))
    return int((edges[1::2] - edges[::2]).max()) if len(edges) else 0


def ulcer_index(equity: Numbers) -> float | None:
    """Return the root of the mean squared drawdown over all points (Martin 1987), as a fraction."""
    below = underwater(equity)
    return math.sqrt(float(np.mean(below**2))) if len(below) else None


def omega(returns: Numbers) -> float | None:
    """Return the sum of the gains over the sum of the losses (threshold 0), None without a loss."""
    values = np.asarray(returns, dtype=np.float64)
    return _ratio(float(values[values > 0].sum()), -float(values[values < 0].sum()), 1.0)


def value_at_risk(returns: Numbers, share: float = TAIL) -> float | None:
    """Return the historical percentile of the worst `share` of the returns, interpolated linearly."""
    values = np.asarray(returns, dtype=np.float64)
    return float(np.percentile(values, share * 100)) if len(values) else None


def expected_shortfall(returns: Numbers, share: float = TAIL) -> float | None:
    """Return the mean of the worst `share` of the returns, of the worst one at least."""
    values = np.sort(np.asarray(returns, dtype=np.float64))
    return float(values[: int((len(values) - 1) * share) + 1].mean()) if len(values) else None


def skewness(returns: Numbers) -> float | None:
    """Return the sample skewness, corrected for bias (Fisher-Pearson G1); None below three returns."""
    values = np.asarray(returns, dtype=np.float64)
    count = len(values)
    biased = moment_ratio(values, 3)
    return None if biased is None or count < 3 else biased * math.sqrt(count * (count - 1)) / (count - 2)


def excess_kurtosis(returns: Numbers) -> float | None:
    """Return the sample kurtosis above the normal one, corrected for bias (G2); None below four returns."""
    values = np.asarray(returns, dtype=np.float64)
    count = len(values)
    biased = moment_ratio(values, 4)
    if biased is None or count < 4:
        return None
    return (count - 1) / ((count - 2) * (count - 3)) * ((count + 1) * biased - 3 * (count - 1))


def moment_ratio(values: NDArray[np.float64], order: int) -> float | None:
    """Return the central moment of an order over the same power of the deviation (ddof 0), None without any."""
    if len(values) == 0:
        return None
    centred = values - values.mean()
    deviation = math.sqrt(float(np.mean(centred**2)))
    return float(np.mean((centred / deviation) ** order)) if deviation > _TINY else None


def _ratio(value: float, by: float, scale: float) -> float | None:
    return value / by * scale if by > _TINY else None


@frozen(kw_only=True)
class TradeFigures:
    """What a sequence of trade results says; money in the quote currency, None where a figure does not exist."""

    count: int
    wins: int
    losses: int
    flats: int
    gross_profit: Decimal
    gross_loss: Decimal
    net: Decimal

    @property
    def win_rate(self) -> float | None:
        """Return wins / all trades; flat trades count in the denominator."""
        return self.wins / self.count if self.count else None

    @property
    def profit_factor(self) -> Decimal | None:
        """Return winnings / losses, or None without a loss."""
        return self.gross_profit / self.gross_loss if self.gross_loss else None

    @property
    def expectancy(self) -> Decimal | None:
        """Return the mean result of a trade."""
        return self.net / self.count if self.count else None

    @property
    def average_win(self) -> Decimal | None:
        """Return the mean of the wins."""
        return self.gross_profit / self.wins if self.wins else None

    @property
    def average_loss(self) -> Decimal | None:
        """Return the mean of the losses (below zero)."""
        return -self.gross_loss / self.losses if self.losses else None

    @property
    def payoff_ratio(self) -> Decimal | None:
        """Return average win / |average loss|."""
        if self.average_win is None or self.average_loss is None:
            return None
        return self.average_win / abs(self.average_loss)


def trade_figures(results: Sequence[Decimal]) -> TradeFigures:
    """Count and add up the results of trades after costs."""
    wins = [result for result in results if result > 0]
    losses = [result for result in results if result < 0]
    return TradeFigures(
        count=len(results),
        wins=len(wins),
        losses=len(losses),
        flats=len(results) - len(wins) - len(losses),
        gross_profit=sum(wins, ZERO),
        gross_loss=-sum(losses, ZERO),
        net=sum(results, ZERO),
    )


def sqn(results: Numbers, *, cap: int | None = None, ddof: int = 1) -> float | None:
    """Return Van Tharp's `sqrt(n) * mean / std(ddof)`, with n at most `cap`; None below two results."""
    values = np.asarray(results, dtype=np.float64)
    if len(values) < 2:
        return None
    count = len(values) if cap is None else min(len(values), cap)
    return _ratio(float(values.mean()), float(values.std(ddof=ddof)), math.sqrt(count))
