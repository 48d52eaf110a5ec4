"""Continuity of files: the current bar of each timeframe, from whichever file of a symbol knows its opening."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen

from atlas_core import DataError, resample
from atlas_strat.continuity import Continuity, bar_type_continuity, continuity
from atlas_strat.labels import Label
from atlas_strat.paths import FormingLabel
from atlas_strat.reports import moment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from atlas_core import Bars, BucketGrid, Timeframe

SIDE_TEXT = {1: "up", -1: "down", 0: "flat", None: "unknown"}


@frozen
class CurrentBar:
    """The bar of a timeframe in which the last trade lies, so far, in the prices of its file.

    `label` is None where its predecessor is not known; `colour` is the sign of the last price against the open.
    """

    open: float
    label: Label | None
    colour: int


@frozen
class Standing:
    """Where a symbol stands at `time` (nanoseconds UTC), the close of the last bar of its finest file."""

    symbol: str
    time: int
    price: float
    open_of: Mapping[str, float | None]
    continuity: Continuity

    def facts(self) -> dict[str, Any]:
        """Return the standing as one mapping."""
        found = self.continuity
        return {
            "symbol": self.symbol,
            "time": moment(self.time),
            "price": self.price,
            "state": found.state.value,
            "n_up": found.n_up,
            "n_down": found.n_down,
            "n_flat": found.n_flat,
            "net": found.net,
            "score_long": found.score(1),
            "score_short": found.score(-1),
            "distinct_opens": found.distinct_opens,
            "override": None if found.override is None else found.override.value,
            "missing": list(found.missing),
            "timeframes": [
                {"timeframe": name, "open": self.open_of[name], "side": SIDE_TEXT[side]}
                for name, side in found.side_of.items()
            ],
        }


def standing(
    symbol: str,
    files: Sequence[Bars],
    timeframes: Sequence[Timeframe],
    grid: BucketGrid,
    *,
    by_bar_type: bool = False,
    at: int | None = None,
) -> Standing:
    """Return the standing of one symbol from its files, as of `at` (nanoseconds UTC, the end of the data without it).

    The last price comes from the finest file. Of each timeframe the finest file counts that can make it and holds the
    beginning of its current bar. Raises DataError when no file has a bar by then.
    """
    known = [bars if at is None else bars.until(at) for bars in sorted(files, key=lambda bars: bars.timeframe.duration)]
    known = [bars.take(bars.valid()) for bars in known]
    if not len(known[0]):
        raise DataError(f"{symbol}: expected bars that had closed by the time asked for, was none")
    price, now = float(known[0].close[-1]), int(known[0].available_at[-1])
    current = {timeframe.text: _from_finest(known, timeframe, grid, now, price) for timeframe in timeframes}
    open_of = {name: None if bar is None else bar.open for name, bar in current.items()}
    if by_bar_type:
        states = {
            name: None if bar is None or bar.label is None else (bar.label, bar.colour) for name, bar in current.items()
        }
        return Standing(symbol, now, price, open_of, bar_type_continuity(states))
    return Standing(symbol, now, price, open_of, continuity(price, open_of, tick_size=known[0].tick_size))


def _from_finest(
    files: Sequence[Bars], timeframe: Timeframe, grid: BucketGrid, now: int, price: float
) -> CurrentBar | None:
    for bars in files:
        if grid.can_make(bars.timeframe, timeframe):
            found = _current_bar(bars, timeframe, grid, now, price)
            if found is not None:
                return found
    return None


def _current_bar(bars: Bars, timeframe: Timeframe, grid: BucketGrid, now: int, price: float) -> CurrentBar | None:
    """Return the bar that is current just before `now`, None when its beginning is not among `bars`."""
    start = grid.start(timeframe, now - 1)
    first = int(np.searchsorted(bars.opened_at, start))
    if first == len(bars) or not len(bars) or int(bars.opened_at[0]) > start:
        return None
    opened = float(bars.open[first])
    high = max(float(bars.high[first:].max()), price)
    low = min(float(bars.low[first:].min()), price)
    before = resample(bars.between(0, first), timeframe, grid)
    label = None if not len(before) else _label(before, high, low)
    return CurrentBar(opened, label, (price > opened) - (price < opened))


def _label(before: Bars, high: float, low: float) -> Label:
    tick = float(before.tick_size)
    forming = FormingLabel(int(before.ticks("high")[-1]), int(before.ticks("low")[-1]))
    forming.see(round(high / tick))
    return forming.see(round(low / tick))
