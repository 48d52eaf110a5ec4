"""What a profile says of its files, as the kernel reads them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from attrs import frozen

from atlas_core import BarFileForm, Bars, DirtReport, Repair, read_bar_file

if TYPE_CHECKING:
    from pathlib import Path

    from atlas_sim.options import FilesOptions


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
    form = BarFileForm(
        columns=options.columns,
        time_unit=options.time_unit,
        time_marks=options.time_marks,
        zone=options.zone,
        timeframe=options.timeframe,
        tick_size=tick_size,
        repairs=frozenset([Repair.DROP_INVALID] if options.on_dirty == "drop" else []),
        remedy='repair the file, or leave these rows out with on_dirty = "drop"',
    )
    return Loaded(*read_bar_file(path, symbol, form))
