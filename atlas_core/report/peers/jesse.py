"""jesse: ratios of the daily balance with 365 days a year; its first day is a row without a return.

Read from `jesse/services/metrics.py` of 3.5.3.
"""

from __future__ import annotations

import math

import numpy as np

from atlas_core.report import metrics
from atlas_core.report.metric import Better, Metric, Unit
from atlas_core.report.peers.shared import max_drawdown_after_start, mean_or, ratio_or
from atlas_core.report.results import Results

SOURCE = "jesse 3.5.3, services/metrics.py"
YEAR = 365


def _sharpe(results: Results) -> float | None:
    return metrics.sharpe(results.returns, YEAR)


def _sortino(results: Results) -> float | None:
    returns = results.returns
    if not len(returns):
        return None
    downside = math.sqrt(float(np.sum(np.minimum(returns, 0.0) ** 2)) / (len(returns) + 1))
    return ratio_or(float(returns.mean()) * math.sqrt(YEAR), downside, None)


def _cagr(results: Results) -> float | None:
    """Return the growth of the daily balance over as many days as it has returns."""
    if not len(results.returns):
        return None
    return metrics.cagr_of_periods(float(results.equity[0]), float(results.equity[-1]), len(results.returns), YEAR)


def _calmar(results: Results) -> float | None:
    yearly = _cagr(results)
    return None if yearly is None else ratio_or(yearly, max_drawdown_after_start(results), 0.0)


def _win_rate(results: Results) -> float:
    won, lost = len(results.trades.wins), len(results.trades.losses)
    return won / (won + lost) if won else 0.0


def _expectancy(results: Results) -> float:
    rate = _win_rate(results)
    return mean_or(results.trades.wins, 0.0) * rate + mean_or(results.trades.losses, 0.0) * (1 - rate)


def _win_loss(results: Results) -> float | None:
    trades = results.trades
    return float(trades.wins.mean() / -trades.losses.mean()) if len(trades.wins) and len(trades.losses) else None


METRICS = (
    Metric(
        name="sharpe", title="Sharpe ratio", unit=Unit.RATIO, better=Better.HIGHER, source=SOURCE, value_of=_sharpe,
        formula="mean(r) / std(r, ddof 1) * sqrt(365)", edges="NaN below 2 days",
    ),
    Metric(
        name="sortino", title="Sortino ratio", unit=Unit.RATIO, better=Better.HIGHER, source=SOURCE, value_of=_sortino,
        formula="mean(r) / sqrt(sum(min(r, 0)^2) / (N + 1)) * sqrt(365)", edges="infinite without a losing day",
    ),
    Metric(
        name="calmar", title="Calmar ratio", unit=Unit.RATIO, better=Better.HIGHER, source=SOURCE, value_of=_calmar,
        formula="annual return / max drawdown", edges="0 without a drawdown",
    ),
    Metric(
        name="annual_return", title="Annual return", unit=Unit.FRACTION, better=Better.HIGHER, source=SOURCE,
        formula="(last balance / first balance) ^ (365 / days) - 1", edges="NaN below 2 days", value_of=_cagr,
    ),
    Metric(
        name="max_drawdown", title="Max drawdown", unit=Unit.FRACTION, better=Better.LOWER, source=SOURCE,
        formula="largest fall of the daily balance from its peak, the start left out", edges="0 without one",
        value_of=max_drawdown_after_start,
    ),
    Metric(
        name="omega", title="Omega ratio", unit=Unit.RATIO, better=Better.HIGHER, source=SOURCE,
        formula="sum of gains / sum of losses of days", edges="NaN without a losing day",
        value_of=lambda results: metrics.omega(results.returns),
    ),
    Metric(
        name="win_rate", title="Win rate", unit=Unit.FRACTION, better=Better.HIGHER, source=SOURCE, value_of=_win_rate,
        formula="wins / (wins + losses), draws left out", edges="0 without wins",
    ),
    Metric(
        name="expectancy", title="Expectancy", unit=Unit.MONEY, better=Better.HIGHER, source=SOURCE,
        formula="average win * win rate - average loss * (1 - win rate)", edges="0 without trades",
        value_of=_expectancy,
    ),
    Metric(
        name="expectancy_percentage", title="Expectancy of start", unit=Unit.FRACTION, better=Better.HIGHER,
        formula="expectancy / starting balance", edges="0 without trades", source=SOURCE,
        value_of=lambda results: _expectancy(results) / results.starting_cash,
    ),
    Metric(
        name="ratio_avg_win_loss", title="Average win / average loss", unit=Unit.RATIO, better=Better.HIGHER,
        formula="average win / |average loss|", edges="NaN without wins or losses", source=SOURCE, value_of=_win_loss,
    ),
    Metric(
        name="gross_profit", title="Gross profit", unit=Unit.MONEY, better=Better.HIGHER, source=SOURCE,
        formula="sum of wins", edges="0 without wins", value_of=lambda results: float(results.trades.wins.sum()),
    ),
    Metric(
        name="gross_loss", title="Gross loss", unit=Unit.MONEY, better=Better.HIGHER, source=SOURCE,
        formula="sum of losses", edges="0 without losses",
        value_of=lambda results: float(results.trades.losses.sum()),
    ),
)  # fmt: skip
