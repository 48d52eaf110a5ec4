"""What a setup aims at: its own objective, or the policy that stands in for one."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from attrs import frozen

from atlas_strat.levels import average_true_range, measured_moves, moved_by_percent
from atlas_strat.patterns import codes_where
from atlas_strat.vocabulary import Family, PatternKind, ThreeTwoTarget

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlas_strat.setups import Setups

_Column = TypeVar("_Column", bound="NDArray[np.generic]")
RANGES_AVERAGED = 14
_IS_THREE_TWO = codes_where(lambda pattern: pattern.rule.family is Family.THREE_TWO)
_IS_PAUSE = codes_where(
    lambda pattern: pattern.rule.family is Family.TWO_ONE_TWO and pattern.kind is PatternKind.CONTINUATION
)


@frozen(kw_only=True)
class TargetPolicy:
    """What stands in for a missing objective; the default is nothing.

    A 3-2 may aim `percent` of its trigger beyond it, or `ranges` average true ranges (14 bars, the setup bar included);
    with `measured_move` a 2-1-2 continuation aims at a move as long as the bar before its inside bar.
    """

    three_two: ThreeTwoTarget = ThreeTwoTarget.NONE
    percent: Decimal = Decimal("1.5")
    ranges: Decimal = Decimal("1.5")
    measured_move: bool = False

    def targets(self, setups: Setups) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return the target of each setup in ticks, and where there is one."""
        target, has_target = setups.levels.magnitude, setups.levels.has_magnitude
        if self.three_two is not ThreeTwoTarget.NONE:
            places = np.flatnonzero(_IS_THREE_TWO[setups.code])
            moved, known = self._three_two_targets(setups, places)
            target, has_target = _replaced(target, places, moved), _replaced(has_target, places, known)
        if self.measured_move:
            places = np.flatnonzero(_IS_PAUSE[setups.code])
            moved = measured_moves(setups.bars, setups.setup[places], setups.side[places])
            target = _replaced(target, places, moved)
            has_target = _replaced(has_target, places, np.ones(len(places), dtype=bool))
        return target, has_target

    def _three_two_targets(
        self, setups: Setups, places: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        trigger, side = setups.levels.trigger[places], setups.side[places]
        if self.three_two is ThreeTwoTarget.PERCENT:
            moved = moved_by_percent(trigger, side, int(self.percent * 10_000))
            return moved, moved != trigger
        distance = average_true_range(setups.bars, RANGES_AVERAGED)[setups.setup[places]] * float(self.ranges)
        whole = np.nan_to_num(np.floor(distance)).astype(np.int64)
        return trigger + side * whole, whole > 0


def _replaced(column: _Column, places: NDArray[np.int64], values: _Column) -> _Column:
    changed = column.copy()
    changed[places] = values
    return changed
