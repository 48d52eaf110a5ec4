"""The asyncio pump: one task reads the provider's stream, one takes its bars through the engine.

What a back-test knows beforehand the session learns bar by bar: higher timeframes grow, and each time one of them
closes a bar, the scanners look at the trailing window. The decisions are the same, and so is the journal.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import aclosing, closing
from math import isfinite

from attrs import define, field
from loguru import logger

from atlas_core.clock import to_datetime
from atlas_core.compose import OpenSystem, System, opened
from atlas_core.contracts import HistoryRequest
from atlas_core.engine.guard import directly
from atlas_core.errors import DataError
from atlas_core.journal import Journal
from atlas_core.loading import funding_of
from atlas_core.marketdata.feed import BarFeed
from atlas_core.marketdata.history import PastMarket
from atlas_core.marketdata.live import LiveMarket
from atlas_core.marketdata.timetable import Intake
from atlas_core.model.events import BarClosed, FundingDue, Phase
from atlas_core.model.timeframe import HOUR, MINUTE
from atlas_core.runs import RunSummary
from atlas_core.runtime.alerts import AlertDesk
from atlas_core.runtime.bounded_calls import BoundedCalls
from atlas_core.runtime.recording import Recorder, Unrecorded
from atlas_core.runtime.scanning import ScanDesk
from atlas_core.tape import ScanDue, bar_pair
from atlas_core.trading import TradingDesk
from atlas_core.watching import Scribe, Unwatched, Watch

INBOX_LENGTH = 1_000


async def run_session(
    system: System,
    journal: Journal,
    watch: Watch | None = None,
    calls: BoundedCalls | None = None,
    recorder: Recorder | None = None,
) -> RunSummary:
    """Run a composed system on its provider's stream until the stream ends; return how it ended.

    With `calls` the deciders are called in a thread, with a deadline; without, at once. What the session is given is
    recorded with `recorder`, for a replay.
    Raises DataError when the stream brings no bar, or one that cannot be: of another symbol, without finite prices,
    a second time, or after a later one.
    """
    recorder = recorder or Unrecorded()
    with closing(recorder):
        async with opened(system) as live, AlertDesk(system.alerters) as alerts:
            session = await Session.on(live, Scribe(journal, watch or Unwatched()), alerts, recorder, calls)
            return await session.run()


@define
class Session:
    """Takes a stream of closed bars through a trading desk, all bars of one instant together."""

    live: OpenSystem
    desk: TradingDesk
    feeds: dict[str, BarFeed]
    scans: ScanDesk
    request: HistoryRequest
    funding: list[FundingDue]
    recorder: Recorder
    intake: Intake
    now: int | None = None
    told_at: int = 0
    _group: dict[str, BarClosed] = field(factory=dict)

    @classmethod
    async def on(
        cls,
        live: OpenSystem,
        scribe: Scribe,
        alerts: AlertDesk,
        recorder: Recorder,
        calls: BoundedCalls | None = None,
    ) -> Session:
        """Prepare a session: read the warm-up history and make the growing market."""
        system, universe = live.system, live.system.profile.universe
        base = system.base_timeframe
        recorder.begin(live)
        feeds = {
            symbol: recorder.feed(symbol, base, live.instruments[symbol].tick_size, live.timetable.grid(symbol))
            for symbol in universe.symbols
        }
        request, intake = live.history(universe.start, universe.end), Intake(live.timetable, base)
        if universe.start is not None:
            await _warm_up(live, feeds, universe.start)
        everything = LiveMarket(feeds, live.instruments)
        engine = live.engine(PastMarket(calls.lease(everything) if calls else everything), calls or directly)
        desk = TradingDesk(live, recorder.engine(engine), scribe, alerts.post)
        window = LiveMarket(feeds, live.instruments, system.window_bars())
        scans = ScanDesk(system.scanners, feeds, window, _scanner_failed(desk), live.timetable)
        funding = list(await funding_of(live, request, universe.start or 0))
        return cls(live, desk, feeds, recorder.scans(scans), request, funding, recorder, intake)

    async def run(self) -> RunSummary:
        """Run until the stream ends."""
        async with aclosing(_buffered(self.live.system.provider.stream(self.request))) as bars:
            async for delivered in bars:
                bar = self._accept(delivered)
                if bar is not None:
                    self._take(bar)
        if self._group:
            self._take_group()
        if self.now is None:
            outside = [self.intake.nothing_left(symbol) for symbol in self.intake.left_out]
            raise next(iter(outside), DataError("expected bars from the provider's stream, it brought none"))
        if self.intake.left_out:
            logger.info("{}", self.intake.told())
        return self.desk.finish(self.now, "end of data")

    def _accept(self, bar: BarClosed) -> BarClosed | None:
        """Return a bar at its place in its session, None when it lies outside."""
        _require_bar(bar, self.feeds)
        return self.intake.bar(bar)

    def _take(self, bar: BarClosed) -> None:
        """Add a bar to the group of its instant; the group before it is complete then."""
        if self._group and bar.ts != next(iter(self._group.values())).ts:
            self._take_group()
        if bar.symbol in self._group or (self.now is not None and bar.ts <= self.now):
            raise _out_of_order(bar)
        self._group[bar.symbol] = bar

    def _take_group(self) -> None:
        """Process the bars of one instant and everything that was due until then."""
        group = [self._group[symbol] for symbol in self.feeds if symbol in self._group]
        self._group = {}
        ts, opened_at = group[0].ts, min(bar.opened_at for bar in group)
        if self.now is None:
            self.now = self.request.start if self.request.start is not None else opened_at
            if ts <= self.now:
                raise _out_of_order(group[0])
            self.desk.start(self.now)
            self.funding = [due for due in self.funding if due.ts > self.now]
        self._lay_out(group, self.now, opened_at, ts)
        self._play_until(ts - 1, opened_at)
        for bar in group:  # all of them before the first is acted on: what is known at an instant has no order
            _append(self.feeds[bar.symbol], bar)
        self._play_until(ts, ts)
        self.now = ts
        self._tell_progress(ts)
        self.desk.scribe.flush()
        self.recorder.flush()

    def _tell_progress(self, ts: int) -> None:
        start, end = self.request.start, self.request.end
        if start is None or end is None:
            self.desk.scribe.watch.progress(0, 0, ts)
        elif (ts - start) // HOUR != (self.told_at - start) // HOUR:
            self.desk.scribe.watch.progress((ts - start) // MINUTE, (end - start) // MINUTE, ts)
            self.told_at = ts

    def _lay_out(self, group: list[BarClosed], after: int, opened_at: int, ts: int) -> None:
        """Queue the group's bars, then the funding, then the scans that are due: the order within one instant."""
        queue = self.desk.queue
        for bar in group:
            for event in bar_pair(bar):
                queue.push(*event)
        while self.funding and self.funding[0].ts <= ts:
            due = self.funding.pop(0)
            queue.push(due.ts, Phase.MARKET, due)
        for end in self.scans.due(after, opened_at, ts):
            queue.push(end, Phase.MARKET, ScanDue(end))

    def _play_until(self, ts: int, complete_until: int) -> None:
        """Play what is due; no bar that opens before `complete_until` is still to come."""
        queue = self.desk.queue
        closed_until = 0
        while queue and queue.next_time() <= ts:
            now, event = queue.pop()
            if closed_until < min(now, complete_until):
                closed_until = min(now, complete_until)
                for feed in self.feeds.values():
                    feed.close_until(closed_until)
            if not isinstance(event, ScanDue):
                self.desk.feed(event)
                continue
            for found in self.scans.scan(event.ts):
                self.desk.feed(found)


async def _warm_up(live: OpenSystem, feeds: dict[str, BarFeed], start: int) -> None:
    """Fill the feeds with what the scanners look back on; it is never traded."""
    request = live.history(live.warm_from(start), start)
    intake = Intake(live.timetable, request.timeframe)
    for symbol, delivered in (await live.system.provider.history(request)).items():
        bars = intake.bars(delivered)
        columns = (bars.opened_at, bars.available_at, *bars.prices(), bars.volume)
        for row in zip(*(column.tolist() for column in columns), strict=True):
            feeds[symbol].append(*row)


async def _buffered(stream: AsyncIterator[BarClosed]) -> AsyncGenerator[BarClosed, None]:
    """Read a stream in a task of its own, so that the provider is never held up by the engine's work.

    Task and stream are over when this generator is closed.
    """
    inbox: asyncio.Queue[BarClosed | Exception | None] = asyncio.Queue(INBOX_LENGTH)

    async def read() -> None:
        try:
            async for bar in stream:
                await inbox.put(bar)
        except Exception as error:
            await inbox.put(error)
        else:
            await inbox.put(None)

    reader = asyncio.create_task(read(), name="provider stream")
    try:
        while (item := await inbox.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
        if isinstance(stream, AsyncGenerator):
            await stream.aclose()


def _require_bar(bar: BarClosed, symbols: Iterable[str]) -> None:
    """Raise DataError for a bar that nobody can trade on."""
    if bar.symbol not in symbols:
        raise DataError(f"provider's stream: expected bars of {', '.join(symbols)}, was {bar.symbol}")
    if not all(map(isfinite, (bar.open, bar.high, bar.low, bar.close))):
        raise DataError(f"provider's stream: expected finite prices, {_named(bar)} has others")


def _out_of_order(bar: BarClosed) -> DataError:
    return DataError(f"provider's stream: expected bars once and in the order of time, {_named(bar)} came too late")


def _named(bar: BarClosed) -> str:
    return f"the bar of {bar.symbol} that ends at {to_datetime(bar.ts):%Y-%m-%d %H:%M}Z"


def _append(feed: BarFeed, bar: BarClosed) -> None:
    feed.append(bar.opened_at, bar.ts, bar.open, bar.high, bar.low, bar.close, bar.volume)


def _scanner_failed(desk: TradingDesk) -> Callable[[str, str], None]:
    def tell(label: str, reason: str) -> None:
        desk.engine.component_failed(f"scanner {label}", reason, "no signals from it this time")

    return tell
