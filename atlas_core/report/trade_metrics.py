"""The metrics of the closed trades: how many, how often, how much, at what cost, and how sure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_core.model.timeframe import HOUR
from atlas_core.report import metrics
from atlas_core.report.metric import ATLAS, Better, Metric, Unit
from atlas_core.report.results import Results

if TYPE_CHECKING:
    from atlas_core.report.results import Floats

_NO_TRADE = "n/a without a trade"
_FEW_TRADES = f"n/a below {metrics.SQN_MINIMUM_TRADES} trades with a stop at entry"
_MONEY = "in money after costs, per trade and not per day"


def _mean(values: Floats) -> float | None:
    return float(values.mean()) if len(values) else None


def _profit_factor(results: Results) -> float | None:
    trades = results.trades
    return float(trades.wins.sum() / -trades.losses.sum()) if len(trades.losses) else None


def _payoff(results: Results) -> float | None:
    win, loss = _mean(results.trades.wins), _mean(results.trades.losses)
    return None if win is None or loss is None else win / -loss


def _share(part: int, of: int) -> float | None:
    return part / of if of else None


def _sqn(results: Results, cap: int | None) -> float | None:
    multiples = results.trades.multiples
    return metrics.sqn(multiples, cap=cap) if len(multiples) >= metrics.SQN_MINIMUM_TRADES else None


def _low(results: Results) -> float | None:
    return None if results.interval is None else results.interval.low


def _high(results: Results) -> float | None:
    return None if results.interval is None else results.interval.high


def _costs(results: Results) -> float:
    trades = results.trades
    return float((trades.fees + trades.slippage + trades.spread_and_impact + trades.funding).sum())


def _hours(results: Results) -> float | None:
    return _mean((results.trades.closed_at - results.trades.opened_at) / HOUR)


TRADE_METRICS = (
    Metric(
        name="net_profit", title="Closed trades net", unit=Unit.MONEY, better=Better.HIGHER,
        formula="sum of gross - fees - funding of the closed trades", edges="0 without a trade", source=ATLAS,
        value_of=lambda results: float(results.trades.net.sum()),
    ),
    Metric(
        name="trades", title="Trades", unit=Unit.COUNT, better=Better.NEITHER,
        formula="closed trades", edges="0 without one", source=ATLAS,
        value_of=lambda results: float(len(results.trades)),
    ),
    Metric(
        name="long_trades", title="Long trades", unit=Unit.COUNT, better=Better.NEITHER,
        formula="closed trades that were long", edges="0 without one", source=ATLAS,
        value_of=lambda results: float((results.trades.sign > 0).sum()),
    ),
    Metric(
        name="short_trades", title="Short trades", unit=Unit.COUNT, better=Better.NEITHER,
        formula="closed trades that were short", edges="0 without one", source=ATLAS,
        value_of=lambda results: float((results.trades.sign < 0).sum()),
    ),
    Metric(
        name="wins", title="Wins", unit=Unit.COUNT, better=Better.NEITHER,
        formula="closed trades with net > 0", edges="0 without one", source=ATLAS,
        value_of=lambda results: float(len(results.trades.wins)),
    ),
    Metric(
        name="losses", title="Losses", unit=Unit.COUNT, better=Better.NEITHER,
        formula="closed trades with net < 0", edges="0 without one", source=ATLAS,
        value_of=lambda results: float(len(results.trades.losses)),
    ),
    Metric(
        name="draws", title="Draws", unit=Unit.COUNT, better=Better.NEITHER,
        formula="closed trades with net = 0", edges="0 without one", source=ATLAS,
        value_of=lambda results: float((results.trades.net == 0).sum()),
    ),
    Metric(
        name="win_rate", title="Win rate", unit=Unit.FRACTION, better=Better.HIGHER,
        formula="wins / (wins + losses + draws)", edges=_NO_TRADE,
        source="draws count, as in freqtrade; jesse leaves them out",
        value_of=lambda results: _share(len(results.trades.wins), len(results.trades)),
    ),
    Metric(
        name="profit_factor", title="Profit factor", unit=Unit.RATIO, better=Better.HIGHER,
        formula="sum of the wins / |sum of the losses|", edges="n/a without a loss, never a number; 0 without a win",
        source=_MONEY, value_of=_profit_factor,
    ),
    Metric(
        name="payoff_ratio", title="Payoff ratio", unit=Unit.RATIO, better=Better.HIGHER,
        formula="average win / |average loss|", edges="n/a without a win or without a loss", source=_MONEY,
        value_of=_payoff,
    ),
    Metric(
        name="expectancy", title="Expectancy per trade", unit=Unit.MONEY, better=Better.HIGHER,
        formula="mean(net)", edges=_NO_TRADE, source=_MONEY, value_of=lambda results: _mean(results.trades.net),
    ),
    Metric(
        name="expectancy_low", title="Expectancy, low end of 95 %", unit=Unit.MONEY, better=Better.HIGHER,
        formula="2.5th percentile of mean(net) over 2,000 bootstrap samples, in blocks where trades overlap",
        edges="n/a below 2 trades; from 1,000 blocks the normal interval",
        source="Efron 1979; Politis and Romano 1992 (circular blocks); the seed is that of the run", value_of=_low,
    ),
    Metric(
        name="expectancy_high", title="Expectancy, high end of 95 %", unit=Unit.MONEY, better=Better.HIGHER,
        formula="97.5th percentile of the same", edges="n/a below 2 trades; from 1,000 blocks the normal interval",
        source="see expectancy_low", value_of=_high,
    ),
    Metric(
        name="expectancy_pct", title="Expectancy, of entry value", unit=Unit.FRACTION, better=Better.HIGHER,
        formula="mean(net / entry value)", edges=_NO_TRADE, source=ATLAS,
        value_of=lambda results: _mean(results.trades.share_of_entry),
    ),
    Metric(
        name="expectancy_r", title="Expectancy in R", unit=Unit.RISK, better=Better.HIGHER,
        formula="mean(R), R = net / money between entry and initial stop",
        edges="n/a without a trade with a stop at entry", source="Tharp 1998",
        value_of=lambda results: _mean(results.trades.multiples),
    ),
    Metric(
        name="average_win", title="Average win", unit=Unit.MONEY, better=Better.HIGHER,
        formula="mean of the wins", edges="n/a without a win", source=_MONEY,
        value_of=lambda results: _mean(results.trades.wins),
    ),
    Metric(
        name="average_loss", title="Average loss", unit=Unit.MONEY, better=Better.HIGHER,
        formula="mean of the losses (below zero)", edges="n/a without a loss", source=_MONEY,
        value_of=lambda results: _mean(results.trades.losses),
    ),
    Metric(
        name="best_trade", title="Best trade", unit=Unit.MONEY, better=Better.NEITHER,
        formula="max(net)", edges=_NO_TRADE, source=ATLAS,
        value_of=lambda results: float(results.trades.net.max()) if len(results.trades) else None,
    ),
    Metric(
        name="worst_trade", title="Worst trade", unit=Unit.MONEY, better=Better.HIGHER,
        formula="min(net)", edges=_NO_TRADE, source=ATLAS,
        value_of=lambda results: float(results.trades.net.min()) if len(results.trades) else None,
    ),
    Metric(
        name="sqn", title="SQN", unit=Unit.RATIO, better=Better.HIGHER,
        formula="sqrt(min(N, 100)) * mean(R) / std(R, ddof 1)", edges=_FEW_TRADES, source="Tharp 2008",
        value_of=lambda results: _sqn(results, metrics.SQN_CAP),
    ),
    Metric(
        name="sqn_uncapped", title="SQN, uncapped", unit=Unit.RATIO, better=Better.HIGHER,
        formula="sqrt(N) * mean(R) / std(R, ddof 1)", edges=_FEW_TRADES, source="Tharp 2008 without the cap at 100",
        value_of=lambda results: _sqn(results, None),
    ),
    Metric(
        name="winning_streak", title="Longest winning streak", unit=Unit.COUNT, better=Better.NEITHER,
        formula="most trades with net > 0 in a row, in the order of closing", edges="0 without one", source=ATLAS,
        value_of=lambda results: float(metrics.longest_run(results.trades.net > 0)),
    ),
    Metric(
        name="losing_streak", title="Longest losing streak", unit=Unit.COUNT, better=Better.LOWER,
        formula="most trades with net < 0 in a row, in the order of closing", edges="0 without one", source=ATLAS,
        value_of=lambda results: float(metrics.longest_run(results.trades.net < 0)),
    ),
    Metric(
        name="average_hours", title="Average holding time", unit=Unit.HOURS, better=Better.NEITHER,
        formula="mean(closed - opened)", edges=_NO_TRADE, source=ATLAS, value_of=_hours,
    ),
    Metric(
        name="fees", title="Fees", unit=Unit.MONEY, better=Better.LOWER,
        formula="sum of the fees of the closed trades", edges="0 without one", source=ATLAS,
        value_of=lambda results: float(results.trades.fees.sum()),
    ),
    Metric(
        name="slippage", title="Slippage", unit=Unit.MONEY, better=Better.LOWER,
        formula="sum of the slippage of the closed trades; it is within their results", edges="0 without one",
        source=ATLAS, value_of=lambda results: float(results.trades.slippage.sum()),
    ),
    Metric(
        name="spread_and_impact", title="Spread and impact", unit=Unit.MONEY, better=Better.LOWER,
        formula="sum of what half of the spread and the size of the orders cost; it is within the results",
        edges="0 without one", source=ATLAS,
        value_of=lambda results: float(results.trades.spread_and_impact.sum()),
    ),
    Metric(
        name="costs", title="Costs in all", unit=Unit.MONEY, better=Better.LOWER,
        formula="fees + spread + slippage + impact + funding of the closed trades", edges="0 without one",
        source=ATLAS, value_of=_costs,
    ),
    Metric(
        name="funding", title="Funding", unit=Unit.MONEY, better=Better.LOWER,
        formula="sum of the funding of the closed trades, paid above 0 and received below", edges="0 without any",
        source=ATLAS, value_of=lambda results: float(results.trades.funding.sum()),
    ),
)  # fmt: skip
