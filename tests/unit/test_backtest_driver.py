"""A back-test: progress, its end, and components that fail in one."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from atlas_core import components as offer
from atlas_core.backtest.driver import PROGRESS_EVERY, DriverKind, run_backtest
from atlas_core.compose import System
from atlas_core.errors import ContractError
from atlas_core.journal import Journal
from atlas_core.model.decisions import Exit
from atlas_core.model.records import (
    EquityMarked,
    PositionClosed,
    PositionOpened,
    RunFinished,
    RunStarted,
    VerdictReached,
)
from atlas_core.runs import Mode, RunSummary
from tests.memory import (
    Doing,
    MemoryProvider,
    Notes,
    Script,
    at,
    bar,
    flat,
    found,
    made,
    memory,
    records_of,
    script,
    system_of,
)


def fail() -> None:
    raise ZeroDivisionError("no range")


def back_test(provider: MemoryProvider, *parts: Any, **tables: Any) -> System:
    return system_of(memory(provider), *parts, run_as=Mode.BACKTEST, **tables)


def watched(system: System, driver: DriverKind = DriverKind.SKIPPING) -> tuple[RunSummary, Notes]:
    notes = Notes()
    with Journal.in_memory() as journal:
        return run_backtest(system, journal, notes, driver), notes


def test_progress_counts_the_bars_of_all_symbols_to_the_last_one() -> None:
    bars = [*flat(range(1_500)), *flat(range(1_500), symbol="Y")]
    _, notes = watched(back_test(MemoryProvider(bars), script(), symbols=("X", "Y")), DriverKind.PLAIN)
    assert notes.steps == [(PROGRESS_EVERY, 3_000, at(1_000)), (3_000, 3_000, at(1_500))]


def test_progress_counts_the_bars_that_were_passed_over_too() -> None:
    bars = [*flat(range(3_000)), *flat(range(3_000), symbol="Y")]
    restless = made(offer.exit_rule, "moody", Doing(lambda: None))
    exits = ['use = "stop"\npct = 5', 'use = "moody"']
    _, notes = watched(
        back_test(MemoryProvider(bars), script((1_000, "X", 1)), restless, exits=exits, symbols=("X", "Y"))
    )
    assert len(notes.steps) > 1
    assert notes.steps[0][0] > PROGRESS_EVERY
    assert [done for done, _, _ in notes.steps] == sorted(done for done, _, _ in notes.steps)
    assert notes.steps[-1] == (6_000, 6_000, at(3_000))


def test_the_watch_sees_every_record_of_the_journal_in_its_order() -> None:
    notes = Notes()
    with Journal.in_memory() as journal:
        run_backtest(back_test(MemoryProvider(flat(range(20))), script((5, "X", 1))), journal, notes)
        assert notes.seen == list(journal.records())
    assert isinstance(notes.seen[0], RunStarted)
    assert isinstance(notes.seen[-1], RunFinished)


def test_a_back_test_closes_everything_at_the_last_close() -> None:
    bars = [*flat(range(19)), bar(19, 100.0, close=102.0), *flat(range(18), symbol="Y"), bar(18, 100.0, "Y", 99.0)]
    signals = script((5, "X", 1), (6, "Y", -1))
    records = records_of(run_backtest, back_test(MemoryProvider(bars), signals, symbols=("X", "Y")))
    closed = {record.symbol: record for record in found(records, PositionClosed)}
    assert {symbol: record.exit_price for symbol, record in closed.items()} == {"X": Decimal(102), "Y": Decimal(99)}
    assert {record.reason for record in closed.values()} == {"end of data"}


def test_after_a_back_test_equity_is_cash() -> None:
    records = records_of(run_backtest, back_test(MemoryProvider(flat(range(20))), script((5, "X", 1))))
    [last] = found(records, RunFinished)
    assert last.cash == last.equity == Decimal(10_000)
    assert found(records, EquityMarked)[-1].exposure == 0


def test_a_signal_of_the_last_close_is_ended_and_not_traded() -> None:
    summary, notes = watched(back_test(MemoryProvider(flat(range(20))), script((20, "X", 1))))
    assert (summary.signals, summary.open_positions) == (1, 0)
    assert not found(notes.seen, PositionOpened)
    assert len(found(notes.seen, VerdictReached)) == 1


def test_a_signal_that_still_waits_at_the_end_expires() -> None:
    waiting = Script([(10, "X", 1)], extra={"entry": "stop", "trigger": 200.0, "stop": 90.0})
    parts = (made(offer.scanner, "script", waiting),)
    records = records_of(run_backtest, back_test(MemoryProvider(flat(range(20))), *parts))
    [verdict] = found(records, VerdictReached)
    assert (verdict.outcome, verdict.reason) == ("expired", "end of data")


@pytest.mark.parametrize(
    ("kind", "named", "minute", "tables"),
    [
        (offer.gate, "gate moody", 5, {"gates": ['use = "moody"']}),
        (offer.sizer, "sizer moody", 5, {"sizer": 'use = "moody"'}),
        (offer.exit_rule, "exit rule moody", 6, {"exits": ['use = "stop"\npct = 5', 'use = "moody"']}),
    ],
)
def test_a_component_that_raises_stops_the_back_test_with_plugin_symbol_and_time(
    kind: Callable[..., Any], named: str, minute: int, tables: dict[str, Any]
) -> None:
    provider = MemoryProvider(flat(range(20)))
    system = back_test(provider, script((5, "X", 1)), made(kind, "moody", Doing(fail)), **tables)
    expected = f"{named} failed on X at 2026-04-05 00:{minute:02d}Z: ZeroDivisionError: no range"
    with pytest.raises(ContractError, match=expected):
        records_of(run_backtest, system)
    assert provider.diary == ["provider opened", "provider closed"]


@pytest.mark.parametrize("answer", [True, "yes", 1.0])
def test_an_answer_outside_the_contract_stops_the_back_test(answer: object) -> None:
    parts = (script((5, "X", 1)), made(offer.gate, "moody", Doing(lambda: answer)))
    with pytest.raises(ContractError, match=f"gate moody failed on X .* was {answer!r}"):
        records_of(run_backtest, back_test(MemoryProvider(flat(range(20))), *parts, gates=['use = "moody"']))


def test_an_exit_rule_closes_at_the_next_opening() -> None:
    bars = [*flat(range(10)), *flat(range(10, 20), 101.0)]
    answers = [None, None, None, None, Exit("enough")]
    rule = made(offer.exit_rule, "moody", Doing(lambda: answers.pop(0)))
    exits = ['use = "stop"\npct = 5', 'use = "moody"']
    records = records_of(run_backtest, back_test(MemoryProvider(bars), script((5, "X", 1)), rule, exits=exits))
    [closed] = found(records, PositionClosed)
    assert (closed.ts, closed.exit_price, closed.rule) == (at(10), Decimal(101), "moody")
