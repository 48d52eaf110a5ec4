"""backtesting.py: geometric returns over a compounded volatility, and trades as percent of their entry.

Read from `backtesting/_stats.py` of 0.6.6.
"""

from __future__ import annotations

import math

import numpy as np

from atlas_core.report.metric import Better, Metric, Unit
from atlas_core.report.peers.shared import max_drawdown, ratio_or, sqn, win_share
from atlas_core.report.results import Results

SOURCE = "backtesting.py 0.6.6, _stats.py"


def _daily_growth(results: Results) -> float:
    growth = 1.0 + results.returns
    if not len(growth) or (growth <= 0).any():
        return 0.0
    return math.exp(float(np.log(growth).mean())) - 1.0


def _annual_return(results: Results) -> float:
    return float((1.0 + _daily_growth(results)) ** results.periods - 1.0)


def _volatility(results: Results) -> float | None:
    if len(results.returns) < 2:
        return None
    square = (1.0 + _daily_growth(results)) ** 2
    variance = float(results.returns.var(ddof=1))
    return math.sqrt(max(0.0, (variance + square) ** results.periods - square**results.periods))


def _sharpe(results: Results) -> float | None:
    volatility = _volatility(results)
    return None if volatility is None else ratio_or(_annual_return(results) - results.risk_free, volatility, None)


def _sortino(results: Results) -> float | None:
    if not len(results.returns):
        return None
    downside = math.sqrt(float(np.mean(np.minimum(results.returns, 0.0) ** 2)) * results.periods)
    return ratio_or(_annual_return(results) - results.risk_free, downside, None)


def _profit_factor(results: Results) -> float | None:
    shares = results.trades.share_of_entry
    return ratio_or(float(shares[shares > 0].sum()), -float(shares[shares < 0].sum()), None)


def _average_trade(results: Results) -> float | None:
    growth = 1.0 + results.trades.share_of_entry
    if not len(growth):
        return None
    return 0.0 if (growth <= 0).any() else math.exp(float(np.log(growth).mean())) - 1.0


def _kelly(results: Results) -> float | None:
    trades, share = results.trades, win_share(results)
    if share is None or not len(trades.wins) or not len(trades.losses):
        return None
    return share - (1 - share) / float(trades.wins.mean() / -trades.losses.mean())


METRICS = (
    Metric(
        name="sharpe", title="Sharpe Ratio", unit=Unit.RATIO, better=Better.HIGHER, source=SOURCE, value_of=_sharpe,
        formula="(Return (Ann.) - rf) / Volatility (Ann.)", edges="NaN without a volatility",
    ),
    Metric(
        name="sortino", title="Sortino Ratio", unit=Unit.RATIO, better=Better.HIGHER, source=SOURCE, value_of=_sortino,
        formula="(Return (Ann.) - rf) / (sqrt(mean(min(r, 0)^2)) * sqrt(T))", edges="infinite without a losing day",
    ),
    Metric(
        name="calmar", title="Calmar Ratio", unit=Unit.RATIO, better=Better.HIGHER, source=SOURCE,
        formula="Return (Ann.) / max drawdown", edges="NaN without a drawdown",
        value_of=lambda results: ratio_or(_annual_return(results), max_drawdown(results), None),
    ),
    Metric(
        name="annual_return", title="Return (Ann.)", unit=Unit.FRACTION, better=Better.HIGHER, source=SOURCE,
        formula="(1 + geometric mean(r)) ^ T - 1, T 365 with week-ends and else 252", edges="0 after ruin",
        value_of=_annual_return,
    ),
    Metric(
        name="annual_volatility", title="Volatility (Ann.)", unit=Unit.FRACTION, better=Better.LOWER, source=SOURCE,
        formula="sqrt((var(r, ddof 1) + g^2) ^ T - g ^ (2 T)), g = 1 + geometric mean(r)", edges="NaN below 2 days",
        value_of=_volatility,
    ),
    Metric(
        name="max_drawdown", title="Max. Drawdown", unit=Unit.FRACTION, better=Better.LOWER, source=SOURCE,
        formula="largest fall of the equity from its peak", edges="0 without one", value_of=max_drawdown,
    ),
    Metric(
        name="profit_factor", title="Profit Factor", unit=Unit.RATIO, better=Better.HIGHER, source=SOURCE,
        formula="sum of winning / |sum of losing| returns of trades, in percent of entry", edges="NaN without losses",
        value_of=_profit_factor,
    ),
    Metric(
        name="expectancy", title="Expectancy", unit=Unit.FRACTION, better=Better.HIGHER, source=SOURCE,
        formula="mean return of a trade, in percent of entry", edges="NaN without trades",
        value_of=lambda results: float(shares.mean()) if len(shares := results.trades.share_of_entry) else None,
    ),
    Metric(
        name="average_trade", title="Avg. Trade", unit=Unit.FRACTION, better=Better.HIGHER, source=SOURCE,
        formula="geometric mean of the returns of trades", edges="0 after a total loss", value_of=_average_trade,
    ),
    Metric(
        name="sqn", title="SQN", unit=Unit.RATIO, better=Better.HIGHER, source=SOURCE, value_of=sqn,
        formula="sqrt(N) * mean / std(ddof 1) of the results in money", edges="NaN below 2 trades",
    ),
    Metric(
        name="kelly", title="Kelly Criterion", unit=Unit.RATIO, better=Better.HIGHER, source=SOURCE, value_of=_kelly,
        formula="win share - (1 - win share) / (average win / average loss)", edges="NaN without wins or losses",
    ),
    Metric(
        name="win_rate", title="Win Rate", unit=Unit.FRACTION, better=Better.HIGHER, source=SOURCE, value_of=win_share,
        formula="share of trades above 0", edges="NaN without trades",
    ),
)  # fmt: skip
