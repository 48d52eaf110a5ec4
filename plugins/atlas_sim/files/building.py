"""A checked table becomes bars: timeframe, which end the times name, and the step of the price."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from atlas_core import Bars, DataError, Timeframe, parse_timeframe
from atlas_sim.files.dirt import DirtReport, Inspection
from atlas_sim.files.reading import read_table
from atlas_sim.files.table import PRICES
from atlas_sim.files.times import read_times

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from atlas_sim.options import FilesOptions

_MINUTE = parse_timeframe("1m").duration
_DAY = parse_timeframe("1d").duration
_UNITS = (("w", 7 * _DAY), ("d", _DAY), ("h", 60 * _MINUTE), ("m", _MINUTE))
_MOST_DECIMALS = 10


@frozen
class Loaded:
    """The bars of one file and what was wrong with it."""

    bars: Bars
    report: DirtReport


def load(path: Path, symbol: str, options: FilesOptions, tick_size: Decimal | None) -> Loaded:
    """Read one file.

    `tick_size` None takes the step from the decimals in the file. Raises DataError for a file that cannot be read or,
    unless dirty rows shall be dropped, has rows that are not bars.
    """
    table = read_table(path, options.columns)
    times = read_times(table, options.time_unit, options.zone)
    inspection = Inspection(table, times)
    _judge(inspection, options)
    timeframe = options.timeframe or _usual_timeframe(table.file, times.ts[inspection.clean])
    inspection.require_grid(times.ts, timeframe)
    report = _judge(inspection, options)
    kept = np.flatnonzero(inspection.clean)
    marks_close = options.time_marks == "close" and not times.whole_days
    opened_at, available_at = _edges(times.ts[kept], timeframe, marks_close)
    numbers = {name: column[kept] for name, column in table.numbers.items()}
    tick = tick_size or _usual_tick([numbers[name] for name in PRICES])
    bars = Bars(symbol, timeframe, opened_at, available_at, **numbers, tick_size=tick)
    return Loaded(bars, report)


def _judge(inspection: Inspection, options: FilesOptions) -> DirtReport:
    report = inspection.report()
    if report.dirty and options.on_dirty == "refuse":
        raise DataError(f'{report}\nrepair the file, or leave these rows out with on_dirty = "drop"')
    if report.dirty == report.rows:
        raise DataError(f"{report}\nnothing is left of the file")
    return report


def _usual_timeframe(file: str, ts: NDArray[np.int64]) -> Timeframe:
    if len(ts) < 2:
        raise DataError(f"{file}: expected two rows or more to see the timeframe, was {len(ts)}; say timeframe = ...")
    spacings, counts = np.unique(np.diff(ts), return_counts=True)
    usual = int(spacings[int(np.argmax(counts))])
    if 28 * _DAY <= usual <= 31 * _DAY:
        return parse_timeframe("1M")
    for unit, duration in _UNITS:
        if usual % duration == 0:
            return parse_timeframe(f"{usual // duration}{unit}")
    raise DataError(
        f"{file}: expected bars spaced by whole minutes, was most often {usual / 1e9:g} seconds; "
        "if these are bars, say timeframe = ..."
    )


def _edges(
    ts: NDArray[np.int64], timeframe: Timeframe, marks_close: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if timeframe.is_calendar_month:
        inside = (ts - 1 if marks_close else ts).tolist()
        starts = np.array([timeframe.bucket_start(moment) for moment in inside], dtype=np.int64)
        return starts, np.array([timeframe.bucket_end(moment) for moment in inside], dtype=np.int64)
    opened_at = ts - timeframe.duration if marks_close else ts
    available_at = opened_at + timeframe.duration
    # The day on which clocks are put forward is an hour short: its bar ends where the next one begins.
    available_at[:-1] = np.minimum(available_at[:-1], opened_at[1:])
    return opened_at, available_at


def _usual_tick(prices: list[NDArray[np.float64]]) -> Decimal:
    values = np.concatenate(prices)
    for decimals in range(_MOST_DECIMALS):
        scaled = values * 10.0**decimals
        # What is left of a decimal fraction after scaling is only the rounding of floats.
        if np.all(np.abs(scaled - np.rint(scaled)) <= 1e-7 + scaled * 1e-14):
            return Decimal(1).scaleb(-decimals)
    return Decimal(1).scaleb(-_MOST_DECIMALS)
