"""Loads the whole market of a run: bars, their higher timeframes, funding, and every signal in it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from attrs import evolve, field, frozen
from loguru import logger

from atlas_core.clock import LiveClock, to_datetime
from atlas_core.components import Component
from atlas_core.compose import OpenSystem
from atlas_core.contracts import (
    Capability,
    Context,
    FundingProvider,
    HasOwnTimeframe,
    HistoryRequest,
    Kind,
    MarketHistory,
    Provider,
    Scanner,
)
from atlas_core.errors import ContractError, DataError, ProfileError, Unsupported
from atlas_core.marketdata.detail import Detail, detail_of
from atlas_core.marketdata.history import MarketData
from atlas_core.marketdata.timetable import Intake
from atlas_core.model.bars import Bars
from atlas_core.model.events import FundingDue
from atlas_core.model.signals import SignalTable
from atlas_core.model.timeframe import Timeframe
from atlas_core.options import Address, structure
from atlas_core.plugins import discover
from atlas_core.runtime.scan_times import ScanTimes, scan_job
from atlas_core.wiring import seeded


@frozen(kw_only=True)
class LoadedMarket:
    """History for a run from `start` to `end` (nanoseconds UTC); `data` reaches further back for the warm-up.

    `detail` holds the finer bars of the symbols that have some.
    """

    data: MarketData
    funding: tuple[FundingDue, ...]
    start: int
    end: int
    detail: Mapping[str, Detail] = field(factory=dict)

    def bars_of_run(self, symbol: str) -> Bars:
        """Return the base bars of a symbol that belong to the run."""
        bars = self.data.base(symbol)
        first = int(np.searchsorted(bars.opened_at, self.start))
        return bars.between(first, max(first, bars.count_available(self.end)))


async def load(system: OpenSystem) -> LoadedMarket:
    """Read the history of every symbol; raises DataError when one has no bars in the run or prices that are none."""
    universe = system.system.profile.universe
    request = system.history(None if universe.start is None else system.warm_from(universe.start), universe.end)
    intake = Intake(system.timetable, universe.base_timeframe)
    bars = _fitted(intake, await system.system.provider.history(request))
    missing = [symbol for symbol in universe.symbols if not _reaches(bars.get(symbol), universe.start)]
    if missing:
        raise DataError(f"expected bars of every symbol between start and end, none for {', '.join(missing)}")
    ordered = {symbol: _finite(bars[symbol]) for symbol in universe.symbols}
    start = universe.start if universe.start is not None else min(int(b.opened_at[0]) for b in ordered.values())
    end = max(int(b.available_at[-1]) for b in ordered.values())
    market = LoadedMarket(
        data=MarketData(ordered, system.instruments, system.timetable.grids, until=end),
        funding=await funding_of(system, request, start),
        start=start,
        end=end,
    )
    finer = universe.detail_timeframe
    return market if finer is None else evolve(market, detail=await _details(system, market, finer))


async def _details(system: OpenSystem, market: LoadedMarket, finer: Timeframe) -> dict[str, Detail]:
    """Read the finer bars of each symbol that the provider has some of, and log what of them can be used."""
    details: dict[str, Detail] = {}
    for symbol in system.system.profile.universe.symbols:
        request = HistoryRequest(
            symbols=(symbol,), timeframe=finer, start=market.start, end=market.end, sessions=system.timetable.session_of
        )
        try:
            delivered = await system.system.provider.history(request)
        except DataError as error:
            logger.warning("{}: no bars of {}, nothing is taken apart: {}", symbol, finer, error)
            continue
        bars = delivered.get(symbol)
        if bars is not None and len(bars):
            details[symbol] = detail_of(market.bars_of_run(symbol), _finite(bars), system.instruments[symbol])
            logger.info("{} bars of {}: {}", finer, symbol, details[symbol].told())
    return details


def _fitted(intake: Intake, delivered: Mapping[str, Bars]) -> dict[str, Bars]:
    """Return what a provider delivered without what lies outside the sessions, and log how much that is.

    Raises DataError for a symbol whose bars all lie outside, or lie between two places of its session.
    """
    bars = {symbol: intake.bars(of_symbol) for symbol, of_symbol in delivered.items()}
    for symbol, of_symbol in bars.items():
        if len(delivered[symbol]) and not len(of_symbol):
            raise intake.nothing_left(symbol)
    if intake.left_out:
        logger.info("{}", intake.told())
    return bars


def _reaches(bars: Bars | None, start: int | None) -> bool:
    """Tell whether there are bars that open at `start` or later."""
    if bars is None or not len(bars):
        return False
    return start is None or int(bars.opened_at[-1]) >= start


def _finite(bars: Bars) -> Bars:
    """Return the bars; raises DataError naming the first one with a price that is none."""
    if not all(np.isfinite(column).all() for column in bars.prices()):
        wrong = ~np.isfinite(np.stack(bars.prices())).all(axis=0)
        ends = to_datetime(int(bars.available_at[np.argmax(wrong)]))
        raise DataError(f"{bars}: expected finite prices, the bar that ends at {ends:%Y-%m-%d %H:%M}Z has others")
    return bars


def find_signals(system: OpenSystem, market: LoadedMarket) -> list[tuple[str, SignalTable]]:
    """Run every scanner over the whole history; return its signals of the run, ordered by time.

    A signal belongs to the run when it became available in it, at a time at which scanners look. Raises ContractError
    naming a scanner that fails.
    """
    found = []
    times = ScanTimes(scan_job(system.system.profile))
    for scanner in system.system.scanners:
        try:
            table = scan(scanner.scanner, market.data)
        except Exception as error:
            raise ContractError(f"scanner {scanner.label} failed: {type(error).__name__}: {error}") from error
        seen = (table.available_at > market.start) & (table.available_at <= market.end)
        seen[seen] = times.mask(table.available_at[seen])
        found.append((scanner.label, table.take(seen).sorted()))
    return found


def scan(scanner: Scanner, market: MarketHistory) -> SignalTable:
    """Ask a scanner and hold its answer to the contract.

    Raises ContractError for anything but a table of signals in the universe, and whatever the scanner raises.
    """
    table: object = scanner.scan(market)
    if not isinstance(table, SignalTable):
        raise ContractError(f"expected a SignalTable, was {type(table).__name__}")
    strangers = sorted(set(table.symbol.tolist()) - set(market.symbols))
    if strangers:
        raise ContractError(f"expected signals in {', '.join(market.symbols)}, was {', '.join(strangers)}")
    return table


async def funding_of(system: OpenSystem, request: HistoryRequest, start: int) -> tuple[FundingDue, ...]:
    """Return the funding times after `start` that the provider knows, none where it does not offer them."""
    provider = system.system.provider
    offers = Capability.FUNDING in system.system.profile.provider.component.capabilities
    if not offers or not isinstance(provider, FundingProvider):
        return ()
    due: Sequence[FundingDue] = await provider.funding(request)
    return tuple(event for event in due if event.ts > start)


def read_bars(
    provider: str, table: Mapping[str, object], symbols: Sequence[str], timeframe: Timeframe | None = None
) -> Mapping[str, Bars]:
    """Read the whole history of some symbols without a profile, for commands that look at data.

    `provider` and `table` are what a profile would say as `use` and as the rest of its table [provider]. Without
    `timeframe` the bars come in the provider's own one. Raises PluginError for an unknown provider, ProfileError for
    wrong options, DataError for data that cannot be delivered, Unsupported where there is no own timeframe.
    """
    component = discover().find(Kind.PROVIDER, provider)
    options, problems = structure(component.options, table, Address(table="provider"))
    if problems:
        raise ProfileError(problems)
    return asyncio.run(_read(lone_provider(component, options, provider), symbols, timeframe))


def lone_provider(component: Component[Any, Any], options: object, label: str, seed: int | None = None) -> Provider:
    """Make a provider that stands alone, without the rest of a system; one that makes its data needs a seed."""
    context = Context(
        label=label,
        clock=LiveClock(),
        log=logger.bind(component=label),
        random=_unseeded if seed is None else seeded(seed, label),
        share=lambda _key, make: make(),
        seed=seed or 0,
    )
    made: Provider = component.factory(options, context)
    return made


async def _read(provider: Provider, symbols: Sequence[str], timeframe: Timeframe | None) -> Mapping[str, Bars]:
    await provider.open()
    try:
        if timeframe is not None:
            return await provider.history(HistoryRequest(symbols=tuple(symbols), timeframe=timeframe))
        if not isinstance(provider, HasOwnTimeframe):
            raise Unsupported("expected a timeframe to ask for: this provider's bars have none of their own")
        bars: dict[str, Bars] = {}
        for symbol in symbols:
            own = HistoryRequest(symbols=(symbol,), timeframe=await provider.own_timeframe(symbol))
            bars |= await provider.history(own)
        return bars
    finally:
        await provider.close()


def _unseeded(name: str) -> np.random.Generator:
    raise Unsupported(f"expected data that are read, not made: {name!r} needs the seed of a profile")
