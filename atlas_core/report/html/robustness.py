"""What chance and higher costs would have made of the same trades."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from atlas_core.report.distributions import FAN_PATHS, Fan, fan
from atlas_core.report.html import charts
from atlas_core.report.html.charts import Canvas
from atlas_core.report.html.markup import Markup, element, joined
from atlas_core.report.html.material import Material
from atlas_core.report.html.scales import Scale, axis_text
from atlas_core.report.html.tables import facts, heading, numbers, section, table
from atlas_core.report.writing import percent, signed

COST_FACTORS = (0, 1, 2, 3)


def robustness(material: Material) -> Markup:
    """Return the section of robustness."""
    trades = material.report.trades
    figures = material.report.figures
    results = [float(trade.net) for trade in trades]
    made = fan(results, float(figures.starting_cash), np.random.default_rng(material.report.started.seed))
    if made is None:
        text = "Two closed trades are needed before chance can be asked."
        return section("robustness", "Robustness", element("p", text, class_="empty"))
    return section("robustness", "Robustness", _fan(made, results, float(figures.starting_cash)), _costs(material))


def _fan(made: Fan, results: list[float], start: float) -> Markup:
    xs = [float(count) for count in made.counts]
    account = np.concatenate(((start,), start + np.cumsum(results)))
    actual = [float(account[count]) for count in made.counts]
    canvas = Canvas(x=Scale(0.0, xs[-1]), y=Scale.over([*actual, *made.paths[0], *made.paths[-1]]), height=260)
    lowest, lower, middle, upper, highest = made.paths
    shapes = charts.stretched(
        canvas, charts.band(canvas, xs, lowest, highest, "outer"), charts.band(canvas, xs, lower, upper, "inner"),
        charts.line(canvas, xs, middle, "middle"), charts.line(canvas, xs, actual, "equity"),
    )  # fmt: skip
    chart = charts.figure(canvas, "What chance makes of the trades", shapes, charts.x_values(canvas, _count))
    keys = charts.legend(
        ("equity", "as it was"),
        ("middle", "median"),
        ("inner", "half of all"),
        ("outer", "nine of ten"),
    )
    told = facts(
        [
            ("End below the start", percent(made.worse_than_start, 1)),
            ("Drawdown of closed trades, median", percent(made.drawdown_median, 1)),
            ("Drawdown of closed trades, one in twenty deeper than", percent(made.drawdown_95, 1)),
        ]
    )
    title = f"{FAN_PATHS:,} accounts with results drawn by chance from these trades"
    return joined(element("h3", title), chart, keys, told)


def _count(value: float, step: float) -> str:
    return axis_text(value, max(step, 1.0))


def _costs(material: Material) -> Markup:
    figures = material.report.figures
    costs = figures.fees + figures.slippage
    columns = (
        heading("Fees and slippage"),
        numbers("Costs"),
        numbers("Net result of closed trades"),
        numbers("Per trade"),
    )
    rows = []
    for factor in COST_FACTORS:
        net = figures.net - costs * (factor - 1)
        rows.append([f"× {factor}", signed(-costs * factor), signed(net), signed(net / Decimal(figures.trades.count))])
    text = "The same trades at the same sizes; with higher costs some would not have been made."
    return joined(element("h3", "If costs were higher"), table(columns, rows), element("p", text, class_="small"))
