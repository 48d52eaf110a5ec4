"""Linked and reduce-only orders, partial fills by volume, and the identity of orders."""

from __future__ import annotations

from decimal import Decimal

from attrs import evolve

from atlas_core.model.events import OrderAccepted, OrderCancelled, OrderRejected
from atlas_core.model.orders import Action, OrderKind
from tests.unit.simulation_scene import Stage, buy, filled, fills, names, order, protective_stop, sell, target


def test_a_filled_target_cancels_its_linked_stop() -> None:
    stage = Stage()
    stage.enter()
    stage.place(protective_stop(98), target(102))
    events = stage.closes(103, 99, 102)
    assert names(events) == [("OrderFilled", "target"), ("OrderCancelled", "stop")]
    assert stage.held == 0


def test_a_filled_entry_cancels_the_other_entry_of_its_group() -> None:
    stage = Stage()
    stage.flat_bar()
    stage.place(
        order("up", Action.BUY, OrderKind.STOP, stop_price=102, oco_group="straddle"),
        order("down", Action.SELL, OrderKind.STOP, stop_price=98, oco_group="straddle"),
    )
    assert names(stage.bar(100, 103, 99, 102)) == [("OrderFilled", "up"), ("OrderCancelled", "down")]


def test_a_linked_order_gives_up_what_its_sibling_has_filled() -> None:
    stage = Stage(max_volume_participation_pct=10)
    stage.enter(quantity=10)
    stage.place(protective_stop(98, 10), target(102, 10))
    stage.closes(101, 99, 100)
    assert filled(stage.bar(100, 103, 99, 102, volume=40), "target").cumulative_quantity == 4
    events = stage.bar(100, 101, 97, 98)
    assert filled(events, "stop").cumulative_quantity == 6
    assert ("OrderCancelled", "stop") in names(events)
    assert stage.held == 0


def test_a_whole_fill_cancels_its_sibling_although_more_is_held() -> None:
    stage = Stage()
    stage.enter(quantity=5)
    stage.place(protective_stop(98, 2), target(102, 2))
    events = stage.closes(103, 99, 102)
    assert names(events) == [("OrderFilled", "target"), ("OrderCancelled", "stop")]
    assert stage.held == 3


def test_a_reduce_only_order_is_clipped_to_the_position_and_ends_when_it_is_flat() -> None:
    stage = Stage()
    stage.enter(quantity=2)
    stage.place(protective_stop(98, 5))
    events = stage.closes(100, 97, 97)
    assert names(events) == [("OrderFilled", "stop"), ("OrderCancelled", "stop")]
    assert filled(events, "stop").cumulative_quantity == 2
    assert stage.held == 0


def test_a_reduce_only_order_without_a_position_is_cancelled_and_not_rejected() -> None:
    stage = Stage()
    stage.flat_bar()
    accepted, cancelled = stage.place(protective_stop(98))
    assert isinstance(accepted, OrderAccepted)
    assert isinstance(cancelled, OrderCancelled)
    assert cancelled.reason == "reduce-only: there is no position to reduce"


def test_closing_by_hand_cancels_what_protected_the_position() -> None:
    stage = Stage()
    stage.enter()
    stage.place(protective_stop(98), target(102))
    stage.closes(100, 100, 100)
    stage.place(sell("exit", reduce_only=True))
    assert names(stage.opens(100)) == [
        ("OrderFilled", "exit"),
        ("OrderCancelled", "stop"),
        ("OrderCancelled", "target"),
    ]


def test_all_orders_of_a_bar_share_its_volume() -> None:
    stage = Stage(max_volume_participation_pct=10)
    stage.flat_bar(volume=1_000)
    stage.place(
        order("first", Action.BUY, OrderKind.STOP, 3, stop_price=101, signal_key="a"),
        order("second", Action.BUY, OrderKind.STOP, 5, stop_price=102, signal_key="b"),
    )
    events = stage.bar(100, 103, 99, 102, volume=50)
    assert [(fill.client_order_id, fill.cumulative_quantity) for fill in fills(events)] == [("first", 3), ("second", 2)]


def test_what_a_market_order_could_not_get_fills_at_the_next_opening() -> None:
    stage = Stage(max_volume_participation_pct=10)
    stage.flat_bar(volume=40)
    stage.place(buy(quantity=6))
    assert filled(stage.opens(100), "entry").cumulative_quantity == 4
    assert stage.closes(100, 100, 100, volume=100) == []
    fill = filled(stage.opens(103), "entry")
    assert (fill.cumulative_quantity, fill.price, fill.reference_price) == (6, 101, 103)


def test_at_the_opening_the_volume_of_the_bar_before_counts() -> None:
    stage = Stage(max_volume_participation_pct=10)
    stage.flat_bar(volume=20)
    stage.place(buy(quantity=6))
    assert filled(stage.opens(100), "entry").cumulative_quantity == 2


def test_what_was_taken_at_the_opening_is_not_offered_again_inside_the_bar() -> None:
    stage = Stage(max_volume_participation_pct=10)
    stage.flat_bar(volume=40)
    stage.place(buy(quantity=4), order("more", Action.BUY, OrderKind.STOP, 4, stop_price=101))
    stage.opens(100)
    assert filled(stage.closes(102, 100, 101, volume=60), "more").cumulative_quantity == 2


def test_before_any_volume_is_known_nothing_is_offered() -> None:
    stage = Stage(max_volume_participation_pct=10)
    stage.opens(100)
    assert fills(stage.place(buy())) == []


def test_a_stop_that_finds_too_little_volume_goes_on_at_the_next_opening() -> None:
    stage = Stage(max_volume_participation_pct=10)
    stage.enter(quantity=10)
    stage.closes(100, 100, 100, volume=1_000)
    stage.place(protective_stop(98, 10))
    assert filled(stage.bar(100, 100, 97, 99, volume=60), "stop").cumulative_quantity == 6
    fill = filled(stage.opens(99.5), "stop")
    assert (fill.cumulative_quantity, fill.price) == (10, (6 * Decimal(98) + 4 * Decimal("99.5")) / 10)


def test_averages_are_not_rounded_to_the_tick() -> None:
    stage = Stage(max_volume_participation_pct=10)
    stage.flat_bar(volume=20)
    stage.place(buy(quantity=3))
    stage.flat_bar(100)
    fill = filled(stage.opens(100.01), "entry")
    assert fill.price == (2 * Decimal(100) + Decimal("100.01")) / 3


def test_an_order_placed_twice_is_one_order_and_tells_its_state() -> None:
    stage = Stage()
    stage.flat_bar()
    first = stage.place(buy())
    assert stage.place(buy()) == first
    fill = stage.opens(100)
    assert stage.place(evolve(buy(), quantity=Decimal(7))) == [*first, *fill]
    assert stage.held == 1


def test_a_rejected_order_placed_again_stays_rejected() -> None:
    stage = Stage()
    rejected = stage.place(buy())
    assert isinstance(rejected[0], OrderRejected)
    stage.flat_bar()
    assert stage.place(buy()) == rejected


def test_a_withdrawn_order_is_gone() -> None:
    stage = Stage()
    stage.enter()
    stage.place(protective_stop(98))
    (event,) = stage.venue.withdraw("stop", stage.now)
    assert isinstance(event, OrderCancelled)
    assert stage.venue.withdraw("stop", stage.now + 1) == (event,)
    assert stage.closes(100, 90, 90) == []


def test_withdrawing_a_filled_order_changes_nothing_and_says_nothing() -> None:
    stage = Stage()
    stage.enter()
    assert list(stage.venue.withdraw("entry", stage.now)) == []
    assert stage.held == 1


def test_withdrawing_an_order_that_was_never_seen_says_that_it_is_not_there() -> None:
    (event,) = Stage().venue.withdraw("nobody", 5)
    assert event == OrderCancelled(ts=5, client_order_id="nobody", reason="the venue has no such order")
