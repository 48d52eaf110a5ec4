"""Prices that are streamed between the bars: which of them count, and what takes a trigger."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal

from attrs import define

from atlas_core import components as offer
from atlas_core.compose import System, compose
from atlas_core.contracts import Capability, MarketHistory, Need, Scanner
from atlas_core.model.events import Quote
from atlas_core.model.records import PositionOpened, SignalTriggered
from atlas_core.model.signals import SignalTable, signal_table
from atlas_core.model.timeframe import MINUTE, SECOND
from atlas_core.runs import Mode
from atlas_core.runtime.price_stream import PriceStream
from atlas_core.testing.virtual_time import VirtualClock, run_virtual
from tests.live_scene import REAL, Scene, Tape
from tests.memory import START, at, found, made, memory, profile_of, registry

CAN = (Capability.HISTORY, Capability.STREAM, Capability.QUOTES)


@define
class Told:
    """A provider that tells these quotes: seconds of arrival, seconds of the venue, and the price."""

    quotes: Sequence[tuple[float, float, float]]

    async def quote_stream(self, symbols: Sequence[str]) -> AsyncIterator[Quote]:
        for arrives, ts, price in self.quotes:
            await asyncio.sleep(arrives - asyncio.get_running_loop().time())
            yield Quote(START + round(ts * SECOND), symbols[0], price, price, price)


def heard(*quotes: tuple[float, float, float]) -> list[tuple[float, float]]:
    """Return when, in seconds, which prices reached the session."""

    async def main() -> list[tuple[float, float]]:
        told: list[Quote] = []

        async def tell(quote: Quote) -> None:
            told.append(quote)

        await PriceStream(Told(quotes), ("A",), VirtualClock(asyncio.get_running_loop(), START), tell).run()
        return [((quote.ts - START) / SECOND, quote.last) for quote in told]

    return run_virtual(main())


def test_every_price_counts_from_when_it_came() -> None:
    assert heard((1, 0.9, 100.0), (2, 1.9, 110.0), (2, 1.95, 100.0)) == [(1, 100.0), (2, 110.0), (2, 100.0)]


def test_a_price_that_is_older_than_the_one_before_is_left_out() -> None:
    assert heard((5, 4.9, 100.0), (6, 2.0, 90.0), (7, 6.9, 101.0)) == [(5, 100.0), (7, 101.0)]


def test_the_backlog_of_a_stream_that_hung_is_left_out() -> None:
    assert heard((60, 10.0, 90.0), (60, 49.9, 91.0), (60, 50.0, 92.0), (60, 60.0, 93.0)) == [(60, 92.0), (60, 93.0)]


def test_a_price_that_cannot_be_one_is_left_out() -> None:
    assert heard((1, 1, float("nan")), (2, 2, -5.0), (3, 3, 100.0)) == [(3, 100.0)]


@define
class StreamedTape(Tape):
    """A market whose prices between two bars are streamed, by seconds since the start."""

    streamed: Sequence[tuple[float, float]] = ()

    async def quote_stream(self, symbols: Sequence[str]) -> AsyncIterator[Quote]:
        for seconds, price in self.streamed:
            await asyncio.sleep(START / 1e9 + seconds - self.venue.now() / 1e9)
            quote = Quote(self.venue.now(), symbols[0], price, price, price)
            self.venue._tell(self.venue.venue.observe(quote))
            yield quote
        await asyncio.Event().wait()


@define
class Waits(Scanner):
    """One long signal at the end of minute 3 that waits for a price beyond 101."""

    def needs(self) -> Sequence[Need]:
        return (Need("1m", 1),)

    def scan(self, market: MarketHistory) -> SignalTable:
        now = at(4)
        return signal_table(
            available_at=[now], setup_at=[at(3)], symbol=["X"], timeframe="1m", pattern="waits", side=[1],
            entry="stop", trigger=[101.0], valid_until=[now + 20 * MINUTE],
        )  # fmt: skip


@define
class StreamedScene(Scene):
    """A venue whose prices are streamed."""

    streamed: Sequence[tuple[float, float]] = ()

    def _system(self, loop: asyncio.AbstractEventLoop) -> System:
        provider = memory(StreamedTape((), venue=self.venue, prices=self.prices, streamed=self.streamed), *CAN)
        broker = made(offer.broker, "real", self.venue, *REAL)
        parts = registry(provider, broker, made(offer.scanner, "waits", Waits()))
        tables = {"broker": 'use = "real"', "mode": "live", "more": '[live]\naccount = "A-1"'}
        return compose(profile_of(parts, scanners=['use = "waits"'], **tables), Mode.LIVE, VirtualClock(loop, START))


def test_the_first_streamed_price_strictly_beyond_the_trigger_takes_it_though_the_price_turns_at_once() -> None:
    scene = StreamedScene(streamed=[(250, 100.9), (255, 101.0), (260, 101.01), (260, 100.0), (265, 102.0)])
    scene.run(6)
    [triggered] = found(scene.records, SignalTriggered)
    assert (triggered.ts - START, triggered.price) == (260 * SECOND, Decimal("101.01"))
    assert len(found(scene.records, PositionOpened)) == 1


def test_a_touch_of_the_trigger_takes_nothing() -> None:
    scene = StreamedScene(streamed=[(250, 101.0), (260, 101.0)])
    scene.run(6)
    assert found(scene.records, SignalTriggered) == []


def test_a_wild_price_takes_nothing_until_two_more_confirm_it() -> None:
    scene = StreamedScene(streamed=[(250, 1010.0), (255, 100.0), (260, 1010.0), (260, 1010.0), (260, 1011.0)])
    scene.run(6)
    [triggered] = found(scene.records, SignalTriggered)
    assert (triggered.ts - START, triggered.price) == (260 * SECOND, Decimal("1011"))
