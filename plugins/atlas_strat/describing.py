"""A setup or a completed pattern in words and prices: what display, reports and JSON say of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import define, field

from atlas_strat.labels import Label
from atlas_strat.levels import TargetLadders, measured_moves
from atlas_strat.patterns import BARS_OF, FAMILY_OF, KIND_OF, TEXT_OF
from atlas_strat.shapes import SHAPE_TEXT, shapes
from atlas_strat.vocabulary import Family, PatternKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlas_strat.labels import LabelledBars
    from atlas_strat.setups import Setups

DIRECTION_TEXT = {1: "bullish", -1: "bearish", 0: None}


@define
class SetupDescriber:
    """Describes the rows of `setups`; prices are multiples of `tick_size`, rounded to its `decimals`.

    `targets` is the further ladder, `also` the tags of a broken hammer or shooter; `mother_row` is the row of the bar
    that contains the inside bar.
    """

    setups: Setups
    tick_size: float
    decimals: int
    ladders: TargetLadders = field(init=False)
    _shapes: NDArray[Any] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.ladders = TargetLadders(self.setups.bars)
        self._shapes = shapes(self.setups.bars)

    def price(self, ticks: int) -> float:
        """Return ticks as a price."""
        return round(ticks * self.tick_size, self.decimals)

    def describe(self, index: int) -> dict[str, Any]:
        """Return the facts of one row; levels are None where the direction is not known."""
        setups, code = self.setups, self.setups.code[index]
        side, setup = int(setups.side[index]), int(setups.setup[index])
        shape = int(self._shapes[setup])
        return {
            "pattern": str(TEXT_OF[code]),
            "family": str(FAMILY_OF[code]),
            "kind": str(KIND_OF[code]),
            "direction": DIRECTION_TEXT[side],
            **self._levels(index, side, setup),
            "setup_bar_shape": SHAPE_TEXT[shape],
            "also": tags(setups.bars, setup, side, shape),
            "mother_row": self._mother_row(index, setup),
            "spans_gap": bool(setups.spans_gap[index]),
        }

    def _levels(self, index: int, side: int, setup: int) -> dict[str, Any]:
        if side == 0:
            return {"trigger": None, "stop": None, "magnitude": None, "ladder": [], "measured_move": None}
        levels = self.setups.levels
        trigger = int(levels.trigger[index])
        return {
            "trigger": self.price(trigger),
            "stop": self.price(int(levels.stop[index])),
            "magnitude": self.price(int(levels.magnitude[index])) if levels.has_magnitude[index] else None,
            "ladder": [self.price(level) for level in self.ladders.ladder(setup, side, trigger)],
            "measured_move": self._measured_move(index),
        }

    def _measured_move(self, index: int) -> float | None:
        code, part = self.setups.code[index], slice(index, index + 1)
        if FAMILY_OF[code] != Family.TWO_ONE_TWO.value or KIND_OF[code] != PatternKind.CONTINUATION.value:
            return None
        moved = measured_moves(self.setups.bars, self.setups.setup[part], self.setups.side[part])
        return self.price(int(moved[0]))

    def _mother_row(self, index: int, setup: int) -> int | None:
        """Return the row of the bar before the pattern's last inside bar."""
        for place in (setup, setup - 1)[: BARS_OF[self.setups.code[index]] - 1]:
            if self.setups.bars.label[place] == Label.INSIDE:
                return int(self.setups.bars.row[place - 1])
        return None


def tags(bars: LabelledBars, setup: int, side: int, shape: int) -> list[str]:
    """Return what the break of a setup bar is besides its pattern: of a hammer upwards, of a shooter downwards.

    On a bar that had already gone the way of the trade it is a momo hammer or shooter.
    """
    if side == 0 or shape != side:
        return []
    gone_with = bars.label[setup] == (Label.TWO_UP if side > 0 else Label.TWO_DOWN)
    name = SHAPE_TEXT[shape]
    return [f"momo_{name}" if gone_with else str(name)]
