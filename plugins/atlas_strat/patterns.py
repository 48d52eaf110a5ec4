"""The grammar: which pattern the labels of two bars make when the next bar breaks out of the second.

Three bars carry fixed letters throughout the package: `c` completes the pattern, `b` is the setup bar before it and `a`
the bar before that. The grammar is written once for both directions: a 2 on the side of the trade is WITH, a 2 on the
other side AGAINST. The first line that fits wins and lines are ordered from the most to the least specific, so that
every setup bar makes at most one pattern for each side.

Every combination is decided once, when the module is imported. Afterwards a pattern is a small code, found in a table
by the labels, and everything that is said about it a look-up by that code.
"""

from __future__ import annotations

from enum import Enum
from itertools import product
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from attrs import frozen

from atlas_strat.labels import Label
from atlas_strat.vocabulary import Family, PatternKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from atlas_strat.labels import LabelledBars

    Positions: TypeAlias = NDArray[np.int64]
    Codes: TypeAlias = NDArray[np.int16]

SIDES = (1, -1)


class Part(Enum):
    """What a line of the grammar asks of a bar."""

    INSIDE = "1"
    OUTSIDE = "3"
    WITH = "2 on the side of the trade"
    AGAINST = "2 on the other side"
    TWO = "2 on either side"
    ANY = "whatever it is, known or not"


class Objective(Enum):
    """The bar whose far extreme is the first objective; the value counts bars back from the setup bar."""

    NONE = 0
    FIRST = 1
    MOTHER = 2


@frozen
class Rule:
    """One line of the grammar; `kind` None means that the colour of the outside bar among a and b decides."""

    family: Family
    first: Part
    setup: Part
    kind: PatternKind | None
    objective: Objective = Objective.NONE

    @property
    def bars(self) -> int:
        """Return how many bars the pattern has, the completing one included."""
        return 2 if self.first is Part.ANY else 3


_REVERSAL, _CONTINUATION, _NEUTRAL = PatternKind.REVERSAL, PatternKind.CONTINUATION, PatternKind.NEUTRAL

GRAMMAR = (
    Rule(Family.ONE_TWO_TWO, Part.INSIDE, Part.AGAINST, _REVERSAL, Objective.MOTHER),
    Rule(Family.THREE_TWO_TWO, Part.OUTSIDE, Part.AGAINST, _REVERSAL, Objective.FIRST),
    Rule(Family.TWO_ONE_TWO, Part.AGAINST, Part.INSIDE, _REVERSAL, Objective.FIRST),
    Rule(Family.TWO_ONE_TWO, Part.WITH, Part.INSIDE, _CONTINUATION),
    Rule(Family.THREE_ONE_TWO, Part.OUTSIDE, Part.INSIDE, None, Objective.FIRST),
    Rule(Family.ONE_ONE_TWO, Part.INSIDE, Part.INSIDE, PatternKind.INSIDE_BREAK),
    Rule(Family.TWO_TWO, Part.ANY, Part.AGAINST, _REVERSAL, Objective.FIRST),
    Rule(Family.TWO_TWO, Part.ANY, Part.WITH, _CONTINUATION),
    Rule(Family.THREE_TWO, Part.ANY, Part.OUTSIDE, None),
    Rule(Family.ONE_TWO, Part.ANY, Part.INSIDE, PatternKind.INSIDE_BREAK),
)
"""What the next bar completes when it becomes a 2."""

OUTSIDE_GRAMMAR = (
    Rule(Family.ONE_THREE, Part.ANY, Part.INSIDE, _REVERSAL, Objective.FIRST),
    Rule(Family.TWO_THREE, Part.ANY, Part.AGAINST, _REVERSAL),
    Rule(Family.TWO_THREE, Part.ANY, Part.WITH, _CONTINUATION),
    Rule(Family.TWO_THREE, Part.ANY, Part.TWO, _NEUTRAL),
    Rule(Family.THREE_THREE, Part.ANY, Part.OUTSIDE, _NEUTRAL),
)
"""What the next bar completes when it becomes a 3, by the side that it took last; the neutral 2-3 is one whose 3 has no
known direction."""


@frozen
class Pattern:
    """One member of a family: its name, kind and side (+1, -1, or 0 where nothing tells the direction of its 3)."""

    text: str
    rule: Rule
    kind: PatternKind
    side: int
    ends_outside: bool


def two(side: int) -> Label:
    """Return the label of a 2 that breaks towards `side`."""
    return Label.TWO_UP if side > 0 else Label.TWO_DOWN


@frozen
class _Bar:
    """A label, and for an outside bar its colour: what the grammar may ask of a bar."""

    label: Label
    colour: int = 0


# An outside bar has three codes, one for each colour (or direction); all other labels keep their own.
_CODES = (
    *(_Bar(label) for label in Label if label is not Label.OUTSIDE),
    *(_Bar(Label.OUTSIDE, c) for c in (-1, 0, 1)),
)
_SUFFIX = {1: "U", 0: "", -1: "D"}


def _fits(part: Part, label: Label, side: int) -> bool:
    asked = {
        Part.INSIDE: (Label.INSIDE,),
        Part.OUTSIDE: (Label.OUTSIDE,),
        Part.WITH: (two(side),) if side else (),
        Part.AGAINST: (two(-side),) if side else (),
        Part.TWO: (two(1), two(-1)),
        Part.ANY: tuple(Label),
    }
    return label in asked[part]


def _named(grammar: tuple[Rule, ...], first: _Bar, setup: _Bar, side: int, end: str) -> Pattern | None:
    """Return the pattern that `first` and `setup` make when the next bar, written `end`, goes to `side`."""
    if setup.label is Label.NONE:
        return None
    for rule in grammar:
        if _fits(rule.first, first.label, side) and _fits(rule.setup, setup.label, side):
            texts = [bar.label.text for bar in (first, setup)][-(rule.bars - 1) :]
            outside = setup if setup.label is Label.OUTSIDE else first
            kind = rule.kind or {-1: _REVERSAL, 0: _NEUTRAL, 1: _CONTINUATION}[side * outside.colour]
            return Pattern("-".join([*texts, end]), rule, kind, side, grammar is OUTSIDE_GRAMMAR)
    return None


def _armed(first: _Bar, setup: _Bar, side: int) -> Pattern | None:
    return _named(GRAMMAR, first, setup, side, two(side).text)


def _completed(first: _Bar, setup: _Bar, last: _Bar) -> Pattern | None:
    if last.label is Label.OUTSIDE:
        return _named(OUTSIDE_GRAMMAR, first, setup, last.colour, "3" + _SUFFIX[last.colour])
    if last.label in (Label.TWO_UP, Label.TWO_DOWN):
        return _armed(first, setup, 1 if last.label is Label.TWO_UP else -1)
    return None


_LISTED: dict[Pattern | None, int] = {None: 0}


def _table(decide: Callable[..., Pattern | None], *keys: tuple[object, ...]) -> NDArray[np.int16]:
    """Return the code of each combination, and list its pattern when it is a new one."""
    return np.array([_LISTED.setdefault(decide(*cell), len(_LISTED)) for cell in product(*keys)], dtype=np.int16)


_ARMED_CODE = _table(_armed, _CODES, _CODES, SIDES)
_COMPLETED_CODE = _table(_completed, _CODES, _CODES, _CODES)

NO_PATTERN = 0
PATTERNS: tuple[Pattern | None, ...] = tuple(_LISTED)
"""Every pattern there is, by its code; code 0 is none."""


def _texts(get: Callable[[Pattern], str]) -> NDArray[np.str_]:
    return np.array(["" if pattern is None else get(pattern) for pattern in PATTERNS])


def _numbers(get: Callable[[Pattern], int]) -> NDArray[np.int64]:
    return np.array([0 if pattern is None else get(pattern) for pattern in PATTERNS], dtype=np.int64)


def codes_where(holds: Callable[[Pattern], bool]) -> NDArray[np.bool_]:
    """Mark the codes of the patterns for which something holds."""
    return np.array([pattern is not None and holds(pattern) for pattern in PATTERNS])


TEXT_OF = _texts(lambda pattern: pattern.text)
FAMILY_OF = _texts(lambda pattern: pattern.rule.family)
KIND_OF = _texts(lambda pattern: pattern.kind)
SIDE_OF = _numbers(lambda pattern: pattern.side)
BARS_OF = _numbers(lambda pattern: pattern.rule.bars)
OBJECTIVE_OF = _numbers(lambda pattern: pattern.rule.objective.value)
ENDS_OUTSIDE = _numbers(lambda pattern: pattern.ends_outside)


def armed_codes(bars: LabelledBars, wanted: NDArray[np.bool_] | None = None) -> tuple[Positions, Codes]:
    """Return what the closes arm: positions of setup bars and codes, the long side first.

    `wanted` marks the codes to keep, None keeps all.
    """
    kept = _ARMED_CODE != NO_PATTERN if wanted is None else wanted[_ARMED_CODE]
    pair = _pairs(bars)
    # Both sides of a bar are looked up at once, as one number of two bytes.
    both = kept.view(np.uint16).take(pair).view(np.bool_)
    places = np.flatnonzero(both)
    setup = places >> 1
    return setup, _ARMED_CODE.take(pair.take(setup) * len(SIDES) + (places & 1))


def completed_codes(bars: LabelledBars) -> tuple[Positions, Codes]:
    """Return what was completed: positions of the completing bars and codes."""
    codes = np.zeros(len(bars), dtype=np.int16)
    last = _with_colour(bars.label, bars.direction)
    codes[1:] = _COMPLETED_CODE.take(_pairs(bars)[:-1] * np.int16(len(_CODES)) + last[1:])
    entry = np.flatnonzero(codes)
    return entry, codes.take(entry)


def _pairs(bars: LabelledBars) -> NDArray[np.int16]:
    """Return for each bar the place of it and the bar before it in the tables."""
    code = _with_colour(bars.label, bars.colour)
    pair = code.astype(np.int16)
    pair[1:] += code[:-1] * np.int16(len(_CODES))
    return pair


def _with_colour(label: NDArray[np.int8], colour: NDArray[np.int8]) -> NDArray[np.int8]:
    coded: NDArray[np.int8] = label + (label == Label.OUTSIDE) * (colour + np.int8(1))
    return coded
