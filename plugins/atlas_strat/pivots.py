"""The pivot machine gun: a run of rising lows or falling highs, each of which a reversal takes out one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlas_strat.labels import LabelledBars

DEFAULT_PIVOTS = 5
"""How many pivots make a machine gun."""
PIVOTS_COUNTED = 12
"""Where the count in a signal's context ends, so that no older bar can change it."""


@frozen
class PivotMachineGun:
    """A run of pivots that points one way, armed for the move the other way; prices in ticks.

    `side` is -1 for rising lows (a break below `trigger` runs down the ladder) and +1 for falling highs. `ladder` are
    the pivots behind the trigger, newest first.
    """

    side: int
    trigger: int
    stop: int
    ladder: tuple[int, ...]


@frozen
class Consumed:
    """What a bar took of a machine gun that was armed before it, the trigger included."""

    side: int
    trigger: int
    taken: tuple[int, ...]
    remaining: tuple[int, ...]


def rising_lows(bars: LabelledBars) -> NDArray[np.int64]:
    """Return for each bar how many bars in a row, it included, had a low strictly above the one before."""
    return _runs(bars.low[1:] > bars.low[:-1], len(bars))


def falling_highs(bars: LabelledBars) -> NDArray[np.int64]:
    """Return for each bar how many bars in a row, it included, had a high strictly below the one before."""
    return _runs(bars.high[1:] < bars.high[:-1], len(bars))


def _runs(goes_on: NDArray[np.bool_], length: int) -> NDArray[np.int64]:
    place = np.arange(length, dtype=np.int64)
    broken = place.copy()
    broken[1:][goes_on] = 0
    return place - np.maximum.accumulate(broken)


def machine_guns(bars: LabelledBars, at: int, pivots: int = DEFAULT_PIVOTS) -> tuple[PivotMachineGun, ...]:
    """Return the machine guns that the bar at a position arms: of either side, when its run has `pivots` or more."""
    found = []
    for side, runs, column, other in (
        (-1, rising_lows(bars), bars.low, bars.high),
        (+1, falling_highs(bars), bars.high, bars.low),
    ):
        run = int(runs[at])
        if run >= pivots:
            behind = column[at - run : at][::-1]
            found.append(PivotMachineGun(side, int(column[at]), int(other[at]), tuple(behind.tolist())))
    return tuple(found)


def consumed(bars: LabelledBars, at: int, pivots: int = DEFAULT_PIVOTS) -> tuple[Consumed, ...]:
    """Return what the bar at a position took of the machine guns that the bar before it armed."""
    found = []
    for gun in machine_guns(bars, at - 1, pivots) if at > 0 else ():
        reached = int(bars.low[at] if gun.side < 0 else bars.high[at])
        levels = (gun.trigger, *gun.ladder)
        taken = tuple(level for level in levels if gun.side * (reached - level) > 0)
        if taken:
            found.append(Consumed(gun.side, gun.trigger, taken, levels[len(taken) :]))
    return tuple(found)
