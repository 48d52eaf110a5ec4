"""The broker `paper`: the simulated venue behind both faces of a broker."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from atlas_core import Broker, ColumnarBroker, PatientBroker, SimulatedBroker, SimulatedVenue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from atlas_core import (
        BrokerEvent,
        CarriedAccount,
        Context,
        CostOptions,
        MarketEvent,
        Order,
        OrderReport,
        PassedOver,
        VenueSnapshot,
        Waiting,
    )


class PaperBroker(Broker, SimulatedBroker, PatientBroker, ColumnarBroker):
    """Trades on the market data it is shown.

    Every event is told once: what a synchronous call (`observe`, `place`, `withdraw`) causes is returned by it, what
    an asynchronous one (`submit`, `cancel`) causes comes through `events`.
    """

    def __init__(self, options: CostOptions, context: Context) -> None:
        self._clock = context.clock
        self._costs = options
        self._venue = SimulatedVenue(context.instruments, context.starting_cash, options)
        self._told: asyncio.Queue[BrokerEvent | None] = asyncio.Queue()

    async def open(self) -> None:
        """Do nothing: the venue is this object."""

    async def close(self) -> None:
        """End the stream of events; what was told before is still delivered."""
        self._told.put_nowait(None)

    def venue_costs(self) -> CostOptions:
        """Return the options of the venue."""
        return self._costs

    async def snapshot(self) -> VenueSnapshot:
        """Return the account at the last prices that the venue saw."""
        return self._venue.snapshot()

    async def find(self, client_order_id: str) -> OrderReport | None:
        """Return an order, or None for one that was never placed here."""
        return self._venue.report(client_order_id)

    async def submit(self, order: Order) -> None:
        """Send an order; the same `client_order_id` twice is one order."""
        self._tell(self.place(order, self._clock.now()))

    async def cancel(self, client_order_id: str) -> None:
        """Withdraw an order."""
        self._tell(self.withdraw(client_order_id, self._clock.now()))

    async def events(self) -> AsyncIterator[BrokerEvent]:
        """Yield what submitted and cancelled orders caused, until the broker is closed."""
        while (event := await self._told.get()) is not None:
            yield event

    def observe(self, event: MarketEvent) -> Sequence[BrokerEvent]:
        """Let the market move; return what that did to orders and positions."""
        return self._venue.observe(event)

    def place(self, order: Order, now: int) -> Sequence[BrokerEvent]:
        """Take an order at `now`; return what became of it at once."""
        return self._venue.place(order, now)

    def withdraw(self, client_order_id: str, now: int) -> Sequence[BrokerEvent]:
        """Cancel an order at `now`."""
        return self._venue.withdraw(client_order_id, now)

    def take_over(self, account: CarriedAccount, now: int) -> None:
        """Go on with an account that an earlier process left."""
        self._venue.take_over(account, now)

    def waiting(self, symbol: str) -> Waiting:
        """Return what must happen in the market of `symbol` before an event of it can cause anything."""
        return self._venue.waiting(symbol)

    def pass_over(self, passed: PassedOver) -> None:
        """Take note of events that cannot have caused anything, as if they had been observed."""
        self._venue.pass_over(passed)

    def _tell(self, events: Sequence[BrokerEvent]) -> None:
        for event in events:
            self._told.put_nowait(event)
