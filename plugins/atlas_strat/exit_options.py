"""What a profile may say about the exit rules of the method."""

from __future__ import annotations

from decimal import Decimal

from attrs import frozen

from atlas_core import Timeframe, above, between, option


@frozen(kw_only=True)
class OppositeReversalOptions:
    """Options of the exit `strat.opposite-reversal`."""

    timeframe: Timeframe | None = option(None, help="where reversals are looked for; none: the signal's own timeframe")


@frozen(kw_only=True)
class ContinuityFlipOptions:
    """Options of the exit `strat.continuity-flip`."""

    timeframes: tuple[Timeframe, ...] = option((), help="what is asked; none: all timeframes that the scanners read")
    share_against_pct: Decimal = option(
        Decimal(100),
        check=(above(0), between(0, 100)),
        unit="%",
        help="how many of them must trade against the position",
    )
