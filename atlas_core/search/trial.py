"""One trial: a profile with some values of its own, run over its history in memory."""

from __future__ import annotations

import asyncio

from attrs import field, frozen

from atlas_core.backtest.columnar.results import worked_results
from atlas_core.backtest.columnar.run import work_out
from atlas_core.backtest.columnar.simple import NotSimple
from atlas_core.backtest.driver import DriverKind, driver_on
from atlas_core.backtest.foretelling import foretell
from atlas_core.backtest.memory import MemoryRecords
from atlas_core.backtest.stepped import looked_up
from atlas_core.compose import OpenSystem, System, opened
from atlas_core.loading import LoadedMarket
from atlas_core.report.results import Results
from atlas_core.report.summary import run_results
from atlas_core.search.history import Histories, Market
from atlas_core.search.ledger import DataSet
from atlas_core.watching import Scribe, Unwatched


@frozen
class TrialRun:
    """What a trial gave, and the data it ran on.

    Results show no columns: asyncio writes out what a finished task gave when it puts back the handler of Ctrl-C.
    """

    results: Results = field(repr=False)
    data: DataSet


def run_trial(system: System, histories: Histories) -> TrialRun:
    """Run a composed back-test and return its results; they equal those of `atlas backtest` with the same values.

    Nothing is written. Raises ContractError when a component fails and DataError when the history cannot be had.
    """
    return asyncio.run(_run(histories.lend(system), histories))


async def _run(system: System, histories: Histories) -> TrialRun:
    async with opened(system) as live:
        market: Market = await histories.market(live)
        return TrialRun(await results_on(live, market.loaded), market.data)


async def results_on(live: OpenSystem, market: LoadedMarket) -> Results:
    """Return the results of an open back-test on its market, in columns as far as it is simple enough for them."""
    try:
        return worked_results(work_out(live, market))
    except NotSimple:
        return await _results_of_engine(live, market)


async def _results_of_engine(live: OpenSystem, market: LoadedMarket) -> Results:
    try:
        return run_results((await foretell(live, market, Unwatched())).kept)
    except NotSimple:
        records = MemoryRecords()
        await driver_on(looked_up(live, market), market, Scribe(records, Unwatched()), DriverKind.SKIPPING).run()
        return run_results(records.kept)


def span_of_run(system: System, histories: Histories) -> tuple[int, int]:
    """Return where a back-test begins and ends (nanoseconds UTC); raises DataError when the history cannot be had."""
    return asyncio.run(_span(histories.lend(system), histories))


async def _span(system: System, histories: Histories) -> tuple[int, int]:
    async with opened(system) as live:
        market = await histories.market(live)
        return market.loaded.start, market.loaded.end
