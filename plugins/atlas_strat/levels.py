"""Trigger, stop, first objective and further targets of setups, in whole ticks; the only place that knows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from atlas_strat.patterns import BARS_OF, ENDS_OUTSIDE, OBJECTIVE_OF, SIDE_OF
from atlas_strat.vocabulary import StopMode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from atlas_strat.labels import LabelledBars


_AIMING_SIDE = (SIDE_OF * (OBJECTIVE_OF > 0)).astype(np.int8)


@frozen(eq=False)
class SetupLevels:
    """Equal-length columns in ticks (int64).

    `trigger` must be exceeded; `far_side` is the level beyond which the pattern has failed: the other extreme of the
    setup bar, or of the completing bar when that is a 3. `magnitude` counts only where `has_magnitude`, all levels only
    where the pattern has a side.
    """

    trigger: NDArray[np.int64]
    far_side: NDArray[np.int64]
    stop: NDArray[np.int64]
    magnitude: NDArray[np.int64]
    has_magnitude: NDArray[np.bool_]


@frozen(eq=False)
class _Extremes:
    """The extremes of bars by the code of a pattern.

    Highs and lows stand in one column, and what a code says (its side, how far back) is a place in it: one look-up
    and one addition a setup. `places` is memory that every look-up uses again, because fresh memory costs more than
    the arithmetic.
    """

    bars: LabelledBars
    code: NDArray[np.int64]
    both: NDArray[np.int64]
    places: NDArray[np.int64]

    def with_side(self, setup: NDArray[np.int64], moved: NDArray[np.int64] | int = 0) -> NDArray[np.int64]:
        """Return the extreme on the side of the trade, of the bar `moved` places after the setup bar (by code)."""
        return self._look_up(setup, (SIDE_OF < 0) * len(self.bars) + moved)

    def against_side(self, setup: NDArray[np.int64], moved: NDArray[np.int64] | int = 0) -> NDArray[np.int64]:
        """Return the extreme on the other side."""
        return self._look_up(setup, (SIDE_OF > 0) * len(self.bars) + moved)

    def _look_up(self, setup: NDArray[np.int64], place_of: NDArray[np.int64]) -> NDArray[np.int64]:
        place_of.take(self.code, out=self.places, mode="clip")
        np.add(self.places, setup, out=self.places)
        return self.both.take(self.places, mode="clip")


def setup_levels(
    bars: LabelledBars,
    setup: NDArray[np.int64],
    code: NDArray[np.int16],
    stop_mode: StopMode = StopMode.SETUP_BAR,
    entry: NDArray[np.int64] | None = None,
) -> SetupLevels:
    """Return the levels of the patterns `code` with their setup bars at the positions `setup` in `bars`.

    `entry` are the positions of the completing bars, None while they are still to come. An objective that is not
    strictly beyond the trigger is none. Stops: `setup_bar` the far side; `first_bar` the farther of it and the far side
    of the first bar of a three-bar pattern; `midpoint` the middle of the setup bar, rounded away from the trigger;
    `entry_bar` the far extreme and `entry_open` the open of the completing bar. Raises ValueError for the last two
    where that bar is still to come.
    """
    both = np.concatenate((bars.high, bars.low))
    extremes = _Extremes(bars, code.astype(np.int64), both, np.empty_like(setup))
    trigger = extremes.with_side(setup)
    # What ends in a 3 has taken the setup bar's far side before its trigger: it fails beyond the 3's own extreme.
    far_side = extremes.against_side(setup, 0 if entry is None else ENDS_OUTSIDE)
    magnitude = extremes.with_side(setup, -OBJECTIVE_OF)
    reward = np.subtract(magnitude, trigger, out=extremes.places)
    reward *= _AIMING_SIDE.take(extremes.code)
    has_magnitude = reward > 0
    stop = _stops(extremes, setup, far_side, stop_mode, entry)
    return SetupLevels(trigger, far_side, stop, magnitude, has_magnitude)


def _stops(
    extremes: _Extremes,
    setup: NDArray[np.int64],
    far_side: NDArray[np.int64],
    mode: StopMode,
    entry: NDArray[np.int64] | None,
) -> NDArray[np.int64]:
    if mode is StopMode.SETUP_BAR:
        return far_side
    bars, side = extremes.bars, SIDE_OF.take(extremes.code)
    if mode is StopMode.MIDPOINT:
        middle: NDArray[np.int64] = (side * (bars.high[setup] + bars.low[setup])) // 2
        return side * middle
    if mode is StopMode.FIRST_BAR:
        first = extremes.against_side(setup, 2 - BARS_OF)
        farther: NDArray[np.int64] = side * np.minimum(side * far_side, side * first)
        return farther
    if entry is None:
        raise ValueError(f"expected a stop that is known before the entry bar, was {mode}")
    return bars.open[entry] if mode is StopMode.ENTRY_OPEN else extremes.against_side(entry)


def moved_by_percent(trigger: NDArray[np.int64], side: NDArray[np.int64], parts_per_million: int) -> NDArray[np.int64]:
    """Return the levels that lie a share of the trigger beyond it, in ticks, the distance rounded down."""
    distance: NDArray[np.int64] = np.abs(trigger) * parts_per_million // 1_000_000
    return trigger + side * distance


def average_true_range(bars: LabelledBars, count: int) -> NDArray[np.float64]:
    """Return the plain mean of the last `count` true ranges at each bar, in ticks; NaN where there are fewer.

    The first bar has no true range, because it has no predecessor. The plain mean is what the target of 1.5 ranges was
    published with, and its value depends on `count` + 1 bars and nothing before them (Wilder's would not).
    """
    average = np.full(len(bars), np.nan)
    if len(bars) <= count:
        return average
    high, low, previous = bars.high[1:], bars.low[1:], bars.close[:-1]
    true_range = np.maximum(high, previous) - np.minimum(low, previous)
    total = np.concatenate(([0], np.cumsum(true_range)))
    average[count:] = (total[count:] - total[:-count]) / count
    return average


def measured_moves(bars: LabelledBars, setup: NDArray[np.int64], side: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the trigger moved by the range of the bar before the setup bar: an equal move after the pause."""
    trigger = np.where(side > 0, bars.high[setup], bars.low[setup])
    return trigger + side * (bars.high[setup - 1] - bars.low[setup - 1])


class TargetLadders:
    """The further targets of any setup: the pivots before it that a move beyond its trigger meets one by one."""

    def __init__(self, bars: LabelledBars) -> None:
        self._columns = {1: bars.high.tolist(), -1: (-bars.low).tolist()}
        self._links = {side: _links_to_higher(column) for side, column in self._columns.items()}

    def ladder(self, setup: int, side: int, trigger: int) -> tuple[int, ...]:
        """Return the targets of the setup bar at a position, in ticks, nearest first.

        Bars before the setup bar are read backwards; a high counts when it lies strictly beyond the trigger and beyond
        the one that was kept before it (for the short side a low below).
        """
        column, links = self._columns[side], self._links[side]
        found, last, at = [], side * trigger, setup - 1
        while at >= 0:
            if column[at] > last:
                last = column[at]
                found.append(side * last)
            at = links[at]
        return tuple(found)


def _links_to_higher(column: Sequence[int]) -> list[int]:
    """Return for each place the nearest earlier place with a strictly higher value, -1 for none."""
    links: list[int] = []
    waiting: list[int] = []
    for place, value in enumerate(column):
        while waiting and column[waiting[-1]] <= value:
            waiting.pop()
        links.append(waiting[-1] if waiting else -1)
        waiting.append(place)
    return links
