"""What a profile may say about the strat scanner."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from attrs import frozen

from atlas_core import Timeframe, above, not_empty, option
from atlas_strat.vocabulary import TRADED_FAMILIES, Family, StopMode, ThreeTwoTarget

if TYPE_CHECKING:
    from collections.abc import Sequence


def _each_once(_options: object, _attribute: object, values: Sequence[object]) -> None:
    words = [str(value) for value in values]
    again = sorted({word for word in words if words.count(word) > 1})
    if again:
        raise ValueError(f"expected each value once, was twice or more: {', '.join(again)}")


@frozen(kw_only=True)
class StratOptions:
    """Options of the scanner `strat`."""

    timeframes: tuple[Timeframe, ...] = option(
        check=(not_empty(), _each_once), help="the timeframes that are scanned, each on its own"
    )
    families: tuple[Family, ...] = option(
        TRADED_FAMILIES, check=(not_empty(), _each_once), help="the families of patterns that make signals"
    )
    include_continuations: bool = option(False, help="also enter continuations, usually a reason to stay in")
    stop_mode: StopMode = option(
        StopMode.SETUP_BAR, help="where the stop stands: far side of the setup bar, of the first bar, or its middle"
    )
    three_two_target: ThreeTwoTarget = option(
        ThreeTwoTarget.NONE, help="what a 3-2 aims at, which has no objective of its own"
    )
    three_two_target_pct: Decimal = option(
        Decimal("1.5"), check=above(0), unit="%", help="how far a 3-2 aims with three_two_target = percent"
    )
