"""The key figures of a run as words: the account beside buy and hold, its trades, and the terms of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from atlas_core.report.catalogue import metric_named, metric_values
from atlas_core.report.writing import NOT_THERE, NOTHING, money, number, percent, signed

if TYPE_CHECKING:
    from atlas_core.report.metric import Metric
    from atlas_core.report.metrics import TradeFigures
    from atlas_core.report.summary import KeyFigures, Report

Values = Mapping[str, float | None]
SIGNED = frozenset({"total_return", "cagr"})
NO_LOSSES = f"{NOT_THERE} (no losses)"
ACCOUNT = {
    "total_return": "Net return", "cagr": "CAGR", "volatility": "Volatility (ann.)", "sharpe": "Sharpe (ann.)",
    "sortino": "Sortino (ann.)", "calmar": "Calmar", "max_drawdown": "Max drawdown, daily",
    "max_drawdown_days": "Longest under water", "time_in_market": "Time in market", "exposure": "Average exposure",
    "turnover": "Turnover (ann.)",
}  # fmt: skip
TRADED_ONLY = frozenset({"time_in_market", "turnover"})


def account_of(report: Report) -> list[list[str]]:
    """Return the rows of the account of a run; see `account_rows`."""
    held = None if report.benchmark is None else metric_values(report.benchmark, tuple(ACCOUNT))
    return account_rows(metric_values(report.results), held)


def account_rows(values: Values, held: Values | None) -> list[list[str]]:
    """Return the rows of the account: a head, then the strategy beside buy and hold where that is known."""
    head = ["", "Strategy", *([] if held is None else ["Buy & hold"])]
    rows = [head]
    for name, title in ACCOUNT.items():
        metric = metric_named(name)
        row = [title, _written(metric, values[name])]
        if held is not None:
            row.append("" if name in TRADED_ONLY else _written(metric, held[name]))
        rows.append(row)
    return rows


def _written(metric: Metric, value: float | None) -> str:
    if metric.name == "max_drawdown":
        return percent(0.0 if not value else -value)
    if metric.name == "max_drawdown_days":
        return NOT_THERE if value is None else f"{value:,.0f} d"
    if metric.name in SIGNED and value is not None:
        return percent(value, sign=True)
    return metric.written(value)


def trade_pairs(figures: KeyFigures, values: Values) -> list[list[str]]:
    """Return the figures of the trades as names and values."""
    trades, interval = figures.trades, figures.interval
    of_entry, costs = values["expectancy_pct"], figures.costs
    each = [number(figures.expectancy_r, sign=True), percent(of_entry, sign=True)]
    return [
        ["Equity", money(figures.equity)],
        ["Closed trades net", signed(figures.net)],
        ["Open P&L and costs", signed(figures.equity - figures.starting_cash - figures.net)],
        ["Trades (long / short)", f"{trades.count:,} ({figures.long_trades:,} / {figures.short_trades:,})"],
        ["Win rate (won / lost / flat)", _win_rate(trades)],
        ["Profit factor", profit_factor(trades)],
        ["Expectancy per trade", or_not(signed(trades.expectancy))],
        ["  95 % interval", NOT_THERE if interval is None else f"{interval.low:+,.2f} to {interval.high:+,.2f}"],
        ["  in R / of the entry value", " / ".join(map(or_not, each))],
        ["Average win / loss", f"{or_not(signed(trades.average_win))} / {or_not(signed(trades.average_loss))}"],
        ["SQN (at most 100 trades)", or_not(number(figures.sqn))],
        ["Streaks won / lost", f"{values['winning_streak']:.0f} / {values['losing_streak']:.0f}"],
        ["Max drawdown, closed trades", percent(-figures.closed_drawdown.depth)],
        ["Fees / funding", f"{money(figures.fees)} / {money(figures.funding)}"],
        ["Spread / slippage / impact", " / ".join(map(money, (costs.spread, costs.slippage, costs.impact)))],
        ["Costs in all", money(costs.total)],
    ]


def or_not(text: str) -> str:
    """Return the text, or n/a where it says that there is nothing."""
    return NOT_THERE if text == NOTHING else text


def _win_rate(trades: TradeFigures) -> str:
    rate = or_not(percent(trades.win_rate, 1))
    return f"{rate} ({trades.wins:,} / {trades.losses:,} / {trades.flats:,})"


def profit_factor(trades: TradeFigures) -> str:
    """Return winnings over losses, or why there is none."""
    if trades.profit_factor is None:
        return NO_LOSSES if trades.count else NOT_THERE
    return number(float(trades.profit_factor))


def terms_of(report: Report) -> tuple[str, ...]:
    """Return what the figures of a run were computed on, a part each."""
    figures, started = report.figures, report.started
    return (
        f"N {figures.returns:,} daily returns",
        f"T {figures.periods} days a year",
        f"risk-free rate {percent(figures.risk_free, 1)}",
        f"costs: {started.cost_model or 'those of the venue'}",
        f"fills: {started.fill_model or 'those of the venue'}",
    )


def headline(report: Report) -> list[tuple[str, str]]:
    """Return the six figures that everybody looks for first."""
    figures = report.figures
    return [
        ("Net return", or_not(percent(figures.total_return, sign=True))),
        ("Max drawdown", percent(-figures.drawdown.depth)),
        ("Sharpe (ann.)", or_not(number(figures.sharpe))),
        ("Profit factor", profit_factor(figures.trades).removesuffix(" (no losses)")),
        ("Win rate", or_not(percent(figures.trades.win_rate, 1))),
        ("Trades", f"{figures.trades.count:,}"),
    ]
