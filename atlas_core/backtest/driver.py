"""Runs a profile over history: the plain driver takes every bar through the engine, the other one what can matter."""

from __future__ import annotations

import asyncio
from enum import StrEnum

from attrs import define, evolve

from atlas_core.backtest.markets import has_bars_in_order, traded_market
from atlas_core.backtest.skipping import SkippingDriver
from atlas_core.backtest.stepped import looked_up
from atlas_core.backtest.tapes import other_streams
from atlas_core.compose import OpenSystem, System, opened
from atlas_core.contracts import PatientBroker
from atlas_core.journal import Journal
from atlas_core.loading import LoadedMarket, load
from atlas_core.marketdata.history import PastMarket
from atlas_core.model.events import BarClosed, BarOpened, Phase
from atlas_core.runs import RunSummary
from atlas_core.tape import ScanDue, bar_events
from atlas_core.trading import TradingDesk
from atlas_core.watching import RecordLog, Scribe, Unwatched, Watch

PROGRESS_EVERY = 2_000


class DriverKind(StrEnum):
    """How a back-test goes through its bars; both give the same journal."""

    SKIPPING = "skipping"
    PLAIN = "plain"


def run_backtest(
    system: System, journal: Journal, watch: Watch | None = None, driver: DriverKind = DriverKind.SKIPPING
) -> RunSummary:
    """Run a composed system over its history; return how it ended.

    Raises ContractError when a component fails and DataError when the history cannot be had.
    """
    return asyncio.run(_run(system, journal, watch or Unwatched(), driver))


async def _run(system: System, journal: Journal, watch: Watch, kind: DriverKind) -> RunSummary:
    async with opened(system) as live:
        market = await load(live)
        watch.loaded(traded_market(live, market))
        skips = looked_up(live, market) if kind is DriverKind.SKIPPING else live
        driver = driver_on(skips, market, Scribe(journal, watch), kind)
        summary = await driver.run()
        ran = DriverKind.PLAIN if isinstance(driver, PlainDriver) else DriverKind.SKIPPING
        reason = "" if ran is kind else every_bar_because(live, market)
    return evolve(summary, driver=str(ran), every_bar_because=reason)


def driver_on(
    live: OpenSystem, market: LoadedMarket, scribe: Scribe[RecordLog], kind: DriverKind
) -> PlainDriver | SkippingDriver:
    """Return the driver of a loaded market: the plain one also where it cannot be known which bars matter."""
    broker = live.broker
    if kind is DriverKind.PLAIN or every_bar_because(live, market) or not isinstance(broker, PatientBroker):
        return PlainDriver.on(live, market, scribe)
    return SkippingDriver.on(live, market, broker, scribe)


def every_bar_because(live: OpenSystem, market: LoadedMarket) -> str:
    """Return why it cannot be known which bars of a market matter, empty where it can."""
    if not isinstance(live.broker, PatientBroker):
        return f"broker {live.system.broker.label} does not tell what it waits for"
    if market.detail:
        return "finer bars tell what happened inside the bars"
    if not has_bars_in_order(market, live.system.profile.universe.symbols):
        return "bars open before those before them have closed"
    return ""


@define
class PlainDriver:
    """Takes the tape of a loaded market through a trading desk, event by event."""

    market: LoadedMarket
    desk: TradingDesk
    total: int
    done: int = 0

    @classmethod
    def on(cls, live: OpenSystem, market: LoadedMarket, scribe: Scribe[RecordLog]) -> PlainDriver:
        """Lay out the tape: bars in the universe's order, then funding, closings, and each scanner's signals."""
        desk = TradingDesk(live, live.engine(PastMarket(market.data)), scribe)
        bars = [market.bars_of_run(symbol) for symbol in live.system.profile.universe.symbols]
        for of_symbol in bars:
            desk.queue.add_stream(bar_events(of_symbol))
        for stream in other_streams(live, market, desk.engine):
            desk.queue.add_stream(stream)
        return cls(market, desk, sum(len(of_symbol) for of_symbol in bars))

    async def run(self) -> RunSummary:
        """Run the tape to its end; it can be interrupted where it reports its progress."""
        queue = self.desk.queue
        self.desk.start(self.market.start)
        while queue and queue.next_time() <= self.market.end:
            _, event = queue.pop()
            assert not isinstance(event, ScanDue)
            self.desk.feed(event)
            if isinstance(event, BarOpened):
                self._take_apart(event)
            if type(event) is BarClosed and self._count(event.ts):
                await asyncio.sleep(0)  # a cancellation arrives at an await only
        return self.desk.finish(self.market.end, "end of data")

    def _take_apart(self, opened: BarOpened) -> None:
        """Queue the finer bars of a base bar that has opened, where somebody waits for something in its symbol."""
        detail = self.market.detail.get(opened.symbol)
        if detail is not None and self.desk.engine.is_concerned(opened.symbol):
            for part in detail.parts(opened.ts):
                self.desk.queue.push(part.ts, Phase.BROKER, part)  # before the base bar that ends with it

    def _count(self, now: int) -> bool:
        self.done += 1
        is_due = self.done % PROGRESS_EVERY == 0 or self.done == self.total
        if is_due:
            self.desk.scribe.watch.progress(self.done, self.total, now)
        return is_due
