"""History that is read once and lent to every trial: by memory in one process, by memory map to others."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal
from mmap import mmap
from pathlib import Path
from typing import Any

import numpy as np
from attrs import define, evolve, field, frozen

from atlas_core.compose import OpenSystem, System
from atlas_core.contracts import FundingProvider, HistoryRequest, Provider
from atlas_core.errors import DataError, Unsupported
from atlas_core.loading import LoadedMarket, load
from atlas_core.model.bars import Bars
from atlas_core.model.events import BarClosed, FundingDue
from atlas_core.model.instrument import Instrument
from atlas_core.search.data import data_of, origin_of
from atlas_core.search.ledger import DataSet

KEPT_MARKETS = 2
"""Loaded markets that a process keeps: those of the trials before, with their higher timeframes."""

_TIMES = ("opened_at", "available_at")
_VALUES = ("open", "high", "low", "close", "volume")


@define
class Stretch:
    """Bars of some symbols in one timeframe; `start` and `end` are those of the request (None: all there is)."""

    bars: Mapping[str, Bars]
    funding: tuple[FundingDue, ...]
    start: int | None
    end: int | None

    def covers(self, request: HistoryRequest) -> bool:
        """Tell whether the bars of a request are here."""
        return self._begins_by(request.start) and self._ends_after(request.end)

    def _begins_by(self, start: int | None) -> bool:
        return self.start is None or (start is not None and self.start <= start)

    def _ends_after(self, end: int | None) -> bool:
        return self.end is None or (end is not None and end <= self.end)

    def widened(self, request: HistoryRequest) -> HistoryRequest:
        """Return the request that asks for what is here and for what is asked."""
        start = self.start if self._begins_by(request.start) else request.start
        end = self.end if self._ends_after(request.end) else request.end
        return evolve(request, start=start, end=end)

    def bars_of(self, request: HistoryRequest) -> dict[str, Bars]:
        """Return the bars of a request that is covered: columns are shared, not copied."""
        return {symbol: _inside(bars, request) for symbol, bars in self.bars.items()}

    def is_mapped(self) -> bool:
        """Tell whether all bars lie in files that are mapped into memory."""
        return all(_is_mapped(bars.close) for bars in self.bars.values())


Asked = tuple[str, tuple[str, ...]]
"""The timeframe and the symbols of a request."""


@define
class Held:
    """What a provider delivered for one universe, and what it could not deliver."""

    instruments: Mapping[str, Instrument] | None = None
    stretches: dict[Asked, Stretch] = field(factory=dict)
    faults: dict[tuple[Asked, int | None, int | None], str] = field(factory=dict)


def _asked(request: HistoryRequest) -> Asked:
    return request.timeframe.text, request.symbols


def _inside(bars: Bars, request: HistoryRequest) -> Bars:
    first = 0 if request.start is None else int(np.searchsorted(bars.opened_at, request.start))
    last = len(bars) if request.end is None else bars.count_available(request.end)
    return bars.between(first, max(first, last))


@define
class LendingProvider(Provider):
    """Stands before a provider, which is opened only when something is asked that is not held yet."""

    inner: Provider
    held: Held
    _is_open: bool = False

    async def open(self) -> None:
        """Do nothing yet."""

    async def close(self) -> None:
        """Close the provider if it had to be opened."""
        if self._is_open:
            self._is_open = False
            await self.inner.close()

    async def _opened(self) -> Provider:
        if not self._is_open:
            await self.inner.open()
            self._is_open = True
        return self.inner

    async def instruments(self, symbols: Sequence[str]) -> Mapping[str, Instrument]:
        """Return the instruments; raises what the provider raises."""
        if self.held.instruments is None:
            self.held.instruments = await (await self._opened()).instruments(symbols)
        return self.held.instruments

    async def history(self, request: HistoryRequest) -> Mapping[str, Bars]:
        """Return the bars, read from the provider when they are not held; raises what it raises.

        A provider that has none is not asked for the same again.
        """
        stretch = self.held.stretches.get(_asked(request))
        if stretch is None or not stretch.covers(request):
            wide = request if stretch is None else stretch.widened(request)
            stretch = self.held.stretches[_asked(request)] = await self._read(wide)
        return stretch.bars_of(request)

    async def _read(self, request: HistoryRequest) -> Stretch:
        key = _asked(request), request.start, request.end
        if key in self.held.faults:
            raise DataError(self.held.faults[key])
        provider = await self._opened()
        try:
            bars = await provider.history(request)
        except DataError as fault:
            self.held.faults[key] = str(fault)
            raise
        funding = await provider.funding(request) if isinstance(provider, FundingProvider) else ()
        return Stretch(bars, tuple(funding), request.start, request.end)

    def stream(self, request: HistoryRequest) -> AsyncIterator[BarClosed]:
        """Refuse: a trial reads history."""
        del request
        raise Unsupported("expected a trial to read history, was asked for a stream")

    async def funding(self, request: HistoryRequest) -> Sequence[FundingDue]:
        """Return the funding until the end of the request, whose bars were asked for before."""
        due = self.held.stretches[_asked(request)].funding
        return tuple(event for event in due if request.end is None or event.ts <= request.end)


@frozen
class Market:
    """A loaded market with the identity of its data."""

    loaded: LoadedMarket
    data: DataSet


@define
class Histories:
    """What one process knows of the histories that trials run on."""

    _held: dict[str, Held] = field(factory=dict)
    _markets: dict[tuple[object, ...], Market] = field(factory=dict)

    def lend(self, system: System) -> System:
        """Return the system on a provider that asks nothing twice."""
        held = self._held.setdefault(origin_of(system), Held())
        return evolve(system, provider=LendingProvider(system.provider, held))

    async def market(self, live: OpenSystem) -> Market:
        """Return the loaded market of a system; the last ones are kept with all that was made of them."""
        universe, origin = live.system.profile.universe, origin_of(live.system)
        start = None if universe.start is None else live.warm_from(universe.start)
        key = origin, start, universe.start, universe.end, universe.detail_timeframe
        market = self._markets.pop(key, None)
        if market is None:
            loaded = await load(live)
            market = Market(loaded, data_of(map(loaded.bars_of_run, universe.symbols), origin))
        self._markets[key] = market
        while len(self._markets) > KEPT_MARKETS:
            del self._markets[next(iter(self._markets))]
        return market

    def share(self, folder: Path) -> tuple[SharedHistory, ...]:
        """Write what is held to memory maps below `folder`, for other processes.

        What lies in memory maps already, as the bars of the store do, is not written again: others map the same files.
        """
        return tuple(
            _shared(origin, held.instruments, asked, stretch, folder / origin)
            for origin, held in self._held.items()
            for asked, stretch in held.stretches.items()
            if held.instruments is not None and not stretch.is_mapped()
        )

    def adopt(self, histories: Sequence[SharedHistory]) -> None:
        """Hold what another process wrote; where the files are not on this machine, the provider is asked instead."""
        for shared in histories:
            stretch = shared.opened()
            if stretch is not None:
                held = self._held.setdefault(shared.origin, Held(shared.instruments))
                held.stretches[shared.asked] = stretch


@frozen(kw_only=True)
class SharedColumns:
    """The bars of one symbol in two files: times as int64 and values as float64, one row for each column."""

    like: Bars = field(repr=False)
    times: Path
    values: Path


@frozen(kw_only=True)
class SharedHistory:
    """A history that lies in memory maps; small enough to be sent, the bars themselves are not."""

    origin: str
    asked: Asked
    start: int | None
    end: int | None
    instruments: Mapping[str, Instrument]
    funding: Path
    columns: Mapping[str, SharedColumns]

    def opened(self) -> Stretch | None:
        """Map the files into memory; None where one of them is not here or is not whole."""
        try:
            bars = {symbol: _mapped(columns) for symbol, columns in self.columns.items()}
            due = json.loads(self.funding.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        funding = tuple(FundingDue(ts, symbol, Decimal(rate)) for ts, symbol, rate in due)
        return Stretch(bars, funding, self.start, self.end)


def _is_mapped(column: Any) -> bool:
    """Tell whether a file is at the bottom of what an array is a view of."""
    while column is not None and not isinstance(column, mmap):
        column = column.obj if isinstance(column, memoryview) else getattr(column, "base", None)
    return column is not None


def _shared(
    origin: str, instruments: Mapping[str, Instrument], asked: Asked, stretch: Stretch, folder: Path
) -> SharedHistory:
    place = folder / hashlib.sha256(repr(asked).encode()).hexdigest()[:16]
    place.mkdir(parents=True, exist_ok=True)
    funding = place / "funding.json"
    due = [(event.ts, event.symbol, str(event.rate)) for event in stretch.funding]
    funding.write_text(json.dumps(due), encoding="utf-8")
    return SharedHistory(
        origin=origin,
        asked=asked,
        start=stretch.start,
        end=stretch.end,
        instruments=dict(instruments),
        funding=funding,
        columns={symbol: _written(bars, place, number) for number, (symbol, bars) in enumerate(stretch.bars.items())},
    )


def _written(bars: Bars, place: Path, number: int) -> SharedColumns:
    times, values = place / f"{number}-times.npy", place / f"{number}-values.npy"
    np.save(times, np.stack([getattr(bars, name) for name in _TIMES]))
    np.save(values, np.stack([getattr(bars, name) for name in _VALUES]))
    return SharedColumns(like=bars.between(0, 0), times=times, values=values)


def _mapped(columns: SharedColumns) -> Bars:
    times = np.load(columns.times, mmap_mode="r").view(np.ndarray)
    values = np.load(columns.values, mmap_mode="r").view(np.ndarray)
    like = columns.like
    return Bars.trusted(like.symbol, like.timeframe, like.tick_size, [*times, *values])
