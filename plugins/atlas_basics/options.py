"""What a profile may say about the standard parts."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

from attrs import frozen

from atlas_core import Timeframe, above, at_least, between, each, not_empty, one_of, option, time_of_day, time_zone

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ANY_SYMBOL = "*"


class Direction(StrEnum):
    """The sides that a scanner may take."""

    BOTH = "both"
    LONG = "long"


@frozen(kw_only=True)
class SmaCrossOptions:
    """Options of the scanner `sma-cross`."""

    timeframe: Timeframe = option(help="the bars whose closes are averaged")
    fast: int = option(20, check=at_least(1), unit="bars", help="length of the fast average")
    slow: int = option(100, check=at_least(2), unit="bars", help="length of the slow average")
    direction: Direction = option(Direction.BOTH, help="both sides, or long only")

    def __attrs_post_init__(self) -> None:
        _expect_fast_below_slow(self.fast, self.slow)


@frozen(kw_only=True)
class SmaCrossExitOptions:
    """Options of the exit `sma-cross`."""

    timeframe: Timeframe = option(help="the bars whose closes are averaged")
    fast: int = option(20, check=at_least(1), unit="bars", help="length of the fast average")
    slow: int = option(100, check=at_least(2), unit="bars", help="length of the slow average")

    def __attrs_post_init__(self) -> None:
        _expect_fast_below_slow(self.fast, self.slow)


def _expect_fast_below_slow(fast: int, slow: int) -> None:
    if fast >= slow:
        raise ValueError(f"expected fast below slow, were {fast} and {slow}")


@frozen(kw_only=True)
class FixedQuantityOptions:
    """Options of the sizer `fixed-quantity`."""

    quantity: Decimal = option(check=above(0), unit="units", help="the quantity of every position")


@frozen(kw_only=True)
class FixedNotionalOptions:
    """Options of the sizer `fixed-notional`."""

    notional: Decimal = option(check=above(0), unit="quote currency", help="the value of every position")


@frozen(kw_only=True)
class FixedFractionOptions:
    """Options of the sizer `fixed-fraction`."""

    fraction_pct: Decimal = option(
        check=(above(0), between(0, 100)), unit="%", help="the value of a position as a share of the equity"
    )
    cost_reserve_bps: Decimal = option(
        Decimal(20), check=at_least(0), unit="bps", help="room for the costs of entry and exit"
    )


@frozen(kw_only=True)
class RiskPerTradeOptions:
    """Options of the sizer `risk-per-trade`."""

    risk_pct: Decimal = option(
        Decimal(1), check=(above(0), between(0, 100)), unit="%", help="the share of the equity lost at the stop"
    )
    max_notional_pct: Decimal = option(
        Decimal(100), check=above(0), unit="%", help="the largest value of a position as a share of the equity"
    )
    leverage: Decimal = option(Decimal(1), check=at_least(1), help="leverage, never above the instrument's own")
    cost_reserve_bps: Decimal = option(
        Decimal(20), check=at_least(0), unit="bps", help="costs of entry and exit, counted into the risk of a unit"
    )


@frozen(kw_only=True)
class TierWindow:
    """A part of each of some days; an `end` that is not after the `start` lies on the next day."""

    weekdays: tuple[str, ...] = option(
        WEEKDAYS, check=(not_empty(), each(one_of(*WEEKDAYS))), help="the days on which it begins"
    )
    start: str = option(check=time_of_day(), help="local time of day")
    end: str = option(check=time_of_day(), help="local time of day")


@frozen(kw_only=True)
class Tier:
    """A leverage for each symbol, and when it counts."""

    name: str = option(check=not_empty(), help="what reasons and trades call it")
    leverage: Mapping[str, Decimal] = option(
        check=(not_empty(), each(at_least(1))), help='leverage by symbol; "*" stands for every other one'
    )
    windows: tuple[TierWindow, ...] = option(
        (), help="when it counts; the last tier has none and counts whenever no other does"
    )

    def leverage_of(self, symbol: str) -> Decimal | None:
        """Return the leverage of a symbol, None where the tier has none for it."""
        return self.leverage.get(symbol, self.leverage.get(ANY_SYMBOL))


@frozen(kw_only=True)
class LeverageTiersOptions:
    """Options of the sizer `leverage-tiers`."""

    zone: str = option("UTC", check=time_zone(), help="the time zone of all windows")
    tiers: tuple[Tier, ...] = option(check=not_empty(), help="the tiers; the first whose window holds counts")
    balance_pct: Decimal = option(
        Decimal(100),
        check=(above(0), between(0, 100)),
        unit="%",
        help="the share of the available money that margin and costs of one position may take",
    )
    risk_pct: Decimal | None = option(
        None,
        check=(above(0), between(0, 100)),
        unit="%",
        help="the share of the equity that may be lost at the stop, costs included; none: any",
    )
    liquidation_buffer_pct: Decimal = option(
        Decimal("0.5"),
        check=between(0, 50),
        unit="%",
        help="least distance from the stop to the price of liquidation, of the entry; leverage is lowered to keep it",
    )
    hold_timeframes: tuple[Timeframe, ...] = option(
        (), help="signals of these timeframes take the least leverage of all tiers, so that no tier's end closes them"
    )
    lead_minutes: int = option(
        0,
        check=between(0, 1_440),
        unit="minutes",
        help="so long before a tier with less leverage begins it counts already",
    )

    def __attrs_post_init__(self) -> None:
        names = [tier.name for tier in self.tiers]
        if len(set(names)) < len(names):
            raise ValueError(f"expected each tier to have a name of its own, were {', '.join(names)}")
        without = [tier.name for tier in self.tiers if not tier.windows]
        if without != names[-1:]:
            raise ValueError(
                "expected the last tier, and no other, to have no windows, so that one counts at any time; "
                f"without windows {'are ' + ', '.join(without) if without else 'is none'}"
            )


@frozen(kw_only=True)
class LeverageDeadlineOptions:
    """Options of the exit `leverage-deadline`."""

    minutes_before: int = option(
        0, check=between(0, 1_440), unit="minutes", help="how long before the tier's end the position is closed"
    )


@frozen(kw_only=True)
class StopOptions:
    """Options of the exit `stop`."""

    pct: Decimal | None = option(
        None, check=(above(0), between(0, 100)), unit="%", help="distance from the entry where the signal has no stop"
    )
    pct_overrides: bool = option(False, help="use pct even where the signal has a stop")
    ticks_beyond: int = option(
        1, check=at_least(0), unit="ticks", help="how far beyond the level the order stands: a mere touch is no stop"
    )

    def __attrs_post_init__(self) -> None:
        if self.pct_overrides and self.pct is None:
            raise ValueError("expected pct to be set where pct_overrides = true, was missing")


@frozen(kw_only=True)
class TargetOptions:
    """Options of the exit `target`."""

    pct: Decimal | None = option(None, check=above(0), unit="%", help="distance from the entry")
    reward_to_risk: Decimal | None = option(
        None, check=above(0), help="distance from the entry in multiples of the distance to the signal's stop"
    )
    overrides: bool = option(False, help="use pct or reward_to_risk even where the signal has a target")

    def __attrs_post_init__(self) -> None:
        if self.pct is not None and self.reward_to_risk is not None:
            raise ValueError("expected one of pct and reward_to_risk, were both")
        if self.overrides and self.pct is None and self.reward_to_risk is None:
            raise ValueError("expected pct or reward_to_risk to be set where overrides = true, were both missing")


@frozen(kw_only=True)
class ScaleOutStep:
    """One step of the exit `scale-out`: how far from the entry, and how much is closed there."""

    at_r: Decimal | None = option(
        None, check=above(0), unit="R", help="distance from the entry in multiples of the distance to the signal's stop"
    )
    at_pct: Decimal | None = option(None, check=above(0), unit="%", help="distance from the entry")
    close_pct: Decimal = option(
        check=(above(0), between(0, 100)), unit="%", help="the share of what was entered that is closed here"
    )

    def __attrs_post_init__(self) -> None:
        if (self.at_r is None) == (self.at_pct is None):
            raise ValueError(f"expected one of at_r and at_pct, {'was neither' if self.at_r is None else 'were both'}")


@frozen(kw_only=True)
class ScaleOutOptions:
    """Options of the exit `scale-out`."""

    steps: tuple[ScaleOutStep, ...] = option(
        check=not_empty(), help="the targets, nearest first; what they leave below 100 % is left to the other exits"
    )
    break_even_after: int = option(
        1, check=at_least(0), unit="steps", help="the stop goes to the entry once so many steps are closed; 0: never"
    )
    break_even_offset_bps: Decimal = option(
        Decimal(0), check=at_least(0), unit="bps", help="how far beyond the entry that stop stands, to pay for costs"
    )

    def __attrs_post_init__(self) -> None:
        for name in ("at_r", "at_pct"):
            places = [place for step in self.steps if (place := getattr(step, name)) is not None]
            if places and len(places) < len(self.steps):
                raise ValueError("expected every step to say at_r, or every step at_pct, were both")
            if places != sorted(set(places)):
                raise ValueError(f"expected steps further and further away, were {', '.join(map(str, places))}")
        total = sum(step.close_pct for step in self.steps)
        if total > 100:
            raise ValueError(f"expected steps that close 100 % together at most, was {total} %")
        if self.break_even_after > len(self.steps):
            raise ValueError(f"expected at most {len(self.steps)} (the steps), was {self.break_even_after}")


@frozen(kw_only=True)
class TrailingOptions:
    """Options of the exit `trailing`."""

    pct: Decimal = option(
        check=(above(0), between(0, 100)), unit="%", help="distance kept from the best price since the entry"
    )
    activate_at_r: Decimal | None = option(
        None,
        check=at_least(0),
        unit="R",
        help="start once the best price is this many times the distance to the signal's stop ahead",
    )


@frozen(kw_only=True)
class TimeOptions:
    """Options of the exit `time`."""

    max_bars: int | None = option(None, check=at_least(1), unit="bars", help="close after so many closed bars")
    max_hours: Decimal | None = option(None, check=above(0), unit="hours", help="close after so many hours")

    def __attrs_post_init__(self) -> None:
        if self.max_bars is None and self.max_hours is None:
            raise ValueError("expected max_bars or max_hours, were both missing")


@frozen(kw_only=True)
class MaxLossOptions:
    """Options of the exit `max-loss`."""

    pct: Decimal | None = option(
        None, check=(above(0), between(0, 100)), unit="%", help="largest loss as a share of the value at entry"
    )
    money: Decimal | None = option(None, check=above(0), unit="quote currency", help="largest loss in money")

    def __attrs_post_init__(self) -> None:
        if self.pct is None and self.money is None:
            raise ValueError("expected pct or money, were both missing")


@frozen(kw_only=True)
class CooldownOptions:
    """Options of the gate `cooldown`."""

    minutes: Decimal = option(check=at_least(0), unit="minutes", help="pause in a symbol after a trade in it closed")
    after_loss_minutes: Decimal | None = option(
        None, check=at_least(0), unit="minutes", help="pause after a losing trade, where longer than minutes"
    )


@frozen(kw_only=True)
class QualityOptions:
    """Options of the gate `quality`; a minimum of 0 asks nothing."""

    minimum_magnitude_pct: Decimal = option(
        Decimal("0.5"), check=at_least(0), unit="%", help="least distance from trigger to target, of the trigger"
    )
    minimum_reward_to_risk: Decimal = option(
        Decimal(1), check=at_least(0), help="least distance to the target over the distance to the stop"
    )
    require_target: bool = option(True, help="refuse signals without a target")


@frozen(kw_only=True)
class FeesOptions:
    """Options of the gate `fees`."""

    max_cost_pct: Decimal = option(
        Decimal(20), check=above(0), unit="%", help="most that entry and exit may cost, of the profit at the target"
    )
    include_slippage: bool = option(False, help="count the slippage of entry and exit as a cost")
    require_target: bool = option(True, help="refuse signals without a target")
