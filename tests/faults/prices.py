"""What a venue tells of its prices between the bars: streamed or when asked, and broken in many ways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial

from attrs import define, field

from atlas_core.errors import NotReady, VenueError
from atlas_core.model.events import Quote
from tests.faults.provider import SimProvider

SECOND = 1_000_000_000
STREAM_FAULTS = ("quote-missing", "quote-garbage", "quote-spike", "quote-stale", "quote-late", "quote-reordered")
POLL_FAULTS = ("quotes-5xx", "quotes-hang")
GARBAGE = (float("nan"), float("inf"), 0.0, -1.0)


@define
class StreamingProvider(SimProvider):
    """A connection over which prices come as they change."""

    prices: list[asyncio.Queue[Quote | None]] = field(factory=list)
    _told: dict[str, int] = field(factory=dict)

    async def open(self) -> None:
        """Begin to listen."""
        await SimProvider.open(self)
        self.world.on_prices.append(self._hear_prices)
        self.world.on_cut_prices.append(self.cut_prices)

    def forget(self) -> None:
        """Hear nothing more."""
        if self._hear_prices in self.world.on_prices:
            self.world.on_prices.remove(self._hear_prices)
            self.world.on_cut_prices.remove(self.cut_prices)
        self.cut_prices()
        SimProvider.forget(self)

    def cut(self) -> None:
        """Break the connections."""
        SimProvider.cut(self)
        self.cut_prices()

    def cut_prices(self) -> None:
        """Break the connection over which prices come."""
        for stream in self.prices:
            stream.put_nowait(None)
        self.prices.clear()

    async def quote_stream(self, symbols: Sequence[str]) -> AsyncIterator[Quote]:
        """Yield prices as they change, until the connection breaks."""
        self.passes("stream")
        await asyncio.sleep(0.1)
        if self.world.is_unreachable:
            raise NotReady("no route to host")
        async for quote in self.listened(self.prices, "quote"):
            yield quote

    def _hear_prices(self, prices: Mapping[str, int]) -> None:
        if not self.prices or self.world.is_silent or self.world.is_mute:
            return
        changed = [symbol for symbol in self.world.symbols if self._told.get(symbol) != prices[symbol]]
        now = [quote for symbol in changed if (quote := self._sent(symbol, prices[symbol])) is not None]
        if now:
            latency = 0.02 + 0.2 * self.world.chance.stream("price latency").random()
            self.world.loop.call_later(latency, self._push_prices, now)

    def _sent(self, symbol: str, ticks: int) -> Quote | None:
        """Return the quote of a price that is sent now, None for one that is not, or later."""
        weather, now = self.world.weather, self.world.now()
        before, self._told[symbol] = self._told.get(symbol, ticks), ticks
        fault = weather.first(*STREAM_FAULTS)
        draws = weather.draws(fault)
        price = ticks / 100
        match fault:
            case "quote-missing":
                return None
            case "quote-garbage":
                price = draws.choice(GARBAGE)
            case "quote-spike":
                price *= draws.choice((0.1, 10.0))
            case "quote-stale":  # an old price once more, as of then
                return Quote(now - round(draws.uniform(12, 600) * SECOND), symbol, *[before / 100] * 3)
            case "quote-late" | "quote-reordered":
                longest = 300.0 if fault == "quote-late" else 25.0
                quote = Quote(now, symbol, price, price, price)
                self.world.loop.call_later(draws.uniform(1, longest), self._push_prices, [quote])
                return None
        return Quote(now, symbol, price, price, price)

    def _push_prices(self, quotes: list[Quote]) -> None:
        if self.world.is_held:
            self.world.held.append(partial(self._push_prices, quotes))
            return
        if self.prices:
            self.world.trace.venue("quotes", quotes=_told(quotes), is_streamed=True)
        for stream in self.prices:
            for quote in quotes:
                stream.put_nowait(quote)


@define
class PolledProvider(SimProvider):
    """A connection that tells the present price to whoever asks."""

    async def quotes(self, symbols: Sequence[str]) -> Sequence[Quote]:
        """Return the present prices."""
        world = self.world
        self.passes("quotes")
        await asyncio.sleep(0.1)
        fault = world.weather.first(*POLL_FAULTS)
        if fault == "quotes-hang":
            await asyncio.sleep(600)
        if fault or world.is_unreachable or world.is_mute:
            raise VenueError("503 Service Unavailable")
        self.passes("answer")
        told = [self._quote(symbol) for symbol in symbols]
        world.trace.venue("quotes", quotes=_told(told), is_streamed=False)
        return told

    def _quote(self, symbol: str) -> Quote:
        world, price, ts = self.world, self.world.venue.prices[symbol] / 100, self.world.now()
        fault = world.weather.first("quote-garbage", "quote-spike", "quote-stale")
        draws = world.weather.draws(fault)
        if fault == "quote-garbage":
            price = draws.choice(GARBAGE)
        elif fault == "quote-spike":
            price *= draws.choice((0.1, 10.0))
        elif fault == "quote-stale":
            ts -= round(draws.uniform(62, 600) * SECOND)
        return Quote(ts, symbol, price, price, price)


def _told(quotes: Sequence[Quote]) -> list[tuple[str, int, float]]:
    return [(quote.symbol, quote.ts, quote.last) for quote in quotes]


KINDS: Mapping[str, type[SimProvider]] = {
    "bars": SimProvider, "stream": StreamingProvider, "poll": PolledProvider,
}  # fmt: skip
