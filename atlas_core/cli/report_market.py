"""The market of a kept run, read again through its own profile, so that its report can draw it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from atlas_core.cli.manifests import Manifest
from atlas_core.errors import AtlasError
from atlas_core.runs import RunInfo

if TYPE_CHECKING:
    from atlas_core.compose import System
    from atlas_core.loading import LoadedMarket
    from atlas_core.model.bars import Bars
    from atlas_core.model.costs import TradingCosts
    from atlas_core.report.equity import EquityPoint

GOES_ON = "The market of this run goes on at a venue, which is not asked again for a report"
ReadMarket = tuple[Mapping[str, "Bars"], str]


def read_market(run: RunInfo, manifest: Manifest) -> ReadMarket:
    """Return the bars of a run by symbol, and a note where there are none or they are others than then.

    A venue is never asked: what a session saw there is read from its tapes.
    """
    from atlas_core.checking.taped import taped_history
    from atlas_core.runtime.recording import tapes_in

    try:
        system = _system(run, manifest)
        if system.is_real_time:
            tapes = tapes_in(run.directory)
            return (taped_history(tapes).of_session(), "") if tapes else ({}, f"{GOES_ON}, and no tape of it is kept.")
        market = asyncio.run(_loaded(system))
    except AtlasError as fault:
        return {}, f"The bars of this run could not be read again: {fault}"
    symbols = system.profile.universe.symbols
    return {symbol: market.bars_of_run(symbol) for symbol in symbols}, _note(market, manifest)


def benchmark_of(run: RunInfo, curve: Sequence[EquityPoint]) -> tuple[EquityPoint, ...]:
    """Return the buy and hold that a run left; that of a session which left none is made from its tapes.

    Empty where there is neither.
    """
    from atlas_core.cli.manifests import read_made_of
    from atlas_core.report.benchmark import read_benchmark
    from atlas_core.runs import Mode

    points = read_benchmark(run.directory)
    if points or run.mode is Mode.BACKTEST:
        return points
    try:
        return taped_benchmark(run.directory, _system(run, read_made_of(run)).costs, curve)
    except AtlasError:
        return ()


def taped_benchmark(
    directory: Path, costs: TradingCosts, curve: Sequence[EquityPoint]
) -> tuple[EquityPoint, ...]:  # fmt: skip
    """Return buy and hold of what a session saw, at the times of its curve; empty where its tapes do not tell it."""
    from atlas_core.checking.taped import taped_history
    from atlas_core.report.benchmark import buy_and_hold
    from atlas_core.runtime.recording import tapes_in
    from atlas_core.watching import TradedMarket

    try:
        history = taped_history(tapes_in(directory))
        bars = history.of_session()
        return buy_and_hold(TradedMarket(bars=bars, instruments=history.instruments, costs=costs), curve)
    except AtlasError:
        return ()


def _system(run: RunInfo, manifest: Manifest) -> System:
    from atlas_core.compose import compose
    from atlas_core.profile import open_profile
    from atlas_core.report.provenance import overrides_of, recipe_of, texts_of

    recipe = recipe_of(manifest, run.run_id)
    path, overrides = Path(recipe["profile_path"]), overrides_of(recipe)
    loaded, _ = open_profile(path, overrides=overrides, texts=texts_of(recipe))
    return compose(loaded, run.mode)


async def _loaded(system: System) -> LoadedMarket:
    from atlas_core.compose import opened
    from atlas_core.loading import load

    async with opened(system) as live:
        return await load(live)


def _note(market: LoadedMarket, manifest: Manifest) -> str:
    from atlas_core.report.provenance import data_changes, data_rows

    bars = (*map(market.data.base, market.data.symbols), *(detail.finer for detail in market.detail.values()))
    changes = data_changes(manifest.get("data") or (), data_rows(bars))
    return f"The bars are not those of the run any more: {'; '.join(changes)}." if changes else ""
