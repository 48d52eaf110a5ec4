"""Tests of `atlas_strat.continuity`."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from atlas_strat.continuity import Continuity, ContinuityState, bar_type_continuity, continuity, vote
from atlas_strat.labels import Label
from tests.shared import shared_file

LABELS = {label.text: label for label in Label}


def vectors() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(shared_file("cases/strat/05_ftfc.json").read_text())
    return found


def sign_list(found: Continuity) -> list[int | None]:
    return list(found.side_of.values())


def test_every_vector_by_hand_holds() -> None:
    for case in vectors()["cases"]:
        found, expected = continuity(case["price"], case["opens"]), case["expect"]
        told = {
            "state": found.state,
            "n_up": found.n_up,
            "n_down": found.n_down,
            "n_flat": found.n_flat,
            "score_long": found.score(1),
            "score_short": found.score(-1),
            "net": found.net,
            "missing": list(found.missing),
            "distinct_opens": found.distinct_opens,
            "override": found.override,
        }
        assert {key: told[key] for key in expected} == expected, case["id"]


def test_every_vector_of_real_prices_holds() -> None:
    found = vectors()
    for case in found["real_spy_2013"]["cases"]:
        for name, expected in case["expect"].items():
            asked = [timeframe for timeframe in found["standard_sets"][name] if timeframe in case["opens"]]
            told = continuity(case["last"], case["opens"], asked, Decimal("0.01"))
            assert (told.state, sign_list(told)) == (expected["state"], expected["signs"]), (case["now"], name)


def test_every_vector_by_label_holds() -> None:
    for case in vectors()["alternative_bar_type"]:
        states = {name: (LABELS[s["label"]], s["color"]) for name, s in case["states"].items()}
        found, expected = bar_type_continuity(states), case["expect"]
        assert found.side_of == expected["votes"], case["id"]
        assert found.net == expected.get("net", found.net)
        if "open_based" in expected:
            assert continuity(case["price"], case["opens"]).state == expected["open_based"]


def test_an_open_one_float_away_is_the_same_price() -> None:
    assert continuity(0.1 + 0.2, {"1d": 0.3}).side_of == {"1d": 0}
    assert continuity(0.1 + 0.2, {"1d": 0.3}, tick_size=0.01).side_of == {"1d": 0}


def test_the_smallest_step_of_a_price_far_from_zero_is_a_side() -> None:
    assert continuity(118_000.01, {"1d": 118_000.00}).side_of == {"1d": 1}
    assert continuity(0.00001234, {"1d": 0.00001233}).side_of == {"1d": 1}


def test_a_timeframe_that_was_not_given_is_missing_and_never_full() -> None:
    found = continuity(105.0, {"1w": 100.0}, ["1M", "1w"])
    assert (found.state, found.missing, found.score(1)) == (ContinuityState.INCOMPLETE, ("1M",), 0.5)


def test_without_a_price_nothing_is_known() -> None:
    found = continuity(None, {"1w": 100.0, "1d": 101.0})
    assert (found.state, found.missing, found.n_flat) == (ContinuityState.INCOMPLETE, ("1w", "1d"), 0)


def test_equal_opens_are_one_fact() -> None:
    assert continuity(105.0, {"1w": 103.0, "1d": 103.0, "1h": 103.0}).distinct_opens == 1
    assert continuity(105.0, {"1w": 103.004, "1d": 103.0}, tick_size=0.01).distinct_opens == 1
    assert continuity(105.0, {}).distinct_opens == 0


@pytest.mark.parametrize(("label", "colour", "expected"), [
    (Label.TWO_UP, -1, 1), (Label.TWO_DOWN, 1, -1), (Label.INSIDE, 1, 0),
    (Label.OUTSIDE, 1, 1), (Label.OUTSIDE, -1, -1), (Label.OUTSIDE, 0, 0), (Label.NONE, 1, None),
])  # fmt: skip
def test_a_bar_votes_by_its_label_and_an_outside_bar_by_its_colour(
    label: Label, colour: int, expected: int | None
) -> None:
    assert vote(label, colour) == expected


def test_a_bar_without_a_label_makes_it_incomplete() -> None:
    found = bar_type_continuity({"1d": (Label.TWO_UP, 1), "1h": (Label.NONE, 1), "15m": None})
    assert (found.state, found.missing) == (ContinuityState.INCOMPLETE, ("1h", "15m"))


def test_the_text_shows_every_timeframe() -> None:
    assert str(continuity(105.0, {"1M": None, "1w": 106.0, "1d": 105.0, "1h": 100.0})) == "1M? 1w- 1d= 1h+"
    assert str(continuity(105.0, {})) == "no timeframe"
