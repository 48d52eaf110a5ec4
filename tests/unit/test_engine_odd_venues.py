"""What an engine makes of answers and of restarts that whole sessions in virtual time do not bring about."""

from __future__ import annotations

from decimal import Decimal

import pytest

from atlas_core.errors import ProfileError
from atlas_core.model.events import (
    Cancel,
    FundingCharged,
    OperatorCommand,
    OrderAccepted,
    OrderRejected,
    Tick,
)
from atlas_core.model.orders import OrderRole, OrderStatus
from atlas_core.model.records import FundingBooked, VerdictReached
from atlas_core.model.timeframe import SECOND
from tests.unit.test_engine_late_truth import Scene
from tests.unit.test_engine_over_closed import entered_in_part, restarted, sent_in, told


def refuse(scene: Scene, name: str, how: str) -> None:
    """Let the venue refuse an order that it had acknowledged."""
    scene.feed(OrderAccepted(ts=scene.ts, client_order_id=name))
    if how == "event":
        scene.feed(OrderRejected(ts=scene.ts, client_order_id=name, reason="not allowed now"))
    else:
        scene.report(name, OrderStatus.REJECTED)


def close(scene: Scene) -> None:
    scene.feed(OperatorCommand(scene.ts, "close", "anna", {"symbol": "X"}))


both_ways = pytest.mark.parametrize("how", ["event", "report"])


@both_ways
def test_an_exit_that_is_refused_after_it_was_acknowledged_keeps_no_later_one_from_leaving(how: str) -> None:
    scene = Scene()
    scene.entered()
    close(scene)
    refused = scene.order(OrderRole.EXIT)
    refuse(scene, refused, how)
    close(scene)
    assert scene.order(OrderRole.EXIT) != refused


@both_ways
def test_a_stop_that_is_refused_after_it_was_acknowledged_protects_nothing_and_is_placed_anew(how: str) -> None:
    scene = Scene()
    stop = scene.entered()
    refuse(scene, stop, how)
    assert "Position without protection" in scene.alarms()
    scene.wait(5)
    assert scene.order(OrderRole.STOP) != stop


@both_ways
def test_an_entry_that_is_refused_after_it_was_acknowledged_ends_its_signal(how: str) -> None:
    scene = Scene()
    scene.signal()
    refuse(scene, scene.order(OrderRole.ENTRY), how)
    assert [verdict.outcome for verdict in scene.found(VerdictReached)] == ["rejected"]


def test_an_order_that_is_told_as_refused_and_has_filled_in_part_is_over_and_its_fill_counts() -> None:
    scene = Scene()
    stop = scene.entered()
    scene.report(stop, OrderStatus.REJECTED, filled="0.4")
    assert scene.engine.state.positions["X"].quantity == Decimal("0.6")
    assert scene.sent[-1].order.quantity == Decimal("0.6")
    assert scene.order(OrderRole.STOP) != stop


def test_what_filled_counts_also_in_a_state_that_nobody_knows() -> None:
    scene = Scene()
    scene.report(scene.entered(), OrderStatus.UNKNOWN, filled="1")
    assert scene.engine.state.positions == {}


def test_a_session_does_not_begin_without_a_symbol_in_which_something_is_open() -> None:
    scene, without = Scene(), Scene()
    scene.entered()
    without.engine.state.instruments.clear()
    with pytest.raises(ProfileError, match="was without X; put it back"):
        without.engine.restore(scene.records)


def test_funding_that_is_told_again_is_booked_once() -> None:
    scene = Scene()
    scene.entered()
    charges = [FundingCharged(ts=scene.ts + n, symbol="X", rate=Decimal(0), amount=Decimal(1)) for n in (1, 2)]
    for charge in (*charges, *charges):
        scene.feed(charge)
    again = Scene()
    again.engine.restore(scene.records)
    again.feed(charges[-1])
    assert len(scene.found(FundingBooked)) == 2
    assert again.found(FundingBooked) == []


def test_the_rest_of_an_entry_whose_trade_is_over_is_withdrawn_again_after_a_restart() -> None:
    scene, entry, stop = entered_in_part()
    assert Cancel(entry) in told(scene, stop, "2", "95")
    restarted(scene)
    assert Cancel(entry) in scene.feed(Tick(scene.ts))


def test_the_rest_of_an_entry_is_withdrawn_again_after_a_restart_while_an_exit_is_on_its_way() -> None:
    scene, entry, _ = entered_in_part()
    close(scene)
    restarted(scene)
    assert Cancel(entry) in scene.feed(Tick(scene.ts))


def test_the_rest_of_an_entry_whose_trade_goes_on_is_left_alone_by_a_restart() -> None:
    scene, entry, _ = entered_in_part()
    restarted(scene)
    assert Cancel(entry) not in scene.feed(Tick(scene.ts))


def test_an_entry_that_a_stop_of_entries_withdrew_is_withdrawn_again_after_a_restart() -> None:
    scene, entry, _ = entered_in_part()
    assert Cancel(entry) in scene.feed(OperatorCommand(scene.ts, "halt", "anna", {}))
    restarted(scene)
    assert Cancel(entry) in scene.feed(Tick(scene.ts))


def flatten(scene: Scene) -> None:
    scene.feed(OperatorCommand(scene.ts, "wind-down", "anna", {"reason": "flat", "close_positions": True}))


@pytest.mark.parametrize("is_restarted", [False, True], ids=["same process", "after a restart"])
def test_an_entry_that_fills_after_everything_was_closed_is_closed_too(is_restarted: bool) -> None:
    scene = Scene(size="5")
    scene.signal()
    entry = scene.order(OrderRole.ENTRY)
    flatten(scene)
    if is_restarted:
        restarted(scene)
    exits = [sent.order for sent in sent_in(told(scene, entry, "5", "100")) if sent.order.role is OrderRole.EXIT]
    assert [(order.quantity, order.reason) for order in exits] == [(5, "flat")]


def test_what_an_entry_fills_while_everything_is_being_closed_is_closed_by_another_exit() -> None:
    scene, entry, _ = entered_in_part()
    flatten(scene)
    first = scene.order(OrderRole.EXIT)
    told(scene, entry, "3", "100")
    assert scene.order(OrderRole.EXIT) == first
    told(scene, first, "2", "99")
    told(scene, scene.order(OrderRole.EXIT), "1", "99")
    assert scene.engine.state.positions == {}


def test_an_entry_of_a_later_signal_is_not_closed_for_an_earlier_command() -> None:
    scene = Scene(size="5")
    flatten(scene)
    scene.signal()
    told(scene, scene.order(OrderRole.ENTRY), "5", "100")
    assert not [sent for sent in scene.sent if sent.order.role is OrderRole.EXIT]


def read_for(scene: Scene, seconds: int) -> None:
    for _ in range(seconds // 30):
        scene.now += 30
        scene.read()


def test_time_without_reads_is_forgotten_once_no_difference_reaches_back_to_it() -> None:
    scene = Scene()
    for _ in range(3):
        scene.now += 3_600
        scene.read()
        read_for(scene, 930)
    scene.now += 3_600
    scene.read()
    assert [(until - since) // SECOND for since, until in scene.engine.reconciling._unseen] == [3_600]


def test_reads_that_come_late_again_and_again_are_one_time_without_reads() -> None:
    scene = Scene()
    for _ in range(10):
        scene.now += 100
        scene.read()
    assert len(scene.engine.reconciling._unseen) == 1
