"""The report of a run whose signals were foretold: the engine's records, and columns of all signals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import compress
from math import isfinite
from sys import intern

import numpy as np
from attrs import evolve
from numpy.typing import NDArray

from atlas_core.backtest.columnar.closed import SIDES
from atlas_core.backtest.columnar.fixed import scaled
from atlas_core.backtest.columnar.found import families
from atlas_core.backtest.columnar.money import Scaled
from atlas_core.backtest.columnar.tables import NONE, where
from atlas_core.backtest.fates import Fate, Fates
from atlas_core.backtest.foretold import Foretold
from atlas_core.backtest.settled import ENDS
from atlas_core.columnar import NO_LEVEL
from atlas_core.compose import OpenSystem
from atlas_core.engine.signals import LIFE_CYCLE
from atlas_core.model.decisions import GateMask, Outcome
from atlas_core.model.instrument import Instrument
from atlas_core.model.records import Record
from atlas_core.model.signals import signal_keys
from atlas_core.report.column_rows import ColumnRows
from atlas_core.report.export import SIGNAL_COLUMNS, cells_of, times_text
from atlas_core.report.signals import SignalRow, refusals, signal_rows, state_counts, sum_sentence
from atlas_core.report.summary import Report, report_of

Texts = NDArray[np.object_]
_PRICES = ("trigger", "stop", "target")


def spared_report(
    live: OpenSystem,
    foretold: Foretold,
    kept: Sequence[Record],
    records: Callable[[], list[Record]],
    risk_free: float = 0.0,
) -> Report:
    """Return the report of a run; `kept` are the records of the engine, `records` gives those of all signals."""
    report = report_of(kept, risk_free=risk_free)
    tables = [_SettledCells(live, fates) for fates in foretold.fates]
    cells = _cells(tables, report.signals)
    keys = cells["key"]

    def rows() -> Sequence[SignalRow]:
        made = {row.key: row for row in signal_rows(records())}
        return [made[key] for key in keys]

    states = state_counts(cells["state"])
    ends = zip(cells["state"], cells["by"], cells["reason"], strict=True)
    return evolve(
        report,
        signals=ColumnRows(len(keys), cells, rows),
        states=states,
        sum_line=sum_sentence(states),
        refusals=refusals(compress(ends, cells["ended_at"])),
        price_decimals=_price_decimals(tables, report.price_decimals),
    )


def _cells(tables: Sequence[_SettledCells], engaged: Sequence[SignalRow]) -> dict[str, list[str]]:
    """Return the cells of all signals in the order of detection, those of the engaged ones from their rows."""
    found_at = np.concatenate([np.zeros(0, dtype=np.int64), *(table.found_at for table in tables)])
    order = np.argsort(found_at, kind="stable")
    is_engaged = np.concatenate([np.zeros(0, dtype=bool), *(table.is_engaged for table in tables)])[order]
    cells = {}
    for name in SIGNAL_COLUMNS:
        column = np.concatenate([np.zeros(0, dtype=object), *(table.column(name) for table in tables)])[order]
        column[is_engaged] = cells_of(name, engaged)
        cells[name] = column.tolist()
    return cells


class _SettledCells:
    """The cells of one scanner's signals, where nothing but their fates is needed to tell them."""

    def __init__(self, live: OpenSystem, fates: Fates) -> None:
        rows = np.flatnonzero(fates.fate != Fate.KNOWN)
        self._live, self._fates, self._rows = live, fates, rows
        is_whole = len(rows) == len(fates.table)
        self._table, self._fate = fates.table if is_whole else fates.table.take(rows), fates.fate[rows]
        self.found_at = self._table.available_at
        self.is_engaged = self._fate == Fate.ENGAGED
        self._gates = [label for label, _ in live.system.parts.masking_gates]
        symbols = live.system.profile.universe.symbols
        places = {symbol: place for place, symbol in enumerate(symbols)}
        self._instruments = [live.instruments[symbol] for symbol in symbols]
        self._symbol = np.array([places[symbol] for symbol in self._table.symbol.tolist()], dtype=np.int64)

    def column(self, name: str) -> Texts:
        """Return the cells of one attribute; those of engaged signals say nothing."""
        told = self._facts.get(name)
        return np.array(self._ends(name) if told is None else told(), dtype=object)

    @property
    def _facts(self) -> dict[str, Callable[[], Sequence[str]]]:
        """What tells the attributes that are no part of a verdict."""
        table, fates, rows, count = self._table, self._fates, self._rows, len(self._rows)
        return {
            "key": lambda: signal_keys(table, self._live.system.profile.name, fates.label),
            "scanner": lambda: [fates.label] * count,
            "trade_id": lambda: ["0"] * count,
            "symbol": lambda: _words(table.symbol.tolist()),
            "timeframe": lambda: _words(table.timeframe.tolist()),
            "entry": lambda: _words(table.entry.tolist()),
            "setup": lambda: _words(table.pattern.tolist()),
            "family": lambda: _words(families(table)),
            "side": lambda: [SIDES[sign] for sign in table.side.tolist()],
            "score": lambda: list(map(str, table.score.tolist())),
            "detected_at": lambda: _times(table.available_at),
            "setup_at": lambda: _times(table.setup_at),
            "ended_at": lambda: _times(np.where(fates.has_waited[rows], fates.ended_at[rows], table.available_at)),
            **{price: partial(self._prices, getattr(table, price)) for price in _PRICES},
        }

    def _ends(self, name: str) -> Sequence[str]:
        """Return what the verdicts say: those of the life cycle, and those of the masks."""
        texts = np.full(len(self._rows), NONE, dtype=object)
        for fate, (outcome, reason) in ENDS.items():
            mine = np.flatnonzero(self._fate == fate)
            match name:
                case "value" | "threshold":
                    ticks = (self._fates.price if name == "value" else self._fates.level)[self._rows[mine]]
                    texts[mine] = [self._level(*pair) for pair in zip(mine.tolist(), ticks.tolist(), strict=True)]
                case _:
                    texts[mine] = {"state": outcome.value, "by": LIFE_CYCLE, "reason": reason}[name]
        for place, (gate, mask) in enumerate(zip(self._gates, self._fates.masks, strict=True)):
            mine = np.flatnonzero((self._fate == Fate.REFUSED) & (self._fates.refused_by[self._rows] == place))
            texts[mine] = _said(name, gate, mask, self._rows[mine])
        cells: list[str] = texts.tolist()
        return cells

    def _level(self, place: int, ticks: int) -> str:
        instrument = self._instruments[self._symbol[place]]
        return NONE if ticks == NO_LEVEL else str(float(instrument.from_ticks(ticks)))

    def _prices(self, prices: NDArray[np.float64]) -> list[str]:
        """Return prices as text, rounded to the tick as the engine rounds them."""
        sizes, there = [instrument.tick_size for instrument in self._instruments], ~np.isnan(prices)
        steps = np.array(sizes, dtype=np.float64)[self._symbol]
        ticks = np.rint(np.where(there, prices, 0.0) / steps).astype(np.int64)
        return where(there, scaled(ticks, sizes, self._symbol))

    def priced(self) -> list[Instrument]:
        """Return the instruments of which a signal that was settled names a price."""
        there = np.any([~np.isnan(getattr(self._table, name)) for name in _PRICES], axis=0) & ~self.is_engaged
        return [self._instruments[place] for place in np.unique(self._symbol[there]).tolist()]


def _said(name: str, gate: str, mask: GateMask, rows: NDArray[np.int64]) -> str | Sequence[str]:
    """Return what a mask says in one respect to the rows that it refuses."""
    match name:
        case "state":
            return Outcome.REFUSED.value
        case "by":
            return gate
        case "reason":
            return mask.reason if isinstance(mask.reason, str) else _words(mask.reason[rows].tolist())
    column = np.broadcast_to(
        np.asarray(mask.value if name == "value" else mask.threshold, dtype=float), len(mask.passed)
    )
    texts = (str(number) if isfinite(number) else NONE for number in column[rows].tolist())
    return list(texts) if name == "value" else _words(texts)


def _words(texts: Iterable[str]) -> list[str]:
    """Return texts of which there are few: each is held once."""
    return list(map(intern, texts))


def _times(times: NDArray[np.int64]) -> list[str]:
    """Return times as text, each of them held once."""
    different, places = np.unique(times, return_inverse=True)
    texts: list[str] = np.array(times_text(different), dtype=object)[places].tolist()
    return texts


def _price_decimals(tables: Sequence[_SettledCells], engaged: dict[str, int]) -> dict[str, int]:
    decimals = dict(engaged)
    for instrument in (instrument for table in tables for instrument in table.priced()):
        own = Scaled.of(instrument.tick_size).digits
        decimals[instrument.symbol] = max(decimals.get(instrument.symbol, 0), own)
    return decimals
