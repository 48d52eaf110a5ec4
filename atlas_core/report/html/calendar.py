"""The result by month, year, weekday and hour, and what rolls along: Sharpe and exposure."""

from __future__ import annotations

from collections.abc import Sequence

from atlas_core.report.groups import GROUPINGS, Group, grouped
from atlas_core.report.html import charts
from atlas_core.report.html.charts import Bar, Canvas
from atlas_core.report.html.markup import Child, Markup, element, joined
from atlas_core.report.html.material import Material
from atlas_core.report.html.scales import Scale, axis_text
from atlas_core.report.html.tables import boxed, section
from atlas_core.report.periods import (
    ROLLING_DAYS,
    PeriodReturn,
    monthly_returns,
    rolling_sharpe,
    yearly_returns,
)
from atlas_core.report.writing import number, percent, signed

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SHADES = 5


def calendar(material: Material) -> Markup:
    """Return the section of results by time."""
    curve, trades = material.report.curve, material.report.trades
    months, years = monthly_returns(curve), yearly_returns(curve)
    pairs = [
        ("By weekday of entry (UTC)", _group_bars(grouped(trades, GROUPINGS["weekday"]), "Net result by weekday", 3)),
        ("By hour of entry (UTC)", _group_bars(grouped(trades, GROUPINGS["hour"]), "Net result by hour", 2)),
    ]
    blocks = [element("div", element("h3", title), chart) for title, chart in pairs if trades]
    return section(
        "calendar", "By time", _heat_map(months, years), _year_bars(years),
        element("div", blocks, class_="pair") if blocks else None, _rolling(material), _exposure(material),
    )  # fmt: skip


def _heat_map(months: Sequence[PeriodReturn], years: Sequence[PeriodReturn]) -> Markup:
    if not months:
        return element("p", "No day of this run was marked.", class_="empty")
    largest = max(abs(month.value) for month in months)
    by_month = {(month.year, month.month): month.value for month in months}
    head = element("tr", element("th", "Year", scope="col"), [element("th", name, scope="col") for name in _MONTHS],
                   element("th", "Year", scope="col"))  # fmt: skip
    rows = [
        element(
            "tr", element("th", str(year.year), scope="row"),
            [_cell(by_month.get((year.year, month)), largest) for month in range(1, 13)],
            element("td", percent(year.value, 1, sign=True), class_="sum"),
        )
        for year in years
    ]  # fmt: skip
    body = element("table", element("thead", head), element("tbody", rows), class_="heat")
    return joined(element("h3", "Monthly return, in %"), boxed(body))


def _cell(value: float | None, largest: float) -> Markup:
    if value is None:
        return element("td")
    shade = max(1, round(abs(value) / largest * _SHADES)) if largest and value else 0
    return element("td", number(value * 100, 1, sign=True), class_=f"{'p' if value > 0 else 'n'}{shade}")


def _year_bars(years: Sequence[PeriodReturn]) -> Markup | None:
    if len(years) < 2:
        return None
    rows = [Bar(str(y.year), y.value, f"{y.year}: {percent(y.value, sign=True)}") for y in years]
    return joined(element("h3", "Yearly return"), charts.bars(rows, "Return by year", y_text=_in_percent))


def _group_bars(groups: Sequence[Group], title: str, letters: int) -> Markup:
    rows = [
        Bar(
            group.name[:letters], float(group.net), f"{group.name}: {signed(group.net)} in {group.figures.count} trades"
        )
        for group in groups
    ]
    return charts.bars(rows, title)


def _in_percent(value: float, step: float) -> str:
    return f"{axis_text(value * 100, step * 100)} %"


def _rolling(material: Material) -> Markup:
    points = rolling_sharpe(material.report.curve, material.report.figures.periods)
    title = element("h3", f"Sharpe ratio of the last {ROLLING_DAYS} days")
    if len(points) < 2:
        return joined(title, element("p", f"Shown from {ROLLING_DAYS + 1} daily returns on.", class_="empty"))
    return joined(title, _line(points, "Rolling Sharpe ratio", "rolling", axis_text))


def _exposure(material: Material) -> Markup | None:
    results = material.report.results
    rows = zip(results.marked_at[1:].tolist(), results.exposure[1:], results.equity[1:], strict=True)
    points = [(ts, float(exposure / equity)) for ts, exposure, equity in rows if equity > 0]
    if len(points) < 2 or not any(value for _, value in points):
        return None
    title = element("h3", "Exposure at the marks, as a multiple of the account")
    return joined(title, _line(points, "Exposure over time", "exposure", _times))


def _times(value: float, step: float) -> str:
    return f"{axis_text(value, step)}×"


def _line(points: Sequence[tuple[int, float]], title: str, name: str, y_text: object) -> Markup:
    xs, ys = [float(ts) for ts, _ in points], [value for _, value in points]
    canvas = Canvas(x=Scale(xs[0], xs[-1]), y=Scale.over(ys, zero=True), height=160, y_text=y_text)  # type: ignore[arg-type]
    shapes: list[Child] = [charts.area(canvas, xs, ys, name), charts.line(canvas, xs, ys, name)]
    return charts.figure(canvas, title, charts.stretched(canvas, joined(shapes)), charts.x_times(canvas))
