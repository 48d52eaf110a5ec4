"""The report of a run whose signals were foretold: the engine's records, and columns of all signals.

Of very many signals only numbers are held: texts are made of so many rows at a time, when their table is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from atlas_core.backtest.columnar.money import Scaled
from atlas_core.backtest.columnar.tables import NONE
from atlas_core.backtest.fates import Fate, Fates
from atlas_core.backtest.foretold import Foretold
from atlas_core.backtest.foretold_cells import PRICES, Ends, SettledCells
from atlas_core.compose import OpenSystem
from atlas_core.model.records import Record
from atlas_core.report.column_rows import ColumnRows, Teller
from atlas_core.report.export import cells_of
from atlas_core.report.signals import End, SignalRow, refusals, signal_rows, state_counts, sum_sentence
from atlas_core.report.summary import Report, report_of


def spared_report(
    live: OpenSystem,
    foretold: Foretold,
    kept: Sequence[Record],
    records: Callable[[], list[Record]],
    risk_free: float = 0.0,
) -> Report:
    """Return the report of a run; `kept` are the records of the engine, `records` gives those of all signals."""
    report = report_of(kept, risk_free=risk_free)
    signals = _Signals(live, foretold.fates, report.signals)

    def rows() -> Sequence[SignalRow]:
        made = {row.key: row for row in signal_rows(records())}
        return [made[key] for key in signals.piece(slice(None))("key")]

    ends = signals.ends()
    states = state_counts(_states(ends, report.signals))
    return evolve(
        report,
        signals=ColumnRows(len(signals), signals.piece, rows),
        states=states,
        sum_line=sum_sentence(states),
        refusals=refusals(ends),
        price_decimals=_price_decimals(live, foretold.fates, report.price_decimals),
    )


class _Signals:
    """All signals of a run in the order of detection.

    Of each: the place of its scanner, its row in the scanner's table, the place of its end among `Ends`, and its place
    among the engaged ones, whose rows are there already, -1 for none.
    """

    def __init__(self, live: OpenSystem, fates: Sequence[Fates], engaged: Sequence[SignalRow]) -> None:
        self._live, self._fates, self._engaged, self._ends = live, fates, engaged, Ends()
        told = [np.flatnonzero(each.fate != Fate.KNOWN) for each in fates]
        pairs = list(zip(fates, told, strict=True))
        order = np.argsort(_joined(each.table.available_at[rows] for each, rows in pairs), kind="stable")
        self._row = _joined(told)[order]
        self._scanner = np.repeat(np.arange(len(fates)), [len(rows) for rows in told])[order]
        is_engaged = _joined(each.fate[rows] for each, rows in pairs)[order] == Fate.ENGAGED
        self._own = np.where(is_engaged, np.cumsum(is_engaged) - 1, -1)
        gates = [label for label, _ in live.system.parts.masking_gates]
        self._end = _joined(self._ends.of_settled(each, gates)[rows] for each, rows in pairs)[order]
        self._end[is_engaged] = self._ends.of_rows(engaged)

    def __len__(self) -> int:
        return len(self._row)

    def piece(self, rows: slice) -> Teller:
        """Return what tells the cells of some rows."""
        scanner, row, end = self._scanner[rows], self._row[rows], self._end[rows]
        settled = []
        for number, fates in enumerate(self._fates):
            mine = np.flatnonzero(scanner == number)
            told = SettledCells(self._live, fates, row[mine], self._ends.named(end[mine]))
            settled.append(_Placed(mine.tolist(), told.column))
        theirs = np.flatnonzero(self._own[rows] >= 0)
        engaged = [self._engaged[place] for place in self._own[rows][theirs].tolist()]
        settled.append(_Placed(theirs.tolist(), partial(cells_of, rows=engaged)))
        return partial(_placed_cells, settled, len(row))

    def ends(self) -> dict[End, int]:
        """Count how the signals with a verdict ended, in the order in which each end was met first."""
        return self._ends.counted(self._end)


@frozen
class _Placed:
    """What tells the cells of the rows at some places of a piece."""

    places: Sequence[int]
    tell: Callable[[str], Sequence[str]]


def _placed_cells(parts: Sequence[_Placed], count: int, name: str) -> list[str]:
    """Return the cells of a piece of `count` rows; of what two parts tell, the later one counts."""
    cells = [NONE] * count
    for part in parts:
        if len(part.places) == count:
            cells = list(part.tell(name))
        else:
            for place, text in zip(part.places, part.tell(name), strict=True):
                cells[place] = text
    return cells


def _joined(columns: Iterable[NDArray[Any]]) -> NDArray[np.int64]:
    return np.concatenate([np.zeros(0, dtype=np.int64), *columns])


def _states(ends: dict[End, int], engaged: Iterable[SignalRow]) -> Counter[str]:
    """Count the states of all signals; one that is still open has no end."""
    states = Counter(row.state for row in engaged if row.ended_at is None)
    for (state, _, _), count in ends.items():
        states[state] += count
    return states


def _price_decimals(live: OpenSystem, fates: Iterable[Fates], engaged: dict[str, int]) -> dict[str, int]:
    decimals = dict(engaged)
    for instrument in (live.instruments[symbol] for each in fates for symbol in _priced(live, each)):
        own = Scaled.of(instrument.tick_size).digits
        decimals[instrument.symbol] = max(decimals.get(instrument.symbol, 0), own)
    return decimals


def _priced(live: OpenSystem, fates: Fates) -> list[str]:
    """Return the symbols of which a signal that was settled names a price."""
    table = fates.table
    there = np.any([~np.isnan(getattr(table, name)) for name in PRICES], axis=0)
    there &= (fates.fate != Fate.KNOWN) & (fates.fate != Fate.ENGAGED)
    return [symbol for symbol in live.system.profile.universe.symbols if (there & (table.symbol == symbol)).any()]
