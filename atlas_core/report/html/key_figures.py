"""Key figures: six large ones, then all of them."""

from __future__ import annotations

from atlas_core.report.html.markup import Markup, element
from atlas_core.report.html.material import Material
from atlas_core.report.html.tables import heading, numbers, section, table, tone
from atlas_core.report.summary import KeyFigures
from atlas_core.report.writing import NOT_THERE, NOTHING, money, number, percent, signed

Pair = tuple[str, str]


def key_figures(material: Material) -> Markup:
    """Return the section of key figures."""
    figures = material.report.figures
    groups = element("div", [_group(title, rows) for title, rows in grouped_pairs(figures)], class_="columns")
    terms = (
        f"{figures.returns} daily returns, {figures.periods} days a year, "
        f"risk-free rate {percent(figures.risk_free, 1)}. {NOT_THERE}: the figure does not exist for this run."
    )
    return section("figures", "Key figures", tiles(figures), groups, element("p", terms, class_="small"))


def tiles(figures: KeyFigures) -> Markup:
    """Return the six figures that everybody looks for first."""
    return element("div", [_tile(name, value) for name, value in headline(figures)], class_="tiles")


def headline(figures: KeyFigures) -> list[Pair]:
    """Return the six figures of tiles and cards."""
    return [
        ("Net return", _or(percent(figures.total_return, sign=True))),
        ("Max drawdown", percent(-figures.drawdown.depth)),
        ("Sharpe", _or(number(figures.sharpe))),
        ("Profit factor", _or(number(_float(figures.trades.profit_factor)))),
        ("Win rate", _or(percent(figures.trades.win_rate, 1))),
        ("Trades", f"{figures.trades.count:,}"),
    ]


def _tile(name: str, value: str) -> Markup:
    return element("div", element("span", name), element("b", value, class_=tone(value)), class_="tile")


def _group(title: str, rows: list[Pair]) -> Markup:
    return table([heading(title), numbers("")], rows)


def grouped_pairs(figures: KeyFigures) -> list[tuple[str, list[Pair]]]:
    """Return all key figures by what they tell of."""
    trades = figures.trades
    return [
        ("Return", [
            ("Net return", _or(percent(figures.total_return, sign=True))),
            ("Equity at the end", money(figures.equity)),
            ("Closed trades, net", signed(figures.net)),
            ("Open P&L and costs", signed(figures.equity - figures.starting_cash - figures.net)),
            ("CAGR", _or(percent(figures.cagr, sign=True))),
        ]),
        ("Risk", [
            ("Max drawdown, daily marks", percent(-figures.drawdown.depth)),
            ("Max drawdown, closed trades", percent(-figures.closed_drawdown.depth)),
            ("Volatility a year", _or(percent(figures.volatility, 1))),
            ("Sharpe", _or(number(figures.sharpe))),
            ("Sortino", _or(number(figures.sortino))),
            ("Calmar", _or(number(figures.calmar))),
        ]),
        ("Trades", [
            ("Closed (long / short)", f"{trades.count:,} ({figures.long_trades:,} / {figures.short_trades:,})"),
            ("Won / lost / flat", f"{trades.wins:,} / {trades.losses:,} / {trades.flats:,}"),
            ("Win rate", _or(percent(trades.win_rate, 1))),
            ("Profit factor", _or(number(_float(trades.profit_factor)))),
            ("Average win / loss", f"{_or(signed(trades.average_win))} / {_or(signed(trades.average_loss))}"),
            ("Payoff ratio", _or(number(_float(trades.payoff_ratio)))),
        ]),
        ("Edge", [
            ("Expectancy per trade", _or(signed(trades.expectancy))),
            ("95 % interval", _interval(figures)),
            ("Expectancy in R", _or(number(figures.expectancy_r, sign=True))),
            ("SQN", _or(number(figures.sqn))),
        ]),
        ("Costs", [
            ("Fees", money(figures.fees)),
            ("Slippage, within the results", money(figures.slippage)),
            ("Funding", money(figures.funding)),
        ]),
    ]  # fmt: skip


def _interval(figures: KeyFigures) -> str:
    interval = figures.interval
    return NOT_THERE if interval is None else f"{interval.low:+,.2f} to {interval.high:+,.2f}"


def _float(value: object) -> float | None:
    return None if value is None else float(str(value))


def _or(text: str) -> str:
    return NOT_THERE if text == NOTHING else text
