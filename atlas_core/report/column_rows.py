"""Rows of a run that are columns first: tables are written from these, rows are made when somebody looks at one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar, overload

Row_co = TypeVar("Row_co", covariant=True)
Cells = Mapping[str, Sequence[str]]
Teller = Callable[[str], Sequence[str]]
"""Gives the cells of an attribute, of those rows that it was made for."""


def kept_cells(cells: Cells) -> Callable[[slice], Teller]:
    """Return what tells cells that are all there."""
    return lambda rows: lambda name: cells[name][rows]


class ColumnRows(Sequence[Row_co], Generic[Row_co]):
    """Rows whose cells are there before them.

    `piece` returns what tells the cells of some rows: for an attribute their texts in CSV. `make` makes all rows; it is
    asked once, if at all.
    """

    def __init__(self, count: int, piece: Callable[[slice], Teller], make: Callable[[], Sequence[Row_co]]) -> None:
        self.piece = piece
        self._count = count
        self._make = make
        self._rows: Sequence[Row_co] | None = None

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, place: int) -> Row_co: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Row_co]: ...

    def __getitem__(self, place: int | slice) -> Row_co | Sequence[Row_co]:
        if self._rows is None:
            self._rows = self._make()
        return self._rows[place]
