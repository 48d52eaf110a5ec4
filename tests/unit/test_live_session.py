"""Sessions on a venue that answers later: what is sent, what is asked, and what is never sent twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from atlas_core.errors import JournalFull, JournalLocked, NotSent, SessionFailed, Throttled
from atlas_core.journal import Journal
from atlas_core.model.events import OperatorCommand
from atlas_core.model.orders import Order, OrderStatus
from atlas_core.model.records import (
    AccountReconciled,
    AlertRaised,
    OrderIntended,
    OrderMoved,
    PositionClosed,
    PositionOpened,
    Record,
    SessionPaused,
    SessionResumed,
    VerdictReached,
)
from atlas_core.model.timeframe import SECOND
from atlas_core.runtime.session import Session
from atlas_core.runtime.wall_clock import SteadyClock
from atlas_core.testing.virtual_time import VirtualClock
from tests.live_scene import Scene, lost
from tests.memory import at, found

FALLS = {6: (100.0, 90.0), 7: (90.0, 90.0)}


def test_a_signal_becomes_a_position_with_a_working_stop() -> None:
    scene = Scene()
    summary = scene.run(6)
    assert scene.venue.names() == ["entry", "stop"]
    assert [order.status for order in scene.venue.venue.snapshot().orders] == [OrderStatus.ACKNOWLEDGED]
    assert summary.open_positions == 1
    assert isinstance(scene.records[-1], SessionPaused)


def test_nothing_is_entered_before_the_account_was_read_whole() -> None:
    scene = Scene()
    scene.venue.before["snapshot"] = lost
    scene.run(6)
    [verdict] = found(scene.records, VerdictReached)
    assert verdict.by == "limit reconcile_age_seconds"
    assert scene.venue.names() == []


def test_a_stop_at_the_venue_closes_the_position() -> None:
    scene = Scene(prices=FALLS)
    scene.run(10)
    [closed] = found(scene.records, PositionClosed)
    assert closed.rule == "stop"
    assert not scene.venue.venue.snapshot().positions


def test_an_order_whose_answer_was_lost_is_asked_about_and_not_sent_again() -> None:
    scene = Scene()
    scene.venue.after["submit"] = lambda order: lost(order) if order.role == "entry" else None
    scene.run(6)
    assert scene.venue.names() == ["entry", "stop"]
    assert found(scene.records, PositionOpened)


def test_an_order_that_never_arrived_is_given_up_only_after_a_proof() -> None:
    scene = Scene()
    scene.venue.before["submit"] = lost
    scene.run(8)
    [verdict] = found(scene.records, VerdictReached)
    assert verdict.outcome == "rejected"
    assert "does not know it" in verdict.reason
    moves = [move.status for move in found(scene.records, OrderMoved)]
    assert moves == ["submitted", "unknown", "rejected"]
    assert scene.venue.names() == ["entry"]


def test_fills_that_were_never_told_are_found_by_reading_the_account() -> None:
    scene = Scene()
    scene.venue.is_deaf = True
    scene.run(6)
    assert found(scene.records, PositionOpened)
    assert scene.venue.names() == ["entry", "stop"]


def test_the_next_session_goes_on_where_the_last_one_stopped() -> None:
    scene = Scene(prices=FALLS)
    scene.run(5)
    scene.run(5, start=6)
    [resumed] = found(scene.records, SessionResumed)
    assert not resumed.crashed
    assert len(found(scene.records, OrderIntended)) == 2
    [closed] = found(scene.records, PositionClosed)
    assert closed.rule == "stop"
    assert len(found(scene.records, AccountReconciled)) >= 2


def test_a_journal_that_takes_nothing_for_a_while_holds_orders_back_and_then_lets_them_go() -> None:
    scene = Scene()
    refusals = 5

    def append(records: Sequence[Record]) -> range:
        nonlocal refusals
        if refusals and any(isinstance(record, OrderIntended) for record in records):
            refusals -= 1
            assert scene.venue.names() == []
            raise JournalFull("the disk is full")
        return Journal.append(scene.journal, records)

    scene.journal.append = append  # type: ignore[method-assign]
    scene.run(6)
    assert refusals == 0
    assert scene.venue.names() == ["entry", "stop"]


def test_a_journal_that_takes_nothing_any_more_ends_the_session() -> None:
    scene = Scene()

    def append(records: Sequence[Record]) -> range:
        if any(isinstance(record, OrderIntended) for record in records):
            raise JournalLocked("another program holds the file")
        return Journal.append(scene.journal, records)

    scene.journal.append = append  # type: ignore[method-assign]
    with pytest.raises(SessionFailed, match="another program holds the file"):
        scene.run(9)
    assert scene.venue.names() == []


def test_an_entry_that_fills_while_the_session_stops_gets_its_stop_first() -> None:
    scene = Scene()
    scene.run(4 - 1 / 60)
    assert scene.venue.names() == ["entry", "stop"]
    assert isinstance(scene.records[-1], SessionPaused)
    assert [order.status for order in scene.venue.venue.snapshot().orders] == [OrderStatus.ACKNOWLEDGED]


def test_an_entry_that_does_not_fill_while_the_session_stops_is_withdrawn_at_the_venue() -> None:
    scene = Scene()
    scene.run(3 + 0.07 / 60)  # the entry has just left
    assert scene.venue.names() == ["entry"]
    assert scene.venue.venue.snapshot().orders == ()
    assert isinstance(scene.records[-1], SessionPaused)


def test_an_entry_that_was_withdrawn_before_it_left_does_not_leave() -> None:
    scene = Scene()

    def not_sent(order: Order) -> None:
        raise NotSent("connection refused")

    def halt(session: Session) -> None:
        def act() -> None:
            session.command(OperatorCommand(scene.venue.now(), "halt", "test", {"reason": "enough"}))
            scene.venue.before.clear()

        asyncio.get_running_loop().call_later(3 * 60 + 0.6, act)

    scene.venue.before["submit"] = not_sent
    scene.run(6, halt)
    [verdict] = found(scene.records, VerdictReached)
    assert verdict.reason == "not sent: it was withdrawn before it left"
    assert scene.venue.names() == ["entry"]
    assert not scene.venue.venue.snapshot().positions


@pytest.mark.parametrize(("seconds", "sent"), [(2, True), (12, False)])
def test_an_entry_that_could_not_leave_does_not_leave_after_its_signal(seconds: int, sent: bool) -> None:
    scene = Scene(facts={"valid_until": at(3) + 2 * SECOND})

    def not_sent(order: Order) -> None:
        if scene.venue.now() < at(3) + seconds * SECOND:
            raise NotSent("connection refused")

    scene.venue.before["submit"] = not_sent
    scene.run(6)
    assert bool(found(scene.records, PositionOpened)) is sent
    assert sent or [each.reason for each in found(scene.records, VerdictReached)] == ["not sent: its signal is over"]


def test_a_machine_that_slept_after_its_clock_was_set_back_enters_nothing_on_an_old_read() -> None:
    scene = Scene()

    def sleep(session: Session) -> None:
        steady, loop = session.live.system.clock, asyncio.get_running_loop()
        assert isinstance(steady, SteadyClock)
        machine = steady.clock
        assert isinstance(machine, VirtualClock)
        loop.call_later(2.5 * 60, machine.step, -300 * SECOND)
        loop.call_later(2.99 * 60, machine.sleep, 120 * SECOND)

    scene.run(4, sleep)
    [verdict] = found(scene.records, VerdictReached)
    assert verdict.by == "limit reconcile_age_seconds"
    assert scene.venue.names() == []


def test_time_passes_also_where_the_machines_clock_is_behind_the_venues() -> None:
    scene = Scene(behind=40)

    def throttled(order: Order) -> None:
        if order.role == "stop":
            raise Throttled("429 too many requests", 60.0)

    scene.venue.before["submit"] = throttled
    scene.run(4.5)
    assert "Position without protection" in [alert.title for alert in found(scene.records, AlertRaised)]
