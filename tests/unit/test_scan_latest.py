"""What can still be taken at the end of the data, and what would become of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import define

from atlas_core import components as offer
from atlas_core.contracts import MaskingGate
from atlas_core.model.decisions import Approve, GateAnswer, GateMask, Refuse
from atlas_core.model.signals import FOREVER, SignalTable
from atlas_core.runs import Mode
from atlas_core.runtime.scan import ScanRow, scan_latest
from tests.memory import MemoryProvider, Script, at, flat, made, memory, script, system_of

STOP_ENTRY = {"entry": "stop", "trigger": 110.0, "stop": 90.0}


@define
class ShortsOnly(MaskingGate):
    """Refuses longs when they are detected."""

    reason: str = "long"

    def review(self, signal: Any, portfolio: Any, market: Any) -> GateAnswer:
        raise AssertionError("a whole table was asked for")

    def mask(self, table: SignalTable) -> GateMask:
        return GateMask(table.side < 0, table.side.astype(np.float64), 0.0, self.reason)


@define
class NeverAtEntry:
    """A gate that judges at the moment of entry: a scan must not ask it."""

    def review(self, signal: Any, portfolio: Any, market: Any) -> Approve | Refuse:
        raise AssertionError("nothing is entered")


def rows_of(scanner: Script, *gates: tuple[str, object]) -> tuple[ScanRow, ...]:
    parts = [memory(MemoryProvider(flat(range(20)))), made(offer.scanner, "script", scanner)]
    parts += [made(offer.gate, name, gate) for name, gate in gates]
    return scan_latest(system_of(*parts, gates=[f'use = "{name}"' for name, _ in gates], run_as=Mode.BACKTEST))


def test_a_signal_at_the_market_would_be_entered_and_one_with_a_trigger_armed() -> None:
    [market] = rows_of(Script([(20, "X", 1)]))
    [stop] = rows_of(Script([(20, "X", 1)], extra=STOP_ENTRY))
    assert (market.decision, stop.decision) == ("enter", "arm")


WAITING = {"entry": "stop", "trigger": 1_000.0}


def test_only_signals_that_can_still_be_taken_are_shown_newest_last() -> None:
    rows = [(20, "X", 1), (12, "X", 1), (16, "X", 1)]
    assert [row.signal.available_at for row in rows_of(Script(rows, extra=WAITING))] == [at(12), at(16), at(20)]
    assert rows_of(Script(rows, extra={**WAITING, "valid_until": at(20)})) == ()
    assert len(rows_of(Script(rows, extra={**WAITING, "valid_until": at(20) + 1}))) == 3


def test_what_was_taken_or_cancelled_since_and_earlier_market_entries_are_not_shown() -> None:
    rows = [(12, "X", 1), (20, "X", 1)]
    assert [row.signal.available_at for row in rows_of(Script(rows, extra={"entry": "stop", "trigger": 1.0}))] == [
        at(20)
    ]
    cancelled = {**WAITING, "cancel_beyond": 999.0}
    assert [row.signal.available_at for row in rows_of(Script(rows, extra=cancelled))] == [at(20)]
    assert [row.signal.available_at for row in rows_of(Script(rows))] == [at(20)]


def test_a_gate_that_judges_tables_refuses_with_its_name_and_its_numbers() -> None:
    [long] = rows_of(Script([(20, "X", 1)]), ("shorts", ShortsOnly()))
    [short] = rows_of(Script([(20, "X", -1)]), ("shorts", ShortsOnly()))
    assert (long.decision, long.by, long.reason, long.value, long.threshold) == ("refuse", "shorts", "long", 1.0, 0.0)
    assert (short.decision, short.by) == ("enter", "")


def test_the_first_gate_that_refuses_is_named() -> None:
    [row] = rows_of(Script([(20, "X", 1)]), ("first", ShortsOnly("one")), ("second", ShortsOnly("two")))
    assert (row.by, row.reason) == ("first", "one")


def test_gates_that_judge_at_the_entry_are_not_asked() -> None:
    [row] = rows_of(Script([(20, "X", 1)]), ("entry", NeverAtEntry()))
    assert row.decision == "enter"


def test_nothing_found_gives_no_rows() -> None:
    parts = (memory(MemoryProvider(flat(range(20)))), script())
    assert scan_latest(system_of(*parts, run_as=Mode.BACKTEST)) == ()


def test_a_row_carries_the_exact_signal() -> None:
    [row] = rows_of(Script([(20, "X", -1)]))
    signal = row.signal
    assert (signal.symbol, signal.scanner, signal.timeframe) == ("X", "script", "1m")
    assert (signal.side.sign, signal.valid_until) == (-1, FOREVER)
