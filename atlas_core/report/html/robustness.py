"""What chance and higher costs would have made of the same trades."""

from __future__ import annotations

from atlas_core.report.distributions import FAN_PATHS, Fan
from atlas_core.report.html import charts
from atlas_core.report.html.charts import Canvas
from atlas_core.report.html.evidence import proved
from atlas_core.report.html.markup import Markup, element, joined
from atlas_core.report.html.material import Material
from atlas_core.report.html.scales import Scale, axis_text
from atlas_core.report.html.tables import facts, heading, numbers, section, table
from atlas_core.report.key_figures import or_not
from atlas_core.report.results import TradeColumns
from atlas_core.report.robustness import SAME_TRADES, chance, cost_sensitivity
from atlas_core.report.writing import money, number, percent


def robustness(material: Material) -> Markup:
    """Return the section of robustness."""
    results = material.report.results
    fans, known = chance(results), proved(material.evidence)
    if not fans:
        text = "Two closed trades are needed before chance can be asked."
        return section("robustness", "Robustness", known, element("p", text, class_="empty"))
    (_, drawn), (_, ordered) = fans
    chart = _fan(drawn, ordered, results.closed_equity.tolist(), results.block)
    return section("robustness", "Robustness", known, chart, _costs(results.trades), _parts(material))


def _fan(made: Fan, ordered: Fan, account: list[float], block: int) -> Markup:
    xs = [float(count) for count in made.counts]
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
            ("The same trades in another order: median drawdown", percent(ordered.drawdown_median, 1)),
            ("The same trades in another order: one in twenty deeper than", percent(ordered.drawdown_95, 1)),
        ]
    )
    together = f", {block} neighbours at a time because trades overlap" if block > 1 else ""
    title = f"{FAN_PATHS:,} accounts with results drawn by chance from these trades{together}"
    return joined(element("h3", title), chart, keys, told)


def _count(value: float, step: float) -> str:
    return axis_text(value, max(step, 1.0))


def _costs(trades: TradeColumns) -> Markup:
    columns = (
        heading("Costs but funding"),
        numbers("Costs"),
        numbers("Net result of closed trades"),
        numbers("Per trade"),
        numbers("Profit factor"),
        numbers("Win rate"),
    )
    rows = [
        [
            f"× {case.factor:g}", _money(-case.costs), _money(case.net), _money(case.expectancy),
            or_not(number(case.profit_factor)), or_not(percent(case.win_rate, 1)),
        ]
        for case in cost_sensitivity(trades)
    ]  # fmt: skip
    title = element("h3", "If costs were higher: recomputed on the list of trades")
    return joined(title, table(columns, rows), element("p", SAME_TRADES, class_="small"))


def _parts(material: Material) -> Markup:
    """Return the costs by their parts, which add up to all of them."""
    costs, count = material.report.figures.costs, material.report.figures.trades.count
    rows = [[name.capitalize(), money(part), money(part / count)] for name, part in costs.parts.items() if part]
    columns = (heading("Part"), numbers("Paid or lost"), numbers("Per trade"))
    total = ["all", money(costs.total), money(costs.total / count)]
    return joined(element("h3", "Where the costs come from"), table(columns, rows, footer=total))


def _money(value: float | None) -> str:
    return or_not(number(value, sign=True))
