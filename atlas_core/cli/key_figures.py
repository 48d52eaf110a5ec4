"""The key figures of a run: the account beside buy and hold, its trades, and the terms that they were computed on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from atlas_core.cli.formats import money, number, percent, signed
from atlas_core.cli.tables import Column, columns_of, print_beside, print_table, say, say_parts, say_wrapped
from atlas_core.report.writing import NOT_THERE, NOTHING

if TYPE_CHECKING:
    from atlas_core.report.metric import Metric
    from atlas_core.report.metrics import TradeFigures
    from atlas_core.report.results import Results
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
PEER = (Column("Theirs"), Column("Value", numeric=True), Column("Atlas", numeric=True), Column("Their formula", drop=1))


def print_key_figures(report: Report) -> None:
    """Print the account and its trades side by side where the terminal has room, else one below the other."""
    from atlas_core.report.catalogue import metric_values

    values = metric_values(report.results)
    held = None if report.benchmark is None else metric_values(report.benchmark, tuple(ACCOUNT))
    account, trades = account_rows(values, held), [["", ""], *trade_pairs(report.figures, values)]
    print_beside("Key figures", columns_of(account), columns_of(trades))
    print_terms(report)
    say()


def account_rows(values: Values, held: Values | None) -> list[list[str]]:
    """Return the rows of the account: a head, then the strategy beside buy and hold where that is known."""
    from atlas_core.report.catalogue import metric_named

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
    of_entry = values["expectancy_pct"]
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
        ["Fees / slippage / funding", " / ".join(map(money, (figures.fees, figures.slippage, figures.funding)))],
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


def print_terms(report: Report) -> None:
    """Print what the figures were computed on: returns, year, rate, and the models of costs and fills."""
    say_parts("  " + " · ".join(terms_of(report)), indent=2)


def terms_of(report: Report) -> tuple[str, ...]:
    """Return what the figures of a run were computed on, a part each."""
    figures, started = report.figures, report.started
    return (
        f"N {figures.returns} daily returns",
        f"T {figures.periods} days a year",
        f"risk-free rate {percent(figures.risk_free, 1)}",
        f"costs: {started.cost_model or 'those of the venue'}",
        f"fills: {started.fill_model or 'those of the venue'}",
    )


def print_peers(report: Report, peers: Sequence[str]) -> None:
    """Print what other systems would have reported, beside what Atlas says under the same name."""
    from atlas_core.report.catalogue import METRICS, metric_values

    own = {metric.name: metric for metric in METRICS}
    values = metric_values(report.results) if peers else {}
    for peer in peers:
        rows = peer_rows(report.results, peer, own, values)
        print_table(f"{peer} would have reported, by its own definitions", PEER, rows)
        say_wrapped("Note   from Atlas's trades and daily marks; what stands in for no number is theirs too", indent=7)
        print_terms(report)
        say()


def peer_rows(results: Results, peer: str, own: Mapping[str, Metric], values: Values) -> list[list[str]]:
    """Return the cells of another system's figures in the order of `PEER`."""
    from atlas_core.report.peers import peer_figures

    made = peer_figures(results, peer)
    return [
        [
            metric.title,
            metric.written(made.values[metric.name]),
            own[metric.name].written(values[metric.name]) if metric.name in own else "",
            metric.formula,
        ]
        for metric in made.metrics
    ]
