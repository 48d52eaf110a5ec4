"""What the venue refuses, the margin that it binds, and the forced close."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve

from atlas_core.errors import NotFound
from atlas_core.model.events import OrderCancelled, OrderRejected, PositionLiquidated
from atlas_core.model.instrument import InstrumentKind
from atlas_core.model.orders import Action, Order, OrderKind
from tests.unit.simulation_scene import Stage, buy, filled, instrument, names, order, protective_stop, sell, target


def limit(price: Any, quantity: Any = 1, **settings: Any) -> Order:
    return order("entry", Action.BUY, OrderKind.LIMIT, quantity, limit_price=price, **settings)


@pytest.mark.parametrize(
    ("refused", "reason"),
    [
        (buy(symbol="Y"), "symbol: expected one of the venue's instruments, was Y"),
        (buy(quantity=0), "quantity: expected a multiple of the lot 0.01 above 0, was 0"),
        (buy(quantity=-1), "quantity: expected a multiple of the lot 0.01 above 0, was -1"),
        (buy(quantity="NaN"), "quantity: expected a multiple of the lot 0.01 above 0, was NaN"),
        (buy(quantity="0.005"), "quantity: expected a multiple of the lot 0.01 above 0, was 0.005"),
        (limit("99.995"), "limit_price: expected a multiple of the tick 0.01 above 0, was 99.995"),
        (limit("-5"), "limit_price: expected a multiple of the tick 0.01 above 0, was -5"),
        (order("entry", Action.BUY, OrderKind.STOP), "stop_price: expected a price for a stop order, was none"),
        (
            order("entry", Action.BUY, OrderKind.STOP_LIMIT, stop_price=101),
            "limit_price: expected a price for a stop-limit order, was none",
        ),
        (
            order("entry", Action.BUY, OrderKind.TRAILING_STOP),
            "trail_offset: expected a price for a trailing-stop order, was none",
        ),
        (buy(leverage=101), "leverage: expected 1 to 100 for X, was 101"),
        (buy(leverage="0.5"), "leverage: expected 1 to 100 for X, was 0.5"),
        (limit(4), "notional: expected at least 5, was 4"),
        (buy(quantity=10, leverage=100, symbol="X"), None),
        (buy(quantity=20_000), "margin and fee: expected at most the 1000000 available, was 2000000"),
    ],
)
def test_the_venue_says_what_it_expected_and_what_was(refused: Order, reason: str | None) -> None:
    stage = Stage(of=instrument(min_notional=Decimal(5)))
    stage.flat_bar()
    (event,) = stage.place(refused)
    assert (event.reason if isinstance(event, OrderRejected) else None) == reason


def test_a_market_order_before_the_first_price_is_refused() -> None:
    (event,) = Stage().place(buy())
    assert isinstance(event, OrderRejected)
    assert event.reason == "market: expected a price of X to have been seen before the order, was none"


def test_an_exit_below_the_minimum_notional_is_allowed() -> None:
    stage = Stage(of=instrument(min_notional=Decimal(150)))
    stage.enter(quantity=2)
    stage.place(sell("part", 1, reduce_only=True))
    stage.closes(100, 100, 100)
    assert stage.held == 1


def test_spot_cannot_be_sold_short() -> None:
    stage = Stage(of=instrument(kind=InstrumentKind.SPOT))
    stage.flat_bar()
    (event,) = stage.place(sell())
    assert isinstance(event, OrderRejected)
    assert event.reason == "quantity: expected to sell at most the 0 held of X, was 1"


def test_two_sales_of_the_same_spot_never_go_below_nothing() -> None:
    stage = Stage(of=instrument(kind=InstrumentKind.SPOT))
    stage.enter()
    stage.closes(100, 100, 100)
    stage.place(sell("one"), sell("two"))
    assert names(stage.opens(100)) == [("OrderFilled", "one"), ("OrderCancelled", "two")]
    assert stage.held == 0


def test_spot_may_be_sold_short_where_the_options_allow_it() -> None:
    stage = Stage(of=instrument(kind=InstrumentKind.SPOT), allow_spot_shorts=True)
    stage.flat_bar()
    stage.place(sell())
    stage.opens(100)
    assert stage.held == -1


def test_a_position_binds_its_notional_divided_by_its_leverage() -> None:
    stage = Stage(cash=1_000)
    stage.enter(quantity=20, leverage=10)
    account = stage.venue.account()
    assert (account.margin_used, account.available, account.exposure) == (200, 800, 2_000)


def test_open_losses_bind_money_and_open_profits_do_not_free_any() -> None:
    stage = Stage(cash=1_000)
    stage.enter(quantity=20, leverage=10)
    stage.closes(100, 95, 95)
    assert stage.venue.account().available == 700
    stage.bar(95, 120, 95, 120)
    assert stage.venue.account().available == 800


def test_a_working_entry_reserves_its_margin_until_it_is_gone() -> None:
    stage = Stage(cash=1_000)
    stage.flat_bar()
    stage.place(limit(90, 10))
    assert stage.venue.account().available == 100
    (event,) = stage.place(order("second", Action.BUY, OrderKind.LIMIT, 2, limit_price=90))
    assert isinstance(event, OrderRejected)
    stage.venue.withdraw("entry", stage.now)
    assert stage.venue.account().available == 1_000


def test_margin_and_fee_together_must_be_available() -> None:
    stage = Stage(cash=1_000, taker_fee_bps=10)
    stage.flat_bar()
    (event,) = stage.place(buy(quantity=10))
    assert isinstance(event, OrderRejected)
    assert event.reason == "margin and fee: expected at most the 1000 available, was 1001"


def test_an_entry_that_gaps_beyond_the_money_is_cancelled_at_its_fill() -> None:
    stage = Stage(cash=1_000)
    stage.flat_bar()
    stage.place(buy(quantity=10))
    (event,) = stage.opens(101)
    assert isinstance(event, OrderCancelled)
    assert event.reason == "margin and fee at the fill: expected at most the 1000 available, was 1010"
    assert stage.held == 0


def test_a_reversal_reserves_only_what_it_opens() -> None:
    stage = Stage(cash=1_000)
    stage.enter(quantity=5)
    stage.closes(100, 100, 100)
    stage.place(sell("reverse", 8))
    assert stage.venue.account().margin_used == 500 + 300
    stage.opens(100)
    assert stage.held == -3
    assert stage.venue.account().margin_used == 300


def test_leverage_beyond_the_maintenance_margin_is_refused() -> None:
    stage = Stage(of=instrument(maintenance_margin_pct=Decimal(5)))
    stage.flat_bar()
    (event,) = stage.place(buy(leverage=20))
    assert isinstance(event, OrderRejected)
    assert event.reason == "leverage: expected an initial margin above the maintenance margin of 5 %, was 5 %"


# The forced close: entry * (1 -/+ (1/L - m))


@pytest.mark.parametrize(
    ("action", "leverage", "maintenance", "expected"),
    [
        (Action.BUY, 10, 5, "95.00"),
        (Action.SELL, 10, 5, "105.00"),
        (Action.BUY, 3, 0, "66.67"),
        (Action.SELL, 3, 0, "133.33"),
        (Action.SELL, 1, 0, "200.00"),
        (Action.BUY, 1, 5, None),
    ],
)
def test_the_liquidation_price_follows_from_leverage_and_maintenance_margin(
    action: Action, leverage: int, maintenance: int, expected: str | None
) -> None:
    stage = Stage(of=instrument(maintenance_margin_pct=Decimal(maintenance)))
    stage.enter(action=action, leverage=leverage)
    position = stage.venue.position("X")
    assert position is not None
    assert position.liquidation_price == (None if expected is None else Decimal(expected))


def test_a_position_is_liquidated_inside_a_bar_at_the_liquidation_price() -> None:
    stage = Stage(of=instrument(maintenance_margin_pct=Decimal(5)), liquidation_fee_bps=10)
    stage.enter(quantity=2, leverage=10)
    (event,) = stage.closes(100, 90, 99)
    assert event == PositionLiquidated(
        ts=stage.now, symbol="X", quantity=Decimal(2), price=Decimal(95), fee=Decimal("0.19")
    )
    assert stage.venue.account().cash == 1_000_000 - 10 - Decimal("0.19")
    assert stage.held == 0


def test_a_liquidation_cancels_every_order_of_the_symbol() -> None:
    stage = Stage(of=instrument(maintenance_margin_pct=Decimal(5)))
    stage.enter(leverage=10)
    stage.place(protective_stop(94), target(110), evolve(limit(80), client_order_id="more"))
    events = stage.closes(100, 90, 99)
    assert names(events) == [
        ("PositionLiquidated", "X"),
        ("OrderCancelled", "stop"),
        ("OrderCancelled", "target"),
        ("OrderCancelled", "more"),
    ]


def test_a_stop_before_the_liquidation_price_comes_first() -> None:
    stage = Stage(of=instrument(maintenance_margin_pct=Decimal(5)))
    stage.enter(leverage=10)
    stage.place(protective_stop(96))
    assert names(stage.closes(100, 90, 99)) == [("OrderFilled", "stop")]


def test_a_short_is_liquidated_above_its_entry() -> None:
    stage = Stage(of=instrument(maintenance_margin_pct=Decimal(5)))
    stage.enter(action=Action.SELL, leverage=10)
    (event,) = stage.closes(106, 99, 100)
    assert isinstance(event, PositionLiquidated)
    assert event.price == 105


def test_a_gap_beyond_the_liquidation_price_costs_the_whole_gap_and_the_whole_fee() -> None:
    stage = Stage(of=instrument(), liquidation_fee_bps=100)
    stage.enter(leverage=10)
    stage.closes(100, 95, 95)
    (event,) = stage.opens(80)
    assert event == PositionLiquidated(
        ts=stage.now, symbol="X", quantity=Decimal(1), price=Decimal(80), fee=Decimal("0.8")
    )
    assert stage.venue.account().cash == 1_000_000 - 20 - Decimal("0.8")


def test_without_a_gap_the_fee_is_taken_from_what_is_left_of_the_margin() -> None:
    stage = Stage(liquidation_fee_bps=100)
    stage.enter(leverage=10)
    (event,) = stage.closes(100, 89, 95)
    assert isinstance(event, PositionLiquidated)
    assert (event.price, event.fee) == (90, 0)
    assert stage.venue.account().cash == 1_000_000 - 10


def test_an_unprotected_entry_inside_a_bar_that_reached_its_liquidation_price_is_closed_after_it() -> None:
    stage = Stage(of=instrument(maintenance_margin_pct=Decimal(5)))
    stage.bar(100, 103, 90, 102)
    stage.place(buy(touch=(102, True), leverage=10))
    assert stage.held == 1
    (event,) = stage.opens(102)
    assert isinstance(event, PositionLiquidated)
    assert event.price == Decimal("96.90")


def test_quotes_liquidate_too() -> None:
    stage = Stage(of=instrument(maintenance_margin_pct=Decimal(5)))
    stage.quote(99.9, 100, 100)
    stage.place(buy(leverage=10))
    (event,) = stage.quote(94.9, 95, 95)
    assert isinstance(event, PositionLiquidated)
    assert event.price == Decimal("94.90")


def test_asking_for_an_unknown_symbol_is_an_error_and_a_flat_one_is_none() -> None:
    stage = Stage()
    assert stage.venue.position("X") is None
    with pytest.raises(NotFound, match="was Y"):
        stage.venue.position("Y")


def test_partial_closing_frees_its_share_of_the_margin() -> None:
    stage = Stage()
    stage.enter(quantity=4, leverage=10)
    stage.closes(100, 100, 100)
    stage.place(sell("part", 1, reduce_only=True))
    assert filled(stage.opens(100), "part").cumulative_quantity == 1
    assert stage.venue.account().margin_used == 30
