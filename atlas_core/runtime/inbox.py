"""What waits to be taken through the engine: the venue and people first, then the market."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from attrs import define, field

from atlas_core.model.events import BarClosed, BrokerEvent, OperatorCommand, Quote, SignalsFound, Tick, VenueAnswer

MARKET_ROOM = 1_000


@define(frozen=True)
class EndOfStream:
    """The provider's stream is over; `error` is what it raised."""

    error: Exception | None = None


@define(frozen=True)
class StopAsked:
    """Somebody asked for the end of the session."""

    reason: str


@define(frozen=True)
class Turn:
    """Something that stands beside the session and is called at its next turn."""

    act: Callable[[], None]


MarketItem = BarClosed | Quote | EndOfStream
UrgentItem = BrokerEvent | VenueAnswer | SignalsFound | Tick | OperatorCommand | StopAsked | Turn


@define
class Inbox:
    """Two queues with one reader. The market waits outside when there is no room; what is urgent never waits.

    Urgent items are answers to what we asked and a few ticks, so their number is bounded by our own requests.
    """

    _urgent: deque[UrgentItem] = field(factory=deque)
    _market: deque[MarketItem] = field(factory=deque)
    _reader: asyncio.Future[None] | None = None
    _has_room: asyncio.Event = field(factory=asyncio.Event)

    def __len__(self) -> int:
        return len(self._urgent) + len(self._market)

    @property
    def has_urgent(self) -> bool:
        """Tell whether something that must not wait has not been taken yet."""
        return bool(self._urgent)

    def tell(self, item: UrgentItem) -> None:
        """Put something that must not wait."""
        self._urgent.append(item)
        self._wake_reader()

    async def put(self, item: MarketItem) -> None:
        """Put something of the market as soon as there is room."""
        while len(self._market) >= MARKET_ROOM:
            self._has_room.clear()
            await self._has_room.wait()
        self._market.append(item)
        self._wake_reader()

    async def get(self) -> UrgentItem | MarketItem:
        """Return the next item: what is urgent before the market, each in the order in which it came."""
        while not self._urgent and not self._market:
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        if self._urgent:
            return self._urgent.popleft()
        self._has_room.set()
        return self._market.popleft()

    def _wake_reader(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
