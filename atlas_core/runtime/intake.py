"""The market as it comes in: bars are held until their instant is complete, then all of them go through the desk.

What a back-test knows beforehand is learned bar by bar here: higher timeframes grow, and each time one of them closes a
bar, the scanners look at the trailing window. The decisions are the same, and so is the journal.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable
from math import isfinite
from typing import Protocol

from attrs import define, evolve, field

from atlas_core.clock import to_datetime
from atlas_core.engine.engine import Engine
from atlas_core.engine.queue import EventQueue
from atlas_core.errors import DataError
from atlas_core.marketdata.feed import BarFeed
from atlas_core.marketdata.grid import UTC_GRID, BucketGrid
from atlas_core.marketdata.timetable import Intake
from atlas_core.model.events import BarClosed, Event, FundingDue, OperatorCommand, Phase, SignalsFound
from atlas_core.runtime.closings import closing_events
from atlas_core.runtime.plausibility import PlausiblePrices
from atlas_core.runtime.scanning import ScanDesk
from atlas_core.runtime.schedule import Job
from atlas_core.tape import ScanDue, TapeEvent, bar_pair


class Desk(Protocol):
    """What a session feeds: the simulated or the live trading desk."""

    @property
    @abstractmethod
    def engine(self) -> Engine:
        """What decides."""

    @property
    @abstractmethod
    def queue(self) -> EventQueue[TapeEvent]:
        """What is due later."""

    @abstractmethod
    def start(self, ts: int) -> None:
        """Begin at `ts`."""

    @abstractmethod
    def feed(self, event: Event) -> object:
        """Let an event happen; what is returned does not count here."""

    @abstractmethod
    def flush(self) -> None:
        """Write what was decided."""


Look = Callable[[int], Iterable[SignalsFound]]
"""Lets the scanners look at an instant; what they do not find at once comes as events of its own."""


@define
class MarketIntake:
    """Takes closed bars to a desk, all bars of one instant together.

    `door` puts each bar at its place in the session of its market and leaves out what lies outside. `replays` tells
    that a bar is played from its first print on, as a market that lies in the past is; otherwise its opening is over
    when the bar arrives, and only the closed bar is shown. What people ask before the session begins is `waiting` for
    its first moment. `closings` are laid out where the market is replayed; else they are a job of the clock.
    """

    desk: Desk
    feeds: dict[str, BarFeed]
    scans: ScanDesk
    look: Look
    funding: list[FundingDue]
    door: Intake
    start: int | None = None
    replays: bool = True
    closings: Job | None = None
    now: int | None = None
    scanned_at: int = 0
    waiting: list[OperatorCommand] = field(factory=list)
    plausible: PlausiblePrices = field(init=False)
    _group: dict[str, BarClosed] = field(factory=dict)
    _symbols_with_hours: Counter[BucketGrid] = field(factory=Counter)

    def __attrs_post_init__(self) -> None:
        self.plausible = PlausiblePrices(self.feeds)
        grids = (self.door.timetable.grid(symbol) for symbol in self.feeds)
        self._symbols_with_hours.update(grid for grid in grids if grid is not UTC_GRID)

    @property
    def is_waiting(self) -> bool:
        """Tell whether bars of an instant wait for the others."""
        return bool(self._group)

    def take(self, bar: BarClosed) -> bool:
        """Add a bar to the group of its instant; return whether an instant was complete with it.

        Raises DataError for a bar that nobody can trade on: of another symbol, without finite prices, a second time,
        or too late.
        """
        self._require(bar)
        if not self.replays:
            self.plausible.require(bar)
        placed = self.door.bar(bar)
        return placed is not None and self._hold(placed)

    def nothing_came(self) -> DataError:
        """Return the fault of a stream that brought nothing that is traded on."""
        for symbol in self.door.left_out:
            return self.door.nothing_left(symbol)
        return DataError("expected bars from the provider's stream, it brought none")

    def _hold(self, bar: BarClosed) -> bool:
        was_complete = bool(self._group) and bar.ts != next(iter(self._group.values())).ts
        if was_complete:
            self.take_group()
        if bar.symbol in self._group or (self.now is not None and bar.ts <= self.now):
            raise _out_of_order(bar)
        self._group[bar.symbol] = bar
        if len(self._group) + self._not_traded(bar.ts) == len(self.feeds):
            self.take_group()
            return True
        return was_complete

    def _not_traded(self, ts: int) -> int:
        """Return how many symbols have no bar that ends at `ts`: their market is closed."""
        hours, base = self._symbols_with_hours.items(), self.door.base
        return sum(symbols for grid, symbols in hours if grid.end(base, ts - 1) != ts)

    def take_group(self) -> None:
        """Process the bars of one instant and everything that was due until then."""
        group = [self._group[symbol] for symbol in self.feeds if symbol in self._group]
        self._group = {}
        ts, opened_at = group[0].ts, min(bar.opened_at for bar in group)
        if self.now is None:
            self.begin(self.start if self.start is not None else opened_at)
            if ts <= (self.now or 0):
                raise _out_of_order(group[0])
        assert self.now is not None
        self._lay_out(group, self.now, opened_at, ts)
        self._play_until(ts - 1, opened_at)
        for bar in group:  # all of them before the first is acted on: what is known at an instant has no order
            _append(self.feeds[bar.symbol], bar)
        self._play_until(ts, ts)
        self.now = ts
        self.desk.flush()

    def begin(self, ts: int) -> None:
        """Begin the session at `ts`; bars that end by then are history, and those that the feeds have."""
        self.now = ts if self.replays else max([ts, *(feed.now for feed in self.feeds.values())])
        self.desk.start(ts)
        if not self.replays:
            self._catch_up()
        for command in self.waiting:
            self.desk.feed(evolve(command, ts=ts))
        self.waiting = []
        self.funding = [due for due in self.funding if due.ts > ts]

    def rejoin(self, ts: int) -> None:
        """Go on at `ts` with feeds that were filled since the beginning: their bars are history."""
        self.now = ts
        self._catch_up()

    def _catch_up(self) -> None:
        for feed in self.feeds.values():
            self.desk.engine.catch_up(feed.bars(feed.timeframe))

    def pass_time(self, now: int) -> None:
        """Let what is due by `now` happen; of the bars only those that have come are known."""
        self._play_until(now, 0)

    def _lay_out(self, group: list[BarClosed], after: int, opened_at: int, ts: int) -> None:
        """Queue the group's bars, then the funding, then the scans that are due: the order within one instant."""
        queue = self.desk.queue
        for bar in group:
            for event in bar_pair(bar) if self.replays else ((bar.ts, Phase.MARKET, bar),):
                queue.push(*event)
        while self.funding and self.funding[0].ts <= ts:
            due = self.funding.pop(0)
            queue.push(due.ts, Phase.MARKET, due)
        for event in closing_events(self.closings.slots(after, ts) if self.closings and self.replays else ()):
            queue.push(*event)
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
            self.scanned_at = event.ts
            for found in self.look(event.ts):
                self.desk.feed(found)

    def _require(self, bar: BarClosed) -> None:
        if bar.symbol not in self.feeds:
            raise DataError(f"provider's stream: expected bars of {_listed(self.feeds)}, was {bar.symbol}")
        if not all(map(isfinite, (bar.open, bar.high, bar.low, bar.close))):
            raise DataError(f"provider's stream: expected finite prices, {_named(bar)} has others")


def _listed(symbols: Iterable[str]) -> str:
    return ", ".join(symbols)


def _out_of_order(bar: BarClosed) -> DataError:
    return DataError(f"provider's stream: expected bars once and in the order of time, {_named(bar)} came too late")


def _named(bar: BarClosed) -> str:
    return f"the bar of {bar.symbol} that ends at {to_datetime(bar.ts):%Y-%m-%d %H:%M}Z"


def _append(feed: BarFeed, bar: BarClosed) -> None:
    feed.append(bar.opened_at, bar.ts, bar.open, bar.high, bar.low, bar.close, bar.volume)
