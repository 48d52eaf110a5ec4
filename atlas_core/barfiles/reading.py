"""A file of bars from its bytes to its bars: read in pieces, checked, put in order, laid on its timeframe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import evolve, frozen

from atlas_core.barfiles.building import UsualTick, edges, refuse_shorter_bars, usual_timeframe
from atlas_core.barfiles.dirt import DirtCount, DirtReport, Inspection
from atlas_core.barfiles.form import BarFileForm, Repair
from atlas_core.barfiles.labels import Chooser
from atlas_core.barfiles.settling import Rows, in_order, on_grid, refuse_jumps
from atlas_core.barfiles.sources import Part, parts_of
from atlas_core.barfiles.stage import Stage
from atlas_core.barfiles.table import NUMBERS, PRICES, Table
from atlas_core.barfiles.times import TimeReader
from atlas_core.errors import DataError
from atlas_core.model.bars import Bars

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlas_core.model.timeframe import Timeframe


@frozen(eq=False)
class BarFile:
    """The bars of one file, not yet of a symbol; `report` tells which rows are no bars, `repairs` what was done.

    `names_close` says that the times are those at which bars end.
    """

    name: str
    timeframe: Timeframe
    tick_size: Decimal
    report: DirtReport
    rows: Rows
    names_close: bool = False

    @property
    def repairs(self) -> Mapping[str, int]:
        """Return how many rows each repair concerned."""
        repairs = dict(self.rows.repairs)
        if self.report.dirty:
            repairs[Repair.DROP_INVALID] = self.report.dirty
        return {str(name): count for name, count in repairs.items()}

    def __len__(self) -> int:
        return len(self.rows)

    def bars(self, symbol: str) -> Bars:
        """Return all bars at once."""
        return self._part(symbol, slice(0, len(self)))

    def pieces(self, symbol: str) -> Iterator[Bars]:
        """Yield the bars in parts of a size that memory bears, oldest first."""
        for part in self.rows.pieces():
            yield self._part(symbol, part)

    def _part(self, symbol: str, part: slice) -> Bars:
        rows = self.rows
        ts, following = rows.column("ts", part), rows.column("ts", slice(part.stop, part.stop + 1))
        next_ts = int(following[0]) if len(following) else None
        opened_at, available_at = edges(ts, next_ts, self.timeframe, self.names_close)
        if "ends" in rows.columns:
            available_at = self._told_ends(opened_at, rows.column("ends", part), next_ts)
        numbers = {name: rows.column(name, part) for name in NUMBERS}
        return Bars(symbol, self.timeframe, opened_at, available_at, **numbers, tick_size=self.tick_size)

    def _told_ends(self, opened_at: NDArray[np.int64], ends: NDArray[Any], next_ts: int | None) -> NDArray[np.int64]:
        following = np.append(opened_at[1:], next_ts if next_ts is not None else np.iinfo(np.int64).max)
        if bool(np.any(ends <= opened_at)) or bool(np.any(ends > following)):
            raise DataError(f"{self.name}: expected bars that end after they open and before the next one, was another")
        return ends


def read_bar_file(path: Path, symbol: str, form: BarFileForm) -> tuple[Bars, DirtReport]:
    """Return the bars of a file, and what is wrong with its rows.

    Raises DataError for a file that cannot be read, holds several files, or has rows that are not bars and no repair
    that was asked for; MissingExtra for Parquet and Feather without pyarrow.
    """
    with closing(parts_of(path, form.columns)) as parts:
        found = read_part(next(parts), form, Stage())
        another = next(parts, None)
    if another is not None:
        raise DataError(
            f"{path}: expected one file of bars, was {found.name}, {another.name} and maybe more; unpack it"
        )
    return found.bars(symbol), found.report


def read_part(part: Part, form: BarFileForm, stage: Stage) -> BarFile:
    """Read one file of rows into a stage and settle it; raises DataError as `read_bar_file` does."""
    dirt = DirtCount()
    seen, whole_days = _stage(part, form, stage, dirt)
    if not seen:
        only = ", ".join(f"{name}={value}" for name, value in form.only.items())
        raise DataError(f"{part.name}: expected rows with {only}, was none")
    if not len(stage):
        _judge(dirt.report(part.name, seen), form)
    rows = in_order(Rows(stage.columns()), form, dirt)
    _judge(dirt.report(part.name, seen), form)
    timeframe = form.timeframe or usual_timeframe(part.name, rows.ts)
    if form.are_prices:
        refuse_shorter_bars(part.name, rows.ts, timeframe)
        rows = on_grid(rows, timeframe, dirt)
    report = dirt.report(part.name, seen)
    _judge(report, form)
    if form.refuse_jumps and form.are_prices:
        refuse_jumps(part.name, rows)
    names_close = form.time_marks == "close" and not whole_days
    return BarFile(part.name, timeframe, form.tick_size or _tick_of(rows), report, rows, names_close)


def _stage(part: Part, form: BarFileForm, stage: Stage, dirt: DirtCount) -> tuple[int, bool]:
    """Stage the rows that are bars in themselves; return how many there were, and whether times name whole days."""
    times_of, ends_of = TimeReader(form.time_unit, form.zone), TimeReader(form.time_unit, form.zone)
    chooser, seen = Chooser(form.only), 0
    for table in part.tables:
        chosen = chooser.chosen(table)
        if not len(chosen):
            continue
        read = chosen if form.are_prices else _as_rates(chosen)
        seen += len(read)
        times, told = times_of.read(read), read.of_ends()
        ends = None if told is None else ends_of.read(told)
        notes = {**times.notes, **(ends.notes if ends else {})}
        inspection = Inspection(read, notes, are_prices=form.are_prices)
        _count(inspection, read, dirt)
        columns: dict[str, NDArray[Any]] = {"ts": times.ts, "line": read.lines, **read.numbers}
        if ends is not None:
            columns["ends"] = ends.ts
        stage.add({name: column[inspection.clean] for name, column in columns.items()})
    return seen, times_of.whole_days


def _count(inspection: Inspection, table: Table, dirt: DirtCount) -> None:
    dirty = np.flatnonzero(~inspection.clean)
    dirt.add(table.lines[dirty], lambda place: inspection.reason(int(dirty[place])), Repair.DROP_INVALID)


def _as_rates(table: Table) -> Table:
    """Return a table of rates: the first price is the rate, the rest of the row says nothing."""
    rate = table.numbers["open"]
    return evolve(table, numbers={**dict.fromkeys(PRICES, rate), "volume": np.zeros(len(table))})


def _judge(report: DirtReport, form: BarFileForm) -> None:
    if report.dirty and Repair.DROP_INVALID not in form.repairs:
        raise DataError(f"{report}\n{form.remedy.format(repairs=','.join(report.remedies))}")
    if report.dirty == report.rows:
        raise DataError(f"{report}\nnothing is left of the file")


def _tick_of(rows: Rows) -> Decimal:
    tick = UsualTick()
    for part in rows.pieces():
        tick.see([rows.column(name, part) for name in PRICES])
    return tick.tick_size
