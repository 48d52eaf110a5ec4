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

CAGR_MINIMUM_DAYS = 30
RATIO_MINIMUM_RETURNS = 30
SQN_MINIMUM_TRADES = 30
SQN_CAP = 100
FEW_TRADES = 100
DAYS_PER_YEAR = 365.25
BOOTSTRAP_SAMPLES = 2000
BOOTSTRAP_MAXIMUM_RESULTS = 1000
NORMAL_95 = 1.959963984540054
_TINY = 1e-15


def total_return(start: float, end: float) -> float | None:
    """Return `end / start - 1`."""
    return end / start - 1.0 if start > 0 else None


def cagr(start: float, end: float, days: float) -> float | None:
    """Return `(end / start) ** (365.25 / days) - 1`, or None below 30 days or after ruin."""
    if days < CAGR_MINIMUM_DAYS or start <= 0 or end <= 0:
        return None
    try:
        return float((end / start) ** (DAYS_PER_YEAR / days) - 1.0)
    except OverflowError:
        return None


def volatility(returns: Sequence[float], periods: int) -> float | None:
    """Return the yearly standard deviation (ddof 1) of the returns."""
    values = np.asarray(returns, dtype=np.float64)
    return float(values.std(ddof=1) * math.sqrt(periods)) if len(values) > 1 else None


def sharpe(returns: Sequence[float], periods: int, risk_free: float = 0.0) -> float | None:
    """Return `(mean(r) - rf/T) / std(r, ddof 1) * sqrt(T)`."""
    values = np.asarray(returns, dtype=np.float64)
    if len(values) < 2:
        return None
    spread = float(values.std(ddof=1))
    return _ratio(float(values.mean()) - risk_free / periods, spread, math.sqrt(periods))


def sortino(returns: Sequence[float], periods: int, risk_free: float = 0.0) -> float | None:
    """Return `mean(e) / sqrt(mean(min(e, 0)^2 over all periods)) * sqrt(T)` with `e = r - rf/T`."""
    excess = np.asarray(returns, dtype=np.float64) - risk_free / periods
    if len(excess) < 2:
        return None
    downside = math.sqrt(float(np.mean(np.minimum(excess, 0.0) ** 2)))
    return _ratio(float(excess.mean()), downside, math.sqrt(periods))


def calmar(yearly_return: float | None, max_drawdown: float) -> float | None:
    """Return CAGR / |max drawdown|."""
    return None if yearly_return is None else _ratio(yearly_return, abs(max_drawdown), 1.0)


def max_drawdown(equity: Sequence[float]) -> float:
    """Return `min(equity / running maximum - 1)`: 0 or below."""
    values = np.asarray(equity, dtype=np.float64)
    if len(values) == 0:
        return 0.0
    return float(np.min(values / np.maximum.accumulate(values) - 1.0))


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


def sqn(results: Sequence[float], *, cap: int | None = None) -> float | None:
    """Return Van Tharp's `sqrt(n) * mean / std(ddof 1)`, with n at most `cap`; None below two results."""
    values = np.asarray(results, dtype=np.float64)
    if len(values) < 2:
        return None
    count = len(values) if cap is None else min(len(values), cap)
    return _ratio(float(values.mean()), float(values.std(ddof=1)), math.sqrt(count))


@frozen
class Interval:
    """The 95 % interval of a mean."""

    low: float
    high: float

    @property
    def shows_an_edge(self) -> bool:
        """Tell whether the whole interval is above zero."""
        return self.low > 0


def expectancy_interval(results: Sequence[float], random: np.random.Generator) -> Interval | None:
    """Return the 95 % interval of the mean; None below two results.

    Up to 1,000 results: percentile bootstrap with 2,000 samples from `random`; above, where both agree, the normal
    interval.
    """
    values = np.asarray(results, dtype=np.float64)
    if len(values) < 2:
        return None
    if len(values) > BOOTSTRAP_MAXIMUM_RESULTS:
        half = NORMAL_95 * float(values.std(ddof=1)) / math.sqrt(len(values))
        return Interval(float(values.mean()) - half, float(values.mean()) + half)
    means = np.array([_resampled_mean(values, random) for _ in range(BOOTSTRAP_SAMPLES)])
    low, high = np.percentile(means, (2.5, 97.5))
    return Interval(float(low), float(high))


def _resampled_mean(values: NDArray[np.float64], random: np.random.Generator) -> float:
    return float(values[random.integers(0, len(values), len(values))].mean())
