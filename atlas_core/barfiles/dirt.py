"""Which rows of a table are not bars, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from attrs import define, field, frozen

from atlas_core.barfiles.table import NUMBERS, PRICES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlas_core.barfiles.table import Table

SHOWN_ROWS = 10

Reason = Callable[[int], str]


@frozen
class DirtyRow:
    """One row that is not a bar."""

    line: int
    reason: str


@frozen
class DirtReport:
    """What is wrong with a file: how many of its rows are not bars, and the first of them.

    `remedies` names the repairs that would take these rows away, as `--repair` names them.
    """

    file: str
    rows: int
    dirty: int
    first: tuple[DirtyRow, ...]
    remedies: tuple[str, ...] = ()

    def __str__(self) -> str:
        head = f"{self.file}: {self.dirty:,} of {self.rows:,} rows are not bars"
        shown = [f"  line {row.line}: {row.reason}" for row in self.first]
        rest = self.dirty - len(self.first)
        return "\n".join([head, *shown, *([f"  and {rest:,} more"] if rest else [])])


@define
class DirtCount:
    """Counts the dirty rows of a file and remembers the first of them, in any order of being told."""

    dirty: int = 0
    remedies: dict[str, None] = field(factory=dict)
    _first: list[DirtyRow] = field(factory=list)

    def add(self, lines: NDArray[np.int64], reason: Callable[[int], str], remedy: str) -> None:
        """Take rows by their lines; `reason(place)` says what is wrong with the one at a place in `lines`."""
        if not len(lines):
            return
        self.dirty += len(lines)
        self.remedies[remedy] = None
        order = np.argsort(lines, kind="stable")[:SHOWN_ROWS].tolist()
        self._first += [DirtyRow(int(lines[place]), reason(place)) for place in order]
        self._first = sorted(self._first, key=lambda row: row.line)[:SHOWN_ROWS]

    def report(self, file: str, rows: int) -> DirtReport:
        """Return what was found in `rows` rows of a file."""
        return DirtReport(file, rows, self.dirty, tuple(self._first), tuple(self.remedies))


class Inspection:
    """Collects the rows of one table that are no bars in themselves, the first reason of each row counting."""

    def __init__(self, table: Table, notes: Mapping[int, str], *, are_prices: bool = True) -> None:
        self._table = table
        self._reasons: list[tuple[NDArray[np.bool_], Reason]] = []
        self.clean = np.ones(len(table), dtype=bool)
        every = {**notes, **table.notes}
        self._mark(_rows(len(table), every), lambda row: every[row])
        self._inspect_numbers()
        if are_prices:
            self._inspect_prices()

    def reason(self, row: int) -> str:
        """Return what is wrong with a row that is not clean."""
        return next(reason(row) for mask, reason in self._reasons if mask[row])

    def _mark(self, mask: NDArray[np.bool_], reason: Reason) -> None:
        new = mask & self.clean
        if new.any():
            self._reasons.append((new, reason))
            self.clean &= ~new

    def _inspect_numbers(self) -> None:
        numbers = self._table.numbers
        for name in NUMBERS:
            self._mark(~np.isfinite(numbers[name]), _Told(f"{name}: expected a finite number, was", numbers[name]))

    def _inspect_prices(self) -> None:
        numbers = self._table.numbers
        for name in PRICES:
            self._mark(numbers[name] <= 0, _Told(f"{name}: expected a price above 0, was", numbers[name]))
        self._mark(numbers["volume"] < 0, _Told("volume: expected 0 or more, was", numbers["volume"]))
        high, low = numbers["high"], numbers["low"]
        self._mark(high < low, _Pair("high", high, "is below low", low))
        for name in ("open", "close"):
            self._mark(numbers[name] > high, _Pair(name, numbers[name], "is above high", high))
            self._mark(numbers[name] < low, _Pair(name, numbers[name], "is below low", low))


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


def _rows(count: int, notes: Mapping[int, str]) -> NDArray[np.bool_]:
    mask = np.zeros(count, dtype=bool)
    mask[list(notes)] = True
    return mask
