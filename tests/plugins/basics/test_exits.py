"""The standard exit rules: prices on ticks that never flatter, and time."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_basics.exits import MaxLossRule, StopRule, TargetRule, TimeRule, TrailingRule
from atlas_basics.options import MaxLossOptions, StopOptions, TargetOptions, TimeOptions, TrailingOptions
from atlas_core import Exit, Instrument, LevelRule, Levels, Position, Side
from tests.plugins.basics.samples import HOUR, INSTRUMENT, INSTRUMENTS, START, Moment, position_of, signal_of

LONG, SHORT = signal_of(stop=96, target=106), signal_of(Side.SHORT, stop=104, target=94)


def decimals(options: dict[str, Any]) -> dict[str, Any]:
    whole = ("ticks_beyond", "max_bars", "pct_overrides", "overrides")
    return {name: value if name in whole else Decimal(value) for name, value in options.items()}


def stop(**options: Any) -> StopRule:
    return StopRule(StopOptions(**decimals(options)), INSTRUMENTS)


def target(**options: Any) -> TargetRule:
    return TargetRule(TargetOptions(**decimals(options)), INSTRUMENTS)


def trailing(**options: Any) -> TrailingRule:
    return TrailingRule(TrailingOptions(**decimals(options)), INSTRUMENTS)


def max_loss(**options: Any) -> MaxLossRule:
    return MaxLossRule(MaxLossOptions(**decimals(options)), INSTRUMENTS)


def time(**options: Any) -> TimeRule:
    return TimeRule(TimeOptions(**decimals(options)))


@pytest.mark.parametrize(("signal", "price"), [(LONG, "95.9"), (SHORT, "104.1")])
def test_the_stop_order_stands_one_tick_beyond_the_level_so_that_a_touch_closes_nothing(
    signal: Any, price: str
) -> None:
    assert stop().levels(position_of(signal)) == Levels(stop=Decimal(price))


def test_the_stop_order_may_stand_at_the_level_itself() -> None:
    assert stop(ticks_beyond=0).levels(position_of(LONG)) == Levels(stop=Decimal(96))


def test_a_percentage_stands_in_where_the_signal_has_no_stop() -> None:
    rule = stop(pct=2, ticks_beyond=0)
    assert rule.levels(position_of(signal_of())) == Levels(stop=Decimal(98))
    assert rule.levels(position_of(signal_of(Side.SHORT))) == Levels(stop=Decimal(102))
    assert rule.levels(position_of(LONG)) == Levels(stop=Decimal(96))


def test_a_percentage_may_override_the_stop_of_the_signal() -> None:
    rule = stop(pct=2, pct_overrides=True, ticks_beyond=0)
    assert rule.levels(position_of(LONG)) == Levels(stop=Decimal(98))


def test_without_any_stop_there_is_no_level() -> None:
    assert stop().levels(position_of(signal_of())) == Levels()


def test_instruments_may_become_known_after_the_rule_was_made() -> None:
    known: dict[str, Instrument] = {}
    rule = StopRule(StopOptions(), known)
    known.update(INSTRUMENTS)
    assert rule.levels(position_of(LONG)) == Levels(stop=Decimal("95.9"))


def test_the_target_is_that_of_the_signal_unless_overridden() -> None:
    assert target().levels(position_of(LONG)) == Levels(target=Decimal(106))
    assert target(pct=10).levels(position_of(LONG)) == Levels(target=Decimal(106))
    assert target(pct=10, overrides=True).levels(position_of(LONG)) == Levels(target=Decimal(110))


def test_a_missing_target_is_made_from_a_percentage_or_from_the_risk() -> None:
    assert target(pct=10).levels(position_of(signal_of(Side.SHORT))) == Levels(target=Decimal(90))
    assert target(reward_to_risk=2).levels(position_of(signal_of(stop=96))) == Levels(target=Decimal(108))
    assert target(reward_to_risk=2).levels(position_of(signal_of())) == Levels()
    assert target().levels(position_of(signal_of())) == Levels()


def test_a_target_that_would_be_below_zero_is_none() -> None:
    assert target(pct=120).levels(position_of(signal_of(Side.SHORT))) == Levels()


def test_a_trailing_stop_keeps_its_distance_from_the_best_price() -> None:
    long = position_of(LONG, highest=Decimal(120), lowest=Decimal(99))
    short = position_of(SHORT, highest=Decimal(101), lowest=Decimal(80))
    assert trailing(pct=5).levels(long) == Levels(stop=Decimal(114))
    assert trailing(pct=5).levels(short) == Levels(stop=Decimal(84))


@pytest.mark.parametrize(("highest", "level"), [("107.9", None), ("108", "102.6")])
def test_a_trailing_stop_waits_until_the_position_is_far_enough_ahead(highest: str, level: str | None) -> None:
    levels = trailing(pct=5, activate_at_r=2).levels(position_of(LONG, highest=Decimal(highest)))
    assert levels.stop == (None if level is None else Decimal(level))


def test_a_trailing_stop_without_a_measure_of_risk_is_active_from_the_start() -> None:
    assert trailing(pct=5, activate_at_r=2).levels(position_of(signal_of())) == Levels(stop=Decimal(95))


def test_the_largest_loss_is_a_share_of_the_entry_or_money_whichever_is_nearer() -> None:
    position = position_of(LONG)
    assert max_loss(pct=10).levels(position) == Levels(stop=Decimal(90))
    assert max_loss(money=10).levels(position) == Levels(stop=Decimal(95))
    assert max_loss(pct=10, money=10).levels(position) == Levels(stop=Decimal(95))
    assert max_loss(money=10).levels(position_of(SHORT)) == Levels(stop=Decimal(105))


def test_money_counts_the_units_of_a_contract() -> None:
    assert max_loss(money=10).levels(position_of(LONG, multiplier=Decimal(5))) == Levels(stop=Decimal(99))


def test_a_loss_that_no_price_above_zero_can_make_needs_no_stop() -> None:
    assert max_loss(money=1000).levels(position_of(LONG)) == Levels()


@pytest.mark.parametrize(("hours", "bars", "expected"), [(2, 5, None), (3, 5, "3 hours"), (2, 6, "6 bars")])
def test_time_is_up_after_bars_or_hours(hours: int, bars: int, expected: str | None) -> None:
    answer = time(max_bars=6, max_hours=3).on_market(position_of(LONG, bars_held=bars), Moment(START + hours * HOUR))
    assert (answer is None) == (expected is None)
    assert answer is None or answer.reason == f"held for {expected}"


def test_an_exit_by_time_says_how_long_against_how_long_allowed() -> None:
    assert time(max_hours=3).on_market(position_of(LONG), Moment(START + 4 * HOUR)) == Exit(
        "held for 3 hours", 4.0, 3.0
    )


PRICE_RULES = st.sampled_from(
    [stop(), stop(pct=3, pct_overrides=True), target(), target(pct="3.3", overrides=True), trailing(pct="7.77"),
     max_loss(pct="1.23"), max_loss(money=7)]
)  # fmt: skip
TICKS = st.integers(1, 100_000)


def any_position(side: Side, entry: int, best: int) -> Position:
    price, extreme = INSTRUMENT.from_ticks(entry), INSTRUMENT.from_ticks(entry + best * side.sign)
    signal = signal_of(side, stop=96, target=106)
    return position_of(
        signal, entry_price=price, highest=max(price, extreme), lowest=max(Decimal("0.1"), min(price, extreme))
    )


@given(PRICE_RULES, st.sampled_from(Side), TICKS, TICKS)
def test_levels_are_whole_ticks_and_the_same_at_every_call(rule: LevelRule, side: Side, entry: int, best: int) -> None:
    position = any_position(side, entry, best)
    levels = rule.levels(position)
    assert rule.levels(position) == levels
    assert rule.on_market(position, Moment()) is None
    for price in (levels.stop, levels.target):
        assert price is None or price % INSTRUMENT.tick_size == 0


@given(st.sampled_from(Side), TICKS, TICKS, TICKS)
def test_a_trailing_stop_never_goes_back(side: Side, entry: int, best: int, better: int) -> None:
    rule = trailing(pct="7.77")
    before = rule.levels(any_position(side, entry, best)).stop
    after = rule.levels(any_position(side, entry, best + better)).stop
    assert before is None or (after is not None and (after - before) * side.sign >= 0)


@given(st.sampled_from(Side), TICKS, st.decimals("0.01", 50, places=2))
def test_rounding_never_risks_more_and_never_takes_less_than_was_said(side: Side, entry: int, pct: Decimal) -> None:
    position = any_position(side, entry, 0)
    distance = position.entry_price * pct / 100
    protective = max_loss(pct=pct).levels(position).stop
    profitable = target(pct=pct, overrides=True).levels(position).target
    assert protective is None or (position.entry_price - protective) * side.sign <= distance
    assert profitable is None or (profitable - position.entry_price) * side.sign >= distance
