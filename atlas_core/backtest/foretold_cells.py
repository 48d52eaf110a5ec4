"""How settled signals ended, and their cells, made of their fates and columns for some rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import repeat
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from atlas_core.backtest.columnar.candidates import NO_RULE
from atlas_core.backtest.columnar.closed import SIDES
from atlas_core.backtest.columnar.fixed import scaled
from atlas_core.backtest.columnar.found import families
from atlas_core.backtest.columnar.tables import NONE, where
from atlas_core.backtest.columnar.ticks import Column
from atlas_core.backtest.fates import Fate, Fates
from atlas_core.backtest.settled import ENDS
from atlas_core.columnar import NO_LEVEL
from atlas_core.compose import OpenSystem
from atlas_core.engine.signals import LIFE_CYCLE
from atlas_core.model.decisions import GateMask, Outcome
from atlas_core.model.signals import signal_keys
from atlas_core.report.export import PIECE, times_text
from atlas_core.report.signals import End, SignalRow

PRICES = ("trigger", "stop", "target")
_NO_END = -1


class Ends:
    """The different ends of signals, each with a number; there are few of them."""

    def __init__(self) -> None:
        self._numbers: dict[End, int] = {}

    def of_settled(self, fates: Fates, gates: Sequence[str]) -> Column:
        """Return the number of the end of each signal of a scanner that was settled."""
        made = np.full(len(fates.table), _NO_END, dtype=np.int64)
        for fate, (outcome, reason) in ENDS.items():
            mine = fates.fate == fate
            if mine.any():
                made[mine] = self._number((outcome.value, LIFE_CYCLE, reason))
        for gate, mask, mine in _refused(fates, gates, np.arange(len(made))):
            for rows in np.array_split(mine, len(mine) // PIECE + 1):
                made[rows] = [self._number((Outcome.REFUSED.value, gate, reason)) for reason in _reasons(mask, rows)]
        return made

    def of_rows(self, rows: Iterable[SignalRow]) -> list[int]:
        """Return the number of the end of each row."""
        return [_NO_END if row.ended_at is None else self._number((row.state, row.by, row.reason)) for row in rows]

    def named(self, numbers: Column) -> list[End]:
        """Return ends by their numbers."""
        ends = [*self._numbers, (NONE, NONE, NONE)]  # _NO_END is the last one
        return [ends[number] for number in numbers.tolist()]

    def counted(self, numbers: Column) -> dict[End, int]:
        """Count ends, in the order in which each was met first."""
        found, first, counts = np.unique(numbers, return_index=True, return_counts=True)
        order, ends = np.argsort(first), list(self._numbers)
        pairs = zip(found[order].tolist(), counts[order].tolist(), strict=True)
        return {ends[number]: count for number, count in pairs if number != _NO_END}

    def _number(self, end: End) -> int:
        return self._numbers.setdefault(end, len(self._numbers))


class SettledCells:
    """The cells of some rows of a scanner's signals, where nothing but their fates is needed to tell them.

    `ends` says how each of them ended; what is told of engaged signals says nothing.
    """

    def __init__(self, live: OpenSystem, fates: Fates, rows: Column, ends: Sequence[End]) -> None:
        self._live, self._fates, self._rows, self._ends = live, fates, rows, ends
        self._table = fates.table.take(rows)
        symbols = live.system.profile.universe.symbols
        places = {symbol: place for place, symbol in enumerate(symbols)}
        self._tick_sizes = [live.instruments[symbol].tick_size for symbol in symbols]
        self._symbol = np.array([places[symbol] for symbol in self._table.symbol.tolist()], dtype=np.int64)

    def column(self, name: str) -> Sequence[str]:
        """Return the cells of one attribute."""
        return self._facts[name]()

    @property
    def _facts(self) -> dict[str, Callable[[], Sequence[str]]]:
        table, fates, rows = self._table, self._fates, self._rows
        return {
            "key": lambda: signal_keys(table, self._live.system.profile.name, fates.label),
            "scanner": lambda: [fates.label] * len(rows),
            "trade_id": lambda: ["0"] * len(rows),
            "symbol": table.symbol.tolist,
            "timeframe": table.timeframe.tolist,
            "entry": table.entry.tolist,
            "setup": table.pattern.tolist,
            "family": lambda: families(table),
            "side": lambda: [SIDES[sign] for sign in table.side.tolist()],
            "score": lambda: _numbers(table.score),
            "detected_at": lambda: _times(table.available_at),
            "setup_at": lambda: _times(table.setup_at),
            "ended_at": lambda: _times(np.where(fates.has_waited[rows], fates.ended_at[rows], table.available_at)),
            **{price: partial(self._prices, getattr(table, price)) for price in PRICES},
            "state": lambda: [state for state, _, _ in self._ends],
            "by": lambda: [by for _, by, _ in self._ends],
            "reason": lambda: [reason for _, _, reason in self._ends],
            "value": lambda: self._compared(fates.price, lambda mask: mask.value),
            "threshold": lambda: self._compared(fates.level, lambda mask: mask.threshold),
        }

    def _prices(self, prices: NDArray[np.float64]) -> list[str]:
        """Return prices as text, rounded to the tick as the engine rounds them."""
        there = ~np.isnan(prices)
        steps = np.array(self._tick_sizes, dtype=np.float64)[self._symbol]
        ticks = np.rint(np.where(there, prices, 0.0) / steps).astype(np.int64)
        return where(there, scaled(ticks, self._tick_sizes, self._symbol))

    def _compared(self, levels: Column, said: Callable[[GateMask], object]) -> list[str]:
        """Return one side of what a verdict compared: the life cycle compares levels, a mask what it says."""
        numbers, ticks = np.full(len(self._rows), np.nan), levels[self._rows]
        there = ticks != NO_LEVEL
        numbers[there] = scaled(ticks[there], self._tick_sizes, self._symbol[there]).floats()
        gates = [label for label, _ in self._live.system.parts.masking_gates]
        for _, mask, mine in _refused(self._fates, gates, self._rows):
            column = np.broadcast_to(np.asarray(said(mask), dtype=np.float64), len(mask.passed))
            numbers[mine] = column[self._rows[mine]]
        return _numbers(numbers)


def _refused(fates: Fates, gates: Sequence[str], rows: Column) -> Iterator[tuple[str, GateMask, Column]]:
    """Yield each mask that refuses some of the rows, with the places of these among them."""
    by = np.where(fates.fate[rows] == Fate.REFUSED, fates.refused_by[rows], NO_RULE)
    for place, (gate, mask) in enumerate(zip(gates, fates.masks, strict=True)):
        mine = np.flatnonzero(by == place)
        if len(mine):
            yield gate, mask, mine


def _reasons(mask: GateMask, rows: Column) -> Iterable[str]:
    return repeat(mask.reason, len(rows)) if isinstance(mask.reason, str) else mask.reason[rows].tolist()


def _numbers(numbers: NDArray[np.float64]) -> list[str]:
    """Return numbers as text, each of them written once; nothing for what is none."""
    bits, places = np.unique(numbers.view(np.int64), return_inverse=True)  # -0.0 is not 0.0
    different = bits.view(np.float64)
    texts = [str(number) if isfinite(number) else NONE for number in different.tolist()]
    return [texts[place] for place in places.tolist()]


def _times(times: Column) -> list[str]:
    """Return times as text, each of them written once."""
    different, places = np.unique(times, return_inverse=True)
    texts = times_text(different)
    return [texts[place] for place in places.tolist()]
