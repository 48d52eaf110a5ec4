"""The account over time: equity, how far it was under water, and its worst drawdowns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from atlas_core.model.timeframe import DAY
from atlas_core.report.equity import Drawdown, EquityPoint
from atlas_core.report.html import charts
from atlas_core.report.html.charts import Canvas
from atlas_core.report.html.markup import Markup, element, joined, percentage
from atlas_core.report.html.material import Material
from atlas_core.report.html.scales import Scale, axis_text
from atlas_core.report.html.tables import heading, numbers, section, table
from atlas_core.report.periods import drawdowns, marked_on
from atlas_core.report.writing import NOT_THERE, percent


def account(material: Material) -> Markup:
    """Return the section of the equity curve."""
    curve = material.report.curve
    if len(curve) < 2:
        return section("account", "Account", element("p", "No day of this run was marked.", class_="empty"))
    falls = drawdowns(curve)
    return section("account", "Account", _equity(material, falls), _underwater(material), _falls(falls, curve))


def _equity(material: Material, falls: tuple[Drawdown, ...]) -> Markup:
    """Return the curve twice, linear and logarithmic; two buttons that need no script choose."""
    held = material.report.benchmark
    lowest = min(float(point.equity) for point in material.report.curve)
    can_log = min(lowest, np.inf if held is None else float(held.equity.min())) > 0
    choices = [("linear", "Linear")] + ([("log", "Logarithmic")] if can_log else [])
    buttons = [
        joined(
            element("input", type="radio", name="scale", id=f"scale-{name}", checked=index == 0),
            element("label", text, for_=f"scale-{name}"),
        )
        for index, (name, text) in enumerate(choices)
    ]
    views = [
        element("div", _curve(material, falls, is_log=name == "log"), class_=f"view {name}") for name, _ in choices
    ]
    named = [("equity", "Account, marked at the end of each day"), ("fall", "its worst drawdowns")]
    named += [] if held is None else [("bench", "buy and hold of the same symbols")]
    keys = charts.legend(*named)
    return element("div", buttons if can_log else None, views, keys, class_="switch")


def _curve(material: Material, falls: tuple[Drawdown, ...], *, is_log: bool) -> Markup:
    curve = material.report.curve
    xs, ys = [float(point.ts) for point in curve], [float(point.equity) for point in curve]
    held = material.report.benchmark
    bench = [] if held is None else held.equity.tolist()
    canvas = Canvas(x=Scale(xs[0], xs[-1]), y=Scale.over([*ys, *bench], is_log=is_log), height=300)
    shades = [_shade(canvas, fall, curve) for fall in falls]
    start = element("line", x1="0", x2="100%", y1=canvas.down(ys[0]), y2=canvas.down(ys[0]), class_="start")
    other = joined() if held is None else charts.line(canvas, [float(ts) for ts in held.marked_at], bench, "bench")
    shapes = charts.stretched(canvas, other, charts.line(canvas, xs, ys, "equity"))
    return charts.figure(canvas, "Equity over time", joined(shades), start, shapes, charts.x_times(canvas))


def _shade(canvas: Canvas, fall: Drawdown, curve: Sequence[EquityPoint]) -> Markup:
    end = float(curve[-1].ts)
    first, last = canvas.x.share(float(fall.peak_at or 0)), canvas.x.share(float(fall.recovered_at or end))
    note = f"{percent(-fall.depth)} from {_day(fall.peak_at, curve)} to {_day(fall.trough_at, curve)}"
    return element("rect", element("title", note), x=percentage(first), width=percentage(last - first), y=canvas.top,
                   height=canvas.floor - canvas.top, class_="fall")  # fmt: skip


def _underwater(material: Material) -> Markup:
    results = material.report.results
    xs, ys = [float(ts) for ts in results.marked_at], results.underwater.tolist()
    canvas = Canvas(x=Scale(xs[0], xs[-1]), y=Scale.over(ys, zero=True), height=150, y_text=_in_percent)
    shape = charts.stretched(canvas, charts.area(canvas, xs, ys, "under"), charts.line(canvas, xs, ys, "under"))
    return joined(
        element("h3", "Below the last peak"), charts.figure(canvas, "Drawdown over time", shape, charts.x_times(canvas))
    )


def _in_percent(value: float, step: float) -> str:
    return f"{axis_text(value * 100, step * 100)} %"


def _falls(falls: tuple[Drawdown, ...], curve: Sequence[EquityPoint]) -> Markup:
    columns = (
        numbers("#"), numbers("Depth"), heading("Peak"), heading("Lowest"), heading("Recovered"),
        numbers("Days to lowest"), numbers("Days to recovery"),
    )  # fmt: skip
    rows = [
        [
            str(index), percent(-fall.depth), _day(fall.peak_at, curve), _day(fall.trough_at, curve),
            _day(fall.recovered_at, curve) if fall.recovered_at else "not yet", _days(fall.peak_at, fall.trough_at),
            _days(fall.peak_at, fall.recovered_at),
        ]
        for index, fall in enumerate(falls, start=1)
    ]  # fmt: skip
    if not rows:
        return element("p", "The account was never below an earlier peak at the end of a day.", class_="empty")
    return joined(element("h3", "Worst drawdowns"), table(columns, rows))


def _day(ts: int | None, curve: Sequence[EquityPoint]) -> str:
    return NOT_THERE if ts is None else marked_on(ts, curve)


def _days(start: int | None, end: int | None) -> str:
    return NOT_THERE if start is None or end is None else f"{(end - start) / DAY:,.1f}"
