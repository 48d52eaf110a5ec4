"""What goes with a signal as its context: told at its setup bar, never a reason of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from atlas_strat.broadening import formations
from atlas_strat.exhaustion import pivots_ahead
from atlas_strat.pivots import PIVOTS_COUNTED, falling_highs, rising_lows
from atlas_strat.shapes import failed_twos, shapes
from atlas_strat.vocabulary import ContextPart

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from atlas_core import Bars
    from atlas_strat.breaks import BreakHistory
    from atlas_strat.setups import Setups
    from atlas_strat.vocabulary import FailedTwo

ContextColumns: TypeAlias = "Mapping[str, NDArray[np.generic]]"
_SHAPE_NAME = np.array(["", "hammer", "shooter"])  # index -1 is the shooter


def context_columns(
    setups: Setups, failed_two: FailedTwo, parts: Collection[ContextPart], tick_size: float
) -> ContextColumns:
    """Return the context columns of armed setups that their own series tells.

    `family` and `kind` of the pattern; `shape` of the setup bar and whether it is a `failed_two`; `spans_gap`; and of
    `parts` what `pivot_columns`, `broadening_columns` and `exhaustion_columns` say.
    """
    bars, setup = setups.bars, setups.setup
    return {
        "family": setups.family,
        "kind": setups.kind,
        "shape": _SHAPE_NAME[shapes(bars)[setup]],
        "failed_two": failed_twos(bars, failed_two)[setup],
        **(pivot_columns(setups) if ContextPart.PIVOTS in parts else {}),
        "spans_gap": setups.spans_gap,
        **(broadening_columns(setups, tick_size) if ContextPart.BROADENING in parts else {}),
        **(exhaustion_columns(setups) if ContextPart.EXHAUSTION in parts else {}),
    }


def pivot_columns(setups: Setups) -> ContextColumns:
    """Return `pivots` in a row that the move would run over (from 5 on a machine gun, counted up to 12)."""
    bars, setup = setups.bars, setups.setup
    pivots = np.where(setups.side < 0, rising_lows(bars)[setup], falling_highs(bars)[setup])
    return {"pivots": np.minimum(pivots, PIVOTS_COUNTED)}


def broadening_columns(setups: Setups, tick_size: float) -> ContextColumns:
    """Return whether the swings of 50 bars that the setup bar confirms or earlier ones did are `broadening`.

    `broadening_upper` and `broadening_lower` are the prices of the lines at the setup bar, broadening or not; NaN while
    there are fewer than two swings of a side.
    """
    found = formations(setups.bars, setups.setup)
    return {
        "broadening": found.is_broadening,
        "broadening_upper": found.upper * tick_size,
        "broadening_lower": found.lower * tick_size,
    }


def exhaustion_columns(setups: Setups) -> ContextColumns:
    """Return how many pivots of 50 bars the move has before it: `ladder_pivots`, 0 for new extremes.

    `ladder_pivots_to_magnitude` are those that it clears before it touches the magnitude, NaN where there is none. By
    time nothing is used up when a setup is armed: the whole bar lies ahead.
    """
    ahead = pivots_ahead(setups)
    return {
        "ladder_pivots": ahead.pivots,
        "ladder_pivots_to_magnitude": np.where(setups.levels.has_magnitude, ahead.before_magnitude, np.nan),
    }


def break_columns(history: BreakHistory, setups: Setups, bars: Bars) -> ContextColumns:
    """Return how many symbols made `simultaneous_breaks` in the direction of the signal, with `..._pct` their share.

    They broke with the bar that opened together with the setup bar and was available no later; the share is of the
    symbols that have such a bar and one before it.
    """
    row = setups.row
    count, with_data = history.alongside(bars.opened_at[row], bars.available_at[row], setups.side)
    return {"simultaneous_breaks": count, "simultaneous_breaks_pct": 100.0 * count / with_data}
