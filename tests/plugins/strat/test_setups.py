"""Armed setups, and how they relate to completed patterns."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from atlas_core import Bars
from atlas_strat.labels import Label, classify
from atlas_strat.patterns import ENDS_OUTSIDE, two
from atlas_strat.setups import Setups, armed_setups, completed_patterns
from tests.plugins.strat.series import TICK, bars_of, walks


def keys(setups: Setups) -> list[tuple[object, ...]]:
    columns = (setups.side, setups.pattern, setups.kind, setups.levels.trigger, setups.levels.stop)
    return [tuple(row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def ends_outside(setups: Setups) -> list[bool]:
    return [bool(marks) for marks in ENDS_OUTSIDE[setups.code]]


def test_an_unlabelled_bar_arms_nothing() -> None:
    assert len(armed_setups(bars_of([]))) == 0
    assert len(armed_setups(bars_of([[100, 110, 90, 105]]))) == 0


def test_rows_point_into_the_series_that_was_given_although_bad_rows_are_dropped() -> None:
    bars = bars_of([[100, 110, 95, 98], [98, 105, 90, 92], [None] * 4, [95, 102, 94, 100], [101, 104, 96, 103]])
    assert armed_setups(bars).row.tolist() == [1, 1, 3, 3, 4, 4]
    assert completed_patterns(bars).row.tolist() == [4]
    assert completed_patterns(bars).pattern.tolist() == ["2D-1-2U"]


@given(walks())
def test_each_labelled_bar_arms_one_setup_a_side(bars: Bars) -> None:
    setups = armed_setups(bars)
    expected = [(row, side) for row in range(1, len(bars)) for side in (1, -1)]
    assert list(zip(setups.row.tolist(), setups.side.tolist(), strict=True)) == expected


@given(walks())
def test_a_pattern_completes_exactly_where_an_armed_setup_found_its_two(bars: Bars) -> None:
    codes = classify(bars)
    armed, completed = armed_setups(bars), completed_patterns(bars)
    wanted = [
        key
        for row, side, key in zip(armed.row, armed.side, keys(armed), strict=True)
        if row + 1 < len(bars) and codes[row + 1] == two(side)
    ]
    assert [
        key for key, is_three in zip(keys(completed), ends_outside(completed), strict=True) if not is_three
    ] == wanted


@given(walks())
def test_every_labelled_bar_after_a_labelled_one_but_an_inside_bar_completes_one_pattern(bars: Bars) -> None:
    rows = [row for row, code in enumerate(classify(bars)) if row > 1 and code != Label.INSIDE]
    assert completed_patterns(bars).row.tolist() == rows


@given(walks())
def test_levels_lie_on_their_sides_of_the_trigger(bars: Bars) -> None:
    setups = armed_setups(bars)
    levels, side = setups.levels, setups.side
    assert (side * (levels.trigger - levels.stop) >= 0).all()
    assert (levels.far_side == levels.stop).all()
    assert (side * (levels.magnitude - levels.trigger) > 0)[levels.has_magnitude].all()


@given(walks(), st.integers(1, 1_000))
def test_prices_in_another_unit_change_no_setup_and_no_pattern(bars: Bars, factor: int) -> None:
    rows = [[price * factor for price in row] for row in zip(*bars.prices(), strict=True)]
    scaled = bars_of(rows, tick=TICK * factor)
    for find in (armed_setups, completed_patterns):
        there, here = find(scaled), find(bars)
        assert keys(there) == keys(here)
        assert there.levels.magnitude.tolist() == here.levels.magnitude.tolist()
