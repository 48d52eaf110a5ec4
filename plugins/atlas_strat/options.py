"""What a profile may say about the strat scanner."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from attrs import frozen

from atlas_core import Timeframe, above, between, not_empty, option
from atlas_strat.vocabulary import TRADED_FAMILIES, ContextPart, FailedTwo, Family, StopMode, ThreeTwoTarget

if TYPE_CHECKING:
    from collections.abc import Sequence


def _each_once(_options: object, _attribute: object, values: Sequence[object]) -> None:
    words = [str(value) for value in values]
    again = sorted({word for word in words if words.count(word) > 1})
    if again:
        raise ValueError(f"expected each value once, was twice or more: {', '.join(again)}")


def _known_before(_options: object, _attribute: object, mode: StopMode) -> None:
    if mode.needs_entry_bar:
        known = ", ".join(mode for mode in StopMode if not mode.needs_entry_bar)
        raise ValueError(f"expected a stop that is known before the entry bar ({known}), was {mode}")


def _armed_before(_options: object, _attribute: object, families: Sequence[Family]) -> None:
    late = [family for family in families if family.ends_outside]
    if late:
        raise ValueError(f"expected families that a closed bar arms, was {', '.join(late)}, which complete with a 3")


@frozen(kw_only=True)
class StratOptions:
    """Options of the scanner `strat`."""

    timeframes: tuple[Timeframe, ...] = option(
        check=(not_empty(), _each_once), help="the timeframes that are scanned, each on its own"
    )
    families: tuple[Family, ...] = option(
        TRADED_FAMILIES,
        check=(not_empty(), _each_once, _armed_before),
        help="the families of patterns that make signals",
    )
    include_continuations: bool = option(False, help="also enter continuations, usually a reason to stay in")
    stop_mode: StopMode = option(
        StopMode.SETUP_BAR,
        check=_known_before,
        help="where the stop stands: far side of the setup bar, of the first bar, or its middle",
    )
    three_two_target: ThreeTwoTarget = option(
        ThreeTwoTarget.NONE, help="what a 3-2 aims at, which has no objective of its own"
    )
    three_two_target_pct: Decimal = option(
        Decimal("1.5"), check=above(0), unit="%", help="how far a 3-2 aims with three_two_target = percent"
    )
    three_two_target_atr: Decimal = option(
        Decimal("1.5"), check=above(0), unit="ATR(14)", help="how far a 3-2 aims with three_two_target = atr"
    )
    measured_move: bool = option(False, help="a 2-1-2 continuation aims at a move as long as the bar before the pause")
    max_gap_pct: Decimal | None = option(
        None, check=between(0, 100), unit="%", help="void a setup whose bar opens farther beyond the trigger than this"
    )
    failed_two: FailedTwo = option(FailedTwo.OPEN, help="when the 2 of a setup bar counts as failed in the context")
    context: tuple[ContextPart, ...] = option(
        (ContextPart.PIVOTS,), check=_each_once, help="what stands around the setup bar and is told in the context"
    )
