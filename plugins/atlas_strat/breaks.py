"""Simultaneous breaks: how many symbols of a basket broke a setup bar in the same direction with their current bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from atlas_strat.labels import Label
from atlas_strat.setups import complete
from atlas_strat.shapes import shapes
from atlas_strat.vocabulary import PatternKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlas_strat.labels import LabelledBars

LABEL_SHARE = 0.8
"""From this share on, the break is called simultaneous."""


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
    found = complete(bars.last(4))
    if not len(found) or found.entry is None or found.entry[-1] != min(len(bars), 4) - 1:
        return 0
    side, setup = int(found.side[-1]), int(found.setup[-1])
    is_inside = found.bars.label[setup] == Label.INSIDE
    if is_inside:
        return side
    if found.kind[-1] != PatternKind.REVERSAL:
        return 0
    return side if not strict_setup_bar or _turned(found.bars, setup, side) else 0


def _turned(bars: LabelledBars, setup: int, side: int) -> bool:
    """Tell whether a setup bar is a 2 against the trade that showed the turn by its colour or its shape."""
    against = Label.TWO_DOWN if side > 0 else Label.TWO_UP
    return bool(bars.label[setup] == against and side in (bars.colour[setup], shapes(bars)[setup]))
