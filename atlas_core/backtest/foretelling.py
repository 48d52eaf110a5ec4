"""A back-test without a journal: the engine decides about the signals that can trade, all others are foretold."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Iterator, Sequence
from operator import attrgetter

from attrs import evolve, field, frozen

from atlas_core.backtest.columnar.outcome import trades_digest
from atlas_core.backtest.columnar.simple import NotSimple
from atlas_core.backtest.driver import every_bar_because
from atlas_core.backtest.fates import Fate
from atlas_core.backtest.foretold import Foretold, expect_foretellable
from atlas_core.backtest.foretold_report import spared_report
from atlas_core.backtest.markets import traded_market
from atlas_core.backtest.memory import MemoryRecords
from atlas_core.backtest.settled import settled_records
from atlas_core.backtest.skipping import SkippingDriver
from atlas_core.backtest.stepped import looked_up
from atlas_core.compose import OpenSystem, System, opened
from atlas_core.contracts import PatientBroker
from atlas_core.loading import LoadedMarket, load
from atlas_core.model.records import Record
from atlas_core.report.summary import Report
from atlas_core.runs import COLUMNS, RunSummary
from atlas_core.watching import Scribe, Unwatched, Watch

SPARED_FROM = 50_000
"""Signals from which on a run is made without a journal: to write what became of each takes longer than to decide."""


@frozen(eq=False)
class Spared:
    """What came of a run: the records of the engine (`kept`), the fates of all signals, and the summary."""

    live: OpenSystem = field(repr=False)
    foretold: Foretold = field(repr=False)
    kept: list[Record] = field(repr=False)
    summary: RunSummary

    def records(self) -> Iterator[Record]:
        """Yield all records by their times; within one instant those of signals that never traded come last."""
        settled = [record for records in settled_records(self.live, self.foretold) for record in records]
        settled.sort(key=attrgetter("ts"))
        return heapq.merge(self.kept, settled, key=attrgetter("ts"))

    @property
    def digest(self) -> str:
        """Return what identifies the trades of the run."""
        return trades_digest(self.kept)

    def report(self, risk_free: float = 0.0) -> Report:
        """Return the report of the run."""
        return spared_report(self.live, self.foretold, self.kept, lambda: list(self.records()), risk_free)


def run_foretold(system: System, watch: Watch | None = None, *, fewest: int = 0) -> Spared:
    """Run a composed back-test without a journal.

    Raises NotSimple where only the engine can tell what becomes of its signals or they are less than `fewest`, before
    anything is opened where that can be known, and what opening and loading raise.
    """
    expect_foretellable(system)
    return asyncio.run(_run(system, watch or Unwatched(), fewest))


async def _run(system: System, watch: Watch, fewest: int) -> Spared:
    async with opened(system) as live:
        market = await load(live)
        return await foretell(live, market, watch, fewest=fewest)


async def foretell(live: OpenSystem, market: LoadedMarket, watch: Watch, *, fewest: int = 0) -> Spared:
    """Run an open back-test on its market; `watch` learns the market and the progress, and no records."""
    reason = every_bar_because(live, market)
    if reason:
        raise NotSimple(reason)
    assert isinstance(live.broker, PatientBroker)
    foretold, kept = Foretold.of(live, market, fewest=fewest), MemoryRecords()
    watch.loaded(traded_market(live, market))
    scribe = Scribe(kept, _Progress(watch))
    driver = SkippingDriver.on(looked_up(live, market), market, live.broker, scribe, foretold)
    summary = await driver.run()
    signals = sum(int((fates.fate != Fate.KNOWN).sum()) for fates in foretold.fates)
    return Spared(live, foretold, kept.kept, evolve(summary, signals=signals, driver=COLUMNS))


@frozen
class _Progress(Unwatched):
    """Tells of the progress of a run alone."""

    watch: Watch

    def progress(self, done: int, total: int, now: int) -> None:
        """Pass the progress on."""
        self.watch.progress(done, total, now)

    def records(self, records: Sequence[Record]) -> None:
        """Pass over the records."""
