"""Finer bars inside a base bar tell which trigger and which level came first; decisions are made on base bars only."""

from __future__ import annotations

from decimal import Decimal

from atlas_core.engine.protection import NativeOrders
from atlas_core.model.decisions import Outcome
from atlas_core.model.events import BarClosed, BarOpened, BarPart
from atlas_core.model.orders import FillBasis
from atlas_core.model.records import FillBooked, PositionClosed, PositionOpened, VerdictReached
from atlas_core.model.timeframe import MINUTE
from tests.engine_bench import AfterBars, Bench, SignalLevels

Prices = tuple[float, float, float, float]


def told(bench: Bench, *parts: Prices) -> None:
    """Let a base bar pass, one minute for each of its parts."""
    begin = bench.now
    bench.feed(BarOpened(begin, "X", parts[0][0]))
    for number, prices in enumerate(parts):
        opened_at = begin + number * MINUTE
        bench.feed(BarPart(opened_at + MINUTE, "X", opened_at, *prices, 1e6))
    bench.now = begin + len(parts) * MINUTE
    whole = (parts[0][0], max(p[1] for p in parts), min(p[2] for p in parts), parts[-1][3])
    bench.feed(BarClosed(bench.now, "X", begin, *whole, 1e6))


def waiting(**options: object) -> Bench:
    bench = Bench(**options)
    bench.flat(100.0)
    bench.signal(entry="stop", trigger=102.0, stop=97.0, target=110.0, cancel_beyond=99.0)
    return bench


UP, DOWN = (100.0, 103.0, 100.0, 103.0), (100.0, 100.0, 98.0, 98.0)


def test_the_part_that_came_first_takes_or_cancels_a_signal() -> None:
    for parts, is_entered in (((UP, (103.0, 103.0, 98.0, 98.0)), True), ((DOWN, (98.0, 103.0, 98.0, 103.0)), False)):
        bench = waiting()
        told(bench, *parts)
        assert bool(bench.of(PositionOpened)) is is_entered
        assert [verdict.outcome for verdict in bench.of(VerdictReached)] == (
            [] if is_entered else [Outcome.INVALIDATED]
        )


def test_an_entry_fills_in_the_part_that_took_its_trigger() -> None:
    bench = waiting()
    told(bench, (100.0, 101.0, 100.0, 101.0), (101.0, 103.0, 101.0, 103.0))
    (fill,) = bench.of(FillBooked)
    assert (fill.price, fill.basis, fill.ts) == (Decimal("102.1"), FillBasis.DETAIL, bench.now)


def test_a_gap_between_two_parts_takes_a_trigger_at_the_opening_of_the_later_one() -> None:
    bench = waiting()
    told(bench, (100.0, 101.0, 100.0, 101.0), (104.0, 104.0, 103.0, 103.5))
    assert bench.one(PositionOpened).price == 104


def test_the_stop_of_an_entry_meets_only_what_came_after_it() -> None:
    bench = Bench()
    bench.flat(100.0)
    bench.signal(entry="stop", trigger=102.0, stop=97.0, target=110.0)
    told(bench, (100.0, 100.0, 96.0, 100.0), UP, (103.0, 103.0, 103.0, 103.0))
    assert bench.of(PositionOpened)
    assert not bench.of(PositionClosed)


def test_an_emulated_stop_closes_at_the_opening_of_the_next_part() -> None:
    bench = Bench(native=NativeOrders(stop=False, limit=False))
    bench.flat(100.0)
    bench.signal(stop=97.0, target=110.0)
    told(bench, (100.0, 100.0, 96.0, 96.5), (96.4, 99.0, 96.4, 99.0))
    closed = bench.one(PositionClosed)
    assert (closed.exit_price, closed.reason) == (Decimal("96.4"), "stop 97.0 reached")


def test_exit_rules_are_asked_and_bars_are_counted_at_base_bars_only() -> None:
    bench = Bench(exits=(("levels", SignalLevels()), ("bars", AfterBars(2))))
    bench.flat(100.0)
    bench.signal(stop=97.0, target=110.0)
    for held in (1, 2):
        told(bench, *[(100.0, 101.0, 99.0, 100.0)] * 3)
        assert bench.engine.state.positions["X"].bars_held == held
    told(bench, (100.0, 100.0, 100.0, 100.0))
    assert bench.one(PositionClosed).rule == "bars"
