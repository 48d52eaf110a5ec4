"""The grammar: that it decides every pair of labels, once, and for both sides alike."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_core import Bars
from atlas_strat.labels import Label, label_bars
from atlas_strat.patterns import GRAMMAR, OUTSIDE_GRAMMAR, PATTERNS, Part, codes_where
from atlas_strat.setups import Setups, arm, complete
from atlas_strat.vocabulary import Family, PatternKind, StopMode
from tests.plugins.strat.series import bars_of, described, walks

LABELS = tuple(label for label in Label if label is not Label.NONE)
MIRROR = str.maketrans("UD", "DU")


def after(*labels: Label) -> list[list[float]]:
    """Bars of these labels in a row, after a first one without."""
    rows: list[list[float]] = [[100.0, 110.0, 90.0, 105.0]]
    for label in labels:
        _, high, low, _ = rows[-1]
        up, down = label in (Label.TWO_UP, Label.OUTSIDE), label in (Label.TWO_DOWN, Label.OUTSIDE)
        high, low = (high + 4 if up else high - 1), (low - 4 if down else low + 1)
        rows.append([low + 2, high, low, high - 2])
    return rows


def armed_by(*labels: Label) -> list[str]:
    setups = arm(label_bars(bars_of(after(*labels))), StopMode.SETUP_BAR)
    return [str(text) for text, row in zip(setups.pattern, setups.row, strict=True) if row == len(labels)]


def mirrored(bars: Bars) -> Bars:
    o, h, low, c = bars.prices()
    return bars_of([[300 - a, 300 - b, 300 - d, 300 - e] for a, b, d, e in zip(o, low, h, c, strict=True)])


def test_every_pair_of_labels_arms_one_pattern_for_each_side() -> None:
    for first, setup in product(LABELS, LABELS):
        texts = armed_by(first, setup)
        assert [text[-2:] for text in texts] == ["2U", "2D"], (first, setup)


def test_no_two_lines_of_the_grammar_ask_for_the_same() -> None:
    for grammar in (GRAMMAR, OUTSIDE_GRAMMAR):
        assert len({(rule.first, rule.setup) for rule in grammar}) == len(grammar)


def test_every_line_of_the_grammar_makes_a_pattern() -> None:
    made = {pattern.rule for pattern in PATTERNS if pattern is not None}
    assert made == {*GRAMMAR, *OUTSIDE_GRAMMAR}


@given(walks())
def test_the_two_sides_mirror_each_other(bars: Bars) -> None:
    def facts(setups: Setups, sign: int) -> list[tuple[object, ...]]:
        columns = zip(setups.row.tolist(), setups.side.tolist(), setups.pattern, setups.kind, strict=True)
        return sorted((row, sign * side, str(text), str(kind)) for row, side, text, kind in columns)

    there = [
        (row, side, str(text).translate(MIRROR), kind)
        for row, side, text, kind in facts(complete(label_bars(mirrored(bars))), -1)
    ]
    assert sorted(there) == facts(complete(label_bars(bars)), 1)


def test_a_two_after_an_inside_bar_is_the_rev_strat_and_not_a_plain_reversal() -> None:
    assert armed_by(Label.INSIDE, Label.TWO_DOWN) == ["1-2D-2U", "2D-2D"]


def test_a_two_in_the_direction_of_the_trade_stays_a_continuation_whatever_was_before() -> None:
    assert {armed_by(first, Label.TWO_UP)[0] for first in LABELS} == {"2U-2U"}


def test_patterns_that_ask_nothing_of_the_first_bar_have_two_bars() -> None:
    assert {rule.family for rule in GRAMMAR if rule.first is Part.ANY} == {
        rule.family for rule in GRAMMAR if rule.bars == 2
    }


def test_a_pattern_that_ends_in_a_three_is_known_only_as_it_completes() -> None:
    ends = codes_where(lambda pattern: pattern.rule.family.ends_outside)
    armed = arm(label_bars(bars_of(after(*LABELS, *LABELS))), StopMode.SETUP_BAR)
    assert not ends[armed.code].any()


def test_a_three_without_direction_makes_a_pattern_without_levels() -> None:
    doji = bars_of([[100, 110, 90, 105], [105, 115, 95, 110], [105, 116, 94, 105]])
    facts = described(complete(label_bars(doji)), 0)
    assert (facts["pattern"], facts["kind"], facts["direction"]) == ("2U-3", "neutral", None)
    assert (facts["trigger"], facts["stop"], facts["magnitude"], facts["ladder"]) == (None, None, None, [])


@pytest.mark.parametrize(
    ("closes", "kinds"),
    [
        (91, (PatternKind.REVERSAL, PatternKind.CONTINUATION)),
        (100, (PatternKind.NEUTRAL, PatternKind.NEUTRAL)),
        (111, (PatternKind.CONTINUATION, PatternKind.REVERSAL)),
    ],
)
def test_the_colour_of_the_outside_bar_decides_the_kind_of_each_side(
    closes: float, kinds: tuple[PatternKind, ...]
) -> None:
    armed = arm(label_bars(bars_of([[100, 110, 95, 98], [100, 112, 90, closes]])), StopMode.SETUP_BAR)
    assert tuple(armed.kind) == kinds
    assert set(armed.family) == {Family.THREE_TWO}


@given(walks(), st.integers(0, 60))
def test_bars_that_follow_change_no_pattern(bars: Bars, length: int) -> None:
    def rows(part: Bars) -> list[dict[str, object]]:
        setups = complete(label_bars(part))
        return [described(setups, index) | {"row": int(setups.row[index])} for index in range(len(setups))]

    assert rows(bars.between(0, min(length, len(bars)))) == [row for row in rows(bars) if row["row"] < length]  # type: ignore[operator]
