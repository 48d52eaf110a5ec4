"""Simultaneous breaks: how many symbols of a basket broke a setup bar in the same direction with their current bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from atlas_strat.labels import Label, label_bars
from atlas_strat.patterns import SIDE_OF, codes_where, completed_codes
from atlas_strat.shapes import shapes
from atlas_strat.vocabulary import PatternKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from atlas_core import Bars
    from atlas_strat.labels import LabelledBars

LABEL_SHARE = 0.8
"""From this share on, the break is called simultaneous."""
BARS_OF_A_BREAK = 4
"""The bar that breaks, the two before it that make the pattern, and the one that gives the first of them its label."""
_IS_REVERSAL = codes_where(lambda pattern: pattern.kind is PatternKind.REVERSAL)


@frozen
class SideBreaks:
    """The symbols that broke to one side, in the order of the basket, and their share of those with data."""

    symbols: tuple[str, ...]
    with_data: int

    @property
    def count(self) -> int:
        """Return how many symbols broke."""
        return len(self.symbols)

    @property
    def share(self) -> float:
        """Return their share of the symbols with data, 0 where none has any."""
        return self.count / self.with_data if self.with_data else 0.0


@frozen
class SimultaneousBreaks:
    """The breaks of a basket to both sides; `side_of` tells the side of each symbol with data, 0 for no break."""

    up: SideBreaks
    down: SideBreaks
    side_of: Mapping[str, int]

    @property
    def is_simultaneous(self) -> bool:
        """Whether 80 % or more of the symbols with data broke to the same side."""
        return max(self.up.share, self.down.share) >= LABEL_SHARE


def simultaneous_breaks(
    basket: Mapping[str, LabelledBars | None], *, strict_setup_bar: bool = False
) -> SimultaneousBreaks:
    """Return which symbols broke with their last bar, which is the current one.

    A break counts when its pattern is a reversal or its setup bar an inside bar; continuations do not. With
    `strict_setup_bar` longs count only off a 2D that closed green or is a hammer, shorts only off a 2U that closed red
    or is a shooter, and both off inside bars. A symbol has data when it has a current bar (not None) with a labelled
    bar before it or at least a predecessor.
    """
    side_of = {
        symbol: break_side(bars, strict_setup_bar=strict_setup_bar)
        for symbol, bars in basket.items()
        if bars is not None and len(bars) > 1
    }

    def broke(side: int) -> SideBreaks:
        return SideBreaks(tuple(symbol for symbol, own in side_of.items() if own == side), len(side_of))

    return SimultaneousBreaks(broke(1), broke(-1), side_of)


def break_side(bars: LabelledBars, *, strict_setup_bar: bool = False) -> int:
    """Return to which side the last bar broke a setup bar that counts, 0 for none."""
    sides = break_sides(bars.last(BARS_OF_A_BREAK), strict_setup_bar=strict_setup_bar)
    return int(sides[-1]) if len(sides) else 0


def break_sides(bars: LabelledBars, *, strict_setup_bar: bool = False) -> NDArray[np.int64]:
    """Return for each bar to which side it broke a setup bar that counts, 0 for none."""
    entry, code = completed_codes(bars)
    side, setup = SIDE_OF.take(code), entry - 1
    counts = _IS_REVERSAL.take(code)
    if strict_setup_bar:
        counts &= _turned(bars, setup, side)
    sides = np.zeros(len(bars), dtype=np.int64)
    sides[entry] = np.where(counts | (bars.label[setup] == Label.INSIDE), side, 0)
    return sides


def _turned(bars: LabelledBars, setup: NDArray[np.int64], side: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark the setup bars that are a 2 against the trade and showed the turn by their colour or their shape."""
    against = np.where(side > 0, Label.TWO_DOWN, Label.TWO_UP)
    showed_turn = (bars.colour[setup] == side) | (shapes(bars)[setup] == side)
    marks: NDArray[np.bool_] = (bars.label[setup] == against) & showed_turn
    return marks


@frozen(eq=False)
class BreakHistory:
    """Every bar of a basket that has a predecessor, ordered by when it opened and then by when it was known.

    `opened_at` and `available_at` hold each time once, ascending; `order` is one key a bar made of its places in both;
    `broke_up` and `broke_down` count the breaks of the bars before each place in that order.
    """

    opened_at: NDArray[np.int64]
    available_at: NDArray[np.int64]
    order: NDArray[np.int64]
    broke_up: NDArray[np.int64]
    broke_down: NDArray[np.int64]

    def alongside(
        self, opened_at: NDArray[np.int64], known_at: NDArray[np.int64], side: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return how many bars broke to `side` of those that opened at given times and were available by `known_at`.

        The second column counts those bars, which are the symbols with data.
        """
        begins = np.searchsorted(self.opened_at, opened_at) * (len(self.available_at) + 1)
        first = np.searchsorted(self.order, begins)
        known = np.searchsorted(self.available_at, known_at, side="right")
        last = np.searchsorted(self.order, begins + known)
        up, down = (counted[last] - counted[first] for counted in (self.broke_up, self.broke_down))
        return np.where(side > 0, up, down), last - first


def break_history(basket: Sequence[Bars]) -> BreakHistory:
    """Return the breaks of the series of a basket, all of one timeframe."""
    opened, known, sides = (np.concatenate(columns) for columns in zip(*map(_breaks_of, basket), strict=True))
    opened_at, opened_place = np.unique(opened, return_inverse=True)
    available_at, known_place = np.unique(known, return_inverse=True)
    key = opened_place * (len(available_at) + 1) + known_place
    order = np.argsort(key, kind="stable")
    up, down = (np.concatenate(([0], np.cumsum(sides[order] == side))) for side in (1, -1))
    return BreakHistory(opened_at, available_at, key[order], up, down)


def _breaks_of(bars: Bars) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return when each bar with a predecessor opened and was available, and to which side it broke."""
    labelled = label_bars(bars)
    row = labelled.row[1:]
    return bars.opened_at[row], bars.available_at[row], break_sides(labelled)[1:]
