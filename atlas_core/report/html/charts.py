"""Charts as SVG that keeps its text readable at every width.

A chart has no view box: its width is that of the page, its height is fixed, and every place along x is a percentage.
Lines and areas lie in an inner picture that is stretched, with strokes that are not. Colours come from the style sheet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from attrs import field, frozen

from atlas_core.report.html.markup import Markup, element, joined, percentage, short
from atlas_core.report.html.scales import Scale, axis_text, time_ticks

ACROSS = 1000
MOST_POINTS = 900
FEW_BARS = 5
BOTTOM = 22
TOP = 14


@frozen(kw_only=True)
class Canvas:
    """The place of a chart: two scales and a height; y counts from the top, as in SVG."""

    x: Scale
    y: Scale
    height: float = 240
    top: float = TOP
    bottom: float = BOTTOM
    y_text: Callable[[float, float], str] = field(default=axis_text)

    @property
    def floor(self) -> float:
        """Return the y of the lowest value."""
        return self.height - self.bottom

    def down(self, value: float) -> float:
        """Return the y of a value, in pixels."""
        return self.floor - self.y.share(value) * (self.floor - self.top)

    def along(self, value: float) -> str:
        """Return the x of a value, as a percentage."""
        return percentage(self.x.share(value))

    def points(self, xs: Sequence[float], ys: Sequence[float]) -> str:
        """Return values as the points of a path in the stretched picture."""
        return "L".join(
            f"{short(self.x.share(x) * ACROSS, 1)} {short(self.down(y), 1)}" for x, y in zip(xs, ys, strict=True)
        )


def figure(canvas: Canvas, title: str, *layers: Markup) -> Markup:
    """Return a chart; `title` is read to those who cannot see it."""
    return element(
        "svg",
        element("title", title),
        y_grid(canvas),
        layers,
        y_labels(canvas),
        class_="chart",
        width="100%",
        height=canvas.height,
        role="img",
    )


def _y_ticks(canvas: Canvas) -> tuple[list[float], float]:
    ticks = canvas.y.ticks(max(3, int((canvas.floor - canvas.top) // 36)))
    return ticks, abs(ticks[1] - ticks[0]) if len(ticks) > 1 else abs(ticks[0] if ticks else 1) or 1


def y_grid(canvas: Canvas) -> Markup:
    """Return the round values of y as lines."""
    ticks, _ = _y_ticks(canvas)
    return joined([element("line", x1="0", x2="100%", y1=canvas.down(tick), y2=canvas.down(tick),
                           class_="zero" if tick == 0 else "grid") for tick in ticks])  # fmt: skip


def y_labels(canvas: Canvas) -> Markup:
    """Return the round values of y as text, left of the picture."""
    ticks, step = _y_ticks(canvas)
    return joined([element("text", canvas.y_text(tick, step), x=-8, y=canvas.down(tick) + 4, text_anchor="end",
                           class_="tick") for tick in ticks])  # fmt: skip


def x_times(canvas: Canvas) -> Markup:
    """Return the times along the bottom; every second one stays on a narrow page."""
    ticks = time_ticks(int(canvas.x.low), int(canvas.x.high), 8)
    return x_labels(canvas, [(float(ts), text) for ts, text in ticks], thin=len(ticks) > 4)


def x_values(canvas: Canvas, form: Callable[[float, float], str] = axis_text, most: int = 6) -> Markup:
    """Return round values along the bottom."""
    ticks = canvas.x.ticks(most)
    step = abs(ticks[1] - ticks[0]) if len(ticks) > 1 else 1.0
    return x_labels(canvas, [(tick, form(tick, step)) for tick in ticks], thin=len(ticks) > 5)


def x_labels(canvas: Canvas, ticks: Sequence[tuple[float, str]], *, thin: bool = False) -> Markup:
    """Return labels along the bottom; with `thin` every second one is for wide pages only."""
    return joined(
        [
            element("text", text, x=canvas.along(at), y=canvas.height - 6, text_anchor=_anchor(canvas.x.share(at)),
                    class_="tick wide" if thin and index % 2 else "tick")
            for index, (at, text) in enumerate(ticks)
        ]
    )  # fmt: skip


def _anchor(share: float) -> str:
    return "start" if share < 0.04 else "end" if share > 0.96 else "middle"


def stretched(canvas: Canvas, *shapes: Markup) -> Markup:
    """Return shapes whose x runs from 0 to 1000 over the whole width."""
    return element(
        "svg",
        shapes,
        viewBox=f"0 0 {ACROSS} {short(canvas.height)}",
        width="100%",
        height=canvas.height,
        preserveAspectRatio="none",
    )


def line(canvas: Canvas, xs: Sequence[float], ys: Sequence[float], name: str) -> Markup:
    """Return a line of class `name`, thinned to its extremes where it has very many points."""
    thin_x, thin_y = thinned(xs, ys)
    return element("path", d="M" + canvas.points(thin_x, thin_y), class_=f"line {name}")


def area(canvas: Canvas, xs: Sequence[float], ys: Sequence[float], name: str, base: float = 0.0) -> Markup:
    """Return the area between a line and `base`."""
    if not len(xs):
        return joined()
    thin_x, thin_y = thinned(xs, ys)
    floor = short(canvas.down(base), 1)
    first, last = (short(canvas.x.share(x) * ACROSS, 1) for x in (thin_x[0], thin_x[-1]))
    return element("path", d=f"M{first} {floor}L{canvas.points(thin_x, thin_y)}L{last} {floor}Z", class_=f"area {name}")


def band(canvas: Canvas, xs: Sequence[float], low: Sequence[float], high: Sequence[float], name: str) -> Markup:
    """Return the area between two lines."""
    upper, lower = canvas.points(xs, high), canvas.points(list(reversed(xs)), list(reversed(low)))
    return element("path", d=f"M{upper}L{lower}Z", class_=f"area {name}")


def thinned(xs: Sequence[float], ys: Sequence[float], most: int = MOST_POINTS) -> tuple[list[float], list[float]]:
    """Return at most about `most` points: of each stretch its lowest and highest, so that no extreme is lost."""
    if len(xs) <= most:
        return list(xs), list(ys)
    values = np.asarray(ys, dtype=np.float64)
    kept = {0, len(values) - 1}
    for part in np.array_split(np.arange(len(values)), most // 2):
        kept |= {int(part[np.argmin(values[part])]), int(part[np.argmax(values[part])])}
    order = sorted(kept)
    return [xs[index] for index in order], [ys[index] for index in order]


@frozen
class Bar:
    """One bar: what stands below it, its value, what it says when pointed at, and its class."""

    label: str
    value: float
    note: str
    name: str = ""


def bars(rows: Sequence[Bar], title: str, *, height: float = 180, y_text: Callable[[float, float], str] = axis_text,
         labels: int = 12) -> Markup:  # fmt: skip
    """Return bars side by side, up from zero or down; at most about `labels` of them are labelled."""
    scale = Scale.over([row.value for row in rows], zero=True)
    canvas = Canvas(x=Scale(0, max(1, len(rows))), y=scale, height=height, y_text=y_text)
    step = max(1, -(-len(rows) // labels))
    shown = [(index + 0.5, row.label) for index, row in enumerate(rows) if index % step == 0]
    return figure(canvas, title, bar_shapes(canvas, rows), x_labels(canvas, shown, thin=len(shown) > 6))


def bar_shapes(canvas: Canvas, rows: Sequence[Bar]) -> Markup:
    """Return bars that share the width equally."""
    return joined([_bar(canvas, index, row, len(rows)) for index, row in enumerate(rows)])


def _bar(canvas: Canvas, index: int, row: Bar, count: int) -> Markup:
    top, bottom = sorted((canvas.down(row.value), canvas.down(0.0)))
    gap = 0.6 if count < FEW_BARS else 0.14 if count <= 40 else 0.05
    return element(
        "rect",
        element("title", row.note),
        x=percentage((index + gap / 2) / count),
        width=percentage((1 - gap) / count),
        y=top,
        height=max(0.5, bottom - top),
        class_=row.name or ("up" if row.value >= 0 else "down"),
    )


def legend(*entries: tuple[str, str]) -> Markup:
    """Return what each class of a chart means."""
    keys = [element("span", element("i", class_=f"key {name}"), text) for name, text in entries]
    return element("p", keys, class_="legend")
