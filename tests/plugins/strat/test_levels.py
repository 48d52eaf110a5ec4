"""Where triggers, stops and objectives stand."""

from __future__ import annotations

import numpy as np
from hypothesis import given

from atlas_core import Bars
from atlas_strat.levels import moved_by_percent
from atlas_strat.setups import armed_setups
from atlas_strat.vocabulary import StopMode
from tests.plugins.strat.series import bars_of, walks

INSIDE_AFTER_2D = bars_of([[100, 110, 95, 98], [98, 105, 90, 92], [95, 102.01, 94, 100]])


def stops_of_last_bar(mode: StopMode) -> list[int]:
    return armed_setups(INSIDE_AFTER_2D, mode).levels.stop[-2:].tolist()


def test_the_default_stop_is_the_far_side_of_the_setup_bar() -> None:
    assert stops_of_last_bar(StopMode.SETUP_BAR) == [9400, 10201]


def test_the_first_bar_stop_is_the_wide_one() -> None:
    assert stops_of_last_bar(StopMode.FIRST_BAR) == [9000, 10500]


def test_a_midpoint_between_two_ticks_is_rounded_away_from_the_trigger() -> None:
    assert stops_of_last_bar(StopMode.MIDPOINT) == [9800, 9801]


@given(walks())
def test_a_first_bar_stop_is_never_nearer_and_a_midpoint_never_farther_than_the_default(bars: Bars) -> None:
    side = armed_setups(bars).side
    default, first, middle = (armed_setups(bars, mode).levels.stop for mode in StopMode)
    assert (side * (default - first) >= 0).all()
    assert (side * (middle - default) >= 0).all()


def test_a_percentage_of_the_trigger_is_rounded_down_to_the_tick_on_both_sides() -> None:
    moved = moved_by_percent(np.array([10_001, 10_001]), np.array([1, -1]), 15_000)
    assert moved.tolist() == [10_151, 9_851]
