"""The skipping driver: goes from one event that can matter to the next one, and passes over what lies between.

Who decides says what it waits for (`Passage.waiting`, `PatientBroker.waiting`), and every event that could be one of it
is fed. What an event changes without a decision (last prices, extremes, ages) is told when somebody may look at it.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Iterable, Sequence
from decimal import Decimal

from attrs import define, field

from atlas_core.backtest.foretold import Foretold, ForetoldDesk, ForetoldPassage
from atlas_core.backtest.lanes import Lane, Place
from atlas_core.backtest.lookout import Lookout
from atlas_core.backtest.tapes import other_streams
from atlas_core.compose import OpenSystem
from atlas_core.contracts import PatientBroker
from atlas_core.engine.passage import Passage
from atlas_core.loading import LoadedMarket
from atlas_core.marketdata.history import PastMarket
from atlas_core.model.bars import FormingBar
from atlas_core.model.events import BarClosed, BarOpened, FundingDue, OperatorCommand, SignalsFound
from atlas_core.model.records import (
    EquityMarked,
    FillBooked,
    FundingBooked,
    PositionChanged,
    PositionClosed,
    PositionOpened,
    Record,
    SignalArmed,
    SignalSized,
    SignalTriggered,
    TradingStateChanged,
)
from atlas_core.model.waiting import EVERYTHING, NEVER, NOTHING, Waiting
from atlas_core.runs import RunSummary
from atlas_core.tape import ScanDue, TapeEvent
from atlas_core.trading import TradingDesk
from atlas_core.watching import RecordLog, Scribe

PROGRESS_EVERY = 500
OF_ACCOUNT = (
    FillBooked,
    FundingBooked,
    PositionOpened,
    PositionChanged,
    PositionClosed,
    EquityMarked,
    TradingStateChanged,
    SignalSized,
)
"""Records after which the equity goes another way, or may have been compared with the limits."""

AFTER_BARS = 1 << 40
"""The lane of what is no bar: it comes after the bars of its time and phase."""


class LazyMarket(PastMarket):
    """The past in a back-test that skips: what was passed over of a symbol is told before the symbol is looked at."""

    driver: SkippingDriver

    def settle(self) -> None:
        """Have everything told that counts for the account."""
        self.driver.settle()

    def last_price(self, symbol: str) -> Decimal | None:
        """Return the last price seen, or None before the first one."""
        self.driver.tell(symbol)
        return super().last_price(symbol)

    def price_at(self, symbol: str, at: int) -> Decimal | None:
        """Return the last price that was seen no later than `at`, as far back as two prices reach."""
        self.driver.tell(symbol)
        return super().price_at(symbol, at)

    def forming(self, symbol: str, timeframe: str) -> FormingBar | None:
        """Return the current bar of a timeframe as known at `now`, None when its beginning is not."""
        self.driver.tell(symbol)
        return super().forming(symbol, timeframe)

    def forming_at(self, symbol: str, timeframe: str, at: int, price: float | None) -> FormingBar | None:
        """Return the current bar as it was at `at`, when a base bar opened; `price` traded after its first price."""
        self.driver.tell(symbol)
        return super().forming_at(symbol, timeframe, at, price)


@define
class SkippingDriver:
    """Takes the events that can matter through a trading desk, in the order of the plain driver.

    `place` is where the run stands; `lanes` are by symbol, in the universe's order.
    """

    market: LoadedMarket
    desk: TradingDesk
    broker: PatientBroker
    passage: Passage
    lanes: dict[str, Lane]
    lookout: Lookout
    foretold: Foretold | None = None
    place: Place = (0, 0, 0)
    fed: int = 0
    _by_number: Sequence[Lane] = field(init=False)
    _live: dict[int, Lane] = field(factory=dict)
    _heads: list[tuple[Place, int]] = field(factory=list)
    _day_end: int = 0
    _next_day: tuple[Lane, int] | None = None
    _settled: Place | None = None

    @_by_number.default
    def _numbered(self) -> Sequence[Lane]:
        return tuple(self.lanes.values())

    @classmethod
    def on(
        cls,
        live: OpenSystem,
        market: LoadedMarket,
        broker: PatientBroker,
        scribe: Scribe[RecordLog],
        foretold: Foretold | None = None,
    ) -> SkippingDriver:
        """Lay out a lane of bars for each symbol; funding, closings and signals stay a tape.

        Of signals whose fates are foretold only those are taken that the engine has to decide.
        """
        past = LazyMarket(market.data)
        desk = (TradingDesk if foretold is None else ForetoldDesk)(live, live.engine(past), scribe)
        for stream in other_streams(live, market, desk.engine, foretold):
            desk.queue.add_stream(stream)
        lanes = {}
        for number, symbol in enumerate(live.system.profile.universe.symbols):
            tick = float(live.instruments[symbol].tick_size)
            lanes[symbol] = Lane(market.bars_of_run(symbol), number, tick)
        lookout = Lookout(desk.engine.state, desk.engine.limits, lanes)
        passage = Passage(desk.engine) if foretold is None else ForetoldPassage(desk.engine, foretold, lanes)
        past.driver = cls(market, desk, broker, passage, lanes, lookout, foretold)
        return past.driver

    async def run(self) -> RunSummary:
        """Run to the end of the data; it can be interrupted where it reports its progress."""
        self.desk.start(self.market.start)
        self._begin_account(self.place)
        self._plan(self._by_number)
        while self._step():
            self.fed += 1
            if self.fed % PROGRESS_EVERY == 0:
                await self._progress(sum(lane.closes_before(self.place) for lane in self._by_number))
        self.place = (self.market.end, NEVER, AFTER_BARS)
        for symbol in self.lanes:
            self.tell(symbol)
        await self._progress(self._total)
        return self.desk.finish(self.market.end, "end of data")

    def tell(self, symbol: str) -> None:
        """Tell broker and engine what was passed over of a symbol until now."""
        lane = self.lanes.get(symbol)
        if lane is not None:
            self._pass_to(lane, lane.events_before(self.place))

    def settle(self) -> None:
        """Tell what was passed over of every symbol with a position or an order, and the equity that it made."""
        if self._settled is not self.place:  # once for each event
            self._settled = self.place
            self._tell_live()
            self.lookout.settle(self.place)

    def _tell_live(self) -> None:
        for lane in self._live.values():
            self._pass_to(lane, lane.events_before(self.place))

    def _pass_to(self, lane: Lane, event: int) -> None:
        passed = lane.pass_to(event)
        if passed is not None:
            self.broker.pass_over(passed)
            self.passage.pass_over(passed)

    def _step(self) -> bool:
        """Feed the next event that can matter; tell whether there was one."""
        queue = self.desk.queue
        head = self._head()
        following = queue.next_place() if queue else None
        if following is not None and following[0] <= self.market.end and (head is None or following < head[0][:2]):
            self.place = (*following, AFTER_BARS)
            self._take(queue.pop()[1])
        elif head is not None:
            self.place = head[0]
            self._take_bar(self._by_number[head[0][2]], head[1])
        else:
            return False
        return True

    def _head(self) -> tuple[Place, int] | None:
        """Return the next bar event to feed; entries of a plan that has changed meanwhile are dropped."""
        heads = self._heads
        while heads and self._by_number[heads[0][0][2]].upcoming != heads[0][1]:
            heapq.heappop(heads)
        return heads[0] if heads else None

    def _take_bar(self, lane: Lane, number: int) -> None:
        self._pass_to(lane, number)
        lane.happened = number + 1
        event = lane.event(number)
        counts = lane.is_live or self._begins_day(event)
        if counts:
            self.settle()
        is_close, limits = isinstance(event, BarClosed), self.desk.engine.limits
        limits.is_relieved = not (counts or self.lookout.alarm == (lane, number))
        records = self.desk.feed(event)
        lane.is_quiet = is_close and not records
        self._go_on((lane,), records, is_watched=is_close and not limits.is_relieved)

    def _take(self, event: TapeEvent) -> None:
        assert not isinstance(event, ScanDue)
        if isinstance(event, FundingDue):
            self.tell(event.symbol)
        if isinstance(event, OperatorCommand) or self._begins_day(event):
            self.settle()
        records = self.desk.feed(event)
        lanes = self._touched(event, records)
        for lane in lanes:
            lane.is_quiet = False
        self._go_on(lanes, records)

    def _begins_day(self, event: TapeEvent) -> bool:
        """Tell whether the account is marked before the event: its day has ended."""
        is_opening = isinstance(event, BarOpened)
        return event.ts > self._day_end or (is_opening and event.ts == self._day_end)

    def _touched(self, event: TapeEvent, records: Iterable[Record]) -> Sequence[Lane]:
        """Return the lanes in which something new may be waited for after an event that is no bar."""
        if isinstance(event, OperatorCommand):
            return self._by_number
        if isinstance(event, FundingDue):
            return (self.lanes[event.symbol],) if event.symbol in self.lanes else ()
        if not isinstance(event, SignalsFound):
            return ()
        signals = self.desk.engine.state.signals
        keys = [record.key for record in records if isinstance(record, SignalTriggered)]
        armed = [record.key for record in records if isinstance(record, SignalArmed)]
        if self.foretold is None:
            keys += armed
        else:  # no first price voids one of these, and the way to their triggers is planned already
            for key in armed:
                self.desk.engine.signals.met(key)
        symbols = dict.fromkeys(signals[key].signal.symbol for key in keys if key in signals)
        return [self.lanes[symbol] for symbol in symbols]

    def _go_on(self, lanes: Sequence[Lane], records: Iterable[Record], *, is_watched: bool = False) -> None:
        """Plan the way of the lanes in which something happened; the account is looked at anew where it changed."""
        following = (self.place[0], self.place[1], self.place[2] + 1)
        alarm = self.lookout.alarm
        is_alarm = alarm is not None and alarm.lane.happened > alarm.event
        if is_alarm or any(isinstance(record, OF_ACCOUNT) for record in records):
            if not is_watched:
                self.lookout.settle(following)
            self._begin_account(following)
        elif is_watched:
            self.lookout.go_on(following)
        self._plan(lanes)

    def _begin_account(self, since: Place) -> None:
        """Let the first bar event of the next day be fed, in whichever lane it lies, and the alarm of the account."""
        day_end = self.desk.engine.day_end
        self._tell_live()
        self.lookout.begin(since, day_end)
        if day_end != self._day_end:
            self._day_end, self._next_day = day_end, self._first_after(day_end)
        for lane in self._by_number:
            lane.forced = NEVER
        for forced in (self._next_day, self.lookout.alarm):
            if forced is not None:
                self._force(*forced)

    def _force(self, lane: Lane, event: int) -> None:
        lane.forced = min(lane.forced, event)
        if lane.forced < lane.upcoming:
            lane.upcoming = lane.forced
            heapq.heappush(self._heads, (lane.place_of(lane.upcoming), lane.upcoming))

    def _first_after(self, day_end: int) -> tuple[Lane, int] | None:
        """Return the first bar event of the day that begins at `day_end` or later."""
        firsts = [(lane, lane.first_after(day_end)) for lane in self._by_number]
        coming = [(lane, event) for lane, event in firsts if event < lane.count]
        return min(coming, key=lambda first: first[0].place_of(first[1]), default=None)

    def _plan(self, lanes: Sequence[Lane]) -> None:
        for lane in lanes:
            waiting = self._waiting(lane)
            lane.upcoming = lane.search(waiting, max(lane.happened, lane.events_before(self.place)))
            if lane.upcoming < lane.count:
                heapq.heappush(self._heads, (lane.place_of(lane.upcoming), lane.upcoming))

    def _waiting(self, lane: Lane) -> Waiting:
        """Return what is waited for in a lane.

        Where something is held or ordered, an event at which nothing was decided must have come before: then everybody
        has seen the market as it is.
        """
        symbol, engine = lane.bars.symbol, self.desk.engine
        at_broker = self.broker.waiting(symbol)
        lane.is_live = symbol in engine.state.positions or at_broker is not NOTHING
        if lane.is_live:
            self._live[lane.number] = lane
        else:
            self._live.pop(lane.number, None)
        if lane.is_live and not lane.is_quiet:
            return EVERYTHING
        return at_broker.also(self.passage.waiting(symbol))

    @property
    def _total(self) -> int:
        return sum(len(lane.bars) for lane in self._by_number)

    async def _progress(self, done: int) -> None:
        self.desk.scribe.watch.progress(done, self._total, self.place[0])
        await asyncio.sleep(0)  # a cancellation arrives at an await only
