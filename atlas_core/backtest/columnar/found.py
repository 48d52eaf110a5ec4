"""The signals of a run as columns: those of one scanner after those of the other, as their tables have them."""

from __future__ import annotations

from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlas_core.backtest.columnar.run import Worked
from atlas_core.backtest.columnar.ticks import Column
from atlas_core.backtest.columnar.trades import Chosen
from atlas_core.model.signals import SignalTable, plain, signal_keys
from atlas_core.report.trades import FAMILY


class Found:
    """Every signal that the scanners found, known by its place among all."""

    def __init__(self, worked: Worked) -> None:
        self._worked = worked
        self._tables = [table for _, table in worked.tables]

    def __len__(self) -> int:
        return len(self.keys)

    def places(self, plan: Column, row: Column) -> Column:
        """Return the places of chosen candidates."""
        plans = self._worked.plans
        counts = [len(table) for table in self._tables]
        first = np.cumsum([0, *counts], dtype=np.int64)
        scanners = np.array([each.candidates.scanner for each in plans], dtype=np.int64)
        return first[scanners[plan]] + Chosen(plans, plan, row).of(lambda each: each.candidates.table_row)

    def column(self, name: str) -> NDArray[Any]:
        """Return one column of the tables."""
        return np.concatenate([getattr(table, name) for table in self._tables])

    @cached_property
    def keys(self) -> list[str]:
        """The identity of each signal."""
        profile = self._worked.live.system.profile.name
        return list(chain(*(signal_keys(table, profile, scanner) for scanner, table in self._worked.tables)))

    @cached_property
    def scanners(self) -> list[str]:
        """The scanner that found each signal."""
        return list(chain(*([scanner] * len(table) for scanner, table in self._worked.tables)))

    @cached_property
    def families(self) -> list[str]:
        """The family that each signal is counted under."""
        return list(chain(*map(families, self._tables)))


def families(table: SignalTable) -> list[str]:
    """Return the family that each signal of a table is counted under."""
    patterns: list[str] = table.pattern.tolist()
    if FAMILY not in table.context:
        return patterns
    own = table.context[FAMILY]
    told: list[Any] = own.tolist() if own.dtype.kind == "U" else list(map(plain, own))
    return [str(family or pattern) for family, pattern in zip(told, patterns, strict=True)]
