"""Draw the figures of docs/strat.md: `python docs/figures/draw_strat.py` writes them beside itself.

Bars are written down here; labels, names and levels are asked of the plugin, so that a figure cannot say anything else
than the code does. A test holds the committed files against this program.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import numpy as np
from attrs import frozen

from atlas_core import Bars, bars_of_rows, parse_timeframe
from atlas_strat.broadening import formation
from atlas_strat.labels import Label, LabelledBars, label_bars
from atlas_strat.pivots import machine_guns
from atlas_strat.setups import complete
from atlas_strat.shapes import SHAPE_TEXT, failed_twos, shapes

Rows = Sequence[tuple[float, float, float, float]]

HOUR = parse_timeframe("1h").duration
BAR, GAP, TOP, HEIGHT, BOTTOM, MARGIN, LEVELS = 18, 16, 46, 150, 30, 16, 96
UP, DOWN, FLAT, INK, PALE = "#1a7f37", "#b42318", "#6b7280", "#111827", "#9ca3af"
COLOUR_OF_LEVEL = {"trigger": "#1d4ed8", "stop": DOWN, "magnitude": UP}


@frozen
class Panel:
    """One drawing: bars, the side that the last one took first where it matters, and what it shows."""

    rows: Rows
    title: str = ""
    first_side: int = 0
    ladder: bool = False


FIGURES: Mapping[str, Sequence[Panel]] = {
    "labels": (
        Panel(((5, 8, 3, 6), (5, 7, 4, 6)), "1: took neither side"),
        Panel(((5, 8, 3, 6), (6, 10, 4, 9)), "2U: took the high"),
        Panel(((5, 8, 3, 6), (6, 7, 1, 2)), "2D: took the low"),
        Panel(((5, 8, 3, 6), (6, 10, 1, 9)), "3: took both"),
    ),
    "2-1-2": (
        Panel(((8, 10, 6, 7), (7, 9, 3, 4), (5, 7.5, 4.5, 6), (6, 8.6, 5.5, 8.4))),
        Panel(((4, 6, 2, 5), (5, 9, 3.5, 8.5), (8, 8.5, 6, 7), (7, 10.5, 6.5, 10))),
    ),
    "3-1-2": (
        Panel(((6, 8, 4, 7), (7, 10, 2, 3), (4, 7, 3.5, 6), (6, 9, 5, 8.5))),
        Panel(((6, 8, 4, 5), (5, 10, 2, 9), (8, 8.5, 5, 6), (6, 9.6, 5.5, 9))),
    ),
    "2-2": (
        Panel(((8, 10, 6, 7), (7, 8, 3, 4), (4, 9.2, 3.5, 9))),
        Panel(((3, 5, 2, 4), (4, 7, 3, 6.5), (6, 9.5, 5, 9))),
    ),
    "3-2": (
        Panel(((6, 8, 4, 7), (7, 9, 2, 3), (4, 10, 3, 9.5))),
        Panel(((6, 8, 4, 5), (5, 9, 2, 8), (7, 10.5, 6, 10))),
    ),
    "3-2-2": (Panel(((6, 8, 5, 7), (7, 10, 3, 4), (4, 6, 1, 2), (2, 8, 1.5, 7.5))),),
    "1-2-2": (Panel(((6, 10, 4, 9), (8, 8.5, 5, 6), (6, 7.5, 3, 4), (4, 9.2, 3.5, 9))),),
    "1-1-2": (
        Panel(((6, 10, 2, 8), (8, 9, 3, 5), (5, 7, 4, 6), (6, 8, 5, 7.8))),
        Panel(((6, 10, 4, 9), (8, 8.5, 5, 6), (6, 9.4, 5.5, 9))),
    ),
    "1-3": (Panel(((6, 10, 4, 9), (8, 8, 5, 6), (6, 9, 3.5, 8.6)), first_side=-1),),
    "2-3": (
        Panel(((8, 10, 6, 7), (7, 8, 4, 5), (5, 9, 3, 8.6)), first_side=-1),
        Panel(((3, 5, 2, 4), (4, 7, 3, 6.5), (6, 9, 2.5, 8.6)), first_side=-1),
    ),
    "3-3": (Panel(((6, 7, 5, 6.5), (6, 8, 4, 5), (5, 9.5, 3, 9)), first_side=-1),),
    "shapes": (
        Panel(((9, 10, 1, 9.5),), "hammer: body in the top third"),
        Panel(((2, 10, 1, 1.5),), "shooter: body in the bottom third"),
        Panel(((5, 7, 3, 6), (8.5, 9, 5, 6)), "failed 2: a 2U that closed red"),
        Panel(((8, 10, 6, 7), (7, 7.5, 3, 7.3), (7.3, 9, 6.8, 8.8)), "its break is one signal"),
    ),
    "machine-gun": (
        Panel(((3, 4, 2, 3.6), (3.6, 5, 2.8, 4.6), (4.6, 6, 3.6, 5.6), (5.6, 7, 4.4, 6.6), (6.6, 8, 5.2, 7.6),
               (7.6, 9, 6, 8.6)), "five rising lows: a break below runs down the ladder", ladder=True),
    ),
    "broadening": (
        Panel(((5, 6, 4.5, 5.5), (5.5, 7, 5, 6.5), (6.5, 7.6, 5.5, 6), (6, 6.8, 4, 4.5), (4.5, 5.6, 3.2, 5),
               (5, 7, 4.4, 6.8), (6.8, 9, 6, 8.5), (8.5, 8.8, 6, 6.5), (6.5, 7, 3, 3.5), (3.5, 4, 1.8, 2.5),
               (2.5, 5, 2.2, 4.8), (4.8, 6.5, 4, 6.2)), "higher swing highs and lower swing lows"),
    ),
}  # fmt: skip


class Axis:
    """Turns prices into heights."""

    def __init__(self, low: float, high: float) -> None:
        self._low, self._unit = low, HEIGHT / (high - low)

    def y(self, price: float) -> float:
        """Return the height of a price."""
        return round(TOP + HEIGHT - (price - self._low) * self._unit, 1)


def bars_of(rows: Rows) -> Bars:
    """Make hourly bars of prices."""
    return bars_of_rows("X", parse_timeframe("1h"), [(place * HOUR, *row, 1.0) for place, row in enumerate(rows)])


def text(x: float, y: float, words: str, colour: str = INK, anchor: str = "middle", size: int = 11) -> str:
    """Return a line of text."""
    return f'<text x="{x:g}" y="{y:g}" fill="{colour}" text-anchor="{anchor}" font-size="{size}">{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, colour: str, dash: str = "") -> str:
    """Return a line, dashed where `dash` says how."""
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke="{colour}" stroke-width="1.4"{dashed}/>'


def centre(place: int) -> float:
    """Return the middle of a bar."""
    return MARGIN + place * (BAR + GAP) + BAR / 2


def candle(place: int, row: Sequence[float], axis: Axis) -> list[str]:
    """Return the wick and the body of a bar."""
    o, high, low, c = row
    colour = UP if c > o else DOWN if c < o else FLAT
    x, top, bottom = centre(place), axis.y(max(o, c)), axis.y(min(o, c))
    body = f'<rect x="{x - BAR / 2:g}" y="{top:g}" width="{BAR}" height="{max(1.5, bottom - top):g}" fill="{colour}"/>'
    return [line(x, axis.y(high), x, axis.y(low), colour), body]


def labels_under(own: LabelledBars) -> list[str]:
    """Return the label of each bar, and what its shape is called, below it."""
    found = []
    for place, code in enumerate(own.label.tolist()):
        found.append(text(centre(place), TOP + HEIGHT + 18, Label(code).text or "·", INK if code else PALE, size=12))
    marks = [SHAPE_TEXT[shape] or "" for shape in shapes(own).tolist()]
    failed = failed_twos(own).tolist()
    notes = [mark or ("failed 2" * bad) for mark, bad in zip(marks, failed, strict=True)]
    found += [text(centre(place), TOP + HEIGHT + 31, note, FLAT, size=9) for place, note in enumerate(notes) if note]
    return found


def level(price: float, first: float, last: float, name: str, axis: Axis) -> list[str]:
    """Return a level as a line from one place to another with its name behind it."""
    colour = COLOUR_OF_LEVEL[name]
    y = axis.y(price)
    return [line(first, y, last, y, colour, "5 3"), text(last + 5, y + 4, name, colour, "start")]


def pattern_levels(own: LabelledBars, axis: Axis) -> tuple[str, list[str]]:
    """Return what the last bar completed in words, and its levels."""
    setups = complete(own)
    if not len(setups) or setups.entry is None or setups.entry[-1] != len(own) - 1:
        return "", []
    found, levels, place = [], setups.levels, int(setups.setup[-1])
    prices = {"trigger": levels.trigger[-1], "stop": levels.stop[-1]}
    if levels.has_magnitude[-1]:
        prices["magnitude"] = levels.magnitude[-1]
    start, end = centre(place) - BAR / 2, centre(len(own) - 1) + BAR
    for name, ticks in prices.items():
        found += level(ticks / 100, start, end, name, axis)
    kind = str(setups.kind[-1]).replace("_", " ")
    return f"{setups.pattern[-1]} {kind}", found


def ladder_lines(own: LabelledBars, axis: Axis) -> list[str]:
    """Return the trigger of a machine gun and the pivots behind it."""
    (gun,) = machine_guns(own, len(own) - 1)
    end = centre(len(own) - 1) + BAR
    found = level(gun.trigger / 100, centre(len(own) - 1) - BAR, end, "trigger", axis)
    for step, ticks in enumerate(gun.ladder, start=1):
        y = axis.y(ticks / 100)
        found += [
            line(centre(len(own) - 1 - step), y, end, y, PALE, "2 3"),
            text(end + 5, y + 4, str(step), FLAT, "start"),
        ]
    return found


def formation_lines(own: LabelledBars, axis: Axis) -> list[str]:
    """Return the two lines of a broadening formation."""
    shape = formation(own)
    if shape is None or not shape.is_broadening:
        return []
    return [
        line(centre(points[0][0]), axis.y(points[0][1] / 100), centre(shape.at), axis.y(end / 100), "#1d4ed8", "5 3")
        for points, end in ((shape.highs, shape.upper), (shape.lows, shape.lower))
    ]


def panel(drawn: Panel) -> tuple[float, list[str]]:
    """Return the width of a drawing and its parts."""
    told = np.array([0] * (len(drawn.rows) - 1) + [drawn.first_side], dtype=np.int8)
    own = label_bars(bars_of(drawn.rows), told)
    highs, lows = [row[1] for row in drawn.rows], [row[2] for row in drawn.rows]
    axis = Axis(min(lows) - 0.3, max(highs) + 0.3)
    name, levels = pattern_levels(own, axis)
    parts = [part for place, row in enumerate(drawn.rows) for part in candle(place, row, axis)]
    parts += labels_under(own)
    parts += (
        ladder_lines(own, axis) if drawn.ladder else formation_lines(own, axis) or (levels if not drawn.title else [])
    )
    title = drawn.title or name
    width = max(MARGIN * 2 + len(drawn.rows) * (BAR + GAP) + LEVELS, 7 * len(title) + 2 * MARGIN)
    return width, [text(MARGIN, 24, title, anchor="start", size=13), *parts]


def figure(panels: Sequence[Panel]) -> str:
    """Return one picture with its drawings side by side."""
    x, body = 0.0, []
    for drawn in panels:
        width, parts = panel(drawn)
        body += [f'<g transform="translate({x:g} 0)">', *parts, "</g>"]
        x += width
    height = TOP + HEIGHT + BOTTOM + 8
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{x:g}" height="{height}" viewBox="0 0 {x:g} {height}"'
    ground = f'<rect width="{x:g}" height="{height}" fill="#ffffff"/>'
    return "\n".join([f'{head} font-family="sans-serif">', ground, *body, "</svg>"]) + "\n"


def figures() -> dict[str, str]:
    """Return every picture by the name of its file."""
    return {f"strat-{name}.svg": figure(panels) for name, panels in FIGURES.items()}


if __name__ == "__main__":
    for name, content in figures().items():
        (Path(__file__).parent / name).write_text(content, encoding="utf-8")
