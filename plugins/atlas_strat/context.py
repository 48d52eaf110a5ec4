"""What goes with a signal as its context: told at its setup bar, never a reason of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlas_strat.pivots import PIVOTS_COUNTED, falling_highs, rising_lows
from atlas_strat.shapes import failed_twos, shapes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from atlas_strat.setups import Setups
    from atlas_strat.vocabulary import FailedTwo

_SHAPE_NAME = np.array(["", "hammer", "shooter"])  # index -1 is the shooter


def context_columns(setups: Setups, failed_two: FailedTwo) -> Mapping[str, NDArray[np.generic]]:
    """Return the context columns of armed setups.

    `family` and `kind` of the pattern; `shape` of the setup bar and whether it is a `failed_two`; `pivots` in a row
    that the move would run over (from 5 on a machine gun, counted up to 12); `spans_gap`.
    """
    bars, setup = setups.bars, setups.setup
    pivots = np.where(setups.side < 0, rising_lows(bars)[setup], falling_highs(bars)[setup])
    return {
        "family": setups.family,
        "kind": setups.kind,
        "shape": _SHAPE_NAME[shapes(bars)[setup]],
        "failed_two": failed_twos(bars, failed_two)[setup],
        "pivots": np.minimum(pivots, PIVOTS_COUNTED),
        "spans_gap": setups.spans_gap,
    }
