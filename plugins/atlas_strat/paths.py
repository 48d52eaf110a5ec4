"""What happened inside a bar, as far as finer bars or single prices tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from attrs import define, field

from atlas_strat.labels import Label, label_bars

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlas_core import Bars

    FirstSides: TypeAlias = NDArray[np.int8]


@define
class FormingLabel:
    """The label of a bar while it forms, against the predecessor's `previous_high` and `previous_low` (ticks).

    Its label moves from 1 over 2U or 2D to 3 and never back. `first_side` is +1 when the high was taken first, -1 when
    the low was, 0 before either.
    """

    previous_high: int
    previous_low: int
    first_side: int = field(default=0, init=False)
    _label: Label = field(default=Label.INSIDE, init=False)

    @property
    def label(self) -> Label:
        """Return the label so far."""
        return self._label

    def see(self, price: int) -> Label:
        """Take in one price (ticks); return the label so far."""
        side = (price > self.previous_high) - (price < self.previous_low)
        if side == 0 or self._label is Label.OUTSIDE:
            return self._label
        if self._label is Label.INSIDE:
            self.first_side = side
            self._label = Label.TWO_UP if side > 0 else Label.TWO_DOWN
        elif side != self.first_side:
            self._label = Label.OUTSIDE
        return self._label


def first_sides(bars: Bars, finer: Bars) -> FirstSides:
    """Return for each row of `bars` the side of its predecessor that finer bars saw taken first.

    +1 the high, -1 the low, 0 where the row is no outside bar, has no finer bars, or one finer bar took both sides and
    did not open beyond one of them.
    """
    known = np.zeros(len(bars), dtype=np.int8)
    labelled = label_bars(bars)
    inner = label_bars(finer)
    begin = np.searchsorted(finer.opened_at[inner.row], bars.opened_at)
    end = np.searchsorted(finer.opened_at[inner.row], bars.available_at)
    for place in np.flatnonzero(labelled.label == Label.OUTSIDE).tolist():
        row = int(labelled.row[place])
        part = slice(int(begin[row]), int(end[row]))
        forming = (int(labelled.high[place - 1]), int(labelled.low[place - 1]))
        known[row] = _first_side(*forming, inner.open[part], inner.high[part], inner.low[part])
    return known


def _first_side(
    previous_high: int, previous_low: int, open_: NDArray[np.int64], high: NDArray[np.int64], low: NDArray[np.int64]
) -> int:
    took_high, took_low = high > previous_high, low < previous_low
    took = np.flatnonzero(took_high | took_low)
    if not len(took):
        return 0
    first = took[0]
    if took_high[first] and took_low[first]:
        return int(open_[first] > previous_high) - int(open_[first] < previous_low)
    return 1 if took_high[first] else -1
