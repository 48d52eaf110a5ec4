"""Which bar of a higher timeframe was already known at each bar of a lower one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlas_core.model.bars import Bars


def align(base: Bars, higher: Bars) -> NDArray[np.int64]:
    """Return for each base bar, at its `available_at`, the index of the last `higher` bar available then.

    int64 of the length of `base`, -1 where no higher bar was available.
    """
    # One search per higher bar instead of one per base bar: there are far fewer of them.
    known_from = np.searchsorted(base.available_at, higher.available_at)
    bounds = np.concatenate(([0], known_from, [len(base)]))
    return np.repeat(np.arange(-1, len(higher), dtype=np.int64), np.diff(bounds))
