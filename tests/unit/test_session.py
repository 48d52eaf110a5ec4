"""The asyncio pump on streams made in memory: gaps, missing bars, funding, faults, and the plain loop as its oracle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from typing import Any

import pytest
from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_core import components as offer
from atlas_core.compose import System
from atlas_core.contracts import Gate, HistoryRequest, MarketNow
from atlas_core.errors import DataError
from atlas_core.journal import Journal
from atlas_core.model.decisions import Approve
from atlas_core.model.events import BarClosed, FundingDue
from atlas_core.model.portfolio import Portfolio
from atlas_core.model.records import FundingBooked, GateAnswered, PositionOpened, RunFinished, RunStarted
from atlas_core.model.signals import Signal
from atlas_core.runtime.session import Session, SessionPlan, run_session
from tests.memory import (
    MemoryProvider,
    Notes,
    Script,
    at,
    bar,
    both_ways,
    flat,
    found,
    made,
    memory,
    records_of,
    script,
    system_of,
)
from tests.systems import by_loop, by_pump

BOTH = ("X", "Y")
LATEST_START = 30
SMA = 'use = "sma-cross"\ntimeframe = "{}"\nfast = 2\nslow = 4'
STRAT = 'use = "strat"\ntimeframes = ["5m", "15m"]'


@define
class Census(Gate):
    """Lets everything pass and tells how many bars it could see: of every symbol, of some timeframes."""

    symbols: Sequence[str]

    def review(self, signal: Signal, portfolio: Portfolio, market: MarketNow) -> Approve:
        counts = [len(market.bars(s, timeframe)) for s in self.symbols for timeframe in ("1m", "5m", "30m")]
        return Approve("-".join(map(str, counts)))


def with_start(minute: int) -> str:
    return f'start = "2026-04-05T00:{minute:02d}:00Z"'


def test_a_signal_at_the_close_of_a_bar_is_entered_at_the_next_opening() -> None:
    bars = [*flat(range(5)), *flat(range(5, 9), 101.0)]
    records = records_of(by_pump, system_of(memory(MemoryProvider(bars)), script((5, "X", 1))))
    [opened] = found(records, PositionOpened)
    assert (opened.ts, opened.price) == (at(5), Decimal("101.00"))


def test_a_session_leaves_positions_open_and_ends_at_the_last_bar() -> None:
    system = system_of(memory(MemoryProvider(flat(range(9)))), script((5, "X", 1)))
    with Journal.in_memory() as journal:
        summary = by_pump(system, journal)
        last = list(journal.records())[-1]
    assert (summary.open_positions, summary.trades, summary.reason) == (1, 0, "end of data")
    assert isinstance(last, RunFinished)
    assert last.ts == at(9)


def test_a_session_without_a_start_begins_when_the_first_bar_opened() -> None:
    records = records_of(by_pump, system_of(memory(MemoryProvider(flat(range(7, 9)))), script()))
    assert found(records, RunStarted)[0].ts == at(7)


def test_a_session_with_a_start_begins_there_even_when_the_first_bar_comes_later() -> None:
    system = system_of(memory(MemoryProvider(flat(range(7, 9)))), script(), universe=with_start(3))
    assert found(records_of(by_pump, system), RunStarted)[0].ts == at(3)


def test_an_entry_over_a_gap_is_filled_when_trading_goes_on() -> None:
    bars = [*flat(range(5)), *flat(range(65, 70), 103.0)]
    records = records_of(by_pump, system_of(memory(MemoryProvider(bars)), script((5, "X", 1))))
    [opened] = found(records, PositionOpened)
    assert (opened.ts, opened.price) == (at(65), Decimal("103.00"))


def test_funding_is_charged_between_bars_and_only_after_the_start() -> None:
    due = [FundingDue(at(minute), "X", Decimal("0.01")) for minute in (2, 7)]
    provider = MemoryProvider(flat(range(10)), due)
    records = records_of(by_pump, system_of(memory(provider), script((5, "X", 1))))
    [charged] = found(records, FundingBooked)
    assert (charged.ts, charged.rate) == (at(7), Decimal("0.01"))


def test_a_stream_without_bars_is_a_data_error() -> None:
    provider = MemoryProvider([])
    with pytest.raises(DataError, match="expected bars from the provider's stream, it brought none"):
        records_of(by_pump, system_of(memory(provider), script()))
    assert provider.diary[-1] == "provider closed"


def test_a_stream_that_fails_midway_surfaces_and_closes_everything() -> None:
    provider = MemoryProvider([], streamed=[*flat(range(5)), ConnectionError("line lost")])
    with pytest.raises(ConnectionError, match="line lost"), Journal.in_memory() as journal:
        by_pump(system_of(memory(provider), script()), journal)
    assert provider.diary == ["provider opened", "stream closed", "provider closed"]


def test_what_was_decided_before_a_stream_failed_is_in_the_journal() -> None:
    provider = MemoryProvider([], streamed=[*flat(range(8)), ConnectionError("line lost")])
    with Journal.in_memory() as journal:
        with pytest.raises(ConnectionError):
            by_pump(system_of(memory(provider), script((5, "X", 1))), journal)
        records = list(journal.records())
    assert found(records, PositionOpened)
    assert not found(records, RunFinished)


def test_the_stream_is_closed_before_the_provider_when_the_session_fails() -> None:
    provider = MemoryProvider([], streamed=[*flat(range(5)), *flat(range(3)), *flat(range(5, 3_000))])
    with pytest.raises(DataError):
        records_of(by_pump, system_of(memory(provider), script()))
    assert provider.diary == ["provider opened", "stream closed", "provider closed"]


def test_progress_is_told_in_minutes_of_the_market_at_the_first_bar_and_each_hour() -> None:
    notes = Notes()
    universe = with_start(0) + '\nend = "2026-04-05T03:00:00Z"'
    system = system_of(memory(MemoryProvider(flat(range(180)))), script(), universe=universe)
    with Journal.in_memory() as journal:
        asyncio.run(run_session(system, journal, SessionPlan(watch=notes)))
    assert notes.steps == [(1, 180, at(1)), (60, 180, at(60)), (120, 180, at(120)), (180, 180, at(180))]


def test_loop_and_pump_agree_on_symbols_that_miss_bars_of_each_other() -> None:
    bars = [*flat(range(0, 40, 2)), *flat(range(0, 40, 3), symbol="Y")]
    signals = script((5, "X", 1), (7, "Y", -1), (10, "Y", 1), (20, "X", -1))
    loop, pump = both_ways(lambda: system_of(memory(MemoryProvider(bars)), signals, symbols=BOTH))
    assert loop.signals > 0
    assert loop == pump


@define
class Watched(MemoryProvider):
    """Notes up to when a session has come, some turns after each of its bars."""

    session: Session | None = None
    known: list[int | None] = field(factory=list)

    async def stream(self, request: HistoryRequest) -> AsyncIterator[BarClosed]:
        async for each in super().stream(request):
            yield each
            for _ in range(5):
                await asyncio.sleep(0)
            assert self.session is not None
            self.known.append(self.session.intake.now)


@pytest.mark.parametrize(("sessions", "known"), [('{ Y = "us-equities" }', [at(1), at(2)]), ("{}", [None, at(1)])])
def test_a_bar_waits_for_those_of_the_same_time_unless_their_market_is_closed(sessions: str, known: list[int]) -> None:
    provider = Watched(flat(range(2)))  # Y trades as well, on weekdays
    system = system_of(memory(provider), script(), symbols=BOTH, universe=f"sessions = {sessions}")
    with Journal.in_memory() as journal:
        plan = SessionPlan(begun=lambda session: setattr(provider, "session", session))
        asyncio.run(run_session(system, journal, plan))
    assert provider.known == known


def test_the_last_bucket_of_a_symbol_that_ends_early_is_complete_in_loop_and_pump() -> None:
    bars = [*flat(range(23)), bar(23, 100.0, close=140.0), *flat(range(40), symbol="Y")]
    loop, pump = both_ways(
        lambda: system_of(memory(MemoryProvider(bars)), script(), symbols=BOTH, scanners=[SMA.format("5m")])
    )
    assert loop.signals == 1
    assert loop == pump


def test_a_gate_sees_the_same_bars_of_every_symbol_in_loop_and_pump() -> None:
    bars = [*flat(range(60)), *flat(range(60), symbol="Y"), *flat(range(130, 140)), *flat(range(130, 140), symbol="Y")]
    armed = {"entry": "stop", "trigger": 100.2, "stop": 90.0}

    def system() -> System:
        scanner = Script([(5, "X", 1), (30, "Y", 1), (60, "X", 1)], extra=armed)
        parts = (memory(MemoryProvider(bars)), made(offer.scanner, "script", scanner))
        return system_of(*parts, made(offer.gate, "census", Census(BOTH)), symbols=BOTH, gates=['use = "census"'])

    seen = [[r.reason for r in found(records_of(run, system()), GateAnswered)] for run in (by_loop, by_pump)]
    assert len(seen[0]) > 1
    assert seen[0] == seen[1]


@st.composite
def markets(draw: st.DrawFn) -> list[BarClosed]:
    """Walks of two symbols in half units; every stretch of minutes may be missing in one of them."""
    bars: list[BarClosed] = []
    for symbol in BOTH:
        price, minute = 100.0, draw(st.integers(0, 7))
        for step in draw(st.lists(st.integers(-4, 4), min_size=5, max_size=60)):
            minute += draw(st.sampled_from([0] * 12 + [1, 4, 17, 70]))
            bars.append(bar(minute, price, symbol, price + step / 2))
            price, minute = price + step / 2, minute + 1
        bars.append(bar(max(minute, LATEST_START), price, symbol))
    return bars


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    bars=markets(),
    seed=st.integers(0, 99),
    start=st.sampled_from(["", with_start(11), with_start(LATEST_START)]),
    scanners=st.sampled_from([[SMA.format("1m")], [SMA.format("5m"), STRAT], [STRAT]]),
    funding=st.sampled_from([(), (40,), (15, 60)]),
)
def test_loop_and_pump_write_the_same_journal_on_any_market(
    bars: list[BarClosed], seed: int, start: str, scanners: list[str], funding: tuple[int, ...]
) -> None:
    due = [FundingDue(at(minute), symbol, Decimal("0.001")) for minute in funding for symbol in BOTH]
    tables: dict[str, Any] = {
        "symbols": BOTH, "universe": start, "scanners": scanners, "seed": seed, "gates": ['use = "census"'],
        "exits": ['use = "stop"\npct = 3', 'use = "target"\npct = 4', 'use = "time"\nmax_bars = 20'],
    }  # fmt: skip

    def system() -> System:
        return system_of(memory(MemoryProvider(bars, due)), made(offer.gate, "census", Census(BOTH)), **tables)

    loop, pump = both_ways(system)
    assert loop == pump
