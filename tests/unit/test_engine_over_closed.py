"""What an engine makes of exits that closed more than was known of their entry, once the entry's fill is told."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_core.journal.store import Journal
from atlas_core.model.events import Cancel, Command, OrderAccepted, OrderCancelled, OrderFilled, Submit, Tick
from atlas_core.model.orders import OrderRole, OrderStatus
from atlas_core.model.records import (
    FillBooked,
    PositionAdjusted,
    PositionClosed,
    ProtectionChanged,
    Record,
    SessionResumed,
    VerdictReached,
)
from tests.unit.test_engine_late_truth import Scene

START_CASH = Decimal(10_000)
HALF_A_CENT = Decimal("0.005")
"""Each booking is rounded to the cent."""

TOO_MUCH, EXPLAINED = "More was closed than was open", "Late fill explains what was closed"


def told(scene: Scene, name: str, quantity: str, price: str, fee: str = "0") -> list[Command]:
    """Report what an order filled so far, at its average price and with its fee so far."""
    total, paid = Decimal(quantity), Decimal(fee)
    return scene.feed(
        OrderFilled(
            ts=scene.ts, client_order_id=name, cumulative_quantity=total, price=Decimal(price), cumulative_fee=paid
        )
    )


def entered_in_part(side: int = 1) -> tuple[Scene, str, str]:
    """Enter 5 of which 2 at 100 are known; return the entry and the stop."""
    scene = Scene(size="5")
    scene.signal(side=side)
    entry = scene.order(OrderRole.ENTRY)
    told(scene, entry, "2", "100", fee="0.2")
    stop = scene.order(OrderRole.STOP)
    scene.feed(OrderAccepted(ts=scene.ts, client_order_id=stop))
    assert scene.engine.state.positions["X"].quantity == 2
    return scene, entry, stop


def restarted(scene: Scene) -> None:
    """Let another process go on with the records."""
    former, scene.engine = scene.engine, Scene(size="5").engine
    scene.engine.restore(scene.records)
    assert scene.engine.state.over_closed == former.state.over_closed
    scene.engine.resume(SessionResumed(ts=scene.ts, crashed=True, profile_digest="", components=()))
    scene.records += scene.engine.take_records()


def sent_in(commands: list[Command]) -> list[Command]:
    return [command for command in commands if isinstance(command, Submit)]


def profit_of_trades(records: list[Record]) -> Decimal:
    return sum((record.net for record in records if isinstance(record, PositionClosed)), Decimal(0))


@pytest.mark.parametrize("is_restarted", [False, True])
@pytest.mark.parametrize("is_withdrawn", [False, True])
@pytest.mark.parametrize(("side", "profit"), [(1, Decimal("-29")), (-1, Decimal("27"))])
def test_a_late_fill_that_its_exits_had_closed_opens_nothing_and_its_profit_is_exact(
    side: int, profit: Decimal, is_withdrawn: bool, is_restarted: bool
) -> None:
    scene, entry, stop = entered_in_part(side)
    assert Cancel(entry) in told(scene, stop, "5", "95", fee="0.5")
    assert scene.engine.state.positions == {}
    if is_withdrawn:
        scene.feed(OrderCancelled(ts=scene.ts, client_order_id=entry))
    if is_restarted:
        restarted(scene)
    scene.now += 60
    commands = told(scene, entry, "5", "100.6", fee="0.5")
    assert scene.engine.state.positions == {}
    assert scene.engine.state.cash == START_CASH + profit == START_CASH + profit_of_trades(scene.records)
    assert sent_in(commands) == sent_in(scene.feed(Tick(scene.ts))) == []
    assert not [change for change in scene.found(ProtectionChanged) if not change.protected]
    assert [title for title in scene.alarms() if title != "Order outcome unknown"] == [TOO_MUCH, EXPLAINED]
    assert scene.engine.state.over_closed == {}
    assert {verdict.outcome for verdict in scene.found(VerdictReached)} == {"closed"}
    assert scene.engine.state.signals == {}


def test_a_late_fill_is_set_off_piece_by_piece_at_the_prices_of_its_exits() -> None:
    scene, entry, stop = entered_in_part()
    told(scene, stop, "3", "95")
    told(scene, stop, "5", "94.2")  # two more at 93
    for quantity, price in (("3", "100"), ("4", "100"), ("5", "100")):
        told(scene, entry, quantity, price, fee="0.2")
        assert scene.engine.state.positions == {}
    exact = START_CASH + 5 * (Decimal("94.2") - 100) - Decimal("0.2")
    assert abs(scene.engine.state.cash - exact) <= 3 * HALF_A_CENT
    assert scene.engine.state.cash == START_CASH + profit_of_trades(scene.records)
    assert sum(fill.quantity for fill in scene.found(FillBooked) if fill.client_order_id == entry) == 5


@settings(max_examples=40, deadline=None)
@given(st.permutations("eeeesssss"), st.sampled_from([1, -1]))
def test_in_whatever_order_fills_of_entry_and_exit_are_told_the_books_end_flat_with_the_same_money(
    order: list[str], side: int
) -> None:
    scene = Scene(size="5")
    scene.signal(side=side)
    entry = scene.order(OrderRole.ENTRY)
    told(scene, entry, "1", "100")
    names = {"e": entry, "s": scene.order(OrderRole.STOP)}
    filled, cost = {"e": 1, "s": 0}, {"e": Decimal(100), "s": Decimal(0)}
    for which in order:
        filled[which] += 1
        cost[which] += 95 + filled[which]
        told(scene, names[which], str(filled[which]), str(cost[which] / filled[which]))
        assert scene.engine.state.signed_quantity("X") == max(0, filled["e"] - filled["s"]) * side
    assert abs(scene.engine.state.cash - START_CASH - (cost["s"] - cost["e"]) * side) <= 10 * HALF_A_CENT
    assert scene.engine.state.cash == START_CASH + profit_of_trades(scene.records)


def test_a_stop_and_an_exit_that_both_filled_leave_of_a_late_fill_what_is_open_and_it_is_protected() -> None:
    scene, entry, stop = entered_in_part()
    scene.engine.orders.close_position(scene.engine.state.positions["X"], "test", "leave")
    leave = next(n for n, t in scene.engine.state.orders.items() if t.intent.role is OrderRole.EXIT)
    scene.engine.recorder.take_commands()
    told(scene, leave, "2", "101")
    told(scene, stop, "2", "95")
    commands = told(scene, entry, "5", "100", fee="0.2")
    position = scene.engine.state.positions["X"]
    assert (position.quantity, position.entry_price) == (1, 100)
    assert [s.order.quantity for s in commands if isinstance(s, Submit) and s.order.role is OrderRole.STOP] == [1]
    told(scene, scene.order(OrderRole.STOP), "1", "95")
    assert scene.engine.state.cash == START_CASH + 2 - 10 - 5 - Decimal("0.2")
    assert scene.engine.state.positions == scene.engine.state.signals == {}


def test_what_a_given_up_entry_filled_beyond_its_exits_is_a_late_trade_that_is_closed() -> None:
    scene, entry, stop = entered_in_part()
    told(scene, stop, "4", "95")
    scene.feed(OrderCancelled(ts=scene.ts, client_order_id=entry))
    told(scene, entry, "5", "100")
    assert scene.engine.state.positions["X"].quantity == 1
    assert [s.order.role for s in scene.sent[-2:]] == [OrderRole.STOP, OrderRole.EXIT]
    assert "Entry filled late" in scene.alarms()


def test_exits_that_are_told_after_the_books_followed_the_venue_explain_no_later_fill() -> None:
    scene, entry, stop = entered_in_part()
    scene.feed(OrderCancelled(ts=scene.ts, client_order_id=entry))
    scene.wait(30)
    for _ in range(4):
        scene.read(held="0")
        scene.report(stop, OrderStatus.ACKNOWLEDGED)
        scene.report(entry, OrderStatus.CANCELLED, filled="2")
        scene.now += 30
    assert scene.found(PositionAdjusted)
    assert scene.engine.state.positions == {}
    told(scene, stop, "2", "95")
    assert scene.engine.state.over_closed == {}
    told(scene, entry, "5", "100")
    assert scene.engine.state.positions["X"].quantity == 3


def test_what_was_closed_too_much_is_forgotten_once_the_books_follow_the_venue() -> None:
    scene, entry, stop = entered_in_part()
    told(scene, stop, "4", "95")
    scene.feed(OrderCancelled(ts=scene.ts, client_order_id=entry))
    assert [known.quantity for known in scene.engine.state.over_closed.values()] == [2]
    adjusted = PositionAdjusted(
        ts=scene.ts, trade_id=0, symbol="X", ledger_quantity=Decimal(0), venue_quantity=Decimal(-2), reason="reads"
    )
    scene.engine.state.apply(adjusted)
    assert scene.engine.state.over_closed == {}


def test_projections_of_a_late_fill_that_was_closed_already_are_the_same_when_they_are_rebuilt() -> None:
    scene, entry, stop = entered_in_part()
    told(scene, stop, "5", "95", fee="0.5")
    scene.feed(OrderCancelled(ts=scene.ts, client_order_id=entry))
    told(scene, entry, "5", "100.6", fee="0.5")
    with Journal.in_memory() as journal:
        journal.append(scene.records)
        live = journal.projection_dump()
        journal.rebuild()
        assert journal.projection_dump() == live
        journal.verify(projections=True)
