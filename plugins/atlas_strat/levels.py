"""Trigger, stop and first objective of setups, in whole ticks; the only place that knows where they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from atlas_strat.patterns import GRAMMAR, Objective
from atlas_strat.vocabulary import StopMode

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlas_strat.labels import LabelledBars

_OBJECTIVE_BARS_BACK = np.array(
    [{Objective.NONE: 0, Objective.FIRST: 1, Objective.MOTHER: 2}[rule.objective] for rule in GRAMMAR]
)
_HAS_THREE_BARS = np.array([rule.bars == 3 for rule in GRAMMAR])


@frozen(eq=False)
class SetupLevels:
    """Equal-length columns in ticks (int64); `magnitude` counts only where `has_magnitude`.

    `trigger` must be exceeded, `far_side` is the other extreme of the setup bar.
    """

    trigger: NDArray[np.int64]
    far_side: NDArray[np.int64]
    stop: NDArray[np.int64]
    magnitude: NDArray[np.int64]
    has_magnitude: NDArray[np.bool_]


def setup_levels(
    bars: LabelledBars,
    setup: NDArray[np.int64],
    side: NDArray[np.int64],
    rule: NDArray[np.int64],
    stop_mode: StopMode = StopMode.SETUP_BAR,
) -> SetupLevels:
    """Return the levels of the setups at the positions `setup` in `bars`.

    An objective that is not strictly beyond the trigger is none. Stops: `setup_bar` the far side of the setup bar,
    `first_bar` the farther of the far sides of the first two bars of a three-bar pattern, `midpoint` the middle of the
    setup bar, rounded away from the trigger.
    """
    trigger = _favourable(bars, setup, side)
    far_side = _adverse(bars, setup, side)
    back = _OBJECTIVE_BARS_BACK[rule]
    magnitude = _favourable(bars, setup - back, side)
    has_magnitude = (back > 0) & (side * (magnitude - trigger) > 0)
    stop = _stops(bars, setup, side, rule, stop_mode)
    return SetupLevels(trigger, far_side, stop, magnitude, has_magnitude)


def _favourable(bars: LabelledBars, at: NDArray[np.int64], side: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.where(side > 0, bars.high[at], bars.low[at])


def _adverse(bars: LabelledBars, at: NDArray[np.int64], side: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.where(side > 0, bars.low[at], bars.high[at])


def _stops(
    bars: LabelledBars,
    setup: NDArray[np.int64],
    side: NDArray[np.int64],
    rule: NDArray[np.int64],
    mode: StopMode,
) -> NDArray[np.int64]:
    far_side = _adverse(bars, setup, side)
    if mode is StopMode.SETUP_BAR:
        return far_side
    if mode is StopMode.MIDPOINT:
        middle: NDArray[np.int64] = (side * (bars.high[setup] + bars.low[setup])) // 2
        return side * middle
    first = _adverse(bars, setup - _HAS_THREE_BARS[rule], side)
    farther: NDArray[np.int64] = side * np.minimum(side * far_side, side * first)
    return farther


def moved_by_percent(trigger: NDArray[np.int64], side: NDArray[np.int64], parts_per_million: int) -> NDArray[np.int64]:
    """Return the levels that lie a share of the trigger beyond it, in ticks, the distance rounded down."""
    distance: NDArray[np.int64] = np.abs(trigger) * parts_per_million // 1_000_000
    return trigger + side * distance
