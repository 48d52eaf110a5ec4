"""Every open position has a working stop for its whole quantity, or people hear of it until it has."""

from __future__ import annotations

from decimal import Decimal

import pytest
from attrs import evolve

from atlas_core.engine.native import NativeOrders
from atlas_core.model.decisions import Levels, Severity
from atlas_core.model.events import OperatorCommand, OrderRejected, Submit
from atlas_core.model.orders import OrderRole
from atlas_core.model.portfolio import Position
from atlas_core.model.records import (
    AlertRaised,
    ComponentFailed,
    LevelsSet,
    OrderIntended,
    PositionChanged,
    PositionClosed,
    PositionOpened,
    ProtectionChanged,
)
from tests.engine_bench import FREE, AfterBars, Bench, FixedSize, SignalLevels


class FollowTheHigh:
    """An exit rule whose stop stands one below the highest price (and would fall back with it)."""

    def on_market(self, position: Position, market: object) -> None:
        return None

    def levels(self, position: Position) -> Levels:
        return Levels(stop=position.last_price - 1)


def entered(price: float = 100.0, stop: float = 98.0, target: float | None = 104.0, **options: object) -> Bench:
    bench = Bench(**options)
    bench.flat(price)
    bench.signal(trigger=price, stop=stop, **({} if target is None else {"target": target}))
    bench.bar(price, price, price, price)
    return bench


def stops(bench: Bench) -> list[OrderIntended]:
    return [order for order in bench.of(OrderIntended) if order.role is OrderRole.STOP]


def test_a_stop_and_a_target_work_from_the_entry_on() -> None:
    bench = entered()
    roles = {track.intent.role: track.intent for track in bench.engine.state.working_orders("X")}
    assert roles[OrderRole.STOP].stop_price == Decimal("98.0")
    assert roles[OrderRole.TARGET].limit_price == Decimal("104.0")
    assert all(intent.reduce_only and intent.quantity == Decimal("1.00") for intent in roles.values())


def test_a_stop_that_fills_withdraws_the_target() -> None:
    bench = entered()
    bench.bar(100.0, 100.0, 97.0, 97.5)
    assert bench.one(PositionClosed).exit_price == Decimal("98.0")
    assert not bench.engine.state.orders


def test_a_gap_through_the_stop_fills_at_the_open() -> None:
    bench = entered()
    bench.bar(95.0, 96.0, 94.0, 95.0)
    assert bench.one(PositionClosed).exit_price == Decimal("95.0")


def test_a_stop_only_moves_towards_the_price() -> None:
    bench = entered(exits=[("follow", FollowTheHigh())], target=None)
    for price in (101.0, 103.0, 102.5):
        bench.flat(price)
    assert [levels.stop for levels in bench.of(LevelsSet)] == [Decimal(99), Decimal("100.0"), Decimal("102.0")]


def test_a_moved_stop_replaces_the_old_one() -> None:
    bench = entered(exits=[("follow", FollowTheHigh())], target=None)
    bench.flat(103.0)
    working = bench.engine.state.working_orders("X")
    assert [track.intent.stop_price for track in working] == [Decimal("102.0")]
    assert [order.attempt for order in stops(bench)] == [1, 2]


def test_the_stop_grows_and_shrinks_with_the_position() -> None:
    thin = evolve(FREE, max_volume_participation_pct=Decimal(10))
    bench = Bench(sizer=FixedSize("3"), costs=thin)
    bench.bar(100.0, 100.0, 100.0, 100.0, volume=20)
    bench.signal(trigger=100.0, stop=98.0, target=104.0)
    for _ in range(2):
        bench.bar(100.0, 100.0, 100.0, 100.0, volume=20)
        position = bench.engine.state.positions["X"]
        working = [t.intent for t in bench.engine.state.working_orders("X") if t.intent.role is OrderRole.STOP]
        assert [order.quantity for order in working] == [position.quantity]
    assert bench.one(PositionOpened).quantity == Decimal("2.00")
    assert bench.of(PositionChanged)[-1].quantity == Decimal("3.00")


def test_a_rejected_stop_raises_a_critical_alert_and_is_tried_again_until_it_holds() -> None:
    bench = Bench()
    bench.lost = lambda command: isinstance(command, Submit) and command.order.role is OrderRole.STOP
    bench.flat(100.0)
    bench.signal(trigger=100.0, stop=98.0, target=104.0)
    bench.flat(100.0)
    bench.feed(OrderRejected(ts=bench.now, client_order_id=stops(bench)[-1].client_order_id, reason="no"))
    assert not bench.engine.state.positions["X"].is_protected
    assert Severity.CRITICAL in {alert.severity for alert in bench.of(AlertRaised)}
    bench.lost = lambda command: False
    bench.flat(100.0)
    assert bench.engine.state.positions["X"].is_protected
    assert [change.protected for change in bench.of(ProtectionChanged)] == [False, True]
    assert [order.attempt for order in stops(bench)] == [1, 2]


def test_a_broker_without_stop_orders_gets_an_emulated_stop() -> None:
    bench = entered(native=NativeOrders(stop=False, limit=False))
    assert not bench.engine.state.working_orders("X")
    assert bench.engine.state.positions["X"].is_protected
    bench.bar(100.0, 100.0, 97.0, 97.5)
    bench.bar(97.4, 97.4, 97.4, 97.4)
    closed = bench.one(PositionClosed)
    assert (closed.exit_price, closed.rule, closed.reason) == (Decimal("97.4"), "levels", "stop 98.0 reached")


class TwoPercent:
    """An exit rule with a stop two percent below the entry."""

    def on_market(self, position: Position, market: object) -> None:
        return None

    def levels(self, position: Position) -> Levels:
        return Levels(stop=position.entry_price * Decimal("0.98"))


def test_an_emulated_stop_of_an_entry_at_the_open_does_not_look_at_the_close_before() -> None:
    bench = Bench(native=NativeOrders(stop=False), exits=[("pct", TwoPercent())])
    bench.flat(96.0)
    bench.signal(trigger=96.0)
    bench.bar(100.0, 101.0, 99.0, 100.0)
    assert bench.engine.state.positions["X"].stop == Decimal("98.0")
    assert not bench.of(PositionClosed)
    assert not bench.engine.state.positions["X"].exit_order


def test_of_an_emulated_stop_and_target_in_one_bar_the_stop_counts() -> None:
    bench = entered(native=NativeOrders(stop=False, limit=False))
    bench.bar(100.0, 105.0, 97.0, 104.0)
    bench.flat(104.0)
    assert bench.one(PositionClosed).reason == "stop 98.0 reached"


def test_while_an_exit_is_on_its_way_the_stop_stays() -> None:
    bench = entered(exits=[("levels", SignalLevels()), ("bars", AfterBars(1))])
    working = {track.intent.role for track in bench.engine.state.working_orders("X")}
    assert working == {OrderRole.STOP, OrderRole.TARGET, OrderRole.EXIT}


def test_a_person_can_close_a_position() -> None:
    bench = entered()
    bench.feed(OperatorCommand(bench.now, "close", "anna", {"symbol": "X", "reason": "enough"}))
    bench.bar(101.0, 101.0, 101.0, 101.0)
    closed = bench.one(PositionClosed)
    assert (closed.rule, closed.reason, closed.net) == ("anna", "enough", Decimal("1.00"))
    assert not bench.engine.state.orders


class BetweenTicks:
    """An exit rule that does not know the tick."""

    def on_market(self, position: Position, market: object) -> None:
        return None

    def levels(self, position: Position) -> Levels:
        return Levels(stop=position.entry_price - Decimal("1.234"), target=position.entry_price + Decimal("1.234"))


def test_levels_between_ticks_are_rounded_in_the_direction_of_the_profit() -> None:
    bench = entered(exits=[("odd", BetweenTicks())], target=None)
    levels = bench.one(LevelsSet)
    assert (levels.stop, levels.target) == (Decimal("98.8"), Decimal("101.3"))


class Nonsense:
    """An exit rule that answers nonsense."""

    def __init__(self, levels: object) -> None:
        self.answer = levels

    def on_market(self, position: Position, market: object) -> None:
        return None

    def levels(self, position: Position) -> Levels:
        return self.answer  # type: ignore[return-value]


@pytest.mark.parametrize("answer", [None, Levels(stop=Decimal("NaN")), Levels(stop=Decimal(-1)), "98"])
def test_levels_that_are_no_prices_are_a_failure_and_the_other_rules_hold(answer: object) -> None:
    bench = entered(exits=[("broken", Nonsense(answer)), ("levels", SignalLevels())])
    assert bench.engine.state.positions["X"].stop == Decimal("98.0")
    assert bench.of(ComponentFailed)
