"""Bar labels, directions of outside bars, and what must hold for any series."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_core import Bars
from atlas_strat.labels import Label, classify, label_bars
from atlas_strat.vocabulary import DirectionSource
from tests.plugins.strat.series import bars_of, walks


def labels_of(bars: Bars) -> list[str | None]:
    return [Label(code).text or None for code in classify(bars)]


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


@given(walks(minimum=2), st.data())
def test_a_label_depends_on_nothing_but_its_own_bar_and_the_one_before(bars: Bars, data: st.DataObject) -> None:
    row = data.draw(st.integers(1, len(bars) - 1))
    assert classify(bars.between(row - 1, row + 1))[1] == classify(bars)[row]


@given(walks(), st.integers(1, 1_000))
def test_prices_in_another_unit_change_no_label(bars: Bars, factor: int) -> None:
    rows = [[price * factor for price in row] for row in zip(*bars.prices(), strict=True)]
    assert labels_of(bars_of(rows, tick=Decimal("0.01") * factor)) == labels_of(bars)


PREDECESSOR = [100, 110, 90, 105]


@pytest.mark.parametrize(
    ("bar", "told", "open_tells", "expected"),
    [
        ([100, 112, 88, 111], 0, False, (1, DirectionSource.COLOUR)),
        ([100, 112, 88, 111], 1, False, (-1, DirectionSource.PATH)),
        ([111, 112, 88, 112], 0, False, (1, DirectionSource.COLOUR)),
        ([111, 112, 88, 112], 0, True, (-1, DirectionSource.OPEN)),
        ([111, 112, 88, 111], 0, False, (-1, DirectionSource.OPEN)),
        ([100, 112, 88, 100], 0, True, (0, DirectionSource.UNKNOWN)),
        ([105, 112, 95, 111], 0, False, (1, None)),
    ],
)
def test_the_direction_of_an_outside_bar_is_told_by_its_path_then_its_colour_then_its_open(
    bar: list[float], told: int, open_tells: bool, expected: tuple[int, DirectionSource | None]
) -> None:
    labelled = label_bars(bars_of([PREDECESSOR, bar]), np.array([0, told], dtype=np.int8), open_tells=open_tells)
    assert (labelled.direction[1], labelled.direction_source(1)) == expected


def test_open_and_close_a_float_error_outside_the_range_are_inside() -> None:
    assert labels_of(bars_of([[0.2, 0.3, 0.1, 0.2], [0.2, 0.3, 0.15, 0.1 + 0.2]])) == [None, "1"]
