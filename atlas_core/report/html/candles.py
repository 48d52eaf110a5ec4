"""Candles as SVG: one symbol over the whole run, thinned, and a window around one trade."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import frozen

from atlas_core.model.bars import Bars
from atlas_core.model.timeframe import DAY, HOUR, MINUTE
from atlas_core.report.html import charts
from atlas_core.report.html.charts import ACROSS, Canvas
from atlas_core.report.html.markup import Child, Markup, element, joined, short
from atlas_core.report.html.scales import Scale, decimals_of
from atlas_core.report.trades import TradeRow
from atlas_core.report.writing import number, price, signed, when

OVERVIEW_CANDLES = 220
WINDOW_CANDLES = 48
MOST_MARKERS = 90
_SPANS = (
    MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY,
    30 * DAY, 90 * DAY,
)  # fmt: skip


@frozen
class Candles:
    """Columns of candles that may each span many bars; times are nanoseconds UTC."""

    begins: Sequence[int]
    ends: Sequence[int]
    open: Sequence[float]
    high: Sequence[float]
    low: Sequence[float]
    close: Sequence[float]

    def __len__(self) -> int:
        return len(self.begins)


def thinned_candles(bars: Bars, first: int, last: int, most: int) -> Candles:
    """Return the bars in a span of time as at most `most` candles of one length."""
    low, high = np.searchsorted(bars.opened_at, (first, last))
    if low >= high:
        return Candles((), (), (), (), (), ())
    opened = bars.opened_at[low:high]
    span = _span(int(opened[0]), int(opened[-1]), most, int(bars.available_at[low] - opened[0]))
    starts = np.flatnonzero(np.diff(opened // span, prepend=-1))
    ends = np.append(starts[1:], high - low) - 1
    window = slice(int(low), int(high))
    return Candles(
        begins=opened[starts].tolist(),
        ends=bars.available_at[window][ends].tolist(),
        open=bars.open[window][starts].tolist(),
        high=np.maximum.reduceat(bars.high[window], starts).tolist(),
        low=np.minimum.reduceat(bars.low[window], starts).tolist(),
        close=bars.close[window][ends].tolist(),
    )


def _span(first: int, last: int, most: int, own: int) -> int:
    """Return the length of a candle: a round one, so that at most `most` of them cover the time."""
    if (last - first) // own < most:
        return own
    return next((span for span in _SPANS if span >= own and (last - first) / span < most), -(-(last - first) // most))


def overview(bars: Bars, trades: Sequence[TradeRow], linked: frozenset[int]) -> Markup | None:
    """Return a symbol over the run with its trades on it; markers lead to rows that are `linked`."""
    candles = thinned_candles(bars, int(bars.opened_at[0]), int(bars.available_at[-1]), OVERVIEW_CANDLES)
    if not len(candles):
        return None
    shown = spread(trades, MOST_MARKERS)
    prices = [*candles.high, *candles.low]
    canvas = Canvas(
        x=Scale(float(candles.begins[0]), float(candles.ends[-1])), y=Scale.over(prices), height=280, y_text=_price
    )
    markers = [_entry_and_exit(canvas, row, is_linked=row.trade_id in linked) for row in shown]
    return charts.figure(
        canvas, f"{bars.symbol} with its trades", charts.stretched(canvas, _shapes(canvas, candles)),
        joined(markers), charts.x_times(canvas),
    )  # fmt: skip


def spread(trades: Sequence[TradeRow], most: int) -> list[TradeRow]:
    """Return at most `most` trades: of each stretch of the run the one with the largest result in R."""
    rows = sorted(trades, key=lambda row: row.opened_at)
    if len(rows) <= most:
        return rows
    parts = np.array_split(np.arange(len(rows)), most)
    return [max((rows[index] for index in part), key=lambda row: (abs(row.r_multiple or 0.0), abs(row.net)))
            for part in parts]  # fmt: skip


def window(bars: Bars, row: TradeRow) -> Markup | None:
    """Return the bars around one trade with its entry, stop, target and exit; None where there are no bars."""
    around = max(row.held, 12 * int(bars.timeframe.duration)) * 2 // 3
    first, last = row.opened_at - around, row.closed_at + around
    candles = thinned_candles(bars, first, last, WINDOW_CANDLES)
    if len(candles) < 2:
        return None
    levels = [float(level) for level in (row.stop, row.target, row.entry_price, row.exit_price) if level is not None]
    canvas = Canvas(
        x=Scale(float(candles.begins[0]), float(candles.ends[-1])),
        y=Scale.over([*candles.high, *candles.low, *levels]), height=200, y_text=_price,
    )  # fmt: skip
    return charts.figure(
        canvas, f"{row.symbol} around trade {row.trade_id}", charts.stretched(canvas, _shapes(canvas, candles)),
        _levels(canvas, row), _entry_and_exit(canvas, row, is_linked=False), charts.x_times(canvas),
    )  # fmt: skip


def _price(value: float, step: float) -> str:
    return f"{value:,.{decimals_of(step)}f}"


def _shapes(canvas: Canvas, candles: Candles) -> Markup:
    """Return all rising candles as one shape and all falling ones as another: bodies filled, wicks as lines."""
    bodies: dict[str, list[str]] = {"up": [], "down": []}
    wicks: dict[str, list[str]] = {"up": [], "down": []}
    rows = zip(candles.begins, candles.ends, candles.open, candles.high, candles.low, candles.close, strict=True)
    for begins, ends, first, high, low, close in rows:
        name = "up" if close >= first else "down"
        left, right = (canvas.x.share(float(at)) * ACROSS for at in (begins, ends))
        middle, inset = (left + right) / 2, (right - left) * 0.16
        top, bottom = canvas.down(max(first, close)), canvas.down(min(first, close))
        wicks[name].append(f"M{short(middle, 1)} {short(canvas.down(high), 0)}V{short(canvas.down(low), 0)}")
        width, height = short(right - left - 2 * inset, 1), short(max(bottom - top, 1.0), 0)
        bodies[name].append(f"M{short(left + inset, 1)} {short(top, 0)}h{width}v{height}h-{width}z")
    return joined(
        [element("path", d="".join(shapes), class_=f"wick {name}") for name, shapes in wicks.items() if shapes],
        [element("path", d="".join(shapes), class_=f"body {name}") for name, shapes in bodies.items() if shapes],
    )


def _levels(canvas: Canvas, row: TradeRow) -> Markup:
    """Return stop, target and entry as lines from the entry to the exit, named at their right."""
    named = (("stop", row.stop, "down"), ("target", row.target, "up"), ("entry", row.entry_price, "entry"))
    x1, x2 = canvas.along(float(row.opened_at)), canvas.along(float(row.closed_at))
    lines: list[Child] = []
    for name, level, style in named:
        if level is None:
            continue
        y = canvas.down(float(level))
        lines += [
            element("line", x1=x1, x2=x2, y1=y, y2=y, class_=f"level {style}"),
            element("text", name, x=x2, y=y - 3, dx=6, class_=f"tick {style}"),
        ]
    return joined(lines)


def _entry_and_exit(canvas: Canvas, row: TradeRow, *, is_linked: bool) -> Markup:
    """Return a triangle where a trade was entered, rings where it was left, and the line between."""
    style = "up" if row.net > 0 else "down"
    entry_x, exit_x = canvas.along(float(row.opened_at)), canvas.along(float(row.closed_at))
    entry_y, exit_y = canvas.down(float(row.entry_price)), canvas.down(float(row.exit_price))
    multiple = f" ({number(row.r_multiple, 1, sign=True)} R)" if row.r_multiple is not None else ""
    note = (
        f"trade {row.trade_id}, {row.side.value} {row.setup} {row.timeframe}: {price(row.entry_price)} at "
        f"{when(row.opened_at)} to {price(row.exit_price)}, {row.rule or row.reason}, {signed(row.net)}{multiple}"
    )
    exits = [(leg.ts, leg.price) for leg in row.legs] if len(row.legs) > 1 and not is_linked else []
    rings = [
        element("circle", cx=canvas.along(float(at)), cy=canvas.down(float(paid)), r=3.5, class_=f"exit {style}")
        for at, paid in exits or [(row.closed_at, row.exit_price)]
    ]
    shapes = joined(
        element("title", note),
        element("line", x1=entry_x, x2=exit_x, y1=entry_y, y2=exit_y, class_=f"way {style}"),
        _triangle(entry_x, entry_y, points_up=row.side.sign > 0),
        rings,
    )
    if is_linked:
        return element("a", shapes, href=f"#trade-{row.trade_id}")
    return element("g", shapes)


def _triangle(x: str, y: float, *, points_up: bool) -> Markup:
    """Return a small triangle whose tip is at a place; a picture of its own lets it be moved by pixels."""
    points = "0,0 -4.5,8 4.5,8" if points_up else "0,0 -4.5,-8 4.5,-8"
    return element("svg", element("polygon", points=points), x=x, y=y, class_="entry", overflow="visible")
