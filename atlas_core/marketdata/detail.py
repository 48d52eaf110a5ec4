"""Finer bars of the same market: what happened inside the bars that decisions are made on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from atlas_core.model.bars import Bars
from atlas_core.model.events import BarPart
from atlas_core.model.instrument import Instrument


@frozen(eq=False)
class Detail:
    """The finer bars of one symbol; base bar `row` consists of those from `first[row]` to before `last[row]`.

    A base bar has none where the finer ones are missing or do not agree with it: `absent` and `disagreeing` count them.
    """

    base: Bars
    finer: Bars
    first: NDArray[np.int64] = field(repr=False)
    last: NDArray[np.int64] = field(repr=False)
    absent: int
    disagreeing: int

    def told(self) -> str:
        """Return in words which base bars can be taken apart."""
        used = len(self.base) - self.absent - self.disagreeing
        return (
            f"{used:,} of {len(self.base):,} base bars are taken apart, {self.absent:,} have no finer bars, "
            f"{self.disagreeing:,} do not agree with them"
        )

    def parts(self, opened_at: int) -> Iterator[BarPart]:
        """Yield the parts of the base bar that opened at `opened_at`, oldest first."""
        row = int(np.searchsorted(self.base.opened_at, opened_at))
        if row == len(self.base) or int(self.base.opened_at[row]) != opened_at:
            return
        finer = self.finer
        columns = (finer.available_at, finer.opened_at, *finer.prices(), finer.volume)
        for number in range(int(self.first[row]), int(self.last[row])):
            ts, opened, *rest = (column[number].item() for column in columns)
            yield BarPart(ts, finer.symbol, opened, *rest)


def detail_of(base: Bars, finer: Bars, instrument: Instrument) -> Detail:
    """Match finer bars with base bars of the same symbol.

    A base bar is taken apart only where its parts have, in ticks, its open, high, low and close: else they would tell
    of another market. Times are compared exactly: a part opens and becomes available within its base bar.
    """
    first = np.searchsorted(finer.opened_at, base.opened_at)
    last = np.searchsorted(finer.available_at, base.available_at, side="right")
    is_there = last > first
    agrees = is_there.copy()
    agrees[is_there] = _agrees(base, finer, instrument, np.flatnonzero(is_there), first, last)
    return Detail(
        base=base,
        finer=finer,
        first=first,
        last=np.where(agrees, last, first),
        absent=int((~is_there).sum()),
        disagreeing=int((is_there & ~agrees).sum()),
    )


def _agrees(
    base: Bars,
    finer: Bars,
    instrument: Instrument,
    rows: NDArray[np.int64],
    first: NDArray[np.int64],
    last: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Tell for some base bars, all of which have parts, whether these add up to them."""
    if not len(rows):
        return np.zeros(0, dtype=bool)
    tick = float(instrument.tick_size)
    opens, highs, lows, closes = (np.rint(column / tick) for column in finer.prices())
    wanted = [np.rint(column[rows] / tick) for column in base.prices()]
    made = [
        opens[first[rows]],
        _over(np.maximum, highs, first[rows], last[rows]),
        _over(np.minimum, lows, first[rows], last[rows]),
        closes[last[rows] - 1],
    ]
    same: NDArray[np.bool_] = np.logical_and.reduce([one == other for one, other in zip(wanted, made, strict=True)])
    return same


def _over(
    extreme: np.ufunc, prices: NDArray[np.float64], first: NDArray[np.int64], last: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the extreme of each span of rows, none of which is empty."""
    places = np.column_stack([first, last]).ravel()
    if places[-1] == len(prices):  # the last span goes to the end, which reduceat takes by itself
        places = places[:-1]
    made: NDArray[np.float64] = extreme.reduceat(prices, places)[::2]
    return made
