"""The grammar: which pattern each pair of labels makes, against vectors made outside the project."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import pytest

from atlas_strat.labels import Label
from atlas_strat.patterns import GRAMMAR, NO_RULE, PATTERN_OF, RULE_OF, Part, two
from atlas_strat.setups import completed_patterns
from atlas_strat.vocabulary import Family, StopMode
from tests.plugins.strat.series import bars_of, bars_of_csv, described
from tests.shared import shared_file

FAMILIES = [family.value for family in Family]
LEVELS = ("trigger", "stop_setup_bar", "magnitude", "stop_first_bar", "stop_midpoint")


def cases(name: str) -> Any:
    return json.loads(shared_file(f"cases/strat/{name}").read_text())


def completed_by_last_bar(rows: list[Any]) -> dict[str, object] | None:
    bars = bars_of(rows)
    found = {mode: completed_patterns(bars, mode) for mode in StopMode}
    setups = found[StopMode.SETUP_BAR]
    if len(setups) == 0 or setups.row[-1] != len(bars) - 1:
        return None
    stops = {f"stop_{mode}": each.levels.stop[-1] / 100 for mode, each in found.items()}
    return described(setups, -1) | stops


def test_every_shared_pattern_of_these_families_is_named_and_levelled() -> None:
    wrong, checked = {}, 0
    for case in cases("02_patterns.json")["cases"]:
        expected = case["expect"]
        if expected["family"] not in (*FAMILIES, None):
            continue
        checked += 1
        found = completed_by_last_bar(case["bars"])
        wanted = {name: expected[name] for name in expected if name in ("pattern", "family", "kind", "direction")}
        wanted |= {name: expected[name] for name in LEVELS if name in expected}
        found = dict.fromkeys(wanted) if found is None else {name: found[name] for name in wanted}
        if found != pytest.approx(wanted):
            wrong[case["id"]] = (found, wanted)
    assert wrong == {}
    assert checked >= 20


def test_patterns_that_need_a_path_are_left_to_the_whole_method() -> None:
    skipped = [case for case in cases("02_patterns.json")["cases"] if case["expect"]["family"] in ("1-3", "2-3", "3-3")]
    assert skipped
    assert all(completed_by_last_bar(case["bars"]) is None for case in skipped)


@pytest.mark.parametrize("name", ["goog_daily", "btcusd_monthly"])
def test_patterns_of_real_series_are_those_of_other_implementations(name: str) -> None:
    dataset = cases("09_cross_patterns.json")["datasets"][name]
    setups = completed_patterns(bars_of_csv(shared_file(f"cases/data/{dataset['csv']}")))
    names = ("pattern", "family", "kind", "direction", "trigger", "stop", "magnitude")
    found = [(setups.row[row], *(described(setups, row)[name] for name in names)) for row in range(len(setups))]
    wanted = [(row[0], *row[2:9]) for row in dataset["rows"] if row[3] in FAMILIES]
    assert len(found) == len(wanted)
    assert [row[:5] for row in found] == [row[:5] for row in wanted]
    for mine, theirs in zip(found, wanted, strict=True):
        assert mine[5:] == pytest.approx(theirs[5:], abs=1e-9), mine[0]


def test_every_labelled_setup_bar_makes_exactly_one_pattern_for_each_side() -> None:
    for first, setup in product(Label, Label):
        has_rule = (RULE_OF[first, setup] != NO_RULE).tolist()
        assert has_rule == [setup is not Label.NONE] * 2
        assert [bool(text) for text in PATTERN_OF[first, setup]] == has_rule


def test_the_two_sides_of_the_grammar_mirror_each_other() -> None:
    mirror = {Label.TWO_UP: Label.TWO_DOWN, Label.TWO_DOWN: Label.TWO_UP}
    for first, setup in product(Label, Label):
        there = RULE_OF[mirror.get(first, first), mirror.get(setup, setup)]
        assert RULE_OF[first, setup].tolist() == there[::-1].tolist()


def test_a_two_after_an_inside_bar_is_the_rev_strat_and_not_a_plain_reversal() -> None:
    rule = GRAMMAR[RULE_OF[Label.INSIDE, Label.TWO_DOWN, 0]]
    assert rule.family is Family.ONE_TWO_TWO
    assert PATTERN_OF[Label.INSIDE, Label.TWO_DOWN, 0] == "1-2D-2U"


def test_a_two_in_the_direction_of_the_trade_stays_a_continuation_whatever_was_before() -> None:
    assert {GRAMMAR[RULE_OF[first, two(1), 0]].family for first in Label} == {Family.TWO_TWO}
    assert {GRAMMAR[RULE_OF[first, two(1), 0]].kind for first in Label} == {"continuation"}


def test_patterns_that_ask_nothing_of_the_first_bar_have_two_bars() -> None:
    assert {rule.family for rule in GRAMMAR if rule.first is Part.ANY} == {
        rule.family for rule in GRAMMAR if rule.bars == 2
    }
