"""`atlas report --what refused`: what signals would have made that somebody stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from atlas_core.cli.formats import number
from atlas_core.cli.tables import Column, percent, print_table, say, say_wrapped, when

if TYPE_CHECKING:
    from atlas_core.cli.kept import KeptRun
    from atlas_core.report.hindsight import Later, LaterGroup

REFUSED = (
    Column("Signal"), Column("Stopped", numeric=True, drop=5), Column("Symbol"), Column("TF", drop=3),
    Column("Setup", drop=2), Column("Side", drop=3), Column("By"), Column("Afterwards"),
    Column("Entry", numeric=True, drop=4), Column("Exit", numeric=True, drop=4), Column("Change", numeric=True, drop=1),
    Column("R", numeric=True),
)  # fmt: skip
GROUPS = (
    Column("By"), Column("Signals", numeric=True), Column("Entered", numeric=True), Column("Target", numeric=True),
    Column("Stop", numeric=True), Column("Unclear", numeric=True, drop=3), Column("Neither", numeric=True, drop=2),
    Column("R each", numeric=True), Column("R in all", numeric=True, drop=1),
)  # fmt: skip


def refused_later(kept: KeptRun) -> tuple[Later, ...]:
    """Return what the signals that somebody stopped would have made; says where the bars are others than then.

    Raises DataError where they cannot be read.
    """
    from atlas_core.cli.manifests import read_made_of
    from atlas_core.cli.report_market import read_market
    from atlas_core.errors import DataError
    from atlas_core.report.hindsight import later_outcomes

    bars, note = read_market(kept.run, read_made_of(kept.run))
    if not bars:
        raise DataError(note)
    if note:
        click.echo(note, err=True)
    return later_outcomes(kept.records, bars)


def print_refused(rows: Sequence[Later], decimals: Mapping[str, int]) -> None:
    """Print stopped signals with what the market did afterwards."""
    from atlas_core.report.hindsight import ALONE

    print_table(
        "Signals that somebody stopped", REFUSED, [refused_cells(row, decimals.get(row.symbol)) for row in rows]
    )
    say_wrapped(ALONE, indent=0)


def refused_cells(row: Later, digits: int | None) -> list[str]:
    """Return the cells of a stopped signal in the order of `REFUSED`."""
    prices = (number(value, 2 if digits is None else digits) for value in (row.entry, row.exit))
    return [
        row.key[:12], when(row.stopped_at), row.symbol, row.timeframe, row.setup, row.side.value, row.by,
        row.ending.value, *prices, percent(row.change, sign=True), number(row.r_multiple, sign=True),
    ]  # fmt: skip


def entered(rows: Sequence[Later]) -> list[Later]:
    """Return the signals that the market would have taken."""
    return [row for row in rows if row.entered_at is not None]


def print_refused_groups(rows: Sequence[Later]) -> None:
    """Print the same by who stopped them; the last line is all of them."""
    from atlas_core.report.hindsight import all_later, grouped_later

    groups = [_group_cells(group) for group in grouped_later(rows)]
    print_table("By who stopped them", GROUPS, groups, footer=_group_cells(all_later(rows)))
    say()


def _group_cells(group: LaterGroup) -> list[str]:
    counts = (group.count, group.entered, group.target, group.stop, group.unclear, group.neither)
    multiples = number(group.r_each, sign=True), number(group.r_total, 1, sign=True)
    return [group.by or group.outcome, *(f"{count:,}" for count in counts), *multiples]
