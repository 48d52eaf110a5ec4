"""Labels, patterns, armed setups, shapes and forming bars against vectors made outside the project: every field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from atlas_strat.describing import SetupDescriber
from atlas_strat.labels import classify, label_bars
from atlas_strat.paths import FormingLabel
from atlas_strat.setups import complete
from atlas_strat.shapes import SHAPE_TEXT, shapes
from tests.plugins.strat.series import bars_of, bars_of_csv
from tests.plugins.strat.vectors import SIDE_TEXT, armed_facts, label_facts, pattern_facts, tick_of, vectors
from tests.shared import shared_file


def differences(expected: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the expected fields that are not met; a field that we do not know is not met."""
    if expected.get("pattern", "") is None:
        return {} if found.get("pattern") is None and found["labels"] == expected["labels"] else dict(found)
    missing = object()
    return {
        name: (value, found.get(name, missing))
        for name, value in expected.items()
        if not same(value, found.get(name, missing))
    }


def same(value: Any, found: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return bool(value == found)
    return found is not None and bool(found == pytest.approx(value, abs=1e-9))


def check(name: str, facts: Callable[[dict[str, Any]], Mapping[str, Any]]) -> None:
    cases = vectors(name)["cases"]
    assert len(cases) > 1
    wrong = {case["id"]: differences(case["expect"], facts(case)) for case in cases}
    assert {case: fields for case, fields in wrong.items() if fields} == {}


def test_every_label_vector_holds_with_colours_failed_twos_paths_and_shapes() -> None:
    check("01_classification.json", label_facts)


def test_every_pattern_vector_holds_with_all_stops_targets_and_tags() -> None:
    check("02_patterns.json", pattern_facts)


def test_every_vector_of_armed_setups_holds() -> None:
    for case in vectors("03_armed_setups.json")["cases"]:
        found = armed_facts(case)
        assert len(found) == len(case["expect"]), case["id"]
        wrong = [differences(expected, mine) for expected, mine in zip(case["expect"], found, strict=True)]
        assert wrong == [{}] * len(found), case["id"]


def test_every_vector_of_shapes_holds() -> None:
    cases = vectors("03b_shapes.json")["cases"]
    found = {case["id"]: SHAPE_TEXT[int(shapes(label_bars(bars_of([case["bar"]])))[0])] for case in cases}
    assert found == {case["id"]: case["expect_shape"] for case in cases}


def test_a_forming_bar_takes_its_label_as_every_vector_says() -> None:
    for case in vectors("01b_forming_bar.json")["cases"]:
        tick = float(tick_of(case))
        forming = FormingLabel(*(round(case["prev"][name] / tick) for name in ("h", "l")))
        labels = [forming.see(round(price / tick)).text for price in case["prices"]]
        assert labels == case["expect_label_after_each_price"], case["id"]
        if "first_side" in case:
            assert SIDE_TEXT[forming.first_side] == case["first_side"], case["id"]


def real_series(name: str) -> list[tuple[dict[str, Any], Any]]:
    return [
        (dataset, label_bars(bars_of_csv(shared_file(f"cases/data/{dataset.get('csv', key + '.csv')}"))))
        for key, dataset in vectors(name)["datasets"].items()
    ]


def test_labels_of_real_series_are_those_of_other_implementations() -> None:
    for dataset in vectors("08_cross_labels.json")["datasets"].values():
        codes = classify(bars_of_csv(shared_file(f"cases/data/{dataset['csv']}")))
        assert "".join(".1UD3"[code] for code in codes) == dataset["labels"]


def test_patterns_of_real_series_are_those_of_other_implementations() -> None:
    names = ("pattern", "family", "kind", "direction", "trigger", "stop", "magnitude")
    for dataset, labelled in real_series("09_cross_patterns.json"):
        setups = complete(labelled)
        describer = SetupDescriber(setups, 0.01, 2)
        facts = [describer.describe(index) for index in range(len(setups))]
        found = [(row, *(fact[name] for name in names)) for row, fact in zip(setups.row, facts, strict=True)]
        wanted = [(row[0], *row[2:9]) for row in dataset["rows"]]
        assert len(found) == len(wanted) == dataset["n"]
        for mine, theirs in zip(found, wanted, strict=True):
            assert mine[:5] == theirs[:5]
            assert all(map(same, theirs[5:], mine[5:])), (mine, theirs)


def test_shapes_of_real_series_are_those_of_the_rule_of_thirds() -> None:
    for dataset, labelled in real_series("10_cross_shapes.json"):
        assert "".join(".HS"[code] for code in shapes(labelled)) == dataset["expected"]
