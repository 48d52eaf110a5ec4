"""Where triggers, stops and objectives stand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from atlas_core import Bars
from atlas_strat.labels import label_bars
from atlas_strat.levels import TargetLadders, average_true_range, moved_by_percent
from atlas_strat.setups import armed_setups, completed_patterns
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
    default, first, middle = (
        armed_setups(bars, mode).levels.stop for mode in (StopMode.SETUP_BAR, StopMode.FIRST_BAR, StopMode.MIDPOINT)
    )
    assert (side * (default - first) >= 0).all()
    assert (side * (middle - default) >= 0).all()


@given(walks())
def test_the_stop_at_the_entry_bar_is_between_the_default_and_the_trigger_or_beyond_a_gap(bars: Bars) -> None:
    default, entry = completed_patterns(bars), completed_patterns(bars, StopMode.ENTRY_BAR)
    assert (default.side * (entry.levels.stop - default.levels.stop) >= 0).all()


@pytest.mark.parametrize("mode", [StopMode.ENTRY_BAR, StopMode.ENTRY_OPEN])
def test_an_armed_setup_cannot_know_a_stop_of_its_entry_bar(mode: StopMode) -> None:
    with pytest.raises(ValueError, match="known before the entry bar"):
        armed_setups(INSIDE_AFTER_2D, mode)


@given(walks())
def test_a_ladder_steps_away_from_the_trigger_and_begins_with_the_objective(bars: Bars) -> None:
    setups = armed_setups(bars)
    ladders, levels = TargetLadders(setups.bars), setups.levels
    for index in range(len(setups)):
        setup, side, trigger = (int(column[index]) for column in (setups.setup, setups.side, levels.trigger))
        ladder = ladders.ladder(setup, side, trigger)
        steps = [side * level for level in (trigger, *ladder)]
        assert steps == sorted(set(steps))
        if levels.has_magnitude[index]:
            assert levels.magnitude[index] in ladder
            assert setups.family[index] == "1-2-2" or levels.magnitude[index] == ladder[0]


def test_the_true_range_is_averaged_over_whole_windows_only() -> None:
    bars = label_bars(bars_of([[100, 110, 90, 100], [120, 130, 115, 125], [125, 126, 124, 125]]))
    assert average_true_range(bars, 2).tolist() == pytest.approx([float("nan")] * 2 + [1600.0], nan_ok=True)


def test_a_percentage_of_the_trigger_is_rounded_down_to_the_tick_on_both_sides() -> None:
    moved = moved_by_percent(np.array([10_001, 10_001]), np.array([1, -1]), 15_000)
    assert moved.tolist() == [10_151, 9_851]
