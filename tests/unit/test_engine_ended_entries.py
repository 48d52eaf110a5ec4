"""What an engine makes of entries whose fills are told late, by nobody, or after they were given up."""

from __future__ import annotations

from atlas_core.model.events import Cancel, OrderAccepted, OrderCancelled, OrderNotFound, OrderRejected, Query, Tick
from atlas_core.model.orders import OrderRole, OrderStatus
from atlas_core.model.records import FillBooked, PositionAdjusted, PositionClosed, SessionResumed, VerdictReached
from atlas_core.model.signals import Side
from atlas_core.model.timeframe import SECOND
from tests.unit.test_engine_late_truth import Scene


def entry_sent() -> tuple[Scene, str]:
    """Send an entry of a session that reads its account; return it."""
    scene = Scene(reconcile_within=75 * SECOND)
    scene.read()
    scene.bar()
    scene.signal()
    entry = scene.order(OrderRole.ENTRY)
    return scene, entry


def cancelled_without_a_word_of_its_fills() -> tuple[Scene, str]:
    """Let an entry end whose fill is told by nobody; return it."""
    scene, entry = entry_sent()
    scene.feed(OrderAccepted(ts=scene.ts, client_order_id=entry))
    commands = scene.feed(OrderCancelled(ts=scene.ts, client_order_id=entry))
    assert Query(entry) in commands
    return scene, entry


def test_an_entry_that_ended_without_a_word_of_its_fills_counts_until_the_venue_was_heard() -> None:
    scene, entry = cancelled_without_a_word_of_its_fills()
    scene.signal(setup=1)
    assert scene.found(VerdictReached)[-1].by == "limit unknown_order"
    scene.now += 5
    assert Query(entry) in scene.feed(Tick(scene.ts))
    scene.report(entry, OrderStatus.ACKNOWLEDGED)
    scene.signal(setup=2)
    assert scene.found(VerdictReached)[-1].by == "limit unknown_order"
    scene.report(entry, OrderStatus.CANCELLED)
    scene.signal(setup=3)
    assert scene.order(OrderRole.ENTRY) != entry


def test_two_reads_after_the_end_of_an_entry_tell_what_it_filled_where_no_answer_does() -> None:
    scene, entry = cancelled_without_a_word_of_its_fills()
    for setup, verdict in ((1, "limit unknown_order"), (2, "limit unknown_order"), (3, "")):
        scene.signal(setup=setup)
        assert not verdict or scene.found(VerdictReached)[-1].by == verdict
        scene.now += 11
        scene.read()
    assert scene.order(OrderRole.ENTRY) != entry


def filled_in_part_after_all() -> tuple[Scene, str]:
    """Give an entry up that fills in part all the same; return it."""
    scene, entry = entry_sent()
    scene.feed(OrderRejected(ts=scene.ts, client_order_id=entry, reason="the venue does not know it"))
    scene.fill(entry, "0.4")
    return scene, entry


def test_an_entry_that_was_given_up_and_fills_in_part_is_withdrawn_and_counts_until_the_venue_was_heard() -> None:
    scene, entry = filled_in_part_after_all()
    assert Cancel(entry) in scene.commands
    scene.fill(scene.order(OrderRole.EXIT), "0.4")
    scene.signal(setup=1)
    assert scene.found(VerdictReached)[-1].by == "limit unknown_order"
    assert [track.intent.client_order_id for track in scene.engine.reconciling.open_ends()] == [entry]
    scene.report(entry, OrderStatus.CANCELLED, filled="0.4")
    assert scene.engine.reconciling.open_ends() == []


def test_an_entry_that_was_given_up_and_filled_in_part_counts_also_after_a_restart() -> None:
    scene, entry = filled_in_part_after_all()
    again = Scene(reconcile_within=75 * SECOND)
    again.engine.restore(scene.records)
    again.engine.resume(SessionResumed(ts=scene.ts, crashed=True, profile_digest="", components=()))
    assert [track.intent.client_order_id for track in again.engine.reconciling.open_ends()] == [entry]


def test_a_lagging_answer_does_not_make_a_fill_of_ours_somebody_elses() -> None:
    scene, entry = cancelled_without_a_word_of_its_fills()
    scene.now += 6
    scene.read(held="1")
    scene.feed(OrderNotFound(ts=scene.ts, client_order_id=entry))
    scene.now += 11
    assert Query(entry) in scene.read(held="1")
    assert scene.found(PositionAdjusted) == []
    scene.report(entry, OrderStatus.CANCELLED, filled="1")
    scene.read(held="1")
    assert scene.engine.state.positions["X"].quantity == 1
    assert scene.found(PositionAdjusted) == []


def test_what_a_late_entry_is_larger_than_the_position_is_a_trade_that_is_closed() -> None:
    scene = Scene()
    scene.signal(0, side=-1)
    late = scene.order(OrderRole.ENTRY)
    scene.feed(OrderRejected(ts=scene.ts, client_order_id=late, reason="given up"))
    scene.bar()
    scene.entered(setup=1)
    scene.fill(late, quantity="3", price="101")
    position = scene.engine.state.positions["X"]
    assert (position.side, position.quantity, position.entry_price) == (Side.SHORT, 2, 101)
    assert sum(fill.quantity for fill in scene.found(FillBooked) if fill.client_order_id == late) == 3
    assert [s.order.quantity for s in scene.sent[-2:]] == [2, 2]
    assert [s.order.role for s in scene.sent[-2:]] == [OrderRole.STOP, OrderRole.EXIT]
    scene.fill(scene.order(OrderRole.EXIT), quantity="2", price="101")
    assert scene.engine.state.positions == {}
    assert {v.outcome for v in scene.found(VerdictReached)} == {"closed", "rejected"}


def test_an_order_that_the_journal_dates_into_the_future_is_asked_about_after_a_restart() -> None:
    scene = Scene()
    scene.signal()
    entry = scene.order(OrderRole.ENTRY)
    scene.engine.state.orders[entry].moved_at += 90_000 * SECOND  # as a session whose clock was wrong wrote it
    scene.engine.resume(SessionResumed(ts=scene.ts, crashed=True, profile_digest="", components=()))
    scene.now += 10
    assert Query(entry) in scene.feed(Tick(scene.ts))


def test_a_late_entry_against_the_position_closes_what_it_closed() -> None:
    scene = Scene()
    scene.signal(0, side=-1)
    late = scene.order(OrderRole.ENTRY)
    scene.feed(OrderRejected(ts=scene.ts, client_order_id=late, reason="given up"))
    scene.bar()
    scene.entered(setup=1)
    scene.fill(late, price="101")
    assert scene.engine.state.positions == {}
    assert scene.found(PositionClosed)[-1].exit_price == 101


def test_a_read_right_after_a_fill_is_none_of_two_that_agree() -> None:
    scene = Scene()
    stop = scene.entered()
    scene.now += 1
    for believed in (False, False, False, True):
        scene.read(held="0")
        scene.report(scene.order(OrderRole.ENTRY), OrderStatus.FILLED, filled="1")
        scene.report(stop, OrderStatus.ACKNOWLEDGED)
        scene.now += 11
        assert bool(scene.found(PositionAdjusted)) is believed
