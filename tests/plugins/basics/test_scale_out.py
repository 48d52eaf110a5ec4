"""The exit `scale-out`: a ladder of targets for parts, and the stop at the entry after some of them."""

from __future__ import annotations

from decimal import Decimal

from atlas_basics.exits import ScaleOutRule
from atlas_basics.options import ScaleOutOptions, ScaleOutStep
from atlas_core import Levels, PartialTarget, Position, Side
from tests.plugins.basics.samples import INSTRUMENTS, position_of, signal_of

LONG, SHORT = signal_of(stop=96, target=120), signal_of(Side.SHORT, stop=104, target=80)
HALVES = (("1", "50"), ("2", "50"))


def ladder(*steps: tuple[str, str], after: int = 1, offset: str = "0") -> ScaleOutRule:
    made = tuple(ScaleOutStep(at_r=Decimal(at), close_pct=Decimal(share)) for at, share in steps)
    options = ScaleOutOptions(steps=made, break_even_after=after, break_even_offset_bps=Decimal(offset))
    return ScaleOutRule(options, INSTRUMENTS)


def held(signal: object, quantity: str, closed: str = "0") -> Position:
    return position_of(signal, quantity=Decimal(quantity), closed_quantity=Decimal(closed))  # type: ignore[arg-type]


def part(price: str, quantity: str) -> PartialTarget:
    return PartialTarget(Decimal(price), Decimal(quantity))


def test_half_is_closed_at_the_first_step_and_the_rest_at_the_last() -> None:
    assert ladder(*HALVES).levels(held(LONG, "2")) == Levels(None, Decimal(108), (part("104", "1"),))
    assert ladder(*HALVES).levels(held(SHORT, "2")) == Levels(None, Decimal(92), (part("96", "1"),))


def test_after_the_first_step_the_stop_stands_at_the_entry() -> None:
    assert ladder(*HALVES).levels(held(LONG, "1", "1")) == Levels(Decimal(100), Decimal(108))
    assert ladder(*HALVES, offset="10").levels(held(SHORT, "1", "1")) == Levels(Decimal("99.9"), Decimal(92))
    assert ladder(*HALVES, after=0).levels(held(LONG, "1", "1")).stop is None
    assert ladder(*HALVES, after=2).levels(held(LONG, "1", "1")).stop is None


def test_a_step_that_is_filled_in_part_asks_for_what_is_missing() -> None:
    levels = ladder(*HALVES).levels(held(LONG, "1.4", "0.6"))
    assert levels == Levels(None, Decimal(108), (part("104", "0.4"),))


def test_steps_below_the_whole_leave_the_rest_to_the_other_exits() -> None:
    levels = ladder(("1", "25"), ("2", "25")).levels(held(LONG, "2"))
    assert levels == Levels(None, None, (part("104", "0.5"), part("108", "0.5")))


def test_shares_are_rounded_down_to_the_lot_and_a_step_of_nothing_is_left_out() -> None:
    thirds = (("1", "33"), ("2", "33"), ("3", "34"))
    levels = ladder(*thirds).levels(held(LONG, "0.005"))
    assert levels == Levels(None, Decimal(112), (part("104", "0.001"), part("108", "0.002")))
    assert ladder(*HALVES).levels(held(LONG, "0.001")) == Levels(None, Decimal(108))


def test_without_a_risk_there_is_no_ladder_in_multiples_of_it_but_one_in_percent() -> None:
    assert ladder(*HALVES).levels(held(signal_of(), "2")) == Levels()
    steps = (ScaleOutStep(at_pct=Decimal(3), close_pct=Decimal(50)),)
    rule = ScaleOutRule(ScaleOutOptions(steps=steps), INSTRUMENTS)
    assert rule.levels(held(signal_of(), "2")) == Levels(None, None, (part("103", "1"),))


def test_a_last_step_below_a_price_of_zero_leaves_its_part_open() -> None:
    levels = ladder(("1", "50"), ("30", "50")).levels(held(SHORT, "2"))
    assert levels == Levels(None, None, (part("96", "1"),))
