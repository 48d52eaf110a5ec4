"""Shapes of single bars: hammers, shooters, and 2s that failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlas_strat.labels import Label
from atlas_strat.vocabulary import FailedTwo

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlas_strat.labels import LabelledBars

SHAPE_TEXT = {1: "hammer", -1: "shooter", 0: None}


def shapes(bars: LabelledBars) -> NDArray[np.int8]:
    """Return +1 for each hammer, -1 for each shooter, else 0 (int8).

    A hammer has its open and its close in the top third of its range, the boundary included; a shooter in the bottom
    third. A bar without a range has no shape.
    """
    spread = bars.high - bars.low
    below_high = bars.high - np.minimum(bars.open, bars.close)
    above_low = np.maximum(bars.open, bars.close) - bars.low
    has_range = spread > 0
    hammer = has_range & (3 * below_high <= spread)
    shooter = has_range & (3 * above_low <= spread)
    return hammer.view(np.int8) - shooter.view(np.int8)


def failed_twos(bars: LabelledBars, mode: FailedTwo = FailedTwo.OPEN) -> NDArray[np.bool_]:
    """Mark each 2 that failed.

    `open`: a 2U that closed below its open (for a 2D above it). `reclaim`: the close is back inside the predecessor's
    range, its extreme included. `both` and `either` join the two. `midpoint`: a 2U that closed below the middle of its
    predecessor (for a 2D above it).
    """
    side = np.where(bars.label == Label.TWO_UP, 1, np.where(bars.label == Label.TWO_DOWN, -1, 0))
    by_open: NDArray[np.bool_] = side * bars.colour < 0
    if mode is FailedTwo.OPEN:
        return by_open
    high, low = _before(bars.high), _before(bars.low)
    if mode is FailedTwo.MIDPOINT:
        failed: NDArray[np.bool_] = side * (2 * bars.close - high - low) < 0
        return failed
    reclaimed: NDArray[np.bool_] = (side != 0) & (side * (bars.close - np.where(side > 0, high, low)) <= 0)
    if mode is FailedTwo.RECLAIM:
        return reclaimed
    return by_open & reclaimed if mode is FailedTwo.BOTH else by_open | reclaimed


def _before(column: NDArray[np.int64]) -> NDArray[np.int64]:
    earlier = np.zeros_like(column)
    earlier[1:] = column[:-1]
    return earlier
