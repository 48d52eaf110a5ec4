"""A market that was recorded once, and profiles that run on it: nothing is opened, asked or told outside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from heapq import merge

import numpy as np
from attrs import evolve, field, frozen

from atlas_core import components as offer
from atlas_core.compose import compose, opened
from atlas_core.contracts import Capability, Context, HistoryRequest, Provider
from atlas_core.loading import LoadedMarket, load
from atlas_core.marketdata.detail import detail_of
from atlas_core.marketdata.history import MarketData
from atlas_core.marketdata.timetable import Timetable
from atlas_core.model.bars import Bars
from atlas_core.model.events import BarClosed, FundingDue
from atlas_core.model.instrument import Instrument
from atlas_core.options import Moment
from atlas_core.profile import Profile
from atlas_core.runs import Mode


@frozen(kw_only=True)
class RecordedMarket:
    """What a provider delivered for one run: base bars with their warm-up, funding and instruments, by symbol.

    The run goes from `start` to `end` (nanoseconds UTC); bars may reach beyond both. `finer` holds the bars by which a
    back-test decides what happened inside a base bar, where it asks for some.
    """

    instruments: Mapping[str, Instrument]
    bars: Mapping[str, Bars]
    funding: tuple[FundingDue, ...]
    start: int
    end: int
    finer: Mapping[str, Bars] = field(factory=dict)

    @property
    def all_bars(self) -> tuple[Bars, ...]:
        """All bars that a back-test of this market depends on."""
        return (*self.bars.values(), *self.finer.values())

    def until(self, cut: int) -> RecordedMarket:
        """Return the market as it was known at `cut`; its columns are copies, behind which nothing can be found."""
        bars, finer = (
            {symbol: each.take(np.arange(each.count_available(cut))) for symbol, each in columns.items()}
            for columns in (self.bars, self.finer)
        )
        funding = tuple(due for due in self.funding if due.ts <= cut)
        return evolve(self, bars=bars, finer=finer, funding=funding, end=cut)

    def with_bars(self, bars: Mapping[str, Bars]) -> RecordedMarket:
        """Return the market with other bars."""
        return evolve(self, bars=bars)

    def without_finer(self) -> RecordedMarket:
        """Return the market of base bars alone, which is all that a session sees."""
        return evolve(self, finer={})

    def data(self, timetable: Timetable, until: int | None = None) -> MarketData:
        """Return the columns that scanners see, all that is recorded; `until` says what is complete."""
        return MarketData(self.bars, self.instruments, timetable.grids, until=self.end if until is None else until)

    def loaded(self, timetable: Timetable, until: int | None = None) -> LoadedMarket:
        """Return the market as a back-test loads it, for a run that ends at `until` whatever is recorded behind it."""
        end = self.end if until is None else until
        market = LoadedMarket(data=self.data(timetable, end), funding=self.funding, start=self.start, end=end)
        detail = {
            symbol: detail_of(market.bars_of_run(symbol), finer, self.instruments[symbol])
            for symbol, finer in self.finer.items()
        }
        return evolve(market, detail=detail)

    def closes(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Return the times of the run at which base bars close, each once (nanoseconds UTC)."""
        times = np.unique(np.concatenate([each.available_at for each in self.bars.values()]))
        closes: np.ndarray[tuple[int], np.dtype[np.int64]] = times[(times > self.start) & (times <= self.end)]
        return closes


def record_market(profile: Profile) -> RecordedMarket:
    """Ask the profile's provider for the history of its back-test, once.

    Raises ProfileError when the profile cannot be run as a back-test and DataError when the history cannot be had.
    """
    return asyncio.run(_record(profile))


async def _record(profile: Profile) -> RecordedMarket:
    async with opened(compose(evolve(profile, alerters=()), Mode.BACKTEST)) as live:
        loaded = await load(live)
        bars = {symbol: loaded.data.base(symbol) for symbol in profile.universe.symbols}
        return RecordedMarket(
            instruments=dict(live.instruments),
            bars=bars,
            funding=loaded.funding,
            start=loaded.start,
            end=loaded.end,
            finer={symbol: detail.finer for symbol, detail in loaded.detail.items()},
        )


def on_record(profile: Profile, market: RecordedMarket) -> Profile:
    """Return the profile on a recorded market in the place of its provider, without its alerters."""

    def factory(_options: object, _context: Context) -> Provider:
        return RecordedProvider(market)

    offered = {Capability.HISTORY, Capability.STREAM, Capability.FUNDING}
    offered |= profile.provider.component.capabilities & {Capability.SYNTHETIC}
    component = offer.provider("recorded", factory, capabilities=tuple(offered), options=type(profile.provider.options))
    return evolve(
        profile,
        provider=evolve(profile.provider, component=component),
        universe=evolve(profile.universe, start=Moment(market.start), end=Moment(market.end)),
        alerters=(),
    )


class RecordedProvider(Provider):
    """Delivers a recorded market, as history and as a stream."""

    def __init__(self, market: RecordedMarket) -> None:
        self._market = market

    async def open(self) -> None:
        """Do nothing: everything is here."""

    async def close(self) -> None:
        """Do nothing."""

    async def instruments(self, symbols: Sequence[str]) -> Mapping[str, Instrument]:
        """Return the recorded instruments."""
        return {symbol: self._market.instruments[symbol] for symbol in symbols}

    async def history(self, request: HistoryRequest) -> Mapping[str, Bars]:
        """Return the recorded bars inside a request."""
        return {symbol: _inside(self._market.bars[symbol], request) for symbol in request.symbols}

    async def stream(self, request: HistoryRequest) -> AsyncIterator[BarClosed]:
        """Yield the recorded bars inside a request, instant by instant."""
        for _, _, bar in merge(*(_rows(place, _inside(self._market.bars[symbol], request))
                                 for place, symbol in enumerate(request.symbols))):  # fmt: skip
            yield bar

    async def funding(self, request: HistoryRequest) -> Sequence[FundingDue]:
        """Return the recorded funding times up to the end of a request."""
        return [due for due in self._market.funding if request.end is None or due.ts <= request.end]


def _inside(bars: Bars, request: HistoryRequest) -> Bars:
    first = 0 if request.start is None else int(np.searchsorted(bars.opened_at, request.start))
    return bars.between(first, len(bars) if request.end is None else max(first, bars.count_available(request.end)))


def _rows(place: int, bars: Bars) -> list[tuple[int, int, BarClosed]]:
    columns = (bars.available_at, bars.opened_at, *bars.prices(), bars.volume)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [(ts, place, BarClosed(ts, bars.symbol, *rest)) for ts, *rest in rows]
