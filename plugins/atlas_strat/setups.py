"""Setups armed by the close of a bar, and the patterns that the next bar completes out of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from atlas_strat.labels import Label, LabelledBars, label_bars
from atlas_strat.levels import SetupLevels, setup_levels
from atlas_strat.patterns import FAMILY_OF, NO_RULE, PATTERN_OF, RULE_OF, SIDES, kinds, two
from atlas_strat.vocabulary import StopMode

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlas_core import Bars


@frozen(eq=False)
class Setups:
    """Equal-length columns, ordered by setup bar, the long side first.

    `row` is the setup bar's place in the series that was given, `side` is +1 or -1; `pattern` names what the setup
    becomes when the next bar takes the trigger.
    """

    row: NDArray[np.int64]
    side: NDArray[np.int64]
    pattern: NDArray[np.str_]
    family: NDArray[np.str_]
    kind: NDArray[np.str_]
    levels: SetupLevels

    def __len__(self) -> int:
        return len(self.row)


@frozen(eq=False)
class _Found:
    """Where the grammar fits: positions in the labelled bars, sides and lines of the grammar."""

    setup: NDArray[np.int64]
    side: NDArray[np.int64]
    rule: NDArray[np.int64]

    def only(self, keep: NDArray[np.bool_]) -> _Found:
        return _Found(self.setup[keep], self.side[keep], self.rule[keep])


def armed_setups(bars: Bars, stop_mode: StopMode = StopMode.SETUP_BAR) -> Setups:
    """Return every setup that the close of a bar of `bars` arms for the bar after it."""
    labelled = label_bars(bars)
    found = _find(labelled)
    return _setups(labelled, found, labelled.row[found.setup], stop_mode)


def completed_patterns(bars: Bars, stop_mode: StopMode = StopMode.SETUP_BAR) -> Setups:
    """Return the setups whose next bar became the 2 they waited for; `row` is that completing bar."""
    labelled = label_bars(bars)
    found = _find(labelled)
    found = found.only(found.setup + 1 < len(labelled))
    wanted = np.where(found.side > 0, two(+1), two(-1))
    found = found.only(labelled.label[found.setup + 1] == wanted)
    return _setups(labelled, found, labelled.row[found.setup + 1], stop_mode)


def _before(column: NDArray[np.int8]) -> NDArray[np.int8]:
    earlier = np.zeros_like(column)
    earlier[1:] = column[:-1]
    return earlier


def _find(bars: LabelledBars) -> _Found:
    rules = RULE_OF[_before(bars.label), bars.label]
    setup, column = np.nonzero(rules != NO_RULE)
    return _Found(setup, np.array(SIDES)[column], rules[setup, column])


def _setups(bars: LabelledBars, found: _Found, row: NDArray[np.int64], stop_mode: StopMode) -> Setups:
    first = _before(bars.label)[found.setup]
    setup = bars.label[found.setup]
    colour_of_outside = np.where(setup == Label.OUTSIDE, bars.colour[found.setup], _before(bars.colour)[found.setup])
    return Setups(
        row=row,
        side=found.side,
        pattern=PATTERN_OF[first, setup, (found.side < 0).astype(np.int64)],
        family=FAMILY_OF[found.rule],
        kind=kinds(found.rule, found.side, colour_of_outside),
        levels=setup_levels(bars, found.setup, found.side, found.rule, stop_mode),
    )
