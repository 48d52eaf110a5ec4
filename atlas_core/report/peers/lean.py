"""LEAN: a compounded annual return over an annualised deviation, with 0 or 10 for what does not exist.

Read from `Common/Statistics` of QuantConnect/Lean (PortfolioStatistics, TradeStatistics, Statistics). Beta, alpha and
what follows from them need its benchmark and are left out.
"""

from __future__ import annotations

import math

import numpy as np

from atlas_core.report import metrics
from atlas_core.report.metric import Better, Metric, Unit
from atlas_core.report.peers.shared import max_drawdown, mean_or, ratio_or, win_share
from atlas_core.report.results import Results
from atlas_core.report.significance import normal_quantile, probability_above

SOURCE = "QuantConnect/Lean, Common/Statistics"
NO_LOSSES = 10.0
YEAR_OF_BENCHMARK = 252


def _annual_performance(results: Results) -> float:
    return float((1 + results.returns.mean()) ** results.periods - 1) if len(results.returns) else 0.0


def _deviation(returns: metrics.Numbers, periods: int) -> float:
    return float(np.std(returns, ddof=1)) * math.sqrt(periods) if len(returns) > 1 else 0.0


def _sharpe(results: Results) -> float | None:
    excess = _annual_performance(results) - results.risk_free
    return ratio_or(excess, _deviation(results.returns, results.periods), 0.0)


def _sortino(results: Results) -> float | None:
    excess = _annual_performance(results) - results.risk_free
    return ratio_or(excess, _deviation(results.returns[results.returns < 0], results.periods), 0.0)


def _probabilistic(results: Results) -> float:
    """Return theirs, which takes the excess kurtosis where the paper takes the kurtosis."""
    returns = results.returns
    skew, kurtosis = metrics.skewness(returns), metrics.excess_kurtosis(returns)
    if skew is None or kurtosis is None:
        return 0.0
    ratio = float(returns.mean() / returns.std(ddof=1))
    made = probability_above(ratio, len(returns), skew, kurtosis, 1 / math.sqrt(YEAR_OF_BENCHMARK))
    return 0.0 if made is None else made


def _annual_return(results: Results) -> float | None:
    return metrics.growth(results.starting_cash, results.ending_equity, results.days / 365)


def _rates(results: Results) -> tuple[float, float]:
    """Return the average rate of the wins and of all others, each of the capital before the trade."""
    net = results.trades.net
    rates = net / results.closed_equity[:-1]
    return mean_or(rates[net > 0], 0.0), mean_or(rates[net <= 0], 0.0)


def _profit_loss_ratio(results: Results) -> float:
    win, loss = _rates(results)
    return win / abs(loss) if loss else 0.0


def _expectancy(results: Results) -> float:
    won = win_share(results, 0.0) or 0.0
    return won * _profit_loss_ratio(results) - (1 - won if len(results.trades) else 0.0)


def _profit_factor(results: Results) -> float | None:
    profit, loss = float(results.trades.wins.sum()), -float(results.trades.losses.sum())
    return ratio_or(profit, loss, NO_LOSSES if profit else 0.0)


def _value_at_risk(results: Results, share: float) -> float | None:
    returns = results.returns
    if len(returns) < 2:
        return None
    return float(returns.mean()) + normal_quantile(share) * float(returns.std(ddof=1))


METRICS = (
    Metric(
        name="sharpe", title="Sharpe Ratio", unit=Unit.RATIO, better=Better.HIGHER, source=SOURCE, value_of=_sharpe,
        formula="((1 + mean(r)) ^ T - 1 - rf) / (std(r, ddof 1) * sqrt(T))", edges="0 without a deviation",
    ),
    Metric(
        name="sortino", title="Sortino Ratio", unit=Unit.RATIO, better=Better.HIGHER, source=SOURCE, value_of=_sortino,
        formula="((1 + mean(r)) ^ T - 1 - rf) / (std(r below 0, ddof 1) * sqrt(T))", edges="0 without a deviation",
    ),
    Metric(
        name="probabilistic_sharpe", title="Probabilistic Sharpe Ratio", unit=Unit.FRACTION, better=Better.HIGHER,
        formula="against a Sharpe ratio of 1 a year of 252 days, with the excess kurtosis", edges="0 below 4 days",
        source=SOURCE, value_of=_probabilistic,
    ),
    Metric(
        name="compounding_annual_return", title="Compounding Annual Return", unit=Unit.FRACTION, better=Better.HIGHER,
        formula="(end / start) ^ (365 / days) - 1", edges="NaN after ruin", source=SOURCE, value_of=_annual_return,
    ),
    Metric(
        name="drawdown", title="Drawdown", unit=Unit.FRACTION, better=Better.LOWER, source=SOURCE,
        formula="largest fall of the equity samples from their peak", edges="0 without one", value_of=max_drawdown,
    ),
    Metric(
        name="annual_standard_deviation", title="Annual Standard Deviation", unit=Unit.FRACTION, better=Better.LOWER,
        formula="std(r, ddof 1) * sqrt(T)", edges="0 below 2 days", source=SOURCE,
        value_of=lambda results: _deviation(results.returns, results.periods),
    ),
    Metric(
        name="value_at_risk_95", title="Value at Risk 95", unit=Unit.FRACTION, better=Better.HIGHER, source=SOURCE,
        formula="5th percentile of a normal distribution with the mean and deviation of r", edges="NaN below 2 days",
        value_of=lambda results: _value_at_risk(results, 0.05),
    ),
    Metric(
        name="value_at_risk_99", title="Value at Risk 99", unit=Unit.FRACTION, better=Better.HIGHER, source=SOURCE,
        formula="1st percentile of a normal distribution with the mean and deviation of r", edges="NaN below 2 days",
        value_of=lambda results: _value_at_risk(results, 0.01),
    ),
    Metric(
        name="profit_factor", title="Profit Factor", unit=Unit.RATIO, better=Better.HIGHER, source=SOURCE,
        formula="sum of wins / |sum of losses|, in money", edges="10 without losses, 0 without trades",
        value_of=_profit_factor,
    ),
    Metric(
        name="profit_loss_ratio", title="Profit-Loss Ratio", unit=Unit.RATIO, better=Better.HIGHER, source=SOURCE,
        formula="average rate of the wins / |average rate of the others|, rates of the capital before the trade",
        edges="0 without losses", value_of=_profit_loss_ratio,
    ),
    Metric(
        name="expectancy", title="Expectancy", unit=Unit.RATIO, better=Better.HIGHER, source=SOURCE,
        formula="win rate * profit-loss ratio - loss rate; a draw is a loss", edges="0 without trades",
        value_of=_expectancy,
    ),
    Metric(
        name="win_rate", title="Win Rate", unit=Unit.FRACTION, better=Better.HIGHER, source=SOURCE,
        formula="wins / all trades", edges="0 without trades", value_of=lambda results: win_share(results, 0.0),
    ),
)  # fmt: skip
