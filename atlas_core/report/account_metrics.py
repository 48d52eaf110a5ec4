"""The metrics of the account: what it earned, how it moved, how far it fell, and how much of it was at work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlas_core.model.timeframe import DAY
from atlas_core.report import metrics
from atlas_core.report.metric import ATLAS, Better, Metric, Unit
from atlas_core.report.results import Results
from atlas_core.report.significance import probabilistic_sharpe

if TYPE_CHECKING:
    from atlas_core.report.results import Times

_FEW_DAYS = f"n/a below {metrics.RATIO_MINIMUM_RETURNS} daily returns"
_LIBRARIES = "the same as in empyrical, quantstats and ffn with the periods given"


def _cagr(results: Results) -> float | None:
    return metrics.cagr(results.starting_cash, results.ending_equity, results.days)


def _max_drawdown(results: Results) -> float:
    return float(-results.underwater.min()) if len(results.underwater) else 0.0


def _closed_drawdown(results: Results) -> float:
    return abs(metrics.max_drawdown(results.closed_equity))


def _underwater_days(results: Results) -> float:
    """Return the days of the longest time between a peak and its recovery, or the end."""
    if not len(results.equity):
        return 0.0
    tops = results.marked_at[results.underwater >= 0]
    return float(np.diff(np.append(tops, results.marked_at[-1])).max()) / DAY if _max_drawdown(results) > 0 else 0.0


def _calmar(results: Results) -> float | None:
    return metrics.calmar(_cagr(results), _max_drawdown(results)) if results.has_ratios else None


def _sharpe(results: Results) -> float | None:
    return metrics.sharpe(results.returns, results.periods, results.risk_free) if results.has_ratios else None


def _sortino(results: Results) -> float | None:
    return metrics.sortino(results.returns, results.periods, results.risk_free) if results.has_ratios else None


def _volatility(results: Results) -> float | None:
    return metrics.volatility(results.returns, results.periods) if results.has_ratios else None


def _probabilistic(results: Results) -> float | None:
    return probabilistic_sharpe(results.returns) if results.has_ratios else None


def _time_in_market(results: Results) -> float | None:
    """Return the share of the time from start to end with at least one trade open, from the closed trades."""
    span = int(results.marked_at[-1] - results.marked_at[0]) if len(results.marked_at) else 0
    return covered(results.trades.opened_at, results.trades.closed_at) / span if span > 0 else None


def covered(opened_at: Times, closed_at: Times) -> int:
    """Return the length of the union of intervals, in their unit."""
    if not len(opened_at):
        return 0
    order = np.argsort(opened_at, kind="stable")
    starts, ends = opened_at[order], np.maximum.accumulate(closed_at[order])
    begun = np.maximum(starts[1:], ends[:-1])
    return int(ends[0] - starts[0]) + int(np.maximum(ends[1:] - begun, 0).sum())


def _exposure(results: Results) -> float | None:
    equity, exposure = results.equity[1:], results.exposure[1:]
    return float(np.mean(exposure[equity > 0] / equity[equity > 0])) if (equity > 0).any() else None


def _turnover(results: Results) -> float | None:
    mean, years = float(results.equity.mean()) if len(results.equity) else 0.0, results.days / metrics.DAYS_PER_YEAR
    traded = float(results.trades.entry_value.sum() + results.trades.exit_value.sum())
    return traded / mean / years if mean > 0 and results.days >= metrics.CAGR_MINIMUM_DAYS else None


def _positive_share(results: Results) -> float | None:
    return float(np.mean(results.returns > 0)) if len(results.returns) else None


ACCOUNT_METRICS = (
    Metric(
        name="total_return", title="Total return", unit=Unit.FRACTION, better=Better.HIGHER,
        formula="equity at the end / starting cash - 1", edges="n/a without starting cash", source=_LIBRARIES,
        value_of=lambda results: metrics.total_return(results.starting_cash, results.ending_equity),
    ),
    Metric(
        name="cagr", title="CAGR", unit=Unit.FRACTION, better=Better.HIGHER,
        formula="(equity at the end / starting cash) ^ (365.25 / days) - 1",
        edges=f"n/a below {metrics.CAGR_MINIMUM_DAYS} days, and with debts at the end",
        source="calendar years as in ffn; empyrical and quantstats use returns / T instead", value_of=_cagr,
    ),
    Metric(
        name="volatility", title="Volatility (ann.)", unit=Unit.FRACTION, better=Better.LOWER,
        formula="std(r, ddof 1) * sqrt(T)", edges=_FEW_DAYS, source=_LIBRARIES, value_of=_volatility,
    ),
    Metric(
        name="sharpe", title="Sharpe (ann.)", unit=Unit.RATIO, better=Better.HIGHER,
        formula="(mean(r) - rf / T) / std(r, ddof 1) * sqrt(T)",
        edges=f"{_FEW_DAYS}, and for a curve that never moves",
        source=f"Sharpe 1994; {_LIBRARIES}", value_of=_sharpe,
    ),
    Metric(
        name="sortino", title="Sortino (ann.)", unit=Unit.RATIO, better=Better.HIGHER,
        formula="mean(e) / sqrt(mean(min(e, 0)^2)) * sqrt(T) with e = r - rf / T, the mean over all periods",
        edges=f"{_FEW_DAYS}, and without a day below the risk-free rate",
        source=f"Sortino and Price 1994; {_LIBRARIES}", value_of=_sortino,
    ),
    Metric(
        name="calmar", title="Calmar", unit=Unit.RATIO, better=Better.HIGHER,
        formula="CAGR / max drawdown, over the whole run", edges=f"{_FEW_DAYS}, and without a drawdown",
        source="Young 1991, over the whole run instead of 36 months", value_of=_calmar,
    ),
    Metric(
        name="probabilistic_sharpe", title="Probabilistic Sharpe", unit=Unit.FRACTION, better=Better.HIGHER,
        formula="Phi(SR * sqrt(n - 1) / sqrt(1 - skew * SR + (kurtosis - 1) / 4 * SR^2)), SR per day, not annualised",
        edges=_FEW_DAYS, source="Bailey and Lopez de Prado 2012, against a true Sharpe ratio of 0",
        value_of=_probabilistic,
    ),
    Metric(
        name="max_drawdown", title="Max drawdown", unit=Unit.FRACTION, better=Better.LOWER,
        formula="max over time of (running peak - equity) / running peak, on the daily marked curve with the start",
        edges="0 without a fall", source=_LIBRARIES, value_of=_max_drawdown,
    ),
    Metric(
        name="closed_trade_drawdown", title="Max drawdown, closed trades", unit=Unit.FRACTION, better=Better.LOWER,
        formula="the same on the starting cash plus the results of the closed trades, one after the other",
        edges="0 without a fall", source=ATLAS, value_of=_closed_drawdown,
    ),
    Metric(
        name="max_drawdown_days", title="Longest time under water", unit=Unit.DAYS, better=Better.LOWER,
        formula="days from a peak of the daily curve until it is reached again, or until the end; the most of all",
        edges="0 without a fall", source=ATLAS, value_of=_underwater_days,
    ),
    Metric(
        name="ulcer_index", title="Ulcer index", unit=Unit.FRACTION, better=Better.LOWER,
        formula="sqrt(mean(drawdown^2)) over all points of the daily curve", edges="n/a without a curve",
        source="Martin 1987; quantstats divides by n - 1", value_of=lambda results: metrics.ulcer_index(results.equity),
    ),
    Metric(
        name="omega", title="Omega", unit=Unit.RATIO, better=Better.HIGHER,
        formula="sum(max(r, 0)) / sum(max(-r, 0))", edges="n/a without a day that loses",
        source="Keating and Shadwick 2002, threshold 0; quantstats calls it profit factor of days",
        value_of=lambda results: metrics.omega(results.returns),
    ),
    Metric(
        name="value_at_risk_95", title="Value at risk, day, 95 %", unit=Unit.FRACTION, better=Better.HIGHER,
        formula="5th percentile of r, interpolated linearly", edges="n/a without a daily return",
        source="historical, as in empyrical; quantstats takes a normal distribution",
        value_of=lambda results: metrics.value_at_risk(results.returns),
    ),
    Metric(
        name="expected_shortfall_95", title="Expected shortfall, day, 95 %", unit=Unit.FRACTION, better=Better.HIGHER,
        formula="mean of the worst 5 % of r, of int((n - 1) * 0.05) + 1 days", edges="n/a without a daily return",
        source="historical, as in empyrical", value_of=lambda results: metrics.expected_shortfall(results.returns),
    ),
    Metric(
        name="skew", title="Skew of days", unit=Unit.RATIO, better=Better.NEITHER,
        formula="sample skewness G1 of r", edges="n/a below 3 returns, and for a curve that never moves",
        source="Fisher and Pearson, as in pandas", value_of=lambda results: metrics.skewness(results.returns),
    ),
    Metric(
        name="kurtosis", title="Excess kurtosis of days", unit=Unit.RATIO, better=Better.NEITHER,
        formula="sample excess kurtosis G2 of r", edges="n/a below 4 returns, and for a curve that never moves",
        source="Fisher, as in pandas", value_of=lambda results: metrics.excess_kurtosis(results.returns),
    ),
    Metric(
        name="best_day", title="Best day", unit=Unit.FRACTION, better=Better.NEITHER,
        formula="max(r)", edges="n/a without a daily return", source=_LIBRARIES,
        value_of=lambda results: float(results.returns.max()) if len(results.returns) else None,
    ),
    Metric(
        name="worst_day", title="Worst day", unit=Unit.FRACTION, better=Better.HIGHER,
        formula="min(r)", edges="n/a without a daily return", source=_LIBRARIES,
        value_of=lambda results: float(results.returns.min()) if len(results.returns) else None,
    ),
    Metric(
        name="positive_days", title="Days that earned", unit=Unit.FRACTION, better=Better.HIGHER,
        formula="days with r > 0 / all days", edges="n/a without a daily return; a day of 0 counts in the denominator",
        source="quantstats leaves days of 0 out", value_of=_positive_share,
    ),
    Metric(
        name="time_in_market", title="Time in market", unit=Unit.FRACTION, better=Better.NEITHER,
        formula="time with at least one closed trade open / time of the run",
        edges="n/a for a run without time; positions that are still open do not count", source=ATLAS,
        value_of=_time_in_market,
    ),
    Metric(
        name="exposure", title="Average exposure", unit=Unit.FRACTION, better=Better.NEITHER,
        formula="mean over the day ends of open notional / equity", edges="n/a without a day end", source=ATLAS,
        value_of=_exposure,
    ),
    Metric(
        name="turnover", title="Turnover (ann.)", unit=Unit.RATIO, better=Better.LOWER,
        formula="notional bought and sold by closed trades / mean equity / years",
        edges=f"n/a below {metrics.CAGR_MINIMUM_DAYS} days", source=ATLAS, value_of=_turnover,
    ),
)  # fmt: skip
_OF_TRADES = frozenset({"closed_trade_drawdown", "time_in_market", "turnover"})
CURVE_NAMES = tuple(metric.name for metric in ACCOUNT_METRICS if metric.name not in _OF_TRADES)
