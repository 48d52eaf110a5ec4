"""Bar labels against vectors made outside the project, and what must hold for any series."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from atlas_core import Bars
from atlas_strat.labels import Label, classify, label_bars
from tests.plugins.strat.series import bars_of, bars_of_csv, walks
from tests.shared import shared_file


def labels_of(bars: Bars) -> list[str | None]:
    return [Label(code).text or None for code in classify(bars)]


def cases(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(shared_file(f"cases/strat/{name}").read_text())
    return loaded


def test_every_shared_label_vector_holds() -> None:
    wrong = {}
    for case in cases("01_classification.json")["cases"]:
        bars = bars_of(case["bars"], tick=Decimal(str(case.get("tick", "0.01"))))
        if labels_of(bars) != case["expect"]["labels"]:
            wrong[case["id"]] = labels_of(bars)
    assert wrong == {}


def test_colours_follow_close_against_open() -> None:
    coloured = [case for case in cases("01_classification.json")["cases"] if "color" in case["expect"]]
    assert coloured
    for case in coloured:
        assert label_bars(bars_of(case["bars"])).colour.tolist() == case["expect"]["color"], case["id"]


@pytest.mark.parametrize("name", ["goog_daily", "btcusd_monthly"])
def test_labels_of_real_series_are_those_of_five_other_implementations(name: str) -> None:
    dataset = cases("08_cross_labels.json")["datasets"][name]
    codes = classify(bars_of_csv(shared_file(f"cases/data/{dataset['csv']}")))
    assert "".join(".1UD3"[code] for code in codes) == dataset["labels"]


def test_a_float_error_below_a_tick_is_no_break() -> None:
    assert labels_of(bars_of([[0.2, 0.3, 0.1, 0.2], [0.2, 0.1 + 0.2, 0.1, 0.2]])) == [None, "1"]


def test_no_bars_have_no_labels() -> None:
    assert labels_of(bars_of([])) == []


def test_a_series_of_invalid_rows_has_no_labels() -> None:
    assert labels_of(bars_of([[None] * 4, [100, 90, 110, 100]])) == [None, None]


@given(walks(minimum=1))
def test_dropping_an_invalid_row_changes_no_other_label(bars: Bars) -> None:
    rows = [list(row) for row in zip(*bars.prices(), strict=True)]
    broken = bars_of([*rows[:1], [None] * 4, *rows[1:]])
    assert labels_of(broken) == [None, None, *labels_of(bars)[1:]]


@given(walks())
def test_each_label_says_which_sides_were_taken(bars: Bars) -> None:
    codes = classify(bars)
    high, low = bars.ticks("high"), bars.ticks("low")
    for row in range(1, len(bars)):
        took = (bool(high[row] > high[row - 1]), bool(low[row] < low[row - 1]))
        assert took == (codes[row] in (Label.TWO_UP, Label.OUTSIDE), codes[row] in (Label.TWO_DOWN, Label.OUTSIDE))
    assert np.all(codes[:1] == Label.NONE)
