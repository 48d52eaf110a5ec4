"""What columns leave to the engine, and what they work out to the last digit at the bounds of their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from attrs import define, evolve
from numpy.typing import NDArray

from atlas_core import components as offer
from atlas_core.backtest.columnar.outcome import run_in_columns
from atlas_core.backtest.columnar.simple import NotSimple
from atlas_core.backtest.driver import DriverKind, run_backtest
from atlas_core.columnar import NO_LEVEL, ColumnarLevels, ColumnarSizer, EntryColumns, ExitSteps, LevelColumns
from atlas_core.compose import System
from atlas_core.contracts import LevelRule, MarketHistory, MarketNow, MaskingGate
from atlas_core.journal import Journal
from atlas_core.model.decisions import Approve, Exit, GateAnswer, GateMask, Levels, OrderPlan
from atlas_core.model.events import BarClosed
from atlas_core.model.instrument import Instrument
from atlas_core.model.portfolio import Account, Portfolio, Position
from atlas_core.model.records import EquityMarked, PositionClosed, Record, SignalDetected, VerdictReached
from atlas_core.model.signals import Signal, SignalTable
from atlas_core.model.timeframe import SECOND
from atlas_core.runs import Mode
from atlas_core.watching import Unwatched
from tests.memory import MemoryProvider, Script, at, bar, flat, made, memory, system_of

RISING = [bar(minute, 100 + minute, close=100.5 + minute) for minute in range(30)]
PLAIN_STOP = ('use = "stop"\npct = 5',)


@define
class StopAndTime(LevelRule, ColumnarLevels):
    """A stop far away, and an exit at the market after three bars that its columns know nothing of."""

    def on_market(self, position: Position, market: MarketNow) -> Exit | None:
        return Exit("three bars") if position.bars_held >= 3 else None

    def levels(self, position: Position) -> Levels:
        return Levels(stop=position.entry_price / 2)

    def level_columns(self, instrument: Instrument, entries: EntryColumns) -> LevelColumns:
        return LevelColumns(entries.price // 2, np.full(len(entries.price), NO_LEVEL))


@define
class StopAndSteps(LevelRule):
    """A stop five percent away, and steps that never close anything."""

    def on_market(self, position: Position, market: MarketNow) -> Exit | None:
        return None

    def levels(self, position: Position) -> Levels:
        return Levels(stop=(position.entry_price * Decimal("0.95")).quantize(Decimal("0.01")))

    def steps(self, market: MarketHistory, symbol: str) -> ExitSteps:
        at = market.bars(symbol, "1m").available_at
        never = np.zeros(len(at), dtype=bool)
        return ExitSteps(at, never, never, "", "")


@define
class FractionalSizer(ColumnarSizer):
    """Takes one lot, and says half a lot more in its columns."""

    def size(self, signal: Signal, account: Account, market: MarketNow) -> OrderPlan:
        return OrderPlan(symbol=signal.symbol, quantity=Decimal("0.001"))

    def lots(self, instrument: Instrument, price: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.full(len(price), 1.5)  # type: ignore[return-value]


@define
class HalfLevels(LevelRule, ColumnarLevels):
    """A stop far away, between two ticks in its columns."""

    def levels(self, position: Position) -> Levels:
        return Levels(stop=position.entry_price / 2)

    def level_columns(self, instrument: Instrument, entries: EntryColumns) -> LevelColumns:
        return LevelColumns(entries.price / 2, np.full(len(entries.price), NO_LEVEL))  # type: ignore[arg-type]


@define
class ShortMask(MaskingGate):
    """Forgets the last signal."""

    def review(self, signal: Signal, portfolio: Portfolio, market: MarketNow) -> GateAnswer:
        return Approve("")

    def mask(self, signals: SignalTable) -> GateMask:
        passed: NDArray[np.bool_] = np.ones(max(0, len(signals) - 1), dtype=bool)
        return GateMask(passed, np.zeros(len(passed)), 0.0, "")


def system(
    *parts: Any,
    bars: Sequence[BarClosed] = RISING,
    exits: Sequence[str] = PLAIN_STOP,
    gates: Sequence[str] = (),
    costs: str = "",
    signals: Sequence[tuple[int, str, int]] = ((5, "X", 1),),
    quantity: int = 1,
    sizer: str = "",
    stop: float = float("nan"),
    more: str = "",
) -> System:
    return system_of(
        memory(MemoryProvider(bars, [])),
        made(offer.scanner, "script", Script(signals, extra={"stop": stop})),
        *parts,
        run_as=Mode.BACKTEST,
        symbols=tuple(dict.fromkeys(each.symbol for each in bars)),
        gates=gates,
        sizer=sizer or f'use = "fixed-quantity"\nquantity = {quantity}',
        exits=exits,
        broker=f'use = "paper"\n{costs}',
        more=more,
        mode="backtest",
    )


def closed(records: Sequence[Record]) -> list[PositionClosed]:
    return [record for record in records if isinstance(record, PositionClosed)]


def by_engine(made_system: System, kind: DriverKind = DriverKind.PLAIN) -> list[PositionClosed]:
    with Journal.in_memory() as journal:
        run_backtest(made_system, journal, None, kind)
        return closed(list(journal.records()))


@pytest.mark.parametrize("slippage", ["2", "1.2345678901234", "0.3333333333333333333"])
def test_slippage_of_many_digits_costs_what_the_engine_books(slippage: str) -> None:
    costs = f"slippage_bps = {slippage}"
    outcome = run_in_columns(system(costs=costs), Unwatched())
    assert closed(outcome.records) == by_engine(system(costs=costs))
    assert closed(outcome.records)[0].slippage > 0


def test_levels_in_columns_beside_an_exit_at_the_market_are_left_to_the_engine() -> None:
    rule = made(offer.exit_rule, "both", StopAndTime())
    with pytest.raises(NotSimple, match="exit both closes at the market beside its levels"):
        run_in_columns(system(rule, exits=('use = "both"',)), Unwatched())


def test_a_rule_with_steps_keeps_its_levels_in_a_back_test_that_skips() -> None:
    falling = [bar(minute, 100 - minute, close=99.5 - minute) for minute in range(30)]
    trades = [
        by_engine(system(made(offer.exit_rule, "both", StopAndSteps()), bars=falling, exits=('use = "both"',)), kind)
        for kind in DriverKind
    ]
    assert trades[0] == trades[1]
    assert trades[0][0].reason.startswith("stop")


def test_bars_that_overlap_are_left_to_the_engine() -> None:
    late = [evolve(each, ts=each.ts + 30 * SECOND) for each in RISING]
    overlapping = system(bars=late)
    with pytest.raises(NotSimple, match="bars open before those before them have closed"):
        run_in_columns(overlapping, Unwatched())


def test_a_mask_that_is_too_short_is_left_to_the_engine_which_tells_the_fault() -> None:
    gate = made(offer.gate, "short", ShortMask())
    with pytest.raises(NotSimple, match="gate short failed: expected columns of 1 rows"):
        run_in_columns(system(gate, gates=('use = "short"',)), Unwatched())


@pytest.mark.parametrize(
    ("part", "tables", "reason"),
    [
        (made(offer.sizer, "odd", FractionalSizer()), {"sizer": 'use = "odd"'}, "sizer odd failed: expected whole"),
        (made(offer.exit_rule, "odd", HalfLevels()), {"exits": ['use = "odd"']}, "exit odd failed: expected whole"),
    ],
)
def test_columns_of_fractions_are_left_to_the_engine(part: Any, tables: dict[str, Any], reason: str) -> None:
    with pytest.raises(NotSimple, match=reason):
        run_in_columns(system(part, **tables), Unwatched())


def test_steps_are_columns_of_one_length_in_the_order_of_time() -> None:
    times, flags = np.array([1, 2]), np.zeros(2, dtype=bool)
    with pytest.raises(ValueError, match=r"expected columns of one length, were \[1, 2\]"):
        ExitSteps(times, flags, flags[:1], "", "")
    with pytest.raises(ValueError, match="expected steps in the order of their times"):
        ExitSteps(times[::-1], flags, flags, "", "")


def test_exposure_counts_at_the_opening_of_a_bar_that_has_not_closed() -> None:
    prices = {0: 100.0, 10: 100.0, 20: 300.0}
    long_bars = [evolve(bar(minute, price, "Y"), ts=at(minute + 10)) for minute, price in prices.items()]
    bars = [*long_bars, *flat(range(30))]
    twenty = system(
        bars=bars, signals=[(10, "Y", 1), (25, "X", 1)], quantity=20, more="[limits]\nmax_exposure_pct = 50"
    )
    assert [trade.symbol for trade in by_engine(twenty)] == ["Y"]
    with pytest.raises(NotSimple, match="the exposure comes near its limit"):
        run_in_columns(twenty, Unwatched())


def test_an_entry_that_money_refuses_is_not_refused_for_its_levels() -> None:
    upside_down = system(exits=('use = "stop"',), stop=1_000.0, quantity=1_000)
    with Journal.in_memory() as journal:
        run_backtest(upside_down, journal, None, DriverKind.PLAIN)
        assert [r.by for r in journal.records() if isinstance(r, VerdictReached)] == ["limit max_exposure_pct"]
    with pytest.raises(NotSimple, match="an entry comes near what the account can carry"):
        run_in_columns(upside_down, Unwatched())


def test_a_day_ends_with_the_first_event_of_any_symbol_also_where_bars_open_together() -> None:
    opens = range(1_428, 1_460, 5)
    bars = [evolve(bar(minute, 100.0, symbol), ts=at(minute + length)) for symbol, length in (("X", 1), ("Y", 4))
            for minute in opens]  # fmt: skip
    two = system(bars=bars, signals=[(1_442, "Y", 1)])
    with Journal.in_memory() as journal:
        run_backtest(two, journal, None, DriverKind.PLAIN)
        engine = [r for r in journal.records() if isinstance(r, (SignalDetected, EquityMarked))]
    columns = [r for r in run_in_columns(two, Unwatched()).records if isinstance(r, (SignalDetected, EquityMarked))]
    assert [type(record) for record in engine] == [EquityMarked, SignalDetected, EquityMarked]
    assert columns == engine
