"""A file as columns, before anything is believed about it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

PRICES = ("open", "high", "low", "close")
NUMBERS = (*PRICES, "volume")


@frozen(eq=False)
class Table:
    """The rows of one file.

    `time` is int64 (numbers), bytes (texts) or datetime64[ns] (`zoned` says whether it is UTC); `numbers` holds open,
    high, low, close and volume, NaN where there was no number. `lines` numbers the rows as an editor does; `notes`
    says per row what could not be read.
    """

    file: str
    time: NDArray[np.generic]
    numbers: Mapping[str, NDArray[np.float64]]
    lines: NDArray[np.int64]
    zoned: bool = False
    whole_days: bool = False
    notes: Mapping[int, str] = field(factory=dict)

    def __len__(self) -> int:
        return len(self.time)
