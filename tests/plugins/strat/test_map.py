"""Machine guns, broadening formations, exhaustion and simultaneous breaks, against vectors made outside the project."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given

from atlas_core import Bars, from_datetime
from atlas_strat.breaks import simultaneous_breaks
from atlas_strat.broadening import broadening, compound_outside, formation, swings
from atlas_strat.exhaustion import price_exhaustion, time_left
from atlas_strat.labels import Label, LabelledBars, label_bars
from atlas_strat.pivots import consumed, falling_highs, machine_guns, rising_lows
from tests.plugins.strat.series import bars_of, walks
from tests.plugins.strat.vectors import vectors

SIDE_NAME = {1: "bullish", -1: "bearish"}


def labelled(rows: list[Any]) -> LabelledBars:
    return label_bars(bars_of(rows))


def prices(levels: Any) -> list[float]:
    return [level / 100 for level in levels]


def test_every_vector_of_the_machine_gun_holds() -> None:
    said = vectors("07_pmg_bf_simbreaks.json")["pmg"]
    for case in said["cases"]:
        bars, expected = labelled(case["bars"]), case["expect"]
        last = len(bars) - 1
        runs = (rising_lows(bars)[last], falling_highs(bars)[last])
        assert runs == (expected["run_higher_lows"], expected["run_lower_highs"]), case["id"]
        guns = machine_guns(bars, last, said["min_count"])
        found = [
            {
                "direction": SIDE_NAME[gun.side],
                "trigger": gun.trigger / 100,
                "stop": gun.stop / 100,
                "ladder": prices(gun.ladder),
            }
            for gun in guns
        ]
        assert found == ([] if expected["pmg"] is None else [expected["pmg"]]), case["id"]
        if "consumed_by_last_bar" in case:
            (taken,) = consumed(bars, last, said["min_count"])
            assert case["consumed_by_last_bar"] == {
                "direction": SIDE_NAME[taken.side],
                "trigger": taken.trigger / 100,
                "taken": prices(taken.taken),
                "remaining": prices(taken.remaining),
            }, case["id"]


def test_bars_that_close_in_from_both_sides_arm_two_machine_guns() -> None:
    bars = labelled([[50, 100 - step, step, 50] for step in range(6)])
    assert [(gun.side, len(gun.ladder)) for gun in machine_guns(bars, 5)] == [(-1, 5), (1, 5)]


def test_nothing_is_consumed_by_a_bar_that_takes_no_trigger() -> None:
    rising = [[10 + step, 12 + step, 9 + step, 11 + step] for step in range(7)]
    assert consumed(labelled(rising), 6) == ()
    assert consumed(labelled(rising), 0) == ()


def test_every_vector_of_broadening_holds() -> None:
    for case in vectors("07_pmg_bf_simbreaks.json")["broadening"]:
        expected = case["expect"]
        if "pivots" in case:
            found = broadening(case["pivots"]["highs"], case["pivots"]["lows"], case["x"])
            assert found is not None
            facts: dict[str, Any] = {"broadening": found.is_broadening, "upper": found.upper, "lower": found.lower}
        else:
            facts = facts_of_bars(labelled(case["bars"]))
        assert {name: facts[name] for name in expected} == expected, case["id"]


def facts_of_bars(bars: LabelledBars) -> dict[str, Any]:
    last = len(bars) - 1
    upper, lower = ([(at, int(prices[at])) for at in (last - 1, last)] for prices in (bars.high, bars.low))
    compound = compound_outside(bars, last)
    return {
        "is_3": bool(bars.label[last] == Label.OUTSIDE),
        "upper_points": [[place, price / 100] for place, price in upper],
        "lower_points": [[place, price / 100] for place, price in lower],
        "labels": [Label(code).text or None for code in bars.label],
        "compound_outside_of": compound and compound.outside_of,
        "taken_high_at": compound and compound.taken_high_at,
        "taken_low_at": compound and compound.taken_low_at,
    }


def test_rising_highs_and_falling_lows_broaden_and_the_lines_go_on() -> None:
    found = broadening([(0, 100), (4, 110)], [(2, 95), (6, 90)], 8)
    assert found is not None
    assert (found.is_broadening, found.upper, found.lower) == (True, 120.0, 87.5)


def test_equal_highs_do_not_broaden() -> None:
    found = broadening([(0, 100), (4, 100)], [(2, 95), (6, 90)], 8)
    assert found is not None
    assert not found.is_broadening


def test_a_formation_needs_two_swings_of_each_side() -> None:
    assert formation(labelled([[100, 110, 90, 105]] * 8)) is None


@given(walks())
def test_a_swing_is_confirmed_by_the_bars_after_it_and_never_changes(bars: Bars) -> None:
    width = 2
    everything = swings(label_bars(bars), width)
    for length in range(len(bars) + 1):
        past = swings(label_bars(bars.between(0, length)), width)
        for now, ever in zip(past, everything, strict=True):
            assert now == [point for point in ever if point[0] + width < length]


@given(walks(minimum=1))
def test_a_compound_outside_bar_is_what_a_plain_search_finds(bars: Bars) -> None:
    own = label_bars(bars)
    last = len(own) - 1
    found = compound_outside(own, last)
    expected = None
    for place in range(last - 1, -1, -1):
        highs = [at for at in range(place + 1, last + 1) if own.high[at] > own.high[place]]
        lows = [at for at in range(place + 1, last + 1) if own.low[at] < own.low[place]]
        if highs and lows:
            both = (place, highs[0], lows[0])
            expected = both if last in both[1:] and highs[0] != lows[0] else None
            break
    assert (found and (found.outside_of, found.taken_high_at, found.taken_low_at)) == expected


def test_every_vector_of_exhaustion_by_time_holds() -> None:
    def moment(text: str) -> int:
        return from_datetime(datetime.fromisoformat(text))

    for case in vectors("04_lifecycle.json")["time_exhaustion"]:
        left = time_left(moment(case["bar_start"]), moment(case["bar_end"]), moment(case["now"]))
        assert left.minutes == case["expect"]["minutes_left"]
        assert left.fraction == pytest.approx(case["expect"]["fraction_left"])


def test_a_move_is_exhausted_at_its_magnitude_or_when_no_pivot_is_left() -> None:
    assert price_exhaustion(1, 105, 105, [105, 110]).is_exhausted
    half = price_exhaustion(1, 106, None, [105, 110])
    assert (half.pivots_cleared, half.is_exhausted) == (1, False)
    assert price_exhaustion(-1, 89, None, [95, 90]).is_exhausted
    assert not price_exhaustion(-1, 90, None, [95, 90]).is_exhausted


def test_every_vector_of_simultaneous_breaks_holds() -> None:
    cases = vectors("07_pmg_bf_simbreaks.json")["simultaneous_breaks"]["cases"]
    for case in cases:
        basket = {symbol: labelled([bars[name] for name in "abc"]) for symbol, bars in case["basket"].items()}
        strict = bool(case.get("strict_setup_bar", False))
        found = simultaneous_breaks(basket, strict_setup_bar=strict)
        facts = {
            name: {"count": side.count, "pct": pytest.approx(side.share), "symbols": list(side.symbols)}
            for name, side in (("up", found.up), ("down", found.down))
        }
        assert {**facts, "label_80": found.is_simultaneous} == case["expect"], case["id"]


A = [100, 110, 95, 98]


@pytest.mark.parametrize(
    ("setup", "strict"),
    [
        ([92, 105, 90, 100], 1),  # a 2D that closed green
        ([98, 105, 90, 92], 0),  # a 2D that closed red
        ([104, 105, 90, 103], 1),  # a red 2D, but a hammer
        ([100, 108, 96, 97], 1),  # an inside bar
        ([100, 115, 90, 95], 0),  # a red outside bar
    ],
)
def test_strict_setup_bars_are_those_that_showed_the_turn(setup: list[float], strict: int) -> None:
    bars = labelled([A, setup, [101, setup[1] + 1, 99, 101]])
    assert simultaneous_breaks({"X": bars}).side_of == {"X": 1}
    assert simultaneous_breaks({"X": bars}, strict_setup_bar=True).side_of == {"X": strict}


def test_symbols_without_a_current_bar_count_nowhere() -> None:
    broke = labelled([A, [98, 105, 90, 92], [93, 106, 91, 105]])
    found = simultaneous_breaks({"X": broke, "Y": None})
    assert (found.up.count, found.up.share, found.is_simultaneous) == (1, 1.0, True)
    assert simultaneous_breaks({"Y": None}).up.share == 0.0
