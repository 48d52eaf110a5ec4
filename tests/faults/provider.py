"""The provider that the session listens to: the market's bars, late, broken, twice or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

import numpy as np
from attrs import define, field

from atlas_core.contracts import HistoryRequest, Provider
from atlas_core.errors import NotReady
from atlas_core.model.bars import Bars
from atlas_core.model.events import BarClosed
from atlas_core.model.instrument import Instrument, InstrumentKind
from tests.faults.market import Minute
from tests.faults.world import World

TICK, LOT = Decimal("0.01"), Decimal("0.001")
BAR_FAULTS = (
    "bar-missing", "bar-nan", "bar-infinite", "bar-zero", "bar-spike", "bar-duplicate", "bar-late",
)  # fmt: skip
DAMAGE = {"bar-nan": float("nan"), "bar-infinite": float("inf"), "bar-zero": 0.0}


@define
class SimProvider(Provider):
    """One process's connection to the market data."""

    world: World
    passes: Callable[[str], None]
    streams: list[asyncio.Queue[Any]] = field(factory=list)

    async def open(self) -> None:
        """Begin to listen."""
        self.passes("open")
        self.world.on_bars.append(self._hear)
        self.world.on_cut_data.append(self.cut)

    async def close(self) -> None:
        """Stop listening; may be called twice."""
        self.forget()

    def forget(self) -> None:
        """Hear nothing more."""
        if self._hear in self.world.on_bars:
            self.world.on_bars.remove(self._hear)
        if self.cut in self.world.on_cut_data:
            self.world.on_cut_data.remove(self.cut)
        self.cut()

    def cut(self) -> None:
        """Break the streams: what comes from now on nobody hears."""
        for stream in self.streams:
            stream.put_nowait(None)
        self.streams.clear()

    async def instruments(self, symbols: Sequence[str]) -> Mapping[str, Instrument]:
        """Return what is traded here."""
        kind = InstrumentKind.SPOT if self.world.personality.holds else InstrumentKind.PERP
        return {s: Instrument(s, kind=kind, tick_size=TICK, lot_size=LOT, max_leverage=Decimal(5)) for s in symbols}

    async def history(self, request: HistoryRequest) -> Mapping[str, Bars]:
        """Return the bars that have closed, whole and right: history is read from another place than the stream."""
        self.passes("history")
        await asyncio.sleep(0.2)
        self.passes("answer")
        return {symbol: self._columns(symbol, request) for symbol in request.symbols}

    def _columns(self, symbol: str, request: HistoryRequest) -> Bars:
        bars = [
            bar
            for bar in self.world.market.bars[symbol]
            if (request.start is None or bar.opened_at >= request.start)
            and (request.end is None or bar.ends_at <= request.end)
        ]
        times = np.array([[bar.opened_at for bar in bars], [bar.ends_at for bar in bars]], dtype=np.int64)
        prices = np.array([(bar.open, bar.high, bar.low, bar.close) for bar in bars], dtype=np.float64).reshape(-1, 4)
        open_, high, low, close = (prices / 100).T
        return Bars(symbol, request.timeframe, *times, open_, high, low, close, np.full(len(bars), 1e6), TICK)

    async def stream(self, request: HistoryRequest) -> AsyncIterator[BarClosed]:
        """Yield bars as they close, until the connection breaks."""
        self.passes("stream")
        await asyncio.sleep(0.1)
        if self.world.is_unreachable:
            raise NotReady("no route to host")
        async for bar in self.listened(self.streams, "bar"):
            yield bar

    async def listened(self, streams: list[asyncio.Queue[Any]], what: str) -> AsyncIterator[Any]:
        """Yield what comes over one connection, until it breaks."""
        stream: asyncio.Queue[Any] = asyncio.Queue()
        streams.append(stream)
        try:
            while (item := await stream.get()) is not None:
                self.passes(what)
                yield item
        finally:
            if stream in streams:
                streams.remove(stream)
        raise ConnectionResetError("connection closed by peer")

    def _hear(self, minutes: list[Minute]) -> None:
        if not self.streams or self.world.is_silent:
            return
        weather, now = self.world.weather, []
        for minute in minutes:
            fault = weather.first(*BAR_FAULTS)
            bar = self._bar(minute, fault)
            if fault == "bar-late":
                self.world.loop.call_later(weather.draws(fault).uniform(5, 200), self._push, [bar])
            elif fault != "bar-missing":
                now += [bar, bar] if fault == "bar-duplicate" else [bar]
        if now:
            self.world.loop.call_later(0.05 + 0.4 * self.world.chance.stream("bar latency").random(), self._push, now)

    def _bar(self, minute: Minute, fault: str) -> BarClosed:
        prices = [ticks / 100 for ticks in (minute.open, minute.high, minute.low, minute.close)]
        if fault in DAMAGE:
            prices[self.world.weather.draws(fault).randrange(4)] = DAMAGE[fault]
        elif fault == "bar-spike":
            prices = [price * self.world.weather.draws(fault).choice((0.1, 10.0)) for price in prices]
        return BarClosed(minute.ends_at, minute.symbol, minute.opened_at, *prices, 1e6)

    def _push(self, bars: list[BarClosed]) -> None:
        if self.world.is_held:
            self.world.held.append(partial(self._push, bars))
            return
        if self.streams:
            told = [(bar.symbol, bar.ts, bar.low * 100, bar.high * 100) for bar in bars]
            self.world.trace.venue("bars", bars=told)
        for stream in self.streams:
            for bar in bars:
                stream.put_nowait(bar)
