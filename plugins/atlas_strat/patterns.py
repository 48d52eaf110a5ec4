"""The grammar: which pattern a setup bar and the bar before it make when the next bar becomes a 2.

Three bars carry fixed letters throughout the package: `c` completes the pattern, `b` is the setup bar before it and `a`
the bar before that. The grammar is written once for both directions: a 2 on the side of the trade is WITH, a 2 on the
other side AGAINST. The first line that fits wins and lines are ordered from the most to the least specific, so that
every setup bar makes at most one pattern for each side.
"""

from __future__ import annotations

from enum import Enum
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from atlas_strat.labels import Label
from atlas_strat.vocabulary import Family, PatternKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDES = (1, -1)
NO_RULE = -1


class Part(Enum):
    """What a line of the grammar asks of a bar."""

    INSIDE = "1"
    OUTSIDE = "3"
    WITH = "2 on the side of the trade"
    AGAINST = "2 on the other side"
    ANY = "whatever it is, known or not"


class Objective(Enum):
    """The bar whose far extreme is the first objective."""

    NONE = "none"
    FIRST = "the bar before the setup bar"
    MOTHER = "the bar that contains the inside bar"


@frozen
class Rule:
    """One line of the grammar; `kind` None means that the colour of the outside bar decides."""

    family: Family
    first: Part
    setup: Part
    kind: PatternKind | None
    objective: Objective

    @property
    def bars(self) -> int:
        """Return how many bars the pattern has, the completing one included."""
        return 2 if self.first is Part.ANY else 3


_REVERSAL, _CONTINUATION = PatternKind.REVERSAL, PatternKind.CONTINUATION

GRAMMAR = (
    Rule(Family.ONE_TWO_TWO, Part.INSIDE, Part.AGAINST, _REVERSAL, Objective.MOTHER),
    Rule(Family.THREE_TWO_TWO, Part.OUTSIDE, Part.AGAINST, _REVERSAL, Objective.FIRST),
    Rule(Family.TWO_ONE_TWO, Part.AGAINST, Part.INSIDE, _REVERSAL, Objective.FIRST),
    Rule(Family.TWO_ONE_TWO, Part.WITH, Part.INSIDE, _CONTINUATION, Objective.NONE),
    Rule(Family.THREE_ONE_TWO, Part.OUTSIDE, Part.INSIDE, None, Objective.FIRST),
    Rule(Family.ONE_ONE_TWO, Part.INSIDE, Part.INSIDE, PatternKind.INSIDE_BREAK, Objective.NONE),
    Rule(Family.TWO_TWO, Part.ANY, Part.AGAINST, _REVERSAL, Objective.FIRST),
    Rule(Family.TWO_TWO, Part.ANY, Part.WITH, _CONTINUATION, Objective.NONE),
    Rule(Family.THREE_TWO, Part.ANY, Part.OUTSIDE, None, Objective.NONE),
    Rule(Family.ONE_TWO, Part.ANY, Part.INSIDE, PatternKind.INSIDE_BREAK, Objective.NONE),
)


def two(side: int) -> Label:
    """Return the label of a 2 that breaks towards `side`."""
    return Label.TWO_UP if side > 0 else Label.TWO_DOWN


def _fits(part: Part, label: Label, side: int) -> bool:
    asked = {
        Part.INSIDE: Label.INSIDE,
        Part.OUTSIDE: Label.OUTSIDE,
        Part.WITH: two(side),
        Part.AGAINST: two(-side),
        Part.ANY: label,
    }
    return asked[part] is label


def _rule_for(first: Label, setup: Label, side: int) -> int:
    for number, rule in enumerate(GRAMMAR):
        if _fits(rule.first, first, side) and _fits(rule.setup, setup, side):
            return number
    return NO_RULE


def _pattern_text(first: Label, setup: Label, side: int) -> str:
    number = _rule_for(first, setup, side)
    if number == NO_RULE:
        return ""
    labels = (first, setup, two(side))[-GRAMMAR[number].bars :]
    return "-".join(label.text for label in labels)


# Every combination is decided once; afterwards a pattern is a look-up by [label of a, label of b, side].
_COMBINATIONS = tuple(product(Label, Label, SIDES))
_SHAPE = (len(Label), len(Label), len(SIDES))
RULE_OF: NDArray[np.int64] = np.array([_rule_for(*cell) for cell in _COMBINATIONS]).reshape(_SHAPE)
PATTERN_OF: NDArray[np.str_] = np.array([_pattern_text(*cell) for cell in _COMBINATIONS]).reshape(_SHAPE)
FAMILY_OF: NDArray[np.str_] = np.array([rule.family.value for rule in GRAMMAR])
_FIXED_KIND_OF: NDArray[np.str_] = np.array(["" if rule.kind is None else rule.kind.value for rule in GRAMMAR])


def kinds(rule: NDArray[np.int64], side: NDArray[np.int64], colour_of_outside: NDArray[np.int8]) -> NDArray[np.str_]:
    """Return the kind of each setup (str column).

    An outside bar that closed against the side of the trade makes a reversal, one that closed with it a continuation,
    one that closed where it opened neither.
    """
    fixed = _FIXED_KIND_OF[rule]
    agrees = side * colour_of_outside
    by_colour = np.select(
        [agrees < 0, agrees > 0], [_REVERSAL.value, _CONTINUATION.value], default=PatternKind.NEUTRAL.value
    )
    return np.where(fixed == "", by_colour, fixed)
