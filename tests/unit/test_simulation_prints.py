"""Orders that meet one print: the opening of a bar, or a quote; and the time an order needs to arrive."""

from __future__ import annotations

from decimal import Decimal

import pytest

from atlas_core.model.events import BarClosed, OrderExpired
from atlas_core.model.orders import Action, Liquidity, OrderKind
from tests.unit.simulation_scene import (
    MINUTE,
    Stage,
    buy,
    filled,
    fills,
    names,
    order,
    protective_stop,
    sell,
    target,
)


def test_a_market_order_placed_at_the_close_fills_at_the_next_opening() -> None:
    stage = Stage()
    stage.bar(100, 102, 99, 101)
    assert names(stage.place(buy())) == [("OrderAccepted", "entry")]
    assert filled(stage.opens(103), "entry").price == 103


def test_a_market_order_placed_at_the_opening_fills_at_the_opening() -> None:
    stage = Stage()
    stage.opens(100)
    assert filled(stage.place(buy(touch=(100, True))), "entry").price == 100


def test_a_market_order_placed_after_the_opening_was_seen_waits_for_the_next_print() -> None:
    stage = Stage()
    stage.opens(100)
    stage.now += 1
    assert fills(stage.place(buy())) == []


def test_an_order_with_latency_misses_the_opening_and_fills_at_the_close_of_the_bar() -> None:
    stage = Stage(latency_ms=250)
    stage.flat_bar()
    stage.place(buy())
    assert fills(stage.opens(100)) == []
    fill = filled(stage.closes(108, 98, 107), "entry")
    assert (fill.price, fill.ts) == (107, stage.now)


def test_a_touch_with_latency_does_not_fill_inside_the_bar() -> None:
    stage = Stage(latency_ms=1)
    stage.bar(100, 105, 99, 104)
    assert fills(stage.place(buy(touch=(102, True)))) == []
    assert fills(stage.opens(104)) == []
    assert filled(stage.closes(106, 103, 105), "entry").price == 105


def test_a_late_stop_is_held_against_the_whole_bar_and_marked_ambiguous() -> None:
    stage = Stage(latency_ms=250)
    stage.flat_bar()
    stage.place(buy())
    stage.flat_bar()
    stage.place(protective_stop(98))
    stage.opens(100)
    fill = filled(stage.closes(101, 97, 100), "stop")
    assert (fill.price, fill.ambiguous) == (98, True)


@pytest.mark.parametrize(("close", "is_filled"), [(103, True), (101, False)])
def test_a_late_limit_is_held_against_the_close_only(close: float, is_filled: bool) -> None:
    stage = Stage(latency_ms=250)
    stage.flat_bar()
    stage.place(buy())
    stage.flat_bar()
    stage.place(target(102))
    stage.opens(100)
    assert bool(fills(stage.closes(105, 100, close))) is is_filled


def test_a_late_limit_that_the_whole_bar_is_beyond_takes_the_worst_price_of_the_bar() -> None:
    stage = Stage(latency_ms=250)
    stage.flat_bar()
    stage.place(buy())
    stage.flat_bar()
    stage.place(target(90))
    stage.opens(100)
    fill = filled(stage.closes(105, 99, 103), "target")
    assert (fill.price, fill.liquidity) == (99, Liquidity.TAKER)


def test_two_late_exits_close_one_position_once() -> None:
    stage = Stage(latency_ms=250)
    stage.flat_bar()
    stage.place(buy())
    stage.flat_bar()
    stage.place(sell("one", reduce_only=True), sell("two", reduce_only=True))
    assert names(stage.flat_bar()) == [("OrderFilled", "one"), ("OrderCancelled", "two")]


def test_a_gap_through_the_stop_fills_at_the_open() -> None:
    stage = Stage(slippage_bps=10)
    stage.enter()
    stage.place(protective_stop(98))
    stage.closes(100, 100, 100)
    fill = filled(stage.opens(90), "stop")
    assert (fill.price, fill.reference_price, fill.ambiguous) == (Decimal("89.91"), 90, False)


def test_a_stop_at_the_opening_price_counts_as_reached() -> None:
    stage = Stage()
    stage.enter()
    stage.place(protective_stop(98))
    stage.closes(100, 100, 100)
    assert filled(stage.opens(98), "stop").price == 98


def test_a_gap_through_a_limit_fills_at_the_open_as_taker_and_worsened() -> None:
    stage = Stage(slippage_bps=10)
    stage.enter()
    stage.place(target(105))
    stage.closes(100, 100, 100)
    fill = filled(stage.opens(110), "target")
    assert (fill.price, fill.reference_price, fill.liquidity) == (Decimal("109.89"), 110, Liquidity.TAKER)


def test_slippage_never_takes_a_limit_beyond_its_price() -> None:
    stage = Stage(slippage_bps=100)
    stage.enter()
    stage.place(target(105))
    stage.closes(100, 100, 100)
    assert filled(stage.opens(105.5), "target").price == 105


def test_a_stop_on_the_wrong_side_is_triggered_at_once() -> None:
    stage = Stage()
    stage.enter()
    assert filled(stage.place(protective_stop(101)), "stop").price == 100


def test_the_nearest_stop_is_met_first_in_a_gap() -> None:
    stage = Stage()
    stage.enter()
    stage.place(protective_stop(95, name="far", oco_group=""), protective_stop(98, name="near", oco_group=""))
    stage.closes(100, 100, 100)
    assert names(stage.opens(90)) == [("OrderFilled", "near"), ("OrderCancelled", "far")]


def test_a_gap_beyond_the_stop_decides_against_the_target_without_ambiguity() -> None:
    stage = Stage()
    stage.enter()
    stage.place(protective_stop(98), target(102))
    stage.closes(100, 100, 100)
    events = stage.bar(97, 105, 96, 104)
    assert names(events) == [("OrderFilled", "stop"), ("OrderCancelled", "target")]
    assert not filled(events, "stop").ambiguous


def test_a_market_order_buys_at_the_ask_and_sells_at_the_bid() -> None:
    stage = Stage()
    stage.quote(99.5, 100.5, 100)
    assert filled(stage.place(buy()), "entry").price == Decimal("100.50")
    stage.quote(99.6, 100.4, 100)
    assert filled(stage.place(sell("exit", reduce_only=True)), "exit").price == Decimal("99.60")


def test_stops_look_at_the_last_trade_and_fill_at_the_far_side() -> None:
    stage = Stage()
    stage.quote(99.5, 100.5, 100)
    stage.place(buy(), protective_stop(98))
    assert stage.quote(97.5, 98.5, 98.4) == []
    assert filled(stage.quote(97.4, 98.4, 98), "stop").price == Decimal("97.40")


def test_a_stop_never_fills_better_than_its_price_on_a_quote() -> None:
    stage = Stage()
    stage.quote(99.5, 100.5, 100)
    stage.place(buy(), protective_stop(98))
    assert filled(stage.quote(98.5, 98.7, 97.9), "stop").price == 98


def test_without_a_last_trade_the_middle_of_the_quote_triggers_stops() -> None:
    stage = Stage()
    stage.quote(99.5, 100.5)
    stage.place(buy(), protective_stop(98))
    assert stage.quote(97.6, 98.6) == []
    assert filled(stage.quote(97.4, 98.4), "stop").price == Decimal("97.40")


def test_a_resting_limit_fills_at_its_price_when_a_quote_goes_through_it() -> None:
    stage = Stage()
    stage.quote(99.5, 100.5, 100)
    stage.place(buy(), target(102))
    assert stage.quote(101.9, 102.1, 102) == []
    fill = filled(stage.quote(103, 103.2, 103), "target")
    assert (fill.price, fill.liquidity) == (102, Liquidity.MAKER)


def test_a_marketable_limit_takes_the_quote_at_once() -> None:
    stage = Stage()
    stage.quote(99.5, 100.5, 100)
    fill = filled(stage.place(order("entry", Action.BUY, OrderKind.LIMIT, limit_price=105)), "entry")
    assert (fill.price, fill.liquidity) == (Decimal("100.50"), Liquidity.TAKER)


def test_a_bar_that_was_seen_as_quotes_is_not_filled_again() -> None:
    stage = Stage()
    stage.flat_bar()
    begin = stage.now
    stage.quote(99.9, 100.1, 100)
    stage.place(buy(), protective_stop(98))
    bar = BarClosed(begin + MINUTE, "X", begin, 97.0, 101.0, 97.0, 100.0, 10.0)
    assert stage.venue.observe(bar) == []


def test_without_an_opening_event_the_bar_brings_its_own_opening() -> None:
    stage = Stage()
    stage.flat_bar()
    stage.place(buy())
    bar = BarClosed(stage.now + MINUTE, "X", stage.now, 101.0, 103.0, 99.0, 102.0, 10.0)
    fill = filled(stage.venue.observe(bar), "entry")
    assert (fill.price, fill.ts) == (101, stage.now + MINUTE)


def test_an_order_expires_when_its_time_has_come_and_not_before() -> None:
    stage = Stage()
    stage.flat_bar()
    entry = order("entry", Action.BUY, OrderKind.STOP, stop_price=105, expires_at=stage.now + 2 * MINUTE)
    stage.place(entry)
    assert stage.flat_bar() == []
    assert stage.flat_bar() == [OrderExpired(ts=stage.now, client_order_id="entry")]


def test_the_last_bar_of_an_orders_life_still_fills_it() -> None:
    stage = Stage()
    stage.flat_bar()
    stage.place(order("entry", Action.BUY, OrderKind.STOP, stop_price=105, expires_at=stage.now + MINUTE))
    assert filled(stage.bar(100, 106, 99, 104), "entry").price == 105


def test_an_order_that_expires_inside_a_bar_is_not_filled_by_it() -> None:
    stage = Stage()
    stage.flat_bar()
    stage.place(order("entry", Action.BUY, OrderKind.STOP, stop_price=105, expires_at=stage.now + 1))
    assert names(stage.bar(100, 106, 99, 104)) == [("OrderExpired", "entry")]
