"""How the trades are spread, and what they earned by what they share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from atlas_core.model.timeframe import HOUR
from atlas_core.report.catalogue import metric_values
from atlas_core.report.distributions import Bin, histogram, last_streak
from atlas_core.report.groups import Group
from atlas_core.report.html import charts
from atlas_core.report.html.charts import Bar, Canvas
from atlas_core.report.html.markup import Markup, element, joined
from atlas_core.report.html.material import Material
from atlas_core.report.html.scales import Scale, axis_text
from atlas_core.report.html.tables import facts, heading, numbers, section, table
from atlas_core.report.trades import TradeRow
from atlas_core.report.writing import NOT_THERE, held, number, signed

MOST_DOTS = 600
MOST_GROUPS = 30


def statistics(material: Material) -> Markup:
    """Return the section of trade statistics."""
    trades = material.report.trades
    if not trades:
        return section("statistics", "Trade statistics", element("p", "No trade was closed.", class_="empty"))
    return section("statistics", "Trade statistics", _spreads(trades), _runs(material), _groups(material))


def _spreads(trades: Sequence[TradeRow]) -> Markup:
    multiples = [trade.r_multiple for trade in trades if trade.r_multiple is not None]
    blocks = [
        ("Net result of a trade", _counts(histogram([float(trade.net) for trade in trades]), "Results", axis_text)),
        ("Result in multiples of the risk", _counts(histogram(multiples), "Multiples of R", _in_r)),
        ("Holding time, hours", _counts(histogram([trade.held / HOUR for trade in trades]), "Holding time", axis_text)),
        ("Furthest against and furthest for, in R", _excursions(trades)),
    ]
    return element(
        "div",
        [element("div", element("h3", title), chart or element("p", "No trade has the figure.", class_="empty"))
         for title, chart in blocks],
        class_="pair",
    )  # fmt: skip


def _in_r(value: float, step: float) -> str:
    return f"{axis_text(value, step)} R"


def _counts(bins: Sequence[Bin], title: str, form: Callable[[float, float], str]) -> Markup | None:
    if not bins:
        return None
    width = bins[0].high - bins[0].low
    x = Scale(bins[0].low, bins[-1].high)
    canvas = Canvas(x=x, y=Scale.over([entry.count for entry in bins], zero=True), height=190)
    rows = [
        Bar("", entry.count, f"{form(entry.low, width)} to {form(entry.high, width)}: {entry.count:,} trades",
            "up" if entry.low >= 0 else "down")
        for entry in bins
    ]  # fmt: skip
    shapes = charts.bar_shapes(canvas, rows)
    return charts.figure(canvas, title, shapes, charts.x_values(canvas, form))


def _excursions(trades: Sequence[TradeRow]) -> Markup | None:
    """Return each trade as a dot: how far it went against us along x, how far for us upwards."""
    dots = [(abs(trade.mae_r), trade.mfe_r, trade) for trade in trades
            if trade.mae_r is not None and trade.mfe_r is not None]  # fmt: skip
    if not dots:
        return None
    shown = dots[-MOST_DOTS:]
    x = Scale.over([against for against, _, _ in shown], zero=True)
    canvas = Canvas(x=x, y=Scale.over([best for _, best, _ in shown], zero=True), height=190, y_text=_in_r)
    shapes = [
        element(
            "circle",
            element("title", f"trade {trade.trade_id}: against {against:.2f} R, for {best:.2f} R, {signed(trade.net)}"),
            cx=canvas.along(against), cy=canvas.down(best), r=3, class_="up" if trade.net > 0 else "down",
        )
        for against, best, trade in shown
    ]  # fmt: skip
    return charts.figure(canvas, "Furthest against and for", joined(shapes), charts.x_values(canvas, _in_r))


def _runs(material: Material) -> Markup:
    trades = material.report.trades
    values = metric_values(material.report.results, ("winning_streak", "losing_streak"))
    last = last_streak([float(trade.net) for trade in trades])
    times = sorted(trade.held for trade in trades)
    return facts(
        [
            ("Longest streak won", f"{values['winning_streak'] or 0:,.0f}"),
            ("Longest streak lost", f"{values['losing_streak'] or 0:,.0f}"),
            ("Streak at the end", f"{abs(last)} {'won' if last > 0 else 'lost'}" if last else "none"),
            ("Held, median", held(times[len(times) // 2])),
            ("Held, longest", held(times[-1])),
            ("In an unclear order inside a bar", f"{sum(trade.ambiguous for trade in trades):,}"),
        ]
    )


def _groups(material: Material) -> Markup:
    report = material.report
    blocks = [
        ("Setup", report.by_setup), ("Timeframe", report.by_timeframe), ("Symbol", report.by_symbol),
        ("Exit", report.by_exit), ("Side", report.by_side),
    ]  # fmt: skip
    return joined([_group_table(title, groups, report.total) for title, groups in blocks])


def _group_table(title: str, groups: Sequence[Group], total: Group) -> Markup:
    columns = (
        heading(title), numbers("Trades"), numbers("Win %"), numbers("Net P&L"), numbers("Profit factor"),
        numbers("Each"), numbers("R each"), numbers("MAE R"), numbers("MFE R"),
    )  # fmt: skip
    rows = [_group_cells(group) for group in groups[:MOST_GROUPS]]
    more = len(groups) - len(rows)
    note = element("p", f"{more:,} smaller groups are not shown.", class_="small") if more else None
    return joined(element("h3", f"By {title.lower()}"), table(columns, rows, footer=_group_cells(total)), note)


def _group_cells(group: Group) -> list[str]:
    trades = group.figures
    factor = NOT_THERE if trades.profit_factor is None else number(float(trades.profit_factor))
    rate = NOT_THERE if trades.win_rate is None else number(trades.win_rate * 100, 1)
    each = NOT_THERE if trades.expectancy is None else signed(trades.expectancy)
    means = (NOT_THERE if value is None else number(value, sign=True)
             for value in (group.expectancy_r, group.mae_r, group.mfe_r))  # fmt: skip
    return [group.name, f"{trades.count:,}", rate, signed(trades.net), factor, each, *means]
