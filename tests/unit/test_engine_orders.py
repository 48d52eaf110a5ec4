"""Orders: identities that survive a restart, states that absorb, quantities that cannot be miscounted."""

from __future__ import annotations

from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_core.engine.orders import may_move
from atlas_core.model.decisions import Outcome
from atlas_core.model.events import (
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    PositionLiquidated,
    Submit,
)
from atlas_core.model.orders import OrderRole, OrderStatus, client_order_id
from atlas_core.model.records import AlertRaised, FillBooked, OrderIntended, OrderMoved, PositionClosed, VerdictReached
from tests.engine_bench import Bench, FixedSize


def sent(quantity: str = "4") -> tuple[Bench, str]:
    """Return a bench whose entry order left for a venue that does not answer by itself."""
    bench = Bench(sizer=FixedSize(quantity))
    bench.lost = lambda command: isinstance(command, Submit)
    bench.flat(100.0)
    bench.signal(trigger=100.0, stop=98.0, target=104.0)
    return bench, bench.one(OrderIntended).client_order_id


def fill(bench: Bench, order: str, quantity: str, price: str = "100", fee: str = "0") -> OrderFilled:
    return OrderFilled(
        ts=bench.now,
        client_order_id=order,
        cumulative_quantity=Decimal(quantity),
        price=Decimal(price),
        cumulative_fee=Decimal(fee),
    )


@given(st.text(min_size=1), st.text(min_size=1), st.sampled_from(list(OrderRole)), st.integers(1, 99))
def test_the_same_intent_has_the_same_identity_and_another_intent_another(
    namespace: str, key: str, role: OrderRole, attempt: int
) -> None:
    one = client_order_id(namespace, key, role, attempt)
    assert one == client_order_id(namespace, key, role, attempt)
    assert one != client_order_id(namespace, key, role, attempt + 1)
    assert len(one) == 36


def test_the_intent_is_recorded_before_the_command_to_send() -> None:
    bench, order = sent()
    submit = next(command for command in bench.commands if isinstance(command, Submit))
    assert submit.order.client_order_id == order
    kinds = [record.kind for record in bench.records if record.subject == order]
    assert kinds == ["order_intended", "order_moved"]


@pytest.mark.parametrize("terminal", [status for status in OrderStatus if status.is_terminal])
@pytest.mark.parametrize("to", list(OrderStatus))
def test_terminal_states_absorb_everything(terminal: OrderStatus, to: OrderStatus) -> None:
    assert not may_move(terminal, to)


def test_fills_are_booked_from_the_cumulative_quantity_whatever_is_lost_repeated_or_late() -> None:
    reports = [("1", "0.10"), ("2", "0.20"), ("4", "0.40")]
    outcomes = set()
    for order_of_arrival in permutations([*reports, reports[0], reports[2]]):
        bench, order = sent()
        for quantity, fee in order_of_arrival:
            bench.feed(fill(bench, order, quantity, fee=fee))
        position = bench.engine.state.positions["X"]
        outcomes.add((position.quantity, position.entry_price, position.fees, bench.engine.state.cash))
    assert outcomes == {(Decimal(4), Decimal(100), Decimal("0.40"), Decimal("9999.60"))}


def test_a_fill_before_the_acknowledgement_is_a_fill() -> None:
    bench, order = sent()
    bench.feed(fill(bench, order, "4"))
    bench.feed(OrderAccepted(ts=bench.now, client_order_id=order))
    assert bench.engine.state.positions["X"].quantity == 4
    assert [move.status for move in bench.of(OrderMoved)][:1] == [OrderStatus.SUBMITTED]


def test_a_late_fill_after_a_cancel_still_counts() -> None:
    bench, order = sent()
    bench.feed(fill(bench, order, "1"))
    bench.feed(OrderCancelled(ts=bench.now, client_order_id=order, reason="venue"))
    bench.feed(fill(bench, order, "3"))
    assert bench.engine.state.positions["X"].quantity == 3


def test_a_rejected_entry_is_the_verdict_of_its_signal() -> None:
    bench, order = sent()
    bench.feed(OrderRejected(ts=bench.now, client_order_id=order, reason="no margin"))
    verdict = bench.one(VerdictReached)
    assert (verdict.outcome, verdict.by, verdict.reason) == (Outcome.REJECTED, "broker", "no margin")
    bench.feed(OrderRejected(ts=bench.now, client_order_id=order, reason="again"))
    assert len(bench.of(VerdictReached)) == 1


def test_a_cancelled_entry_without_fills_is_the_verdict_of_its_signal() -> None:
    bench, order = sent()
    bench.feed(OrderCancelled(ts=bench.now, client_order_id=order, reason="too late"))
    assert bench.one(VerdictReached).outcome is Outcome.CANCELLED


def test_an_unknown_outcome_blocks_entries_in_that_symbol_and_is_resolved_by_the_venue() -> None:
    bench, order = sent()
    bench.feed(OrderUnknown(ts=bench.now, client_order_id=order, reason="timeout"))
    assert bench.engine.state.orders[order].status is OrderStatus.UNKNOWN
    bench.flat(100.0)
    bench.signal(trigger=100.0, stop=98.0)
    assert bench.of(VerdictReached)[-1].by == "limit unknown_order"
    bench.feed(fill(bench, order, "4"))
    assert bench.engine.state.positions["X"].quantity == 4


def test_a_fill_of_an_order_that_is_not_ours_changes_nothing_and_is_told() -> None:
    bench, _ = sent()
    bench.feed(fill(bench, "somebody-else", "7"))
    assert not bench.engine.state.positions
    assert bench.one(AlertRaised).title == "Fill of an order that is not ours"


def test_partial_fills_at_several_prices_add_up_exactly() -> None:
    bench, order = sent()
    bench.feed(fill(bench, order, "1", "100"))
    bench.feed(fill(bench, order, "3", "101"))
    bench.feed(fill(bench, order, "4", "100.75"))
    booked = bench.of(FillBooked)
    assert sum(record.quantity for record in booked) == 4
    assert sum(record.quantity * record.price for record in booked) == 403


def test_a_liquidation_closes_the_trade_with_its_fee() -> None:
    bench, order = sent()
    bench.feed(fill(bench, order, "4"))
    bench.feed(PositionLiquidated(ts=bench.now, symbol="X", quantity=Decimal(4), price=Decimal(90), fee=Decimal("3.6")))
    closed = bench.one(PositionClosed)
    assert (closed.rule, closed.gross, closed.fees, closed.net) == (
        "liquidation",
        Decimal("-40.00"),
        Decimal("3.60"),
        Decimal("-43.60"),
    )
    assert bench.engine.state.cash == Decimal("9956.40")


def test_a_liquidation_of_less_than_the_books_hold_leaves_the_rest_to_the_fill_that_was_not_told() -> None:
    bench, order = sent()
    bench.feed(fill(bench, order, "4"))
    bench.feed(PositionLiquidated(ts=bench.now, symbol="X", quantity=Decimal(1), price=Decimal(90), fee=Decimal("0.9")))
    assert bench.of(PositionClosed) == []
    stop = next(record for record in bench.of(OrderIntended) if record.role is OrderRole.STOP)
    bench.feed(fill(bench, stop.client_order_id, "3", "95"))
    closed = bench.one(PositionClosed)
    assert (closed.gross, closed.fees, closed.net) == (Decimal("-25.90"), Decimal("0.00"), Decimal("-25.90"))
    assert bench.engine.state.cash == Decimal("9974.10")


def test_a_liquidation_of_more_than_the_books_hold_closes_what_they_hold() -> None:
    bench, order = sent()
    bench.feed(fill(bench, order, "4"))
    bench.feed(PositionLiquidated(ts=bench.now, symbol="X", quantity=Decimal(6), price=Decimal(90)))
    assert bench.one(PositionClosed).gross == Decimal("-40.00")
