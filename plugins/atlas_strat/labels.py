"""Bar labels: each bar against the valid bar before it, in whole ticks.

The higher high and the lower low are strict; equality is never a break. The first bar has no label. A row that is no
bar (a missing price, high below low, open or close outside the range) has none either and is no predecessor: the next
bar is compared with the last valid one.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np
from attrs import fields, frozen

from atlas_core import Bars
from atlas_strat.vocabulary import DirectionSource

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlas_strat.paths import FirstSides


class Label(IntEnum):
    """The code of a label in an int8 column; the three breaks are 1 + (took the high) + 2 * (took the low)."""

    NONE = 0
    INSIDE = 1
    TWO_UP = 2
    TWO_DOWN = 3
    OUTSIDE = 4

    @property
    def text(self) -> str:
        """Return the label as traders write it, '' for none."""
        return _TEXT[self]


_TEXT = ("", "1", "2U", "2D", "3")
_SOURCES = tuple(DirectionSource)


@frozen(eq=False)
class LabelledBars:
    """The valid bars of a series as equal-length columns.

    `row` is the place in the series they came from (int64); `open`, `high`, `low` and `close` are ticks (int64).
    `label` holds `Label` codes, `colour` +1 for a close above the open, -1 below, 0 equal. `first_side` tells of an
    outside bar which side of its predecessor it took first (+1 the high, -1 the low, 0 not known) and is 0 for all
    others. `direction` is the side that was broken, of an outside bar its direction, 0 where nothing tells it, and
    `source` a place in `DirectionSource` that says how that is known (-1 for other bars); all int8.
    """

    row: NDArray[np.int64]
    open: NDArray[np.int64]
    high: NDArray[np.int64]
    low: NDArray[np.int64]
    close: NDArray[np.int64]
    label: NDArray[np.int8]
    colour: NDArray[np.int8]
    first_side: NDArray[np.int8]
    direction: NDArray[np.int8]
    source: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.row)

    def last(self, count: int) -> LabelledBars:
        """Return the last `count` bars with what was said about them, or all where there are fewer."""
        return LabelledBars(*(getattr(self, column.name)[-count:] for column in fields(LabelledBars)))

    def direction_source(self, at: int) -> DirectionSource | None:
        """Return how the direction of the outside bar at a position is known, None for other bars."""
        return None if self.source[at] < 0 else _SOURCES[self.source[at]]


def label_bars(bars: Bars, first_sides: FirstSides | None = None, *, open_tells: bool = False) -> LabelledBars:
    """Return the valid bars of `bars` with their labels, colours and directions.

    `first_sides` gives the side that each row took first (int8, as in `LabelledBars.first_side`), as far as a lower
    timeframe knows it. The direction of an outside bar is the side that it took last by this path; without one its
    colour; without colour the path that an open beyond the predecessor's range tells. `open_tells` puts such an open
    before the colour.
    """
    valid = bars.valid()
    row = np.arange(len(bars)) if valid.all() else np.flatnonzero(valid)
    kept = bars if len(row) == len(bars) else _rows(bars, row)
    open_, high, low, close = (kept.ticks(name) for name in ("open", "high", "low", "close"))
    took_high, took_low = _taken(high[1:] > high[:-1]), _taken(low[1:] < low[:-1])
    label = took_high + 2 * took_low + np.int8(1)
    label[:1] = Label.NONE
    colour = (close > open_).view(np.int8) - (close < open_).view(np.int8)
    outside = np.flatnonzero(label == Label.OUTSIDE)
    told = np.zeros(len(outside), dtype=np.int8) if first_sides is None else first_sides[row[outside]]
    opened = _taken(open_[1:] > high[:-1])[outside] - _taken(open_[1:] < low[:-1])[outside]
    first_side, direction, source = np.zeros_like(label), took_high - took_low, np.full_like(label, -1)
    first_side[outside] = np.where(told != 0, told, opened)
    direction[outside], source[outside] = _directions(told, opened, colour[outside], open_tells)
    return LabelledBars(row, open_, high, low, close, label, colour, first_side, direction, source)


def classify(bars: Bars) -> NDArray[np.int8]:
    """Return one `Label` code for each row of `bars`, `Label.NONE` for rows that are no bars."""
    labelled = label_bars(bars)
    codes = np.zeros(len(bars), dtype=np.int8)
    codes[labelled.row] = labelled.label
    return codes


def _taken(broke: NDArray[np.bool_]) -> NDArray[np.int8]:
    """Return 1 for each bar that took the extreme of its predecessor; the first one has none."""
    marks = np.zeros(len(broke) + 1, dtype=np.int8)
    marks[1:] = broke
    return marks


def _directions(
    told: NDArray[np.int8], opened: NDArray[np.int8], colour: NDArray[np.int8], open_tells: bool
) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Return the direction of each outside bar, and the place of what told it in `_SOURCES`."""
    (second, second_source), (third, third_source) = (
        ((-opened, DirectionSource.OPEN), (colour, DirectionSource.COLOUR))
        if open_tells
        else ((colour, DirectionSource.COLOUR), (-opened, DirectionSource.OPEN))
    )
    by_third = np.where(third != 0, _SOURCES.index(third_source), _SOURCES.index(DirectionSource.UNKNOWN))
    by_second = np.where(second != 0, _SOURCES.index(second_source), by_third)
    source = np.where(told != 0, _SOURCES.index(DirectionSource.PATH), by_second).astype(np.int8)
    return np.where(told != 0, -told, np.where(second != 0, second, third)), source


def _rows(bars: Bars, row: NDArray[np.int64]) -> Bars:
    open_, high, low, close = (column[row] for column in bars.prices())
    times = {"opened_at": bars.opened_at[row], "available_at": bars.available_at[row]}
    prices = {"open": open_, "high": high, "low": low, "close": close, "volume": bars.volume[row]}
    return Bars(bars.symbol, bars.timeframe, **times, **prices, tick_size=bars.tick_size)
