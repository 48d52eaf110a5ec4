"""Signals that are refused together: what is written of them is what would be written of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_core.backtest import tapes
from atlas_core.backtest.driver import run_backtest
from atlas_core.errors import JournalError
from atlas_core.journal import Journal
from atlas_core.journal.codec import CODEC
from atlas_core.model.decisions import GateMask
from atlas_core.model.instrument import Instrument
from atlas_core.model.records import SignalDetected, VerdictReached
from atlas_core.model.refusals import RefusedSignals, SignalSheet, events_of, numbered, unfolded
from atlas_core.model.signals import SignalTable, signal_table
from atlas_core.runs import Mode
from atlas_core.tape import TapeEvent, judged_events
from tests.systems import CONFIGS, system_of

TICKS = ("0.01", "0.25", "0.00000001", "1", "10", "0.5", "0.000001")
PRICES = st.one_of(st.just(float("nan")), st.floats(0, 2e5), st.integers(-20, 20).map(float))


@st.composite
def sheets(draw: st.DrawFn) -> SignalSheet:
    count = draw(st.integers(1, 12))
    random = np.random.default_rng(draw(st.integers(0, 1 << 20)))
    instruments = {f"S{n}": Instrument(f"S{n}", tick_size=Decimal(draw(st.sampled_from(TICKS)))) for n in range(3)}
    priced = {
        name: draw(st.lists(PRICES, min_size=count, max_size=count))
        for name in ("trigger", "stop", "target", "cancel_beyond", "void_beyond")
    }
    table = signal_table(
        available_at=np.sort(random.integers(10, 14, count)),
        setup_at=random.integers(0, 10, count),
        symbol=random.choice(list(instruments), count),
        timeframe=random.choice(["1m", "1h"], count),
        pattern=random.choice(['2-1-2 "up"', "Ünter\\brochen", "x\n"], count),
        side=random.choice([-1, 1], count),
        entry=random.choice(["stop", "market", "limit"], count),
        score=random.choice([0.0, 1.5, 1e300, -0.1], count),
        valid_until=random.choice([50, np.iinfo(np.int64).max], count),
        context={"b": random.choice([1.5, np.nan], count), "a": random.choice(["é", ""], count), "n": range(count)},
        **priced,
    )
    thresholds = draw(st.sampled_from([1.0, float("nan"), np.linspace(0, 1, count)]))
    reason = draw(st.sampled_from(["too near", random.choice(["near", "nearer"], count)]))
    mask = GateMask(np.zeros(count, dtype=bool), random.choice([0.25, np.nan, np.inf], count), thresholds, reason)
    return SignalSheet(table, "profile", "scanner é", instruments, [("quality", mask)])


def together(sheet: SignalSheet, first: int = 0) -> RefusedSignals:
    return RefusedSignals(ts=1_000, sheet=sheet, first=first, last=len(sheet.table))


@given(sheets(), st.integers(0, 3))
@settings(max_examples=60)
def test_signals_that_are_refused_together_are_the_events_that_they_would_be_one_by_one(
    sheet: SignalSheet, first: int
) -> None:
    record = together(sheet, min(first, len(sheet.table)))
    assert CODEC.encode([record]) == CODEC.encode(unfolded([record]))
    assert events_of(record) == len(unfolded([record]))


@given(sheets())
@settings(max_examples=15)
def test_a_journal_holds_them_as_it_holds_others_projections_and_numbers_included(sheet: SignalSheet) -> None:
    record = together(sheet)
    apart = unfolded([record])
    distinct = len(set(sheet.keys)) == len(sheet.keys)
    with Journal.in_memory() as one, Journal.in_memory() as other:
        assert one.append([record]) == other.append(apart)
        assert one.digest() == other.digest()
        assert list(one.records()) == apart
        if distinct:
            assert one.signals() == other.signals()
            one.verify(projections=True)


def test_numbers_count_the_events_of_what_is_kept_together() -> None:
    sheet = SignalSheet(some_table(3), "p", "s", {"X": Instrument("X")}, [("g", refusing(3))])
    after = VerdictReached(ts=2_000, key="k", outcome="refused", by="g", reason="r")  # type: ignore[arg-type]
    assert [number for number, _ in numbered([together(sheet), after], 11)] == [11, 17]


def some_table(count: int, pattern: str = "p") -> SignalTable:
    return signal_table(
        available_at=[5] * count, setup_at=range(count), symbol="X", timeframe="1m", pattern=pattern, side=1
    )


def refusing(count: int) -> GateMask:
    return GateMask(np.zeros(count, dtype=bool), np.zeros(count), 1.0, "no")


def test_what_a_journal_cannot_hold_is_refused_with_its_kind_and_field() -> None:
    sheet = SignalSheet(some_table(1, "\ud800"), "p", "s", {"X": Instrument("X")}, [("g", refusing(1))])
    with pytest.raises(JournalError, match=r"signal_detected\.pattern"):
        CODEC.encode([together(sheet)])


def test_of_equal_setups_of_one_instant_the_first_counts() -> None:
    table = signal_table(
        available_at=[5, 5, 5, 6], setup_at=[1, 1, 2, 1], symbol="X", timeframe="1m", pattern="p", side=1
    )
    sheet = SignalSheet(table, "p", "s", {"X": Instrument("X")}, [("g", refusing(4))])
    assert sheet.is_first == [True, False, True, True]


def test_a_back_test_that_judges_ahead_writes_the_journal_of_one_that_judges_at_each_instant(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def digest() -> str:
        changes = [("universe.symbols", '["BTC-PERP", "ETH-PERP"]'), ("universe.end", '"2026-04-07"')]
        with Journal.in_memory() as journal:
            return run_backtest(system_of(CONFIGS / "demo.toml", Mode.BACKTEST, changes), journal).digest

    def at_each_instant(label: str, table: SignalTable, _judge: object) -> Iterator[tuple[int, int, TapeEvent]]:
        return judged_events(label, table, lambda *_: None)

    ahead = digest()
    monkeypatch.setattr(tapes, "judged_events", at_each_instant)
    assert digest() == ahead


def kinds(records: Sequence[object]) -> list[type]:
    return [type(record) for record in records]


def test_unfolded_records_stand_where_they_were() -> None:
    sheet = SignalSheet(some_table(2), "p", "s", {"X": Instrument("X")}, [("g", refusing(2))])
    pair = [SignalDetected, VerdictReached]
    assert kinds(unfolded([together(sheet), together(sheet, 1)])) == [*pair, *pair, *pair]
