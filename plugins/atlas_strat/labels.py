"""Bar labels: each bar against the valid bar before it, in whole ticks.

The higher high and the lower low are strict; equality is never a break. The first bar has no label. A row that is no
bar (a missing price, high below low, open or close outside the range) has none either and is no predecessor: the next
bar is compared with the last valid one.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from atlas_core import Bars

if TYPE_CHECKING:
    from numpy.typing import NDArray


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


@frozen(eq=False)
class LabelledBars:
    """The valid bars of a series as equal-length columns.

    `row` is the place in the series they came from (int64), `high` and `low` are ticks (int64), `label` holds `Label`
    codes and `colour` +1 for a close above the open, -1 below, 0 equal (both int8).
    """

    row: NDArray[np.int64]
    high: NDArray[np.int64]
    low: NDArray[np.int64]
    label: NDArray[np.int8]
    colour: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.row)


def label_bars(bars: Bars) -> LabelledBars:
    """Return the valid bars of `bars` with their labels and colours."""
    row = np.flatnonzero(bars.valid())
    valid = bars if len(row) == len(bars) else _rows(bars, row)
    high, low = valid.ticks("high"), valid.ticks("low")
    colour = np.sign(valid.ticks("close") - valid.ticks("open")).astype(np.int8)
    return LabelledBars(row, high, low, _codes(high, low), colour)


def classify(bars: Bars) -> NDArray[np.int8]:
    """Return one `Label` code for each row of `bars`, `Label.NONE` for rows that are no bars."""
    labelled = label_bars(bars)
    codes = np.zeros(len(bars), dtype=np.int8)
    codes[labelled.row] = labelled.label
    return codes


def _codes(high: NDArray[np.int64], low: NDArray[np.int64]) -> NDArray[np.int8]:
    codes = np.zeros(len(high), dtype=np.int8)
    took_high = (high[1:] > high[:-1]).view(np.int8)
    took_low = (low[1:] < low[:-1]).view(np.int8)
    codes[1:] = 1 + took_high + 2 * took_low
    return codes


def _rows(bars: Bars, row: NDArray[np.int64]) -> Bars:
    open_, high, low, close = (column[row] for column in bars.prices())
    times = {"opened_at": bars.opened_at[row], "available_at": bars.available_at[row]}
    prices = {"open": open_, "high": high, "low": low, "close": close, "volume": bars.volume[row]}
    return Bars(bars.symbol, bars.timeframe, **times, **prices, tick_size=bars.tick_size)
