"""The scanner `sma-cross`: exact crossings that depend on their own window only."""

from __future__ import annotations

from fractions import Fraction
from math import nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_basics.options import Direction, SmaCrossExitOptions, SmaCrossOptions
from atlas_basics.sma import SmaCrossExit, SmaCrossScanner
from atlas_core import Bars, Side, SignalTable, parse_timeframe
from tests.plugins.basics.samples import HOUR, START, SYMBOL, Moment, Tape, bars_of_closes, position_of, signal_of
from tests.shared import shared_file

HOURLY = parse_timeframe("1h")
CLOSES = st.lists(st.integers(95, 105).map(float), max_size=60)


def scan(bars: Bars, fast: int = 2, slow: int = 4, direction: Direction = Direction.BOTH) -> SignalTable:
    options = SmaCrossOptions(timeframe=bars.timeframe, fast=fast, slow=slow, direction=direction)
    return SmaCrossScanner(options).scan(Tape(bars))


def crossings(table: SignalTable) -> list[tuple[int, int]]:
    hours = (table.setup_at - START) // HOUR
    return list(zip(hours.tolist(), table.side.tolist(), strict=True))


def slow_crossings(closes: list[float], fast: int = 2, slow: int = 4) -> list[tuple[int, int]]:
    def lead(last: int) -> Fraction:
        window = [Fraction(close) for close in closes[: last + 1]]
        return sum(window[-fast:], Fraction()) / fast - sum(window[-slow:], Fraction()) / slow

    found = []
    for last in range(slow, len(closes)):
        before, now = lead(last - 1), lead(last)
        if now > 0 >= before:
            found.append((last, 1))
        if now < 0 <= before:
            found.append((last, -1))
    return found


def test_a_crossing_enters_at_the_market_when_its_bar_has_closed() -> None:
    table = scan(bars_of_closes([10, 10, 10, 10, 11]))
    assert crossings(table) == [(4, 1)]
    assert (table.available_at[0], table.valid_until[0]) == (START + 5 * HOUR, START + 6 * HOUR)
    assert (table.entry[0], table.pattern[0], table.trigger[0]) == ("market", "cross-above", 11.0)
    assert np.isnan([table.stop[0], table.target[0]]).all()


def test_a_crossing_below_is_a_short_signal_unless_the_scanner_is_long_only() -> None:
    bars = bars_of_closes([10, 10, 10, 10, 11, 11, 9, 7])
    assert crossings(scan(bars)) == [(4, 1), (6, -1)]
    assert crossings(scan(bars, direction=Direction.LONG)) == [(4, 1)]


@pytest.mark.parametrize("length", range(5))
def test_a_history_without_a_full_window_before_the_last_gives_no_signal(length: int) -> None:
    assert crossings(scan(bars_of_closes([10, 11, 12, 13][:length]))) == []


def test_a_close_that_is_missing_is_no_bar_of_the_average() -> None:
    assert crossings(scan(bars_of_closes([10, 10, nan, 10, 10, 11]))) == [(5, 1)]


@given(CLOSES)
def test_crossings_are_those_of_exact_fractions(closes: list[float]) -> None:
    assert crossings(scan(bars_of_closes(closes))) == slow_crossings(closes)


@given(CLOSES, st.integers(0, 60))
def test_cutting_the_future_away_changes_no_crossing(closes: list[float], length: int) -> None:
    whole = crossings(scan(bars_of_closes(closes)))
    assert crossings(scan(bars_of_closes(closes[:length]))) == [row for row in whole if row[0] < length]


@given(CLOSES, st.integers(0, 60))
def test_a_trailing_window_gives_the_same_crossings_beyond_its_warm_up(closes: list[float], first: int) -> None:
    bars = bars_of_closes(closes)
    (need,) = SmaCrossScanner(SmaCrossOptions(timeframe=HOURLY, fast=2, slow=4)).needs()
    whole = [row for row in crossings(scan(bars)) if row[0] >= first + need.warmup_bars]
    assert crossings(scan(bars.between(min(first, len(bars)), len(bars)))) == whole


def test_crossings_of_a_real_series_are_those_of_exact_fractions() -> None:
    closes = np.loadtxt(shared_file("cases/data/goog_daily.csv"), delimiter=",", skiprows=1, usecols=4)
    closes = np.round(closes[:400], 1)
    table = scan(bars_of_closes(closes.tolist()), fast=5, slow=20)
    assert crossings(table) == slow_crossings([round(close * 10) for close in closes.tolist()], fast=5, slow=20)
    assert len(table) > 10


@given(st.lists(st.integers(95, 105).map(float) | st.just(nan), max_size=40), st.sampled_from([Side.LONG, Side.SHORT]))
def test_the_exit_answers_at_every_moment_what_its_steps_say(closes: list[float], side: Side) -> None:
    bars = bars_of_closes(closes)
    rule = SmaCrossExit(SmaCrossExitOptions(timeframe=HOURLY, fast=2, slow=4))
    steps = rule.steps(Tape(bars), SYMBOL)
    position = position_of(signal_of(side=side))
    for count in range(len(bars) + 1):
        now = START + count * HOUR
        answer = rule.on_market(position, Moment(now=now, known=bars.until(now)))
        step = int(np.searchsorted(steps.at, now, side="right")) - 1
        closes_it = step >= 0 and bool((steps.long if side is Side.LONG else steps.short)[step])
        assert (answer is not None) is closes_it
        if answer is not None:
            assert (answer.value, answer.threshold) == steps.compared(step)
