"""freqtrade: ratios of a profit per day over the spread of trades, on closed trades alone.

Read from `freqtrade/data/metrics.py` of 2026.9 (the figures that are computed from trades).
"""

from __future__ import annotations

import math

import numpy as np

from atlas_core.model.timeframe import DAY
from atlas_core.report import metrics
from atlas_core.report.metric import Better, Metric, Unit
from atlas_core.report.peers.shared import mean_or, ratio_or, win_share
from atlas_core.report.results import Results

SOURCE = "freqtrade 2026.9, data/metrics.py"
WORST = -100.0
YEAR = 365


def _days(results: Results) -> int:
    return max(1, int(results.marked_at[-1] - results.marked_at[0]) // DAY) if len(results.marked_at) else 1


def _per_day(results: Results) -> float:
    return float(results.trades.net.sum()) / results.starting_cash / _days(results)


def _annualised(results: Results, spread: float) -> float | None:
    if not len(results.trades):
        return 0.0
    return ratio_or(_per_day(results) * math.sqrt(YEAR), spread, WORST)


def _spread(values: metrics.Numbers, results: Results) -> float:
    return float(np.std(np.asarray(values) / results.starting_cash)) if len(values) else math.nan


def _sharpe(results: Results) -> float | None:
    return _annualised(results, _spread(results.trades.net, results))


def _sortino(results: Results) -> float | None:
    return _annualised(results, _spread(results.trades.losses, results))


def _drawdown_abs(results: Results) -> tuple[float, float]:
    """Return the largest fall in money and, at the same place, as a share of the peak."""
    equity = results.closed_equity
    falls = np.maximum.accumulate(equity) - equity
    place = int(np.argmax(falls))
    peak = float(np.maximum.accumulate(equity)[place])
    return float(falls[place]), float(falls[place]) / peak if peak > 0 else 0.0


def _calmar(results: Results) -> float | None:
    if not len(results.trades):
        return 0.0
    return ratio_or(_per_day(results) * 100 * math.sqrt(YEAR), _drawdown_abs(results)[1], WORST)


def _cagr(results: Results) -> float:
    final = results.starting_cash + float(results.trades.net.sum())
    if final < 0 or results.starting_cash <= 0:
        return 0.0
    try:
        return float((final / results.starting_cash) ** (YEAR / _days(results)) - 1)
    except OverflowError:
        return 0.0


def _profit_factor(results: Results) -> float | None:
    return ratio_or(float(results.trades.wins.sum()), -float(results.trades.losses.sum()), 0.0)


def _expectancy(results: Results) -> float:
    count = max(1, len(results.trades))
    return float(results.trades.wins.sum()) / count + float(results.trades.losses.sum()) / count


def _expectancy_ratio(results: Results) -> float:
    trades = results.trades
    win, loss = mean_or(trades.wins, 0.0), -mean_or(trades.losses, 0.0)
    share = win_share(results, 0.0) or 0.0
    return (1 + win / loss) * share - 1 if loss > 0 else -WORST


def _sqn(results: Results) -> float:
    made = metrics.sqn(results.trades.net / results.starting_cash) if len(results.trades) else None
    return WORST if made is None else made


METRICS = (
    Metric(
        name="sharpe", title="Sharpe", unit=Unit.RATIO, better=Better.HIGHER, source=SOURCE, value_of=_sharpe,
        formula="(sum(net / start) / days) / std(net / start, ddof 0, of trades) * sqrt(365)",
        edges="-100 without a spread, 0 without trades",
    ),
    Metric(
        name="sortino", title="Sortino", unit=Unit.RATIO, better=Better.HIGHER, source=SOURCE, value_of=_sortino,
        formula="(sum(net / start) / days) / std(net / start, ddof 0, of losing trades) * sqrt(365)",
        edges="-100 without a spread, 0 without trades",
    ),
    Metric(
        name="calmar", title="Calmar", unit=Unit.RATIO, better=Better.HIGHER, source=SOURCE, value_of=_calmar,
        formula="(profit in % of start / days) / relative drawdown of closed trades * sqrt(365)",
        edges="-100 without a drawdown, 0 without trades",
    ),
    Metric(
        name="cagr", title="CAGR", unit=Unit.FRACTION, better=Better.HIGHER, source=SOURCE, value_of=_cagr,
        formula="((start + closed profit) / start) ^ (365 / days) - 1", edges="0 after ruin",
    ),
    Metric(
        name="max_drawdown", title="Max drawdown (account)", unit=Unit.FRACTION, better=Better.LOWER, source=SOURCE,
        formula="largest fall in money of the closed-trade balance, as a share of the balance at its peak",
        edges="0 without one", value_of=lambda results: _drawdown_abs(results)[1],
    ),
    Metric(
        name="max_relative_drawdown", title="Max % of account underwater", unit=Unit.FRACTION, better=Better.LOWER,
        formula="largest fall of the closed-trade balance as a share of its peak", edges="0 without one", source=SOURCE,
        value_of=lambda results: abs(metrics.max_drawdown(results.closed_equity)),
    ),
    Metric(
        name="profit_factor", title="Profit factor", unit=Unit.RATIO, better=Better.HIGHER, source=SOURCE,
        formula="sum of wins / |sum of losses|, in money", edges="0 without losses", value_of=_profit_factor,
    ),
    Metric(
        name="expectancy", title="Expectancy", unit=Unit.MONEY, better=Better.HIGHER, source=SOURCE,
        formula="win share * average win - loss share * average loss", edges="0 without trades", value_of=_expectancy,
    ),
    Metric(
        name="expectancy_ratio", title="Expectancy ratio", unit=Unit.RATIO, better=Better.HIGHER, source=SOURCE,
        formula="(1 + average win / average loss) * win share - 1", edges="100 without losses",
        value_of=_expectancy_ratio,
    ),
    Metric(
        name="sqn", title="SQN", unit=Unit.RATIO, better=Better.HIGHER, source=SOURCE, value_of=_sqn,
        formula="sqrt(N) * mean / std(ddof 1) of net / start", edges="-100 without a spread",
    ),
    Metric(
        name="win_rate", title="Win %", unit=Unit.FRACTION, better=Better.HIGHER, source=SOURCE,
        formula="wins / all trades, draws included", edges="0 without trades",
        value_of=lambda results: win_share(results, 0.0),
    ),
)  # fmt: skip
