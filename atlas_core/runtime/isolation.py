"""Lets adapters live in event loops of their own threads, so that one that blocks its loop blocks nobody else.

The session's loop talks to such a loop by calls that it awaits and by bounded pipes; it can give up waiting at any
time. What the adapter does in its thread it must do alone: it shares its client with the adapters of the same thread.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any, Generic, TypeVar

from attrs import define, evolve, field, frozen

from atlas_core.compose import System
from atlas_core.contracts import (
    Alerter,
    Broker,
    FundingProvider,
    HistoryRequest,
    Provider,
    QuoteProvider,
    StreamsQuotes,
)
from atlas_core.errors import ComponentHung
from atlas_core.model.bars import Bars
from atlas_core.model.decisions import Alert
from atlas_core.model.events import BarClosed, BrokerEvent, FundingDue, Quote
from atlas_core.model.instrument import Instrument
from atlas_core.model.orders import Order
from atlas_core.model.venue import OrderReport, VenueSnapshot

T = TypeVar("T")

PIPE_LENGTH = 1_000
CLOSE_SECONDS = 5.0
CANCELLED_ITSELF = "CancelledError: something that it waited for was cancelled, and nobody had asked for that"


class PluginLoop:
    """An event loop in a thread of its own."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.loop = asyncio.new_event_loop()
        # A plugin that blocks its loop for ever must not keep the process from ending, therefore a daemon.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def call(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine in the thread and await its result; giving up the wait cancels it there."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_contained(make), self.loop))

    async def stream(self, make: Callable[[], AsyncIterator[T]]) -> AsyncGenerator[T, None]:
        """Iterate in the thread and yield here what came; at most a pipe's length ahead."""
        pipe: Pipe[T] = Pipe(asyncio.get_running_loop(), self.loop)
        running = asyncio.run_coroutine_threadsafe(_pump(make, pipe), self.loop)
        try:
            while True:
                item = await pipe.get()
                if item.is_last:
                    if item.error is not None:
                        raise item.error
                    return
                yield item.value  # type: ignore[misc]
        finally:
            running.cancel()

    def close(self) -> None:
        """Let the thread end as soon as its loop comes to it; nobody waits for that."""
        with suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self.loop.stop)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            left = asyncio.all_tasks(self.loop)
            for task in left:
                task.cancel()
            with suppress(BaseException):
                self.loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            self.loop.close()


@frozen
class _Item(Generic[T]):
    value: T | None = None
    is_last: bool = False
    error: Exception | None = None


@define(eq=False)
class Pipe(Generic[T]):
    """A bounded queue from the loop of one thread (`writer`) to the loop of another (`reader`)."""

    reader: asyncio.AbstractEventLoop
    writer: asyncio.AbstractEventLoop
    length: int = PIPE_LENGTH
    _items: deque[_Item[T]] = field(factory=deque)
    _ready: asyncio.Event = field(factory=asyncio.Event)
    _room: asyncio.Event = field(factory=asyncio.Event)
    _is_awaited: bool = False
    _is_full: bool = False

    async def put(self, item: _Item[T]) -> None:
        """Add an item, in the writer's loop; waits while the pipe is full."""
        while len(self._items) >= self.length:
            self._room.clear()
            self._is_full = True
            if len(self._items) >= self.length:
                await self._room.wait()
        self._items.append(item)
        if self._is_awaited:
            self._is_awaited = False
            with suppress(RuntimeError):  # the reader is gone
                self.reader.call_soon_threadsafe(self._ready.set)

    async def get(self) -> _Item[T]:
        """Take the oldest item, in the reader's loop."""
        while not self._items:
            self._ready.clear()
            self._is_awaited = True  # before the second look: what is added after it wakes us
            if not self._items:
                await self._ready.wait()
        item = self._items.popleft()
        if self._is_full and len(self._items) <= self.length // 2:
            self._is_full = False
            with suppress(RuntimeError):  # the writer is gone
                self.writer.call_soon_threadsafe(self._room.set)
        return item


async def _contained(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine; a plugin that asks the process to end, or that cancelled itself, has failed, no more."""
    try:
        return await make()
    except SystemExit as error:
        raise ComponentHung(f"SystemExit: {error}") from error
    except asyncio.CancelledError as error:
        if _is_given_up():
            raise
        raise ComponentHung(CANCELLED_ITSELF) from error


async def _pump(make: Callable[[], AsyncIterator[T]], pipe: Pipe[T]) -> None:
    """Put what an iterator yields into a pipe, and then how it ended."""
    iterator = make()
    last: _Item[T] = _Item(is_last=True)
    try:
        async for value in iterator:
            await pipe.put(_Item(value))
            await asyncio.sleep(0)  # an iterator that never waits must still be one that can be cancelled
    except asyncio.CancelledError:
        if _is_given_up():
            raise
        last = _Item(is_last=True, error=ComponentHung(CANCELLED_ITSELF))
    except (Exception, SystemExit) as error:
        last = _Item(is_last=True, error=error if isinstance(error, Exception) else ComponentHung(str(error)))
    finally:
        if isinstance(iterator, AsyncGenerator):
            await iterator.aclose()
    await pipe.put(last)


def _is_given_up() -> bool:
    """Tell whether somebody cancelled the current task, and not only something that it waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


@define(eq=False)
class Isolation:
    """The plugin loops of one session, by name; a context manager that lets them end."""

    _loops: dict[str, PluginLoop] = field(factory=dict)

    def __enter__(self) -> Isolation:
        return self

    def __exit__(self, *details: object) -> None:
        for loop in self._loops.values():
            loop.close()

    def loop(self, name: str) -> PluginLoop:
        """Return the loop of that name; the first call makes it."""
        if name not in self._loops:
            self._loops[name] = PluginLoop(name)
        return self._loops[name]

    def isolated(self, system: System) -> System:
        """Return the system with its provider and its alerters in loops of their own.

        Provider and broker of one plugin share a client, and therefore a loop; the broker is taken there by `broker`.
        """
        provider = self.loop(venue_of(system.profile.provider.component.factory))
        alerters = [
            (label, IsolatedAlerter(alerter, self.loop(f"alerter {label}"))) for label, alerter in system.alerters
        ]
        return evolve(system, provider=_isolated_provider(system.provider, provider), alerters=tuple(alerters))

    def broker(self, system: System, broker: Broker) -> Broker:
        """Return a broker in the loop of its plugin."""
        return IsolatedBroker(broker, self.loop(venue_of(system.broker.component.factory)))


def venue_of(factory: Callable[..., object]) -> str:
    """Return a name that the components of one plugin have in common: the package that makes them."""
    return f"plugin {factory.__module__.partition('.')[0]}"


@frozen
class IsolatedAlerter(Alerter):
    """An alerter in another loop."""

    _inner: Alerter
    _loop: PluginLoop

    async def open(self) -> None:
        """Connect."""
        await self._loop.call(self._inner.open)

    async def close(self) -> None:
        """Disconnect; given up after some seconds."""
        async with asyncio.timeout(CLOSE_SECONDS):
            await self._loop.call(self._inner.close)

    async def send(self, alert: Alert) -> None:
        """Deliver one alert; raises VenueError when it could not."""
        await self._loop.call(lambda: self._inner.send(alert))


@frozen
class IsolatedProvider(Provider):
    """A provider in another loop."""

    _inner: Provider
    _loop: PluginLoop

    async def open(self) -> None:
        """Acquire what is needed; raises NotReady, AuthFailed or DataError."""
        await self._loop.call(self._inner.open)

    async def close(self) -> None:
        """Release it; given up after some seconds."""
        async with asyncio.timeout(CLOSE_SECONDS):
            await self._loop.call(self._inner.close)

    async def instruments(self, symbols: Sequence[str]) -> Mapping[str, Instrument]:
        """Return the instruments of `symbols`; raises DataError naming each unknown one."""
        return await self._loop.call(lambda: self._inner.instruments(symbols))

    async def history(self, request: HistoryRequest) -> Mapping[str, Bars]:
        """Return the closed bars of each symbol; raises DataError for what it cannot deliver."""
        return await self._loop.call(lambda: self._inner.history(request))

    def stream(self, request: HistoryRequest) -> AsyncIterator[BarClosed]:
        """Yield closed bars ordered by time, then by the order of `request.symbols`."""
        return self._loop.stream(lambda: self._inner.stream(request))


@frozen
class _WithFunding(IsolatedProvider):
    """A provider of perpetuals in another loop."""

    async def funding(self, request: HistoryRequest) -> Sequence[FundingDue]:
        """Return the funding times and rates of the request's span, ordered by time."""
        assert isinstance(self._inner, FundingProvider)
        inner = self._inner
        return await self._loop.call(lambda: inner.funding(request))


@frozen
class _WithQuotes(IsolatedProvider):
    """A provider in another loop that can be asked for prices."""

    async def quotes(self, symbols: Sequence[str]) -> Sequence[Quote]:
        """Return the latest quote of each symbol that has one, with its own time; raises VenueError."""
        assert isinstance(self._inner, QuoteProvider)
        inner = self._inner
        return await self._loop.call(lambda: inner.quotes(symbols))


@frozen
class _WithQuoteStream(IsolatedProvider):
    """A provider in another loop that tells prices as they change."""

    def quote_stream(self, symbols: Sequence[str]) -> AsyncIterator[Quote]:
        """Yield a quote of a symbol at each change of its price, with the venue's time; raises VenueError."""
        assert isinstance(self._inner, StreamsQuotes)
        inner = self._inner
        return self._loop.stream(lambda: inner.quote_stream(symbols))


@frozen
class IsolatedBroker(Broker):
    """A broker in another loop."""

    _inner: Broker
    _loop: PluginLoop

    async def open(self) -> None:
        """Connect; raises NotReady or AuthFailed."""
        await self._loop.call(self._inner.open)

    async def close(self) -> None:
        """Disconnect; given up after some seconds."""
        async with asyncio.timeout(CLOSE_SECONDS):
            await self._loop.call(self._inner.close)

    async def snapshot(self) -> VenueSnapshot:
        """Return the whole account as the venue sees it."""
        return await self._loop.call(self._inner.snapshot)

    async def find(self, client_order_id: str) -> OrderReport | None:
        """Return an order, or None when the venue says that it does not know it."""
        return await self._loop.call(lambda: self._inner.find(client_order_id))

    async def submit(self, order: Order) -> None:
        """Send an order once."""
        await self._loop.call(lambda: self._inner.submit(order))

    async def cancel(self, client_order_id: str) -> None:
        """Ask the venue to withdraw an order."""
        await self._loop.call(lambda: self._inner.cancel(client_order_id))

    def events(self) -> AsyncIterator[BrokerEvent]:
        """Yield what happens to orders and positions, until the broker is closed."""
        return self._loop.stream(self._inner.events)


def _isolated_provider(inner: Provider, loop: PluginLoop) -> IsolatedProvider:
    """Return a provider that offers what the inner one does, and no more."""
    offered = {FundingProvider: _WithFunding, QuoteProvider: _WithQuotes, StreamsQuotes: _WithQuoteStream}
    bases = tuple(part for ability, part in offered.items() if isinstance(inner, ability))
    kind: type[IsolatedProvider] = type("IsolatedProvider", (*bases, IsolatedProvider), {"__slots__": ()})
    return kind(inner, loop)
