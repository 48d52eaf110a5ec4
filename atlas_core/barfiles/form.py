"""How a file is to be read, and what may be done to its rows."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

from attrs import field, frozen

from atlas_core.model.timeframe import Timeframe


class Repair(StrEnum):
    """What may be done to the rows of a file; nothing is done that was not asked for, and all of it is told."""

    SORT = "sort"
    DEDUPE = "dedupe"
    KEEP_FIRST = "keep-first"
    KEEP_LAST = "keep-last"
    DROP_INVALID = "drop-invalid"

    @property
    def means(self) -> str:
        """Return what the repair does."""
        return _MEANS[self]


_MEANS = {
    Repair.SORT: "put rows in the order of their times",
    Repair.DEDUPE: "leave out rows that repeat another one",
    Repair.KEEP_FIRST: "keep the first of different rows of one time",
    Repair.KEEP_LAST: "keep the last of different rows of one time",
    Repair.DROP_INVALID: "leave out rows that are not bars",
}


@frozen(kw_only=True)
class BarFileForm:
    """How a file of bars is to be read.

    `columns` names the header or place (`#1`) of a column, `only` the series that is meant in a file of several, by
    header and value, `time_unit` is auto, s, ms, us, ns or iso, `time_marks` says
    which end of its bar a time names (open or close), `zone` is that of times without one. Without `timeframe` the most
    common spacing counts, without `tick_size` the decimals. With `are_prices` false the first price is a rate of any
    sign, and nothing else is read. `refuse_jumps` refuses a price of fifty times the one before, or a fiftieth, as a
    change of units. `remedy` ends the refusal of dirty rows, {repairs} standing for those that would help.
    """

    columns: Mapping[str, str] = field(factory=dict)
    only: Mapping[str, str] = field(factory=dict)
    time_unit: str = "auto"
    time_marks: str = "open"
    zone: str = "UTC"
    timeframe: Timeframe | None = None
    tick_size: Decimal | None = None
    repairs: frozenset[Repair] = frozenset()
    are_prices: bool = True
    refuse_jumps: bool = False
    remedy: str = "repair the file, or import it with --repair {repairs}"
