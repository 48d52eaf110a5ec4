"""Some rows of a file as columns, before anything is believed about them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from attrs import evolve, field, frozen
from numpy.typing import NDArray

PRICES = ("open", "high", "low", "close")
NUMBERS = (*PRICES, "volume")


@frozen(eq=False)
class Table:
    """Rows of one file.

    `time` is int64 (numbers), bytes (texts) or datetime64[ns] (`zoned` says whether it is UTC), `ends` the same for the
    end of each bar where the file tells it; `numbers` holds open, high, low, close and volume, NaN where there was no
    number. `lines` numbers the rows as an editor does; `notes` says per row what could not be read; `labels` holds the
    columns that say whose bar a row is.
    """

    file: str
    time: NDArray[np.generic]
    numbers: Mapping[str, NDArray[np.float64]]
    lines: NDArray[np.int64]
    zoned: bool = False
    whole_days: bool = False
    notes: Mapping[int, str] = field(factory=dict)
    ends: NDArray[np.generic] | None = None
    labels: Mapping[str, NDArray[np.bytes_]] = field(factory=dict)

    def __len__(self) -> int:
        return len(self.time)

    def kept(self, mask: NDArray[np.bool_]) -> Table:
        """Return the rows that are marked."""
        place = np.cumsum(mask) - 1
        return evolve(
            self,
            time=self.time[mask],
            numbers={name: column[mask] for name, column in self.numbers.items()},
            lines=self.lines[mask],
            notes={int(place[row]): note for row, note in self.notes.items() if mask[row]},
            ends=None if self.ends is None else self.ends[mask],
            labels={name: column[mask] for name, column in self.labels.items()},
        )

    def of_ends(self) -> Table | None:
        """Return the table with the ends in the place of the times, None where the file tells none."""
        return None if self.ends is None else evolve(self, time=self.ends, ends=None)
