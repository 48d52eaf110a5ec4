"""How much of a signal is used up: of the time of its bar, and of the prices that it aimed at.

Neither is a reason to reverse, and no thresholds are published: the numbers are reported as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from atlas_strat.setups import Setups

LADDER_BARS = 50
"""How many bars, the setup bar included, hold the pivots that a signal's context counts."""
_MINUTE = 60_000_000_000


@frozen
class TimeLeft:
    """What is left of a bar."""

    minutes: float
    fraction: float


@frozen
class PriceExhaustion:
    """What a move has reached: its magnitude, and how many of its ladder's pivots."""

    magnitude_reached: bool
    pivots_cleared: int
    pivots: int

    @property
    def is_exhausted(self) -> bool:
        """Whether the magnitude is reached or no pivot is left."""
        return self.magnitude_reached or self.pivots_cleared == self.pivots


def time_left(bar_start: int, bar_end: int, now: int) -> TimeLeft:
    """Return what is left at `now` of a bar (nanoseconds UTC), nothing after its end."""
    left = min(max(bar_end - now, 0), bar_end - bar_start)
    return TimeLeft(left / _MINUTE, left / (bar_end - bar_start))


def price_exhaustion(side: int, reached: int, magnitude: int | None, ladder: Sequence[int]) -> PriceExhaustion:
    """Return what a move to `side` has used up whose farthest price is `reached` (ticks).

    A pivot is cleared by a price strictly beyond it, the magnitude is reached by a touch. A move without pivots before
    it has nothing left: it makes new extremes.
    """
    has_reached = magnitude is not None and side * (reached - magnitude) >= 0
    cleared = sum(1 for level in ladder if side * (reached - level) > 0)
    return PriceExhaustion(has_reached, cleared, len(ladder))


@frozen(eq=False)
class PivotsAhead:
    """What lies before armed setups as equal-length columns (int64): pivots of the ladder, and those of them that the
    move clears before it touches its magnitude; the latter counts only where a setup has a magnitude."""

    pivots: NDArray[np.int64]
    before_magnitude: NDArray[np.int64]


def pivots_ahead(setups: Setups, window: int = LADDER_BARS) -> PivotsAhead:
    """Return how many pivots of their ladders armed setups have before them, in the `window` bars up to the setup bar.

    When a setup is armed no price is beyond its trigger yet, so none is cleared and the magnitude is not reached. A
    setup without pivots is exhausted from the start.
    """
    side, magnitude = setups.side, setups.side * setups.levels.magnitude
    kept = setups.side * setups.levels.trigger
    pivots, before = np.zeros(len(setups), dtype=np.int64), np.zeros(len(setups), dtype=np.int64)
    for back in range(1, window):
        place = np.maximum(setups.setup - back, 0)  # the first bar again is never beyond what was kept
        level = np.where(side > 0, setups.bars.high[place], -setups.bars.low[place])
        is_pivot = level > kept
        pivots += is_pivot
        before += is_pivot & (level < magnitude)
        kept = np.maximum(kept, level)
    return PivotsAhead(pivots, before)
