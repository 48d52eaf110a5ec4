"""vectorbt: ratios of returns with 365 days a year, trades in money.

Read from `vectorbt/returns/nb.py` and `vectorbt/portfolio/trades.py` of 1.2.0, with returns resampled to days.
"""

from __future__ import annotations

import numpy as np

from atlas_core.report import metrics
from atlas_core.report.metric import Better, Metric, Unit
from atlas_core.report.peers.shared import max_drawdown_after_start, ratio_or, sqn, win_share
from atlas_core.report.results import Results

SOURCE = "vectorbt 1.2.0, returns and trades of a portfolio"
YEAR = 365


def _sharpe(results: Results) -> float | None:
    return metrics.sharpe(results.returns, YEAR)


def _sortino(results: Results) -> float | None:
    return metrics.sortino(results.returns, YEAR)


def _annualised(results: Results) -> float | None:
    return metrics.cagr_of_periods(results.starting_cash, float(results.equity[-1]), len(results.returns), YEAR)


def _calmar(results: Results) -> float | None:
    yearly = _annualised(results)
    return None if yearly is None else ratio_or(yearly, max_drawdown_after_start(results), None)


def _profit_factor(results: Results) -> float | None:
    return ratio_or(float(results.trades.wins.sum()), -float(results.trades.losses.sum()), None)


METRICS = (
    Metric(
        name="sharpe", title="Sharpe Ratio", unit=Unit.RATIO, better=Better.HIGHER, source=SOURCE, value_of=_sharpe,
        formula="mean(r) / std(r, ddof 1) * sqrt(365)", edges="infinite without a spread",
    ),
    Metric(
        name="sortino", title="Sortino Ratio", unit=Unit.RATIO, better=Better.HIGHER, source=SOURCE, value_of=_sortino,
        formula="mean(r) * 365 / (sqrt(mean(min(r, 0)^2)) * sqrt(365))", edges="infinite without a losing day",
    ),
    Metric(
        name="calmar", title="Calmar Ratio", unit=Unit.RATIO, better=Better.HIGHER, source=SOURCE, value_of=_calmar,
        formula="annualised return / max drawdown", edges="infinite without a drawdown",
    ),
    Metric(
        name="annualised_return", title="Annualized Return", unit=Unit.FRACTION, better=Better.HIGHER, source=SOURCE,
        formula="(end / start) ^ (365 / N) - 1, N returns", edges="NaN without a return", value_of=_annualised,
    ),
    Metric(
        name="omega", title="Omega Ratio", unit=Unit.RATIO, better=Better.HIGHER, source=SOURCE,
        formula="sum of gains / sum of losses of days", edges="infinite without a losing day",
        value_of=lambda results: metrics.omega(results.returns),
    ),
    Metric(
        name="max_drawdown", title="Max Drawdown", unit=Unit.FRACTION, better=Better.LOWER, source=SOURCE,
        formula="largest fall of the daily value from its peak, the start left out", edges="0 without one",
        value_of=max_drawdown_after_start,
    ),
    Metric(
        name="profit_factor", title="Profit Factor", unit=Unit.RATIO, better=Better.HIGHER, source=SOURCE,
        formula="sum of wins / |sum of losses|, in money", edges="infinite without losses", value_of=_profit_factor,
    ),
    Metric(
        name="expectancy", title="Expectancy", unit=Unit.MONEY, better=Better.HIGHER, source=SOURCE,
        formula="win rate * average win - loss rate * average loss", edges="NaN without trades",
        value_of=lambda results: float(np.mean(results.trades.net)) if len(results.trades) else None,
    ),
    Metric(
        name="sqn", title="SQN", unit=Unit.RATIO, better=Better.HIGHER, source=SOURCE, value_of=sqn,
        formula="sqrt(N) * mean / std(ddof 1) of the results in money", edges="NaN below 2 trades",
    ),
    Metric(
        name="win_rate", title="Win Rate", unit=Unit.FRACTION, better=Better.HIGHER, source=SOURCE, value_of=win_share,
        formula="wins / all trades", edges="NaN without trades",
    ),
)  # fmt: skip
