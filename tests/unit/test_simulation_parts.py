"""Finer bars inside a base bar: the venue meets them one by one, and the base bar fills nothing again."""

from __future__ import annotations

from decimal import Decimal

from atlas_core.model.events import BarClosed, BarOpened, BarPart
from atlas_core.model.orders import FillBasis
from tests.unit.simulation_scene import MINUTE, SYMBOL, Stage, buy, fills, protective_stop, target

FIVE = 5 * MINUTE
Prices = tuple[float, float, float, float]


def told(stage: Stage, *parts: Prices) -> list[object]:
    """Show the parts of a base bar of five minutes, then the bar itself; return every fill."""
    begin, found = stage.now, []
    for number, (first, high, low, close) in enumerate(parts):
        opened_at = begin + number * MINUTE
        found += fills(
            stage.venue.observe(BarPart(opened_at + MINUTE, SYMBOL, opened_at, first, high, low, close, 1_000.0))
        )
    stage.now = begin + FIVE
    whole = (parts[0][0], max(p[1] for p in parts), min(p[2] for p in parts), parts[-1][3])
    return found + list(fills(stage.venue.observe(BarClosed(stage.now, SYMBOL, begin, *whole, 5_000.0))))


def held() -> Stage:
    stage = Stage()
    stage.enter()
    stage.closes(100.0, 100.0, 100.0)
    return stage


def test_of_stop_and_target_in_one_base_bar_the_part_that_came_first_decides() -> None:
    for parts, name in (
        (((100.0, 102.0, 100.0, 101.0), (101.0, 101.0, 98.0, 98.0)), "target"),
        (((100.0, 100.0, 98.0, 98.0), (98.0, 102.0, 98.0, 102.0)), "stop"),
    ):
        stage = held()
        stage.place(protective_stop(99), target(101))
        (fill,) = told(stage, *parts)
        assert (fill.client_order_id, fill.basis, fill.ambiguous) == (name, FillBasis.DETAIL, False)


def test_a_part_that_has_both_is_decided_against_us_and_unclear() -> None:
    stage = held()
    stage.place(protective_stop(99), target(101))
    (fill,) = told(stage, (100.0, 102.0, 98.0, 100.0))
    assert (fill.client_order_id, fill.basis, fill.ambiguous) == ("stop", FillBasis.DETAIL, True)


def test_a_stop_that_moves_between_two_parts_is_not_held_against_the_whole_base_bar() -> None:
    stage = held()
    begin = stage.now
    stage.venue.observe(BarPart(begin + MINUTE, SYMBOL, begin, 100.0, 100.0, 97.0, 102.0, 1_000.0))
    stage.now = begin + MINUTE
    stage.place(protective_stop(99))
    rest = BarPart(begin + 2 * MINUTE, SYMBOL, begin + MINUTE, 102.0, 103.0, 101.0, 102.0, 1_000.0)
    assert not fills(stage.venue.observe(rest))
    assert not fills(stage.venue.observe(BarClosed(begin + FIVE, SYMBOL, begin, 100.0, 103.0, 97.0, 102.0, 5_000.0)))
    assert stage.held == 1


def test_a_gap_between_two_parts_fills_at_the_opening_of_the_later_one() -> None:
    stage = held()
    stage.place(protective_stop(99))
    (fill,) = told(stage, (100.0, 100.0, 100.0, 100.0), (97.0, 97.0, 96.0, 96.0))
    assert (fill.price, fill.basis) == (Decimal(97), FillBasis.DETAIL)


def test_after_a_touch_in_a_part_only_that_part_is_uncertain() -> None:
    stage = Stage()
    stage.flat_bar()
    begin = stage.now
    stage.opens(100.0)
    stage.venue.observe(BarPart(begin + MINUTE, SYMBOL, begin, 100.0, 100.5, 95.0, 100.0, 1_000.0))
    second = BarPart(begin + 2 * MINUTE, SYMBOL, begin + MINUTE, 100.0, 103.0, 100.0, 103.0, 1_000.0)
    stage.venue.observe(second)
    stage.now = begin + 2 * MINUTE
    (entry,) = fills(stage.place(buy(touch=(102, True))))
    assert (entry.price, entry.basis) == (Decimal(102), FillBasis.DETAIL)
    assert not fills(stage.place(protective_stop(99)))  # the low of 95 lies in an earlier part
    stage.now = begin + FIVE
    assert not fills(stage.venue.observe(BarClosed(stage.now, SYMBOL, begin, 100.0, 103.0, 95.0, 103.0, 5_000.0)))


def test_a_base_bar_without_parts_is_met_as_a_whole() -> None:
    stage = held()
    stage.place(protective_stop(99))
    told(stage, (100.0, 100.0, 100.0, 100.0))
    stage.venue.observe(BarOpened(stage.now, SYMBOL, 100.0))
    bar = BarClosed(stage.now + FIVE, SYMBOL, stage.now, 100.0, 100.0, 98.0, 98.0, 5_000.0)
    (fill,) = fills(stage.venue.observe(bar))
    assert fill.basis is FillBasis.BAR
