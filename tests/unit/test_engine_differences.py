"""What may explain a difference between the books and the venue, and what may not."""

from __future__ import annotations

from atlas_core.model.events import OrderCancelled, OrderNotFound, OrderRejected
from atlas_core.model.orders import OrderRole
from atlas_core.model.records import PositionAdjusted
from tests.unit.test_engine_late_truth import Scene


def test_an_order_that_was_sent_after_two_reads_agreed_explains_no_difference() -> None:
    scene = Scene()
    scene.feed(OrderCancelled(ts=scene.ts, client_order_id=scene.entered()))
    stop = scene.order(OrderRole.STOP)
    scene.feed(OrderRejected(ts=scene.ts, client_order_id=stop, reason="nothing to reduce"))
    known = {submit.order.client_order_id for submit in scene.sent}
    for _ in range(2):
        scene.now += 12
        scene.read(held="0")
    scene.wait(5)
    assert scene.order(OrderRole.STOP) not in known
    for name in known:
        scene.feed(OrderNotFound(ts=scene.ts, client_order_id=name))
    scene.read(held="0")
    assert [adjusted.venue_quantity for adjusted in scene.found(PositionAdjusted)] == [0]
    assert scene.engine.state.positions == {}


def test_a_read_that_took_long_may_show_what_was_at_its_end() -> None:
    scene = Scene()
    scene.now += 1_200
    scene.read(held="3", took=1_100)
    scene.now += 9
    scene.read(held="3")
    assert scene.found(PositionAdjusted) == []
    scene.now += 2
    scene.read(held="3")
    assert [adjusted.venue_quantity for adjusted in scene.found(PositionAdjusted)] == [3]


def test_a_read_that_took_long_and_agrees_settles_a_difference_with_one_that_was_asked_after_its_end() -> None:
    scene = Scene()
    scene.read(held="3")
    scene.now += 1_200
    scene.read(held="0", took=1_100)
    scene.now += 9
    scene.read(held="0")
    assert scene.engine.reconciling.is_in_doubt
    scene.now += 2
    scene.read(held="0")
    assert not scene.engine.reconciling.is_in_doubt
