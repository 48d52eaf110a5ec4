"""One metric with everything that is to be known about it."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from attrs import frozen

from atlas_core.report.results import Results
from atlas_core.report.writing import NOT_THERE, number, percent

ATLAS = "Atlas: trades and equity as the journal has them"


class Unit(StrEnum):
    """What a metric counts."""

    FRACTION = "fraction"
    MONEY = "money"
    RATIO = "ratio"
    RISK = "R"
    COUNT = "count"
    DAYS = "days"
    HOURS = "hours"


_LONG = (Unit.DAYS, Unit.HOURS)


class Better(StrEnum):
    """Which way a metric is better."""

    HIGHER = "higher"
    LOWER = "lower"
    NEITHER = "neither"


@frozen(kw_only=True)
class Metric:
    """A metric: its name for commands, its definition in words, and the function that computes it.

    `value_of` returns None where the figure does not exist; `edges` says when that is. Fractions are not in percent,
    money is in the quote currency of the run.
    """

    name: str
    title: str
    unit: Unit
    better: Better
    formula: str
    edges: str
    source: str
    value_of: Callable[[Results], float | None]

    def written(self, value: float | None) -> str:
        """Return a value of this metric as people read it, `n/a` for none."""
        if value is None:
            return NOT_THERE
        if self.unit is Unit.FRACTION:
            return percent(value)
        return number(value, 0 if self.unit is Unit.COUNT else 1 if self.unit in _LONG else 2)
