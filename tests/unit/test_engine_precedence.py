"""Which exit comes first: protection before profit, what was reached before what is decided, the first of the profile.

And a maintenance window: in it nothing is entered, and everything that is open is looked after.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from atlas_core.engine.native import NativeOrders
from atlas_core.engine.ports import Rules
from atlas_core.model.decisions import Exit, Levels, Severity
from atlas_core.model.events import Command, OrderRejected, Submit
from atlas_core.model.orders import OrderRole
from atlas_core.model.portfolio import Position
from atlas_core.model.records import AlertRaised, ExitDecided, PositionClosed, VerdictReached
from atlas_core.model.timeframe import MINUTE
from tests.engine_bench import START, Bench, SignalLevels


class OnlyTarget:
    """An exit rule with the signal's target."""

    def on_market(self, position: Position, market: object) -> Exit | None:
        return None

    def levels(self, position: Position) -> Levels:
        return Levels(target=position.signal.target)


class OnlyStop(OnlyTarget):
    """An exit rule with the signal's stop."""

    def levels(self, position: Position) -> Levels:
        return Levels(stop=position.signal.stop)


class Always:
    """An exit rule that closes at once, under a reason of its own."""

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def on_market(self, position: Position, market: object) -> Exit | None:
        return Exit(self.reason)


def entered(**options: object) -> Bench:
    bench = Bench(**options)
    bench.flat(100.0)
    bench.signal(trigger=100.0, stop=98.0, target=104.0)
    bench.flat(100.0)
    return bench


TARGET_FIRST = [("target", OnlyTarget()), ("stop", OnlyStop())]


@pytest.mark.parametrize("native", [NativeOrders(), NativeOrders(stop=False, limit=False)], ids=["orders", "watched"])
def test_a_bar_that_reached_both_is_a_loss_whatever_the_order_of_the_profile(native: NativeOrders) -> None:
    bench = entered(exits=TARGET_FIRST, native=native)
    bench.bar(100.0, 105.0, 97.0, 104.5)
    bench.flat(104.5)
    closed = bench.one(PositionClosed)
    assert closed.rule == "stop"


def test_a_stop_that_was_reached_in_a_bar_comes_before_what_is_decided_at_its_close() -> None:
    bench = entered(exits=[("deadline", _AfterEntry("deadline")), *TARGET_FIRST])
    bench.bar(100.0, 100.0, 97.0, 97.5)
    assert bench.one(PositionClosed).rule == "stop"
    assert not bench.of(ExitDecided)


def test_a_target_that_was_reached_in_a_bar_comes_before_what_is_decided_at_its_close() -> None:
    bench = entered(exits=[("deadline", _AfterEntry("deadline")), *TARGET_FIRST])
    bench.bar(100.0, 105.0, 100.0, 101.0)
    assert bench.one(PositionClosed).rule == "target"


def test_of_the_rules_that_close_at_one_moment_the_first_acts_and_all_are_recorded() -> None:
    rules = [("stop", SignalLevels()), ("deadline", Always("too late")), ("flip", Always("turned"))]
    bench = entered(exits=rules)
    bench.flat(100.0)
    decided = [(record.rule, record.acted) for record in bench.of(ExitDecided)]
    assert decided == [("deadline", True), ("flip", False)]
    assert (bench.one(PositionClosed).rule, bench.one(PositionClosed).reason) == ("deadline", "too late")


class _AfterEntry(Always):
    """An exit rule that closes from the second bar on."""

    def on_market(self, position: Position, market: object) -> Exit | None:
        return Exit(self.reason) if position.bars_held > 1 else None


class Window:
    """A maintenance window that a test opens and closes."""

    def __init__(self) -> None:
        self.first = self.last = 0

    def __call__(self, now: int) -> bool:
        return self.first <= now < self.last


def in_a_window(minutes: int, **options: object) -> Bench:
    """Return a bench with a position, in a window of some minutes from now."""
    window = Window()
    bench = entered(rules=Rules(max_positions=5, is_market_closed=window), **options)
    window.first, window.last = bench.now, bench.now + minutes * MINUTE
    return bench


def test_in_a_maintenance_window_nothing_is_entered_and_the_reason_is_told() -> None:
    bench = in_a_window(2)
    bench.signal(trigger=100.0, stop=98.0, target=104.0, setup_at=START - MINUTE)
    assert [(v.by, v.reason) for v in bench.of(VerdictReached)] == [
        ("limit market_closed", "inside a maintenance window")
    ]


def test_in_a_maintenance_window_stops_go_on_working() -> None:
    bench = in_a_window(5)
    bench.bar(100.0, 100.0, 97.0, 97.5)
    assert bench.one(PositionClosed).reason == "stop 98.0 reached"


def test_in_a_maintenance_window_a_stop_that_cannot_be_kept_alarms_and_is_tried_again() -> None:
    bench = in_a_window(3, exits=[("follow", _Following())])
    down = True

    def refuses(command: Command) -> bool:
        return down and isinstance(command, Submit) and command.order.role is OrderRole.STOP

    bench.lost = refuses
    bench.flat(101.0)  # the stop shall follow, and the venue that is down takes none
    order = next(c.order for c in reversed(bench.commands) if refuses(c))
    bench.feed(OrderRejected(ts=bench.now, client_order_id=order.client_order_id, reason="maintenance"))
    alarms = [alert for alert in bench.of(AlertRaised) if alert.title == "Position without protection"]
    assert [alarm.severity for alarm in alarms] == [Severity.CRITICAL]
    down = False
    bench.flat(101.0)
    assert bench.engine.state.positions["X"].is_protected
    assert bench.engine.state.positions["X"].stop == Decimal(100)


class _Following:
    """An exit rule whose stop stands one below the last price."""

    def on_market(self, position: Position, market: object) -> Exit | None:
        return None

    def levels(self, position: Position) -> Levels:
        return Levels(stop=position.last_price - 1)
