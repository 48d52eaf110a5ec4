"""Files with the bars of several symbols or timeframes: one series is chosen, never several mixed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from attrs import define, field

from atlas_core.errors import DataError

if TYPE_CHECKING:
    from atlas_core.barfiles.table import Table


@define
class Chooser:
    """Keeps the rows of one series, piece by piece: those that `only` names by column and value.

    Raises DataError for a column that is not there, and for rows of another series than those before.
    """

    only: Mapping[str, str]
    _seen: dict[str, tuple[bytes, int]] = field(factory=dict, init=False)

    def chosen(self, table: Table) -> Table:
        """Return the rows of the series that is meant."""
        mask = np.ones(len(table), dtype=bool)
        for name, value in self.only.items():
            if name not in table.labels:
                known = ", ".join(table.labels) or "none"
                raise DataError(f"{table.file}: expected a column {name} that says whose bars these are, was {known}")
            mask &= table.labels[name] == value.encode()
        kept = table if mask.all() else table.kept(mask)
        for name in table.labels:
            self._require_one(kept, name)
        return kept

    def _require_one(self, table: Table, name: str) -> None:
        labels = table.labels[name]
        whole = np.flatnonzero(labels != b"")  # a broken row says nothing of itself, and is dirty anyway
        if not len(whole):
            return
        first, line = self._seen.setdefault(name, (bytes(labels[whole[0]]), int(table.lines[whole[0]])))
        others = whole[labels[whole] != first]
        if len(others):
            other, where = bytes(labels[others[0]]).decode(errors="replace"), int(table.lines[others[0]])
            shown = first.decode(errors="replace")
            raise DataError(
                f"{table.file}: expected the bars of one series, was {name} {shown} in line {line} and {other} in line "
                f"{where}; import them one by one: atlas data import --only {name}={shown}"
            )
