"""Brings a session its market and its venue, at its start or when they can be reached: positions are not left alone.

The first session of a journal needs both, and ends with the fault that it meets. One that goes on with a journal comes
up without them: with the instruments that the session before it knew it reads the account, keeps the stops, and enters
nothing until the market is there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from typing import TypeVar

from attrs import define, field

from atlas_core.compose import System
from atlas_core.contracts import Broker
from atlas_core.errors import AuthFailed, NotReady, NotSent, ProfileError, SafetyStop, SessionFailed, cause_of
from atlas_core.model.events import BrokerEvent
from atlas_core.model.instrument import Instrument
from atlas_core.model.orders import Order
from atlas_core.model.venue import OrderReport, VenueSnapshot
from atlas_core.opening import CLOSE_SECONDS, introduced
from atlas_core.runtime.instrument_memory import InstrumentMemory

T = TypeVar("T")

ARRIVES_WITHIN = 20.0
"""How long the start of a session that goes on waits for its market, and for its venue."""

HISTORY_WITHIN = 300.0

NOT_WAITED_FOR = (AuthFailed, ProfileError, SafetyStop)
"""What waiting does not mend."""

Fill = Callable[[], Awaitable[None]]


@define
class MarketArrival:
    """Follows the provider of one session until its market is there; `fault` says why it is not, empty when it is."""

    system: System
    memory: InstrumentMemory | None = None
    fault: str = ""
    _known: Mapping[str, Instrument] = field(factory=dict)
    _stack: AsyncExitStack | None = None

    @property
    def can_wait(self) -> bool:
        """Tell whether the session can come up without its market and its venue."""
        return bool(self._known)

    def refusal(self) -> str:
        """Return why nothing may be entered, empty when it may."""
        return f"no market data: {self.fault}" if self.fault else ""

    async def introduce(self, system: System, stack: AsyncExitStack) -> Mapping[str, Instrument]:
        """Open the provider and return the instruments: those that are remembered while it cannot be reached."""
        self.system, self._stack = system, stack
        if self.memory is not None and system.is_real_time:
            self._known = self.memory.recall(system.profile.universe.symbols)
        fresh = await self._tried(introduced(system, stack))
        if fresh is None:
            return self._known
        self._met(fresh)
        return fresh

    async def warm_up(self, fill: Fill) -> None:
        """Fill the feeds with history, unless the market is not there."""
        if not self.fault:
            await self._tried(fill())

    async def complete(self, fill: Fill) -> None:
        """Do what the start could not; raises what the provider raises, and may then be called again.

        Raises SessionFailed when the instruments are others by now: everything was made with the old ones.
        """
        if self._stack is not None:
            fresh = await introduced(self.system, self._stack)
            self._met(fresh)
            if dict(fresh) != dict(self._known):
                raise SessionFailed("the instruments have changed, the next start takes them over")
        async with asyncio.timeout(HISTORY_WITHIN):
            await fill()
        self.fault = ""

    def _met(self, instruments: Mapping[str, Instrument]) -> None:
        self._stack = None
        if self.memory is not None:
            self.memory.keep(instruments)

    async def _tried(self, answer: Awaitable[T]) -> T | None:
        try:
            async with asyncio.timeout(ARRIVES_WITHIN if self.can_wait else None):
                return await answer
        except NOT_WAITED_FOR:
            raise
        except Exception as error:  # whatever it is: what went on yesterday goes on
            if not self.can_wait:
                raise
            self.fault = cause_of(error)
            return None


@define
class PatientBroker(Broker):
    """A broker whose venue may be away when the session starts; `fault` says why it is, empty when it is connected.

    Until then nothing can be read, and what would be sent certainly was not. `events` connects.
    """

    _inner: Broker
    fault: str = ""

    async def open(self) -> None:
        """Try to connect, not for long; raises AuthFailed."""
        try:
            async with asyncio.timeout(ARRIVES_WITHIN):
                await self._inner.open()
        except NOT_WAITED_FOR:
            raise
        except Exception as error:
            self.fault = cause_of(error)
            await self._close_quietly()

    async def close(self) -> None:
        """Disconnect."""
        if not self.fault:
            await self._inner.close()

    async def snapshot(self) -> VenueSnapshot:
        """Return the whole account; raises NotReady until the venue is there."""
        self._require_venue()
        return await self._inner.snapshot()

    async def find(self, client_order_id: str) -> OrderReport | None:
        """Return an order; raises NotReady until the venue is there."""
        self._require_venue()
        return await self._inner.find(client_order_id)

    async def submit(self, order: Order) -> None:
        """Send an order once; raises NotSent until the venue is there."""
        if self.fault:
            raise NotSent(self.fault)
        await self._inner.submit(order)

    async def cancel(self, client_order_id: str) -> None:
        """Ask the venue to withdraw an order; raises NotReady until the venue is there."""
        self._require_venue()
        await self._inner.cancel(client_order_id)

    async def events(self) -> AsyncGenerator[BrokerEvent, None]:
        """Connect where that is still to be done, then yield what happens to orders and positions."""
        if self.fault:
            await self._connect()
        events = self._inner.events()
        try:
            async for event in events:
                yield event
        finally:
            if isinstance(events, AsyncGenerator):
                await events.aclose()

    async def _connect(self) -> None:
        try:
            async with asyncio.timeout(ARRIVES_WITHIN):
                await self._inner.open()
        except BaseException:
            await self._close_quietly()
            raise
        self.fault = ""

    async def _close_quietly(self) -> None:
        with suppress(Exception):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._inner.close()

    def _require_venue(self) -> None:
        if self.fault:
            raise NotReady(self.fault)
