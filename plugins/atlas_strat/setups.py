"""Setups armed by the close of a bar, and the patterns that the next bar completes out of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from atlas_strat.labels import LabelledBars, label_bars
from atlas_strat.levels import SetupLevels, setup_levels
from atlas_strat.patterns import (
    BARS_OF,
    FAMILY_OF,
    KIND_OF,
    SIDE_OF,
    TEXT_OF,
    armed_codes,
    completed_codes,
)
from atlas_strat.vocabulary import StopMode

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlas_core import Bars


@frozen(eq=False)
class Setups:
    """Equal-length columns, ordered by bar, the long side first.

    `setup` and `entry` are positions of the setup bar and of the completing bar in `bars` (`entry` None while it is
    still to come), `code` finds what is said about the pattern in the tables of `patterns`.
    """

    bars: LabelledBars
    setup: NDArray[np.int64]
    entry: NDArray[np.int64] | None
    code: NDArray[np.int16]
    levels: SetupLevels

    def __len__(self) -> int:
        return len(self.setup)

    @property
    def row(self) -> NDArray[np.int64]:
        """Return where the pattern stands in the series that was given: its completing bar, or its setup bar."""
        return self.bars.row[self.setup if self.entry is None else self.entry]

    @property
    def side(self) -> NDArray[np.int64]:
        """Return +1 for long, -1 for short, 0 for a pattern whose direction is not known."""
        return SIDE_OF.take(self.code)

    @property
    def pattern(self) -> NDArray[np.str_]:
        """Return the name of each pattern, such as `2D-1-2U`."""
        return TEXT_OF[self.code]

    @property
    def family(self) -> NDArray[np.str_]:
        """Return the family of each pattern."""
        return FAMILY_OF[self.code]

    @property
    def kind(self) -> NDArray[np.str_]:
        """Return the kind of each pattern."""
        return KIND_OF[self.code]

    @property
    def spans_gap(self) -> NDArray[np.bool_]:
        """Mark the patterns between whose bars a row was dropped because it is no bar."""
        last = self.setup if self.entry is None else self.entry
        first = self.setup - (BARS_OF.take(self.code) - 2)
        gaps: NDArray[np.bool_] = self.bars.row[last] - self.bars.row[first] != last - first
        return gaps


def armed_setups(bars: Bars, stop_mode: StopMode = StopMode.SETUP_BAR) -> Setups:
    """Return every setup that the close of a bar of `bars` arms for the bar after it."""
    return arm(label_bars(bars), stop_mode)


def arm(bars: LabelledBars, stop_mode: StopMode, wanted: NDArray[np.bool_] | None = None) -> Setups:
    """Return the setups that each close arms; `wanted` marks the codes of patterns to keep, None keeps all."""
    setup, code = armed_codes(bars, wanted)
    return Setups(bars, setup, None, code, setup_levels(bars, setup, code, stop_mode))


def completed_patterns(bars: Bars, stop_mode: StopMode = StopMode.SETUP_BAR) -> Setups:
    """Return the pattern that each bar completed: the setups that found their 2, and those that ended in a 3."""
    return complete(label_bars(bars), stop_mode)


def complete(bars: LabelledBars, stop_mode: StopMode = StopMode.SETUP_BAR) -> Setups:
    """Return the patterns that labelled bars completed."""
    entry, code = completed_codes(bars)
    setup = entry - 1
    return Setups(bars, setup, entry, code, setup_levels(bars, setup, code, stop_mode, entry))
