"""Cut the future away, or make it another one: what was decided before does not change by a byte."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_core import components as offer
from atlas_core.compose import System
from atlas_core.journal import Journal
from atlas_core.model.decisions import Approve
from atlas_core.model.events import BarClosed
from atlas_core.model.records import GateAnswered, OperatorActed, PositionClosed, PositionOpened, Record
from atlas_core.runs import Mode, RunSummary
from tests.memory import MemoryProvider, at, bar, found, made, memory, records_of, system_of
from tests.systems import by_loop, by_pump

MINUTES = 150
PEEK = 'use = "peek"'
CONTINUITY = 'use = "strat.continuity"\ntimeframes = ["15m", "5m", "1m"]\nminimum_score = 1'
EXITS = ("stop", "target", "strat.invalidation", "strat.opposite-reversal", "strat.continuity-flip")
TABLES: dict[str, Any] = {
    "symbols": ["X", "Y"],
    "scanners": [
        'use = "strat"\ntimeframes = ["1m", "5m", "15m"]\ninclude_continuations = true\nstop_mode = "first_bar"'
    ],
    "gates": [PEEK, CONTINUITY],
    "exits": [*(f'use = "{name}"' for name in EXITS), 'use = "trailing"\npct = 2', 'use = "time"\nmax_bars = 30'],
    "broker": 'use = "paper"\ntaker_fee_bps = 5\nslippage_bps = 1\nlimit_fill = "touch"',
}
AFTER = 20
SEEDS = (0, 27, 1_729, 4_104, 8_128)
RUNS = pytest.mark.parametrize("run", [by_loop, by_pump])
Run = Callable[[System, Journal], RunSummary]


class Peek:
    """A gate that journals the last price and the newest bar it can see: what it must not know would show."""

    def review(self, signal: Any, portfolio: Any, market: Any) -> Approve:
        closes = market.bars(signal.symbol, "1m").close
        newest = float(closes[-1]) if len(closes) else 0.0
        return Approve(
            f"newest close {newest}", float(market.last_price(signal.symbol)), float(portfolio.account.equity)
        )


def random_bars(seed: int) -> list[BarClosed]:
    generator = np.random.Generator(np.random.PCG64(seed))
    bars = []
    for symbol, start in (("X", 100.0), ("Y", 50.0)):
        prices = np.maximum(1.0, start + np.cumsum(generator.normal(0, 0.4, MINUTES + 1))).round(2).tolist()
        for minute in np.flatnonzero(generator.random(MINUTES) > 0.03).tolist():
            bars.append(bar(minute, prices[minute], symbol, prices[minute + 1]))
    return sorted(bars, key=lambda bar: (bar.ts, bar.symbol))


def decided(run: Run, bars: list[BarClosed]) -> list[Record]:
    """Return what a session decided, from its first bar until it was wound down."""
    system = system_of(memory(MemoryProvider(bars)), made(offer.gate, "peek", Peek()), run_as=Mode.PAPER, **TABLES)
    records = records_of(run, system)
    end = next(place for place, record in enumerate(records) if isinstance(record, OperatorActed))
    return records[1:end]


@lru_cache(maxsize=32)
def decided_on_all(seed: int) -> list[Record]:
    """Return what the loop decides on a whole random market, and the pump must decide as well; each is run once."""
    return decided(by_loop, random_bars(seed))


def cut_away(run: Run, seed: int, cut: int) -> None:
    short = decided(run, [b for b in random_bars(seed) if b.ts <= at(cut)])
    assert decided_on_all(seed)[: len(short)] == short


def poisoned(run: Run, seed: int, cut: int) -> None:
    """The other future lasts longer than the longest bar forms: what comes later than that cannot be told apart."""
    bars = [b if b.ts <= at(cut) else poison(b) for b in random_bars(seed) if b.ts <= at(cut + AFTER)]
    before = [record for record in decided_on_all(seed) if record.ts < at(cut)]
    assert [record for record in decided(run, bars) if record.ts < at(cut)] == before


@RUNS
@settings(max_examples=3, deadline=None)
@given(seed=st.sampled_from(SEEDS[:3]), cut=st.integers(30, MINUTES - 5))
def test_cutting_the_future_away_changes_nothing_before(run: Run, seed: int, cut: int) -> None:
    cut_away(run, seed, cut)


@RUNS
@settings(max_examples=3, deadline=None)
@given(seed=st.sampled_from(SEEDS[:3]), cut=st.integers(30, MINUTES - 5))
def test_a_poisoned_future_changes_nothing_before(run: Run, seed: int, cut: int) -> None:
    poisoned(run, seed, cut)


@pytest.mark.campaign
@pytest.mark.timeout(0)
@pytest.mark.parametrize("look", [cut_away, poisoned])
@RUNS
@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10_000), cut=st.integers(30, MINUTES - 5))
def test_no_future_of_many_markets_changes_anything_before(
    run: Run, look: Callable[[Run, int, int], None], seed: int, cut: int
) -> None:
    look(run, seed, cut)


def poison(bar: BarClosed) -> BarClosed:
    """Return a bar at ten times the price."""
    return evolve(bar, open=bar.open * 10, high=bar.high * 10, low=bar.low * 10, close=bar.close * 10)


@pytest.mark.parametrize("seed", SEEDS[:3])
def test_the_close_of_the_entry_bar_changes_nothing_about_the_entry(seed: int) -> None:
    """A touch inside a bar is judged and sized before the bar has closed."""
    bars = random_bars(seed)
    records = decided_on_all(seed)
    entries = [r for r in found(records, PositionOpened) if any(b.ts == r.ts and b.symbol == r.symbol for b in bars)]
    entry = entries[0]
    place = next(i for i, b in enumerate(bars) if b.ts == entry.ts and b.symbol == entry.symbol)
    middle = (bars[place].high + bars[place].low) / 2
    other = [*bars[:place], evolve(bars[place], close=round(middle, 2)), *bars[place + 1 :]]
    again = decided(by_loop, other)
    assert told_until(again, entry) == told_until(records, entry)


def told_until(records: list[Record], entry: PositionOpened) -> list[Record]:
    """Return what the gates were shown, and the size and price, up to one entry."""
    end = next(place for place, record in enumerate(records) if record == entry)
    return [record for record in records[: end + 1] if isinstance(record, (GateAnswered, PositionOpened))]


def test_the_random_markets_are_lively_enough_to_prove_something() -> None:
    runs = [decided_on_all(seed) for seed in SEEDS[:2]]
    assert sum(len(found(records, PositionOpened)) for records in runs) > 30
    assert {record.rule for records in runs for record in found(records, PositionClosed)} >= set(EXITS)
