"""All rows of a file seen together: order, repeated times, grid, jumps; and the repairs that were asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import field, frozen

from atlas_core.barfiles.dirt import DirtCount
from atlas_core.barfiles.form import Repair
from atlas_core.barfiles.table import NUMBERS
from atlas_core.errors import DataError
from atlas_core.model.timeframe import HOUR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlas_core.barfiles.form import BarFileForm
    from atlas_core.model.timeframe import Timeframe

PIECE_ROWS = 1 << 17
_JUMP = 50.0


@frozen(eq=False)
class Rows:
    """Rows of a file in the order in which they become bars: `place` holds where each lies in the columns."""

    columns: dict[str, Any]
    place: NDArray[np.int64] | None = None
    repairs: dict[str, int] = field(factory=dict)

    def __len__(self) -> int:
        return len(self.columns["ts"]) if self.place is None else len(self.place)

    def column(self, name: str, part: slice = slice(None)) -> NDArray[Any]:
        """Return a column, or a part of it."""
        found: NDArray[Any] = self.columns[name][part if self.place is None else self.place[part]]
        return found

    @property
    def ts(self) -> NDArray[np.int64]:
        """Return the times."""
        return self.column("ts")

    def pieces(self) -> Iterator[slice]:
        """Yield parts of a size that memory bears."""
        for first in range(0, len(self), PIECE_ROWS):
            yield slice(first, min(first + PIECE_ROWS, len(self)))

    def kept(self, keep: NDArray[np.bool_]) -> Rows:
        """Return the rows that are marked."""
        if keep.all():
            return self
        return Rows(self.columns, np.flatnonzero(keep) if self.place is None else self.place[keep], self.repairs)


def in_order(rows: Rows, form: BarFileForm, dirt: DirtCount) -> Rows:
    """Return the rows with strictly increasing times; what repairs were asked for is counted in `rows.repairs`.

    Rows that stay out of order are added to the dirt.
    """
    if Repair.SORT in form.repairs:
        rows = _sorted(rows)
    if _increases(rows):  # read in parts: the usual file needs no column of its size beside it
        return rows
    rows = _without_repeats(rows, form)
    ts = rows.ts
    latest = np.maximum.accumulate(ts)
    before = np.concatenate([[np.iinfo(np.int64).min], latest[:-1]])
    late = ts < before
    again = ts == before
    lines = rows.column("line")
    _mark(dirt, lines, late, "time is before that of an earlier row", Repair.SORT)
    copies = np.zeros(len(rows), dtype=bool)
    repeats = _repeats(rows)
    copies[repeats] = _same_as_before(rows, repeats)
    for marked, remedy in ((again & copies, Repair.DEDUPE), (again & ~copies, Repair.KEEP_FIRST)):
        _mark(dirt, lines, marked, "time is the same as that of an earlier row", remedy)
    return rows.kept(~(late | again))


def on_grid(rows: Rows, timeframe: Timeframe, dirt: DirtCount) -> Rows:
    """Return the bars of at most an hour that begin on the grid of the others, and add the others to the dirt.

    Longer bars are left alone, because daylight saving moves them in UTC.
    """
    if timeframe.duration > HOUR or not len(rows):
        return rows
    phases: Counter[int] = Counter()
    for part in rows.pieces():
        found, counts = np.unique(rows.column("ts", part) % timeframe.duration, return_counts=True)
        phases.update(dict(zip(found.tolist(), counts.tolist(), strict=True)))
    if len(phases) == 1:
        return rows
    is_off = rows.ts % timeframe.duration != phases.most_common(1)[0][0]
    reason = f"time is not on the grid of the other {timeframe} bars"
    _mark(dirt, rows.column("line"), is_off, reason, Repair.DROP_INVALID)
    return rows.kept(~is_off)


def refuse_jumps(file: str, rows: Rows) -> None:
    """Raise DataError at a price that is fifty times the one before or a fiftieth of it: prices in two units."""
    last = 0.0
    for part in rows.pieces():
        close = rows.column("close", part)
        before = np.concatenate([[last or close[0]], close[:-1]])
        ratio = rows.column("open", part) / before
        wild = np.flatnonzero((ratio >= _JUMP) | (ratio <= 1 / _JUMP))
        if len(wild):
            row = int(wild[0])
            line = f"line {rows.column('line', part)[row]}"
            refuse_jump(file, float(before[row]), float(rows.column("open", part)[row]), line)
        last = float(close[-1])


def refuse_jump(file: str, before: float, opened: float, where: str) -> None:
    """Raise DataError when a price is fifty times the one before it or a fiftieth."""
    if 1 / _JUMP < opened / before < _JUMP:
        return
    raise DataError(
        f"{file}: expected prices of one unit, was {before:.12g} and then {opened:.12g} in {where}; "
        "bring them to one unit, or import with --allow-jumps when the market did that"
    )


def _increases(rows: Rows) -> bool:
    last = np.iinfo(np.int64).min
    for part in rows.pieces():
        ts = rows.column("ts", part)
        if ts[0] <= last or not bool(np.all(ts[1:] > ts[:-1])):
            return False
        last = ts[-1]
    return True


def _sorted(rows: Rows) -> Rows:
    ts = rows.ts
    if bool(np.all(ts[1:] >= ts[:-1])):
        return rows
    order = np.argsort(ts, kind="stable")
    moved = int(np.count_nonzero(order != np.arange(len(order))))
    return Rows(rows.columns, order, {**rows.repairs, Repair.SORT: moved})


def _without_repeats(rows: Rows, form: BarFileForm) -> Rows:
    """Leave out rows that follow one of the same time, as far as repairs were asked for that decide which one stays."""
    repeats = _repeats(rows)
    if not len(repeats):
        return rows
    if Repair.DEDUPE in form.repairs:
        rows = _without(rows, repeats[_same_as_before(rows, repeats)], Repair.DEDUPE)
        repeats = _repeats(rows)
    if Repair.KEEP_LAST in form.repairs:
        return _without(rows, repeats - 1, Repair.KEEP_LAST)
    return _without(rows, repeats, Repair.KEEP_FIRST) if Repair.KEEP_FIRST in form.repairs else rows


def _repeats(rows: Rows) -> NDArray[np.int64]:
    ts = rows.ts
    return np.flatnonzero(ts[1:] == ts[:-1]) + 1


def _same_as_before(rows: Rows, places: NDArray[np.int64]) -> NDArray[np.bool_]:
    here, before = (at if rows.place is None else rows.place[at] for at in (places, places - 1))
    same: NDArray[np.bool_] = np.logical_and.reduce(
        [rows.columns[name][here] == rows.columns[name][before] for name in NUMBERS]
    )
    return same


def _without(rows: Rows, places: NDArray[np.int64], repair: Repair) -> Rows:
    if not len(places):
        return rows
    rows.repairs[repair] = len(places)
    keep = np.ones(len(rows), dtype=bool)
    keep[places] = False
    return rows.kept(keep)


def _mark(dirt: DirtCount, lines: NDArray[Any], marked: NDArray[np.bool_], reason: str, remedy: Repair) -> None:
    dirt.add(lines[marked], lambda _place: reason, remedy)
