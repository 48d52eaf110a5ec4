"""What the driver of a back-test knows ahead of its signals: which of them concern the engine, and when."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from attrs import frozen

from atlas_core.backtest.columnar.searching import NEVER
from atlas_core.backtest.columnar.simple import NotSimple
from atlas_core.backtest.columnar.ticks import Column
from atlas_core.backtest.fates import Fates, fates_of
from atlas_core.backtest.lanes import Lane
from atlas_core.compose import OpenSystem, System
from atlas_core.engine.dialogue import Answers
from atlas_core.engine.passage import Passage
from atlas_core.engine.queue import Timed
from atlas_core.loading import LoadedMarket, find_signals
from atlas_core.model.events import CallAt, Command, Phase, TimerFired
from atlas_core.model.signals import SignalTable
from atlas_core.model.waiting import NOTHING, Waiting
from atlas_core.tape import TapeEvent
from atlas_core.trading import TradingDesk


@frozen(eq=False)
class Foretold:
    """The fates of all signals of a run from `start` to `end` (nanoseconds UTC).

    `triggers` holds, by symbol and in their order, the events in which engaged signals meet their triggers.
    """

    fates: Sequence[Fates]
    start: int
    end: int
    triggers: Mapping[str, list[int]]

    @classmethod
    def of(cls, live: OpenSystem, market: LoadedMarket, *, fewest: int = 0) -> Foretold:
        """Find the signals of a run and their fates.

        Raises NotSimple where only the engine can tell them, and where they are less than `fewest`.
        """
        expect_foretellable(live.system)
        tables = find_signals(live, market)
        if sum(len(table) for _, table in tables) < fewest:
            raise NotSimple("its signals are few, and the engine writes its journal with the run")
        fates = [fates_of(live, market, label, table) for label, table in tables]
        symbols = live.system.profile.universe.symbols
        return cls(fates, market.start, market.end, {symbol: _triggers(fates, symbol) for symbol in symbols})

    def engaged(self) -> Iterator[tuple[str, SignalTable]]:
        """Yield each scanner's label with the signals that the engine has to decide."""
        for fates in self.fates:
            yield fates.label, fates.table.take(fates.engaged)

    def days(self, day_end: Callable[[int], int]) -> Iterator[Timed[TapeEvent]]:
        """Yield the first moment of each day at which the engine would have heard of a signal that it never sees.

        The first event of a day closes the books of the one before, whatever it is.
        """
        times = _joined([self._heard(each) for each in self.fates])
        end, last = day_end(self.start), self.start
        while len(times) and times[-1] > end:
            at = times.item(int(np.searchsorted(times, end, side="right")))
            if at > last:
                yield at, Phase.TIMER, TimerFired(at, "")
            end, last = day_end(end + 1), at

    def _heard(self, fates: Fates) -> Column:
        ends = fates.table.valid_until[fates.has_waited | (fates.event != NEVER)]
        return np.concatenate([fates.table.available_at, ends[ends <= self.end]])


def expect_foretellable(system: System) -> None:
    """Raise NotSimple where a profile says already that what becomes of signals cannot be foretold."""
    if system.profile.schedule.close_at:
        raise NotSimple("the schedule has closings, which end signals that wait")
    if system.profile.universe.detail_timeframe is not None:
        raise NotSimple("finer bars tell what happened inside the bars")


def _triggers(fates: Sequence[Fates], symbol: str) -> list[int]:
    found = _joined([each.event[(each.event != NEVER) & (each.table.symbol == symbol)] for each in fates])
    return [int(event) for event in found]


def _joined(columns: Sequence[Column]) -> Column:
    """Return all numbers of some columns once, in their order."""
    return np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *columns]))


class ForetoldDesk(TradingDesk):
    """Takes events through broker and engine without timers: no signal that it is shown ends before its trigger."""

    def execute(self, command: Command) -> Answers:
        """Carry out a command of the engine."""
        return () if isinstance(command, CallAt) else super().execute(command)


@frozen
class ForetoldPassage(Passage):
    """Lets an engine pass over bars to the very events in which its signals meet their triggers."""

    foretold: Foretold
    lanes: Mapping[str, Lane]

    def of_signals(self, symbol: str) -> Waiting:
        """Return the wait for the next event in which a signal of a symbol meets its trigger."""
        lane, events = self.lanes[symbol], self.foretold.triggers[symbol]
        following = bisect_left(events, lane.happened)
        return NOTHING if following == len(events) else Waiting(at=lane.place_of(events[following])[0])
