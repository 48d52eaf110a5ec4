"""What an engine makes of an entry whose end is told, and of which nobody tells what it filled."""

from __future__ import annotations

from atlas_core.model.events import OrderAccepted, OrderCancelled, OrderNotFound, Query, Tick
from atlas_core.model.orders import OrderRole, OrderStatus
from atlas_core.model.records import PositionAdjusted, VerdictReached
from atlas_core.model.timeframe import SECOND
from tests.unit.test_engine_late_truth import Scene


def cancelled_without_a_word_of_its_fills() -> tuple[Scene, str]:
    """Let an entry end whose fill is told by nobody; return it."""
    scene = Scene(reconcile_within=75 * SECOND)
    scene.read()
    scene.bar()
    scene.signal()
    entry = scene.order(OrderRole.ENTRY)
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
