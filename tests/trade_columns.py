"""Columns of trades whose figures a test gives itself, without a row for each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from atlas_core.report.results import TradeColumns


class GivenColumns(TradeColumns):
    """Columns that are there already, `net` among them; spread and impact are nothing where they are not given."""

    def __init__(self, **columns: NDArray[np.float64] | NDArray[np.int64]) -> None:
        super().__init__(())
        self._count = len(columns["net"])
        columns.setdefault("spread_and_impact", np.zeros(self._count))
        self.__dict__.update(columns)  # where cached properties keep what they have made
