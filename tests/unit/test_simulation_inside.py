"""Fills inside a closed bar: what is certain, what is decided against us, and what waits for the next bar."""

from __future__ import annotations

from decimal import Decimal

import pytest

from atlas_core.model.orders import Action, Liquidity, Order, OrderKind, OrderRole
from tests.unit.simulation_scene import Stage, buy, filled, fills, names, order, protective_stop, sell, target


def trailing(offset: float, *, stop: float | None = None, name: str = "trail", **more: object) -> Order:
    settings: dict[str, object] = {"role": OrderRole.STOP, "reduce_only": True, "trail_offset": offset}
    if stop is not None:
        settings["stop_price"] = stop
    return order(name, Action.SELL, OrderKind.TRAILING_STOP, **(settings | more))


def test_a_stop_inside_the_range_fills_at_its_price_worsened() -> None:
    stage = Stage(slippage_bps=10)
    stage.enter()
    stage.place(protective_stop(98))
    fill = filled(stage.closes(101, 97, 99), "stop")
    assert (fill.price, fill.reference_price, fill.liquidity) == (Decimal("97.90"), 98, Liquidity.TAKER)
    assert not fill.ambiguous


def test_a_limit_needs_one_tick_beyond_by_default() -> None:
    stage = Stage()
    stage.enter()
    stage.place(target(102))
    assert stage.closes(102, 100, 101) == []
    assert filled(stage.bar(101, 102.01, 101, 101), "target").price == 102


def test_a_limit_may_be_set_to_fill_at_the_touch() -> None:
    stage = Stage(limit_fill="touch")
    stage.enter()
    stage.place(target(102))
    fill = filled(stage.closes(102, 100, 101), "target")
    assert (fill.price, fill.liquidity) == (102, Liquidity.MAKER)


def test_when_stop_and_target_are_both_reached_the_stop_fills_and_is_marked_ambiguous() -> None:
    stage = Stage()
    stage.enter()
    stage.place(protective_stop(98), target(102))
    events = stage.closes(103, 97, 102)
    assert names(events) == [("OrderFilled", "stop"), ("OrderCancelled", "target")]
    assert filled(events, "stop").ambiguous


def test_the_nearest_stop_inside_the_range_fills_first() -> None:
    stage = Stage()
    stage.enter(quantity=2)
    stage.place(protective_stop(95, name="far", oco_group=""), protective_stop(98, name="near", oco_group=""))
    assert [fill.client_order_id for fill in fills(stage.closes(100, 94, 95))] == ["near", "far"]


def test_a_resting_entry_stop_fills_at_its_price() -> None:
    stage = Stage()
    stage.flat_bar()
    stage.place(order("entry", Action.BUY, OrderKind.STOP, stop_price=102))
    assert filled(stage.bar(100, 103, 99, 101), "entry").price == 102


# Entries by a touch inside the bar, and what reacts to them


def test_an_entry_by_touch_fills_inside_the_bar_at_the_touch_worsened() -> None:
    stage = Stage(slippage_bps=10)
    stage.bar(100, 105, 99, 104)
    fill = filled(stage.place(buy(touch=(102, True))), "entry")
    assert (fill.price, fill.reference_price, fill.ts) == (Decimal("102.11"), 102, stage.now)


def test_a_touch_outside_the_bar_is_rejected() -> None:
    stage = Stage()
    stage.bar(100, 105, 99, 104)
    assert names(stage.place(buy(touch=(106, True)))) == [("OrderRejected", "entry")]


def test_after_a_touch_the_stop_is_held_against_the_whole_bar_and_marked_ambiguous() -> None:
    stage = Stage()
    stage.bar(100, 105, 97, 104)
    fill = filled(stage.place(buy(touch=(102, True)), protective_stop(98)), "stop")
    assert (fill.price, fill.ambiguous) == (98, True)


def test_after_a_touch_a_stop_between_touch_and_close_is_certain() -> None:
    stage = Stage()
    stage.bar(100, 105, 97, 97.5)
    fill = filled(stage.place(buy(touch=(102, True)), protective_stop(98)), "stop")
    assert (fill.price, fill.ambiguous) == (98, False)


def test_after_a_downward_touch_a_stop_above_the_low_is_certain() -> None:
    stage = Stage()
    stage.bar(100, 105, 94, 99)
    fill = filled(stage.place(buy(touch=(97, False)), protective_stop(95)), "stop")
    assert (fill.price, fill.ambiguous) == (95, False)


def test_after_an_upward_touch_a_target_below_the_high_is_certain() -> None:
    stage = Stage()
    stage.bar(100, 105, 99, 101)
    events = stage.place(buy(touch=(102, True)), protective_stop(95), target(104))
    assert filled(events, "target").price == 104
    assert names(events)[-1] == ("OrderCancelled", "stop")


@pytest.mark.parametrize(("close", "is_filled"), [(104.5, True), (101, False)])
def test_after_a_downward_touch_a_target_fills_only_between_touch_and_close(close: float, is_filled: bool) -> None:
    stage = Stage()
    stage.bar(100, 105, 96, close)
    events = stage.place(buy(touch=(97, False)), protective_stop(95), target(104))
    assert [fill.client_order_id for fill in fills(events)] == ["entry", "target"][: 2 if is_filled else 1]


def test_a_short_by_touch_is_the_mirror_of_a_long() -> None:
    stage = Stage()
    stage.bar(100, 103, 95, 96)
    stop = protective_stop(102, action=Action.BUY)
    fill = filled(stage.place(sell(touch=(98, False)), stop), "stop")
    assert (fill.price, fill.ambiguous) == (102, True)


def test_a_resting_entry_opens_the_same_window_as_a_touch() -> None:
    stage = Stage()
    stage.flat_bar()
    stage.place(order("entry", Action.BUY, OrderKind.STOP, stop_price=102))
    stage.bar(100, 105, 97, 104)
    fill = filled(stage.place(protective_stop(98)), "stop")
    assert (fill.price, fill.ambiguous) == (98, True)


def test_a_stop_that_is_moved_at_the_close_waits_for_the_next_bar() -> None:
    stage = Stage()
    stage.bar(100, 105, 97, 104)
    stage.place(buy(touch=(102, True)), protective_stop(96))
    assert fills(stage.place(protective_stop(103, name="moved"))) == []
    stage.venue.withdraw("stop", stage.now)
    assert filled(stage.bar(104, 104, 102, 104), "moved").price == 103


def test_an_order_placed_at_the_close_is_not_held_against_the_bar_that_has_closed() -> None:
    stage = Stage()
    stage.enter()
    stage.closes(101, 90, 100)
    assert fills(stage.place(protective_stop(95))) == []
    assert stage.held == 1


def test_another_signals_stop_is_not_held_against_the_bar_of_an_entry() -> None:
    stage = Stage()
    stage.enter(signal_key="first")
    stage.closes(105, 97, 104)
    stage.place(buy("second-entry", touch=(102, True), signal_key="second"))
    assert fills(stage.place(protective_stop(98, signal_key="first"))) == []


def test_the_window_ends_with_the_next_event_of_the_symbol() -> None:
    stage = Stage()
    stage.bar(100, 105, 97, 104)
    stage.place(buy(touch=(102, True)))
    stage.opens(104)
    assert fills(stage.place(protective_stop(98))) == []


def test_after_a_stop_in_the_entrys_bar_the_target_is_cancelled_at_once() -> None:
    stage = Stage()
    stage.bar(100, 105, 97, 104)
    stage.place(buy(touch=(102, True)), protective_stop(98))
    assert names(stage.place(target(104))) == [("OrderAccepted", "target"), ("OrderCancelled", "target")]


def test_a_target_that_the_touch_is_already_beyond_takes_the_touch_price() -> None:
    stage = Stage()
    stage.bar(100, 105, 99, 104)
    fill = filled(stage.place(buy(touch=(102, True)), target(101)), "target")
    assert (fill.price, fill.liquidity) == (102, Liquidity.TAKER)


# Stop-limits


def test_a_stop_limit_that_is_marketable_at_its_trigger_takes_and_never_beyond_its_limit() -> None:
    stage = Stage(slippage_bps=100)
    stage.flat_bar()
    stage.place(order("entry", Action.BUY, OrderKind.STOP_LIMIT, stop_price=102, limit_price=102.5))
    fill = filled(stage.bar(100, 105, 100, 104), "entry")
    assert (fill.price, fill.liquidity) == (Decimal("102.50"), Liquidity.TAKER)


def test_a_stop_limit_gapped_beyond_its_limit_rests_there() -> None:
    stage = Stage()
    stage.flat_bar()
    stage.place(order("entry", Action.BUY, OrderKind.STOP_LIMIT, stop_price=102, limit_price=102.5))
    assert stage.bar(104, 105, 103, 104) == []
    fill = filled(stage.bar(104, 104, 102, 103), "entry")
    assert (fill.price, fill.liquidity) == (Decimal("102.50"), Liquidity.MAKER)


@pytest.mark.parametrize(("close", "is_filled"), [(101, True), (103, False)])
def test_a_stop_limit_below_its_trigger_fills_in_that_bar_only_when_the_close_proves_it(
    close: float, is_filled: bool
) -> None:
    stage = Stage()
    stage.flat_bar()
    stage.place(order("entry", Action.BUY, OrderKind.STOP_LIMIT, stop_price=102, limit_price=101.5))
    assert bool(fills(stage.bar(100, 105, 100, close))) is is_filled


# Trailing stops


def test_a_trailing_stop_starts_from_the_market_and_follows_the_best_price() -> None:
    stage = Stage()
    stage.enter()
    stage.place(trailing(5))
    stage.closes(110, 100, 108)
    assert stage.bar(108, 109, 105.01, 106) == []
    assert filled(stage.bar(106, 106, 104, 104), "trail").price == 105


def test_a_trailing_stop_is_tried_where_it_stood_before_it_follows() -> None:
    stage = Stage()
    stage.enter()
    stage.place(trailing(5))
    fill = filled(stage.closes(110, 94, 100), "trail")
    assert fill.price == 95


@pytest.mark.parametrize(("close", "ambiguous"), [(104, False), (108, True)])
def test_a_trailing_stop_that_the_bar_may_have_come_back_to_is_filled(close: float, ambiguous: bool) -> None:
    stage = Stage()
    stage.enter()
    stage.place(trailing(5))
    fill = filled(stage.closes(110, 98, close), "trail")
    assert (fill.price, fill.ambiguous) == (105, ambiguous)


def test_a_bar_that_only_rises_from_its_opening_does_not_reach_a_trailing_stop_that_follows_it() -> None:
    stage = Stage()
    stage.enter()
    stage.place(trailing(5))
    assert stage.closes(110, 100, 108) == []


def test_a_trailing_stop_placed_after_an_upward_touch_is_reached_by_a_low_of_unknown_time() -> None:
    stage = Stage()
    stage.bar(100, 110, 98.5, 109)
    stage.place(buy(touch=(102, True)))
    fill = filled(stage.place(trailing(4, stop=95)), "trail")
    assert (fill.price, fill.ambiguous) == (106, True)


def test_a_trailing_stop_never_moves_away_from_the_price() -> None:
    stage = Stage()
    stage.enter()
    stage.place(trailing(5, stop=97))
    assert stage.closes(101, 99, 99) == []
    assert filled(stage.bar(99, 99, 96, 96), "trail").price == 97


def test_a_gap_through_a_trailing_stop_fills_at_the_open() -> None:
    stage = Stage()
    stage.enter()
    stage.place(trailing(5))
    stage.closes(110, 106, 110)
    assert filled(stage.opens(104), "trail").price == 104


def test_a_trailing_stop_placed_after_a_touch_follows_only_what_certainly_came_after_it() -> None:
    stage = Stage()
    stage.bar(100, 110, 96.5, 98)
    stage.place(buy(touch=(97, False)))
    stage.place(trailing(2, stop=90))
    assert fills(stage.opens(96.5)) == []
    assert filled(stage.closes(96.5, 95, 96), "trail").price == 96
