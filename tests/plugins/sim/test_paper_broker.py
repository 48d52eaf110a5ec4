"""The broker `paper`: one simulated venue behind both faces of a broker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal

import pytest

from atlas_core import (
    Action,
    BarClosed,
    BarOpened,
    BrokerEvent,
    Context,
    CostOptions,
    Instrument,
    InstrumentKind,
    Order,
    OrderAccepted,
    OrderFilled,
    OrderKind,
    OrderRole,
    Side,
    SimClock,
    SimulatedBroker,
)
from atlas_sim.broker import PaperBroker

MINUTE = 60 * 10**9
BTC = Instrument(
    "BTC", kind=InstrumentKind.PERP, tick_size=Decimal(1), lot_size=Decimal("0.001"), max_leverage=Decimal(10)
)


@pytest.fixture
def broker(make_context: Callable[..., Context]) -> PaperBroker:
    return PaperBroker(CostOptions(), make_context({"BTC": BTC}))


def order(identity: str = "a", kind: OrderKind = OrderKind.MARKET, **changes: object) -> Order:
    given: dict[str, object] = {
        "client_order_id": identity,
        "symbol": "BTC",
        "action": Action.BUY,
        "kind": kind,
        "quantity": Decimal("0.1"),
        "role": OrderRole.ENTRY,
        "signal_key": "s",
    }
    return Order(**(given | changes))  # type: ignore[arg-type]


def bar(minute: int, price: float) -> BarClosed:
    return BarClosed(minute * MINUTE, "BTC", (minute - 1) * MINUTE, price, price + 5, price - 5, price, 100.0)


def kinds(events: Sequence[BrokerEvent]) -> list[str]:
    return [type(event).__name__ for event in events]


async def drain(broker: PaperBroker) -> list[BrokerEvent]:
    await broker.close()
    return [event async for event in broker.events()]


def test_it_is_a_simulated_broker(broker: PaperBroker) -> None:
    assert isinstance(broker, SimulatedBroker)


def test_a_market_order_fills_at_the_price_that_was_seen(broker: PaperBroker) -> None:
    broker.observe(bar(1, 50_000))
    told = [*broker.place(order(), MINUTE), *broker.observe(BarOpened(MINUTE, "BTC", 50_010.0))]
    fill = told[-1]
    assert isinstance(told[0], OrderAccepted)
    assert isinstance(fill, OrderFilled)
    assert fill.cumulative_quantity == Decimal("0.1")
    assert asyncio.run(broker.snapshot()).account.exposure > 0


def test_what_an_asynchronous_order_causes_comes_as_events(broker: PaperBroker) -> None:
    broker.observe(bar(1, 50_000))

    async def run() -> list[BrokerEvent]:
        await broker.open()
        await broker.submit(order("a", OrderKind.LIMIT, limit_price=Decimal(40_000)))
        await broker.cancel("a")
        return await drain(broker)

    assert kinds(asyncio.run(run())) == ["OrderAccepted", "OrderCancelled"]


def test_what_a_synchronous_call_causes_is_returned_and_not_told_again(broker: PaperBroker) -> None:
    broker.observe(bar(1, 50_000))
    told = broker.place(order("a", OrderKind.LIMIT, limit_price=Decimal(40_000)), MINUTE)
    assert kinds(told) == ["OrderAccepted"]
    assert kinds(broker.withdraw("a", MINUTE)) == ["OrderCancelled"]
    assert asyncio.run(drain(broker)) == []


def test_the_same_order_twice_is_one_order(broker: PaperBroker) -> None:
    broker.observe(bar(1, 50_000))
    broker.place(order(), MINUTE)
    broker.place(order(), MINUTE)
    broker.observe(BarOpened(MINUTE, "BTC", 50_000.0))
    broker.observe(bar(2, 50_000))
    assert asyncio.run(broker.snapshot()).account.exposure == Decimal(5_000)


def test_the_account_begins_with_the_cash_of_the_profile(broker: PaperBroker) -> None:
    account = asyncio.run(broker.snapshot()).account
    assert (account.cash, account.equity, account.exposure) == (Decimal(10_000), Decimal(10_000), Decimal(0))


def test_a_snapshot_has_what_works_and_what_is_held(broker: PaperBroker) -> None:
    broker.observe(bar(1, 50_000))
    broker.place(order("held"), MINUTE)
    broker.observe(BarOpened(MINUTE, "BTC", 50_010.0))
    broker.place(order("works", OrderKind.LIMIT, limit_price=Decimal(40_000)), MINUTE)
    broker.place(order("refused", symbol="NONE"), MINUTE)
    snapshot = asyncio.run(broker.snapshot())
    assert [(held.symbol, held.side, held.quantity) for held in snapshot.positions] == [
        ("BTC", Side.LONG, Decimal("0.1"))
    ]
    assert [report.client_order_id for report in snapshot.orders] == ["works"]


def test_an_order_is_found_in_every_state_and_a_stranger_is_not(broker: PaperBroker) -> None:
    broker.observe(bar(1, 50_000))
    broker.place(order("filled"), MINUTE)
    broker.observe(BarOpened(MINUTE, "BTC", 50_010.0))
    broker.place(order("gone", OrderKind.LIMIT, limit_price=Decimal(40_000)), MINUTE)
    broker.withdraw("gone", MINUTE)
    broker.place(order("refused", symbol="NONE"), MINUTE)
    found = [asyncio.run(broker.find(name)) for name in ("filled", "gone", "refused")]
    assert [report.status if report else None for report in found] == ["filled", "cancelled", "rejected"]
    assert found[0] is not None
    assert found[0].cumulative_quantity == Decimal("0.1")
    assert asyncio.run(broker.find("never placed")) is None


def test_asynchronous_orders_are_placed_at_the_time_of_the_clock(make_context: Callable[..., Context]) -> None:
    context = make_context({"BTC": BTC})
    assert isinstance(context.clock, SimClock)
    broker = PaperBroker(CostOptions(), context)
    broker.observe(bar(1, 50_000))
    context.clock.advance_to(MINUTE + 7)

    async def run() -> list[BrokerEvent]:
        await broker.submit(order("a", OrderKind.LIMIT, limit_price=Decimal(40_000)))
        return await drain(broker)

    assert [event.ts for event in asyncio.run(run())] == [MINUTE + 7]


def test_closing_twice_and_before_opening_does_no_harm(broker: PaperBroker) -> None:
    async def run() -> list[BrokerEvent]:
        await broker.close()
        return await drain(broker)

    assert asyncio.run(run()) == []
