"""The context of a signal: at every bar what the plain reports say of the past, and nothing that comes later."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Sequence
from math import isnan

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_core import Bars, Instrument, parse_timeframe
from atlas_strat.breaks import BARS_OF_A_BREAK, break_side, break_sides, simultaneous_breaks
from atlas_strat.broadening import FORMATION_BARS, formation, formations
from atlas_strat.exhaustion import LADDER_BARS, pivots_ahead, price_exhaustion
from atlas_strat.labels import LabelledBars, label_bars
from atlas_strat.levels import TargetLadders
from atlas_strat.options import StratOptions
from atlas_strat.reports import current_bars
from atlas_strat.scanner import StratScanner
from atlas_strat.setups import arm
from atlas_strat.vocabulary import ContextPart, Family, StopMode
from tests.plugins.strat.series import HOUR, Tape, bars_of, rows_of, walks
from tests.shared import shared_file

EVERYTHING = StratOptions(
    timeframes=(parse_timeframe("1h"),),
    families=tuple(family for family in Family if not family.ends_outside),
    include_continuations=True,
    context=tuple(ContextPart),
)
WARMUP = StratScanner(EVERYTHING).needs()[0].warmup_bars


def scan(*series: Bars) -> list[dict[str, object]]:
    return [dict(row) for row in rows_of(StratScanner(EVERYTHING).scan(Tape(*series)))]


def until(bars: LabelledBars, at: int, window: int) -> LabelledBars:
    return LabelledBars(
        *(getattr(bars, name)[max(0, at + 1 - window) : at + 1] for name in LabelledBars.__annotations__)
    )


def formations_are_those_of_the_report(bars: LabelledBars, width: int, window: int) -> None:
    found = formations(bars, np.arange(len(bars)), width, window)
    for at in range(len(bars)):
        said = formation(until(bars, at, window), width)
        if said is None:
            assert not found.is_broadening[at]
            assert isnan(found.upper[at])
            assert isnan(found.lower[at])
        else:
            assert (found.is_broadening[at], found.upper[at], found.lower[at]) == (
                said.is_broadening,
                said.upper,
                said.lower,
            )


def pivots_are_those_of_the_report(bars: LabelledBars, window: int) -> None:
    setups = arm(bars, StopMode.SETUP_BAR)
    levels, ahead = setups.levels, pivots_ahead(setups, window)
    for place, setup in enumerate(setups.setup.tolist()):
        side, trigger = int(setups.side[place]), int(levels.trigger[place])
        past = until(bars, setup, window)
        ladder = TargetLadders(past).ladder(len(past) - 1, side, trigger)
        magnitude = int(levels.magnitude[place]) if levels.has_magnitude[place] else None
        armed = price_exhaustion(side, trigger, magnitude, ladder)
        assert (armed.magnitude_reached, armed.pivots_cleared, armed.pivots) == (False, 0, ahead.pivots[place])
        if magnitude is not None:
            reached = price_exhaustion(side, magnitude, magnitude, ladder)
            assert reached.pivots_cleared == ahead.before_magnitude[place]


def breaks_are_those_of_the_report(bars: LabelledBars, strict: bool) -> None:
    sides = break_sides(bars, strict_setup_bar=strict)
    for at in range(len(bars)):
        assert break_side(until(bars, at, at + 1), strict_setup_bar=strict) == sides[at]


@given(walks(), st.integers(1, 3), st.integers(1, 70))
def test_the_broadening_of_each_bar_is_what_the_report_says_of_the_bars_until_then(
    bars: Bars, width: int, window: int
) -> None:
    formations_are_those_of_the_report(label_bars(bars), width, window)


@given(walks(), st.integers(1, 70))
def test_the_pivots_ahead_of_a_setup_are_those_of_its_ladder_and_none_is_cleared(bars: Bars, window: int) -> None:
    pivots_are_those_of_the_report(label_bars(bars), window)


@given(walks(), st.booleans())
def test_the_break_of_each_bar_is_what_the_report_says_of_the_bars_until_then(bars: Bars, strict: bool) -> None:
    breaks_are_those_of_the_report(label_bars(bars), strict)


def real_bars() -> Bars:
    """Read the first 1,500 hourly bars of BTC-USD; the times are made up, only the order matters."""
    with gzip.open(shared_file("data/crypto/BTC-USD_coinbase_1h_201707-201910.csv.gz"), "rt", newline="") as file:
        lines = list(csv.DictReader(file))[:1_500]
    names = {name.lower(): name for name in lines[0]}
    return bars_of([float(line[names[name]]) for name in ("open", "high", "low", "close")] for line in lines)


def test_on_a_real_series_each_bar_has_what_the_reports_say() -> None:
    bars = label_bars(real_bars())
    formations_are_those_of_the_report(bars, 2, FORMATION_BARS)
    pivots_are_those_of_the_report(bars, LADDER_BARS)
    breaks_are_those_of_the_report(bars, strict=False)
    found = formations(bars, np.arange(len(bars)))
    assert 0 < found.is_broadening.sum() < len(bars)


@st.composite
def baskets(draw: st.DrawFn) -> list[Bars]:
    """Three symbols of which each misses some bars and delivers some of the others too late."""
    series = []
    for symbol in "ABC":
        bars = evolve(draw(walks(minimum=1, maximum=30)), symbol=symbol)
        present = draw(st.lists(st.booleans(), min_size=len(bars), max_size=len(bars)))
        rows = np.flatnonzero(present)
        late = np.maximum.accumulate(
            bars.available_at
            + HOUR // 2 * np.array(draw(st.lists(st.booleans(), min_size=30, max_size=30)))[: len(bars)]
        )
        columns = {
            name: column[rows] for name, column in zip(("open", "high", "low", "close"), bars.prices(), strict=True)
        }
        series.append(
            Bars(
                symbol,
                bars.timeframe,
                opened_at=bars.opened_at[rows],
                available_at=late[rows],
                **columns,
                volume=bars.volume[rows],
                tick_size=bars.tick_size,
            )
        )
    return series


def known_by(series: Sequence[Bars], now: int) -> list[Bars]:
    return [bars.between(0, int(np.searchsorted(bars.available_at, now, side="right"))) for bars in series]


@settings(max_examples=40)
@given(baskets())
def test_simultaneous_breaks_are_what_the_report_says_of_the_bars_known_at_the_signal(series: list[Bars]) -> None:
    table = StratScanner(EVERYTHING).scan(Tape(*series))
    for row in range(len(table)):
        past = known_by(series, int(table.available_at[row]))
        newest, basket = current_bars({bars.symbol: bars for bars in past})
        assert newest == table.setup_at[row]
        found = simultaneous_breaks(basket)
        side = found.up if table.side[row] > 0 else found.down
        assert table.context["simultaneous_breaks"][row] == side.count
        assert table.context["simultaneous_breaks_pct"][row] == pytest.approx(100 * side.share)


@settings(max_examples=40)
@given(baskets(), st.integers(0, 62))
def test_cutting_the_future_of_all_symbols_away_changes_no_row(series: list[Bars], half_hours: int) -> None:
    now = int(min(bars.opened_at[0] for bars in series if len(bars))) if any(map(len, series)) else 0
    now += half_hours * HOUR // 2
    past = [row for row in scan(*series) if row["available_at"] <= now]  # type: ignore[operator]
    assert scan(*known_by(series, now)) == past


@settings(max_examples=40)
@given(walks(minimum=WARMUP + 1, maximum=90), st.integers(0, 40))
def test_a_trailing_window_gives_the_same_context_beyond_the_warm_up(bars: Bars, first: int) -> None:
    first = min(first, len(bars) - WARMUP - 1)
    settled = bars.opened_at[first + WARMUP]
    window = [row for row in scan(bars.between(first, len(bars))) if row["setup_at"] >= settled]
    assert window == [row for row in scan(bars) if row["setup_at"] >= settled]


PARTS = {
    ContextPart.PIVOTS: ["pivots"],
    ContextPart.BROADENING: ["broadening", "broadening_lower", "broadening_upper"],
    ContextPart.EXHAUSTION: ["ladder_pivots", "ladder_pivots_to_magnitude"],
    ContextPart.BREAKS: ["simultaneous_breaks", "simultaneous_breaks_pct"],
}
ALWAYS = ["failed_two", "family", "kind", "shape", "spans_gap"]
RED_TWO_INSIDE = [[100, 110, 95, 98], [98, 105, 90, 92], [95, 102, 94, 100]]


def context_with(*parts: ContextPart) -> dict[str, object]:
    options = StratOptions(timeframes=(parse_timeframe("1h"),), context=parts)
    table = StratScanner(options).scan(Tape(bars_of(RED_TWO_INSIDE)))
    return dict(table.signal(len(table) - 1, "test", "strat", Instrument("BTC/USD")).context)


@pytest.mark.parametrize("part", ContextPart)
def test_a_part_of_the_context_has_its_columns_only_when_it_is_chosen(part: ContextPart) -> None:
    assert sorted(context_with(part)) == sorted([*ALWAYS, *PARTS[part]])


def test_the_context_tells_the_pivots_alone_unless_told_otherwise() -> None:
    assert StratOptions(timeframes=(parse_timeframe("1h"),)).context == (ContextPart.PIVOTS,)


def test_what_is_not_there_is_none_and_what_is_there_has_its_price() -> None:
    few = context_with(*ContextPart)
    assert (few["broadening"], few["broadening_upper"], few["broadening_lower"]) == (False, None, None)
    # the trigger is 102: the high at 105 is the magnitude and 110 lies beyond it
    assert (few["ladder_pivots"], few["ladder_pivots_to_magnitude"]) == (2, 0)
    assert (few["simultaneous_breaks"], few["simultaneous_breaks_pct"]) == (0, 0.0)


def test_lines_of_rising_highs_and_falling_lows_are_told_at_the_setup_bar() -> None:
    middles = [0, 1, 4, 1, 0, -4, 0, 1, 6, 1, 0, -6, 0, 1]
    rows = scan(bars_of([100 + middle, 101 + middle, 99 + middle, 100 + middle] for middle in middles))
    context = rows[-1]["context"]
    told = [context[name] for name in PARTS[ContextPart.BROADENING]]  # type: ignore[index]
    assert told == pytest.approx([True, 93 - 2 / 6 * 2, 107 + 2 / 6 * 5])


def test_a_break_reads_four_bars_and_nothing_before_them() -> None:
    bars = label_bars(bars_of([*[[100, 120, 80, 100]] * 3, *RED_TWO_INSIDE, [100, 103, 96, 101]]))
    assert break_side(bars) == break_side(bars.last(BARS_OF_A_BREAK)) == 1
