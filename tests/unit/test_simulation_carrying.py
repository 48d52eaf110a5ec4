"""A simulated account that an earlier process left goes on as it stood."""

from __future__ import annotations

from decimal import Decimal

from attrs import evolve

from atlas_core.model.events import BarOpened
from atlas_core.model.instrument import ONE
from atlas_core.model.venue import CarriedAccount, CarriedOrder, CarriedPosition
from atlas_core.simulation.venue import SimulatedVenue
from tests.unit.simulation_scene import MINUTE, SYMBOL, costs, instrument, protective_stop


def test_an_order_that_is_carried_over_waits_for_the_next_price_and_is_not_held_against_an_old_one() -> None:
    venue = SimulatedVenue({SYMBOL: instrument()}, Decimal(10_000), costs())
    held = CarriedPosition(
        symbol=SYMBOL, quantity=ONE, cost=Decimal(100), leverage=ONE, last_price=Decimal(100), seen_at=0
    )
    stop = CarriedOrder(order=evolve(protective_stop(101), created_at=0))
    venue.take_over(CarriedAccount(cash=Decimal(10_000), positions=(held,), orders=(stop,)), MINUTE)
    assert [report.client_order_id for report in venue.snapshot().orders] == ["stop"]
    assert not venue.observe(BarOpened(MINUTE, SYMBOL, 102.0))
    assert venue.observe(BarOpened(2 * MINUTE, SYMBOL, 100.5))
    assert venue.position(SYMBOL) is None
