"""Every event survives the tape."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, get_args

import numpy as np
import pytest

from atlas_core.errors import DataError
from atlas_core.model.events import (
    AccountRead,
    BarClosed,
    Event,
    FundingDue,
    OperatorCommand,
    OrderFilled,
    OrderReported,
    OrderUnknown,
    Quote,
    SignalsFound,
    Tick,
    TimerFired,
)
from atlas_core.model.orders import Action, Liquidity, OrderKind, OrderStatus
from atlas_core.model.portfolio import Account
from atlas_core.model.signals import Side, signal_table
from atlas_core.model.venue import OrderReport, VenuePosition, VenueSnapshot
from atlas_core.runtime.tape_codec import EVENT_TYPES, event_of, plain_of

REPORT = OrderReport(
    symbol="BTC", action=Action.BUY, kind=OrderKind.LIMIT, quantity=Decimal("1.50"), status=OrderStatus.ACKNOWLEDGED,
    client_order_id="o-1", limit_price=Decimal("10.10"),
)  # fmt: skip
SNAPSHOT = VenueSnapshot(
    account=Account(cash=Decimal(100), equity=Decimal("101.5")), orders=(REPORT,), account_id="A",
    positions=(VenuePosition(symbol="BTC", side=Side.LONG, quantity=Decimal(2), entry_price=Decimal(9)),),
)  # fmt: skip
EVENTS: tuple[Event, ...] = (
    BarClosed(10**18 + 1, "BTC", 10**18, 1.1, 1e-9, 3.0, 0.1 + 0.2, 0.0),
    Quote(1, "BTC", 1.0, 2.0, 1.5),
    FundingDue(1, "BTC", Decimal("0.00010")),
    OrderFilled(
        ts=1, client_order_id="o", cumulative_quantity=Decimal("1.0"), price=Decimal("2.50"), cumulative_fee=Decimal(0),
        liquidity=Liquidity.MAKER, ambiguous=True,
    ),
    OrderUnknown(ts=1, client_order_id="o", reason="Zeitüberschreitung \N{SNOWMAN}"),
    OrderReported(ts=1, report=REPORT),
    AccountRead(ts=2, asked_at=1, snapshot=SNAPSHOT),
    Tick(5),
    TimerFired(5, "expire k"),
    OperatorCommand(5, "close", "someone", {"symbol": "BTC", "count": 1}),
)  # fmt: skip


def there_and_back(event: Any) -> Any:
    return event_of(type(event).__name__, json.loads(json.dumps(plain_of(event, type(event)))))


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_comes_back_as_it_was(event: Event) -> None:
    again = there_and_back(event)
    assert again == event
    assert repr(again) == repr(event)


def test_every_kind_of_event_has_a_name_on_the_tape() -> None:
    assert set(EVENT_TYPES.values()) == set(get_args(Event))


def test_a_table_of_signals_comes_back_with_its_types() -> None:
    table = signal_table(
        available_at=[5], setup_at=[4], symbol=["BTC"], timeframe=["1h"], pattern=["2-1"], side=[1], trigger=[1.5],
        context={"family": np.array(["a"]), "count": np.array([3]), "ok": np.array([True]), "x": np.array([np.nan])},
    )  # fmt: skip
    again = there_and_back(SignalsFound(5, "strat", table))
    assert (again.ts, again.scanner) == (5, "strat")
    assert np.isnan(again.table.stop[0])
    assert again.table.trigger[0] == 1.5
    for name, column in table.context.items():
        assert again.table.context[name].dtype == column.dtype
        np.testing.assert_array_equal(again.table.context[name], column)


def test_an_event_that_is_not_known_or_does_not_fit_is_refused() -> None:
    with pytest.raises(DataError, match="expected an event of this Atlas, was 'Comet'"):
        event_of("Comet", {})
    with pytest.raises(DataError, match="expected a Tick"):
        event_of("Tick", {"ts": 1, "more": 2})
