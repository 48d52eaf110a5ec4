"""What several of the other systems define alike."""

from __future__ import annotations

import math

import numpy as np

from atlas_core.report import metrics
from atlas_core.report.results import Results


def max_drawdown(results: Results) -> float:
    """Return the deepest fall of the daily curve as a fraction, 0 or above."""
    return abs(metrics.max_drawdown(results.equity))


def max_drawdown_after_start(results: Results) -> float:
    """Return the deepest fall of the daily curve without its start: what a series of daily returns knows."""
    return abs(metrics.max_drawdown(results.equity[1:]))


def win_share(results: Results, nothing: float | None = None) -> float | None:
    """Return the wins as a share of all trades."""
    return len(results.trades.wins) / len(results.trades) if len(results.trades) else nothing


def sqn(results: Results) -> float | None:
    """Return `sqrt(N) * mean / std(ddof 1)` of the results in money."""
    return metrics.sqn(results.trades.net)


def mean_or(values: metrics.Numbers, nothing: float) -> float:
    """Return the mean of values, or what stands in for it."""
    return float(np.mean(values)) if len(values) else nothing


def ratio_or(value: float, by: float, nothing: float | None) -> float | None:
    """Return a quotient, or what stands in for it where there is nothing to divide by."""
    return value / by if by and not math.isnan(by) else nothing
