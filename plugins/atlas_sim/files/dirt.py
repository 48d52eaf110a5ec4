"""Which rows of a table are not bars, and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from atlas_core import Timeframe, parse_timeframe
from atlas_sim.files.table import NUMBERS, PRICES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlas_sim.files.table import Table
    from atlas_sim.files.times import Times

SHOWN_ROWS = 10
_HOUR = parse_timeframe("1h").duration

Reason = Callable[[int], str]


@frozen
class DirtyRow:
    """One row that is not a bar."""

    line: int
    reason: str


@frozen
class DirtReport:
    """What is wrong with a file: how many of its rows are not bars, and the first of them."""

    file: str
    rows: int
    dirty: int
    first: tuple[DirtyRow, ...]

    def __str__(self) -> str:
        head = f"{self.file}: {self.dirty:,} of {self.rows:,} rows are not bars"
        shown = [f"  line {row.line}: {row.reason}" for row in self.first]
        rest = self.dirty - len(self.first)
        return "\n".join([head, *shown, *([f"  and {rest:,} more"] if rest else [])])


class Inspection:
    """Collects the dirty rows of one table, the first reason of each row counting."""

    def __init__(self, table: Table, times: Times) -> None:
        self._table = table
        self._reasons: list[tuple[NDArray[np.bool_], Reason]] = []
        self.clean = np.ones(len(table), dtype=bool)
        notes = {**times.notes, **table.notes}
        self._mark(_rows(len(table), notes), lambda row: notes[row])
        self._inspect_prices()
        self._inspect_order(times.ts)

    def require_grid(self, ts: NDArray[np.int64], timeframe: Timeframe) -> None:
        """Mark bars of at most an hour that do not begin on the grid of the others.

        Longer bars are left alone, because daylight saving moves them in UTC.
        """
        if timeframe.duration > _HOUR or not self.clean.any():
            return
        phase = ts % timeframe.duration
        usual, counts = np.unique(phase[self.clean], return_counts=True)
        self._mark(
            phase != usual[int(np.argmax(counts))],
            lambda _row: f"time is not on the grid of the other {timeframe} bars",
        )

    def report(self) -> DirtReport:
        """Return what was found."""
        dirty = np.flatnonzero(~self.clean)
        first = tuple(DirtyRow(int(self._table.lines[row]), self._reason(row)) for row in dirty[:SHOWN_ROWS].tolist())
        return DirtReport(self._table.file, len(self._table), len(dirty), first)

    def _mark(self, mask: NDArray[np.bool_], reason: Reason) -> None:
        new = mask & self.clean
        if new.any():
            self._reasons.append((new, reason))
            self.clean &= ~new

    def _reason(self, row: int) -> str:
        return next(reason(row) for mask, reason in self._reasons if mask[row])

    def _inspect_prices(self) -> None:
        numbers = self._table.numbers
        for name in NUMBERS:
            self._mark(~np.isfinite(numbers[name]), _Told(f"{name}: expected a finite number, was", numbers[name]))
        for name in PRICES:
            self._mark(numbers[name] <= 0, _Told(f"{name}: expected a price above 0, was", numbers[name]))
        self._mark(numbers["volume"] < 0, _Told("volume: expected 0 or more, was", numbers["volume"]))
        high, low = numbers["high"], numbers["low"]
        self._mark(high < low, _Pair("high", high, "is below low", low))
        for name in ("open", "close"):
            self._mark(numbers[name] > high, _Pair(name, numbers[name], "is above high", high))
            self._mark(numbers[name] < low, _Pair(name, numbers[name], "is below low", low))

    def _inspect_order(self, ts: NDArray[np.int64]) -> None:
        latest = np.maximum.accumulate(np.where(self.clean, ts, np.iinfo(np.int64).min))
        before = np.concatenate([[np.iinfo(np.int64).min], latest[:-1]])
        self._mark(ts == before, lambda _row: "time is the same as that of an earlier row")
        self._mark(ts < before, lambda _row: "time is before that of an earlier row")


@frozen(eq=False)
class _Told:
    text: str
    column: NDArray[np.float64]

    def __call__(self, row: int) -> str:
        return f"{self.text} {self.column[row]:.12g}"


@frozen(eq=False)
class _Pair:
    name: str
    column: NDArray[np.float64]
    verb: str
    other: NDArray[np.float64]

    def __call__(self, row: int) -> str:
        return f"{self.name} {self.column[row]:.12g} {self.verb} {self.other[row]:.12g}"


def _rows(count: int, notes: dict[int, str]) -> NDArray[np.bool_]:
    mask = np.zeros(count, dtype=bool)
    mask[list(notes)] = True
    return mask
