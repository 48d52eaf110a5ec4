"""Funding of perpetuals: from the tape, or at a constant rate where the tape has none."""

from __future__ import annotations

from decimal import Decimal

import pytest

from atlas_core.model.events import BarClosed, BarOpened, FundingCharged
from atlas_core.model.instrument import InstrumentKind
from atlas_core.model.orders import Action
from atlas_core.simulation.funding import funding_times
from tests.unit.simulation_scene import HOUR, MINUTE, Stage, buy, filled, instrument, protective_stop

EIGHT = 8 * HOUR


def charged(events: object) -> list[FundingCharged]:
    assert isinstance(events, (list, tuple))
    return [event for event in events if isinstance(event, FundingCharged)]


@pytest.mark.parametrize(
    ("action", "rate", "amount"),
    [
        (Action.BUY, "0.001", "0.22"),
        (Action.SELL, "0.001", "-0.22"),
        (Action.BUY, "-0.001", "-0.22"),
        (Action.SELL, "-0.001", "0.22"),
    ],
)
def test_longs_pay_and_shorts_receive_a_positive_rate_on_the_last_price(action: Action, rate: str, amount: str) -> None:
    stage = Stage(cash=1_000)
    stage.enter(quantity=2, action=action)
    stage.closes(112, 100, 110)
    (event,) = stage.funding(rate)
    assert event == FundingCharged(ts=stage.now, symbol="X", rate=Decimal(rate), amount=Decimal(amount))
    assert stage.venue.account().cash == 1_000 - Decimal(amount)


def test_a_repeated_funding_time_is_booked_once() -> None:
    stage = Stage()
    stage.enter()
    stage.closes(100, 100, 100)
    assert len(stage.funding("0.001")) == 1
    assert list(stage.funding("0.001")) == []


def test_a_position_opened_at_the_funding_time_does_not_pay() -> None:
    stage = Stage()
    stage.flat_bar()
    stage.place(buy())
    stage.opens(100)
    assert list(stage.funding("0.001")) == []


def test_a_position_opened_inside_the_bar_before_pays() -> None:
    stage = Stage()
    stage.bar(100, 103, 99, 101)
    stage.place(buy(touch=(102, True)))
    assert len(stage.funding("0.001")) == 1


def test_spot_pays_no_funding() -> None:
    stage = Stage(of=instrument(kind=InstrumentKind.SPOT), funding_rate_bps=10, start=EIGHT - 2 * MINUTE)
    stage.enter()
    stage.closes(100, 100, 100)
    assert list(stage.funding("0.001")) == []
    assert stage.flat_bar() == []


def test_the_constant_rate_is_due_at_its_hours() -> None:
    stage = Stage(funding_rate_bps=10, start=EIGHT - 2 * MINUTE)
    stage.enter()
    assert stage.closes(100, 100, 100) == []
    (event,) = stage.opens(100)
    assert event == FundingCharged(ts=EIGHT, symbol="X", rate=Decimal("0.001"), amount=Decimal("0.1"))
    assert stage.closes(100, 100, 100) == []


def test_after_a_gap_every_hour_that_was_crossed_is_booked_once() -> None:
    stage = Stage(funding_rate_bps=10)
    stage.enter()
    stage.closes(100, 100, 100)
    stage.now = 33 * HOUR
    assert [event.ts for event in charged(stage.opens(100))] == [8 * HOUR, 16 * HOUR, 24 * HOUR, 32 * HOUR]
    assert stage.closes(100, 100, 100) == []


def test_hours_before_the_position_was_opened_are_not_booked() -> None:
    stage = Stage(funding_rate_bps=10)
    stage.flat_bar()
    stage.now = 33 * HOUR
    stage.enter()
    assert stage.closes(100, 100, 100) == []


def test_a_long_bar_books_the_hours_inside_it_before_its_fills() -> None:
    stage = Stage(funding_rate_bps=10)
    stage.enter()
    opened_at = stage.now
    stage.place(protective_stop(95))
    day = BarClosed(opened_at + 24 * HOUR, "X", opened_at, 100.0, 101.0, 94.0, 100.0, 1.0)
    events = stage.venue.observe(day)
    assert [event.ts for event in charged(events)] == [8 * HOUR, 16 * HOUR, 24 * HOUR]
    assert filled(events, "stop") == events[-1]


def test_the_tapes_own_funding_replaces_the_constant_rate() -> None:
    stage = Stage(funding_rate_bps=10, start=EIGHT - 2 * MINUTE)
    stage.funding("0.0001", at=0)
    stage.enter()
    stage.closes(100, 100, 100)
    assert [event.rate for event in charged(stage.funding("0.0001"))] == [Decimal("0.0001")]
    assert stage.venue.observe(BarOpened(stage.now, "X", 100.0)) == []


def test_funding_times_are_after_the_start_and_up_to_the_end() -> None:
    assert list(funding_times((16, 0, 8, 8), 0, 24 * HOUR)) == [8 * HOUR, 16 * HOUR, 24 * HOUR]
    assert list(funding_times((0, 8, 16), 8 * HOUR, 8 * HOUR)) == []
    assert list(funding_times((0,), -1, 0)) == [0]
