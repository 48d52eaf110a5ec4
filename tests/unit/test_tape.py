from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from atlas_core.model.bars import bars_of_rows
from atlas_core.model.events import BarClosed, BarOpened, FundingDue, Phase, SignalsFound
from atlas_core.model.signals import SignalTable, no_signals, signal_table
from atlas_core.model.timeframe import MINUTE, parse_timeframe
from atlas_core.tape import bar_events, bar_pair, funding_events, judged_events

M1 = parse_timeframe("1m")


def signals(times: list[int], scores: list[float] | None = None) -> SignalTable:
    return signal_table(
        available_at=times, setup_at=0, symbol="X", timeframe="1m", pattern="p", side=1,
        score=list(map(float, range(len(times)))) if scores is None else scores,
    )  # fmt: skip


def unjudged(table: SignalTable) -> list[Any]:
    return list(judged_events("strat", table, lambda *_: None))


def grouped(events: list[Any]) -> list[tuple[int, list[float]]]:
    return [(found.ts, found.table.score.tolist()) for _, _, found in events]


def test_a_bar_is_its_first_print_and_later_the_whole_of_it() -> None:
    bars = bars_of_rows("X", M1, [(MINUTE, 10.0, 12.0, 9.0, 11.0, 5.0)])
    assert list(bar_events(bars)) == [
        (MINUTE, Phase.OPENING, BarOpened(MINUTE, "X", 10.0)),
        (2 * MINUTE, Phase.MARKET, BarClosed(2 * MINUTE, "X", MINUTE, 10.0, 12.0, 9.0, 11.0, 5.0)),
    ]


def test_the_first_print_of_a_bar_tells_nothing_but_its_price() -> None:
    (_, _, opened), _ = bar_pair(BarClosed(2, "X", 1, 10.0, 12.0, 9.0, 11.0, 5.0))
    assert opened == BarOpened(1, "X", 10.0)


@given(st.lists(st.integers(0, 50), unique=True, max_size=15).map(sorted))
def test_the_bars_of_a_symbol_are_an_ordered_stream(minutes: list[int]) -> None:
    bars = bars_of_rows("X", M1, [(minute * MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0) for minute in minutes])
    marks = [(ts, phase) for ts, phase, _ in bar_events(bars)]
    assert len(marks) == 2 * len(minutes)
    assert marks == sorted(marks)


def test_a_bar_closes_before_the_next_one_opens_at_the_same_time() -> None:
    bars = bars_of_rows("X", M1, [(minute * MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0) for minute in (0, 1)])
    kinds = [type(event) for ts, _, event in bar_events(bars) if ts == MINUTE]
    assert kinds == [BarClosed, BarOpened]


def test_events_hold_plain_numbers() -> None:
    bars = bars_of_rows("X", M1, [(0, 1.0, 1.0, 1.0, 1.0, 1.0)])
    _, (_, _, closed) = bar_events(bars)
    assert isinstance(closed, BarClosed)
    assert {type(closed.ts), type(closed.opened_at)} == {int}
    assert {type(price) for price in (closed.open, closed.high, closed.low, closed.close, closed.volume)} == {float}


def test_funding_comes_at_its_own_time() -> None:
    due = [FundingDue(ts, "X", Decimal("0.0001")) for ts in (3, 7)]
    assert list(funding_events(due)) == [(3, Phase.MARKET, due[0]), (7, Phase.MARKET, due[1])]


def test_the_signals_of_one_instant_come_together_in_the_scanners_order() -> None:
    events = unjudged(signals([5, 5, 7, 9, 9, 9]))
    assert grouped(events) == [(5, [0.0, 1.0]), (7, [2.0]), (9, [3.0, 4.0, 5.0])]
    assert {(phase, found.scanner) for _, phase, found in events if isinstance(found, SignalsFound)} == {
        (Phase.MARKET, "strat")
    }


def test_a_table_without_signals_brings_no_event() -> None:
    assert unjudged(no_signals()) == []


@given(st.lists(st.integers(0, 9), max_size=20).map(sorted))
def test_every_signal_comes_once_and_at_its_time(times: list[int]) -> None:
    events = unjudged(signals(times))
    marks = [ts for ts, _, _ in events]
    assert marks == sorted(set(times))
    tables = [found.table for _, _, found in events if isinstance(found, SignalsFound)]
    assert [score for table in tables for score in table.score.tolist()] == list(range(len(times)))
    for ts, table in zip(marks, tables, strict=True):
        assert np.all(table.available_at == ts)
