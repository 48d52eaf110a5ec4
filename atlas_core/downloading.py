"""Bars from a provider into the store: page by page, each kept as soon as it is there, so that a new start goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import TypeVar

import numpy as np
from attrs import define, field, fields, frozen

from atlas_core.barstore.keys import PriceKind, SeriesKey
from atlas_core.barstore.manifest import Manifest, Origin
from atlas_core.barstore.merging import NewBars, add
from atlas_core.barstore.store import BarStore
from atlas_core.contracts import FundingProvider, HistoryRequest, Provider
from atlas_core.errors import DataError, NotFound, NotReady, Throttled, VenueError
from atlas_core.marketdata.gaps import find_gaps
from atlas_core.marketdata.sessions import grid_of
from atlas_core.model.bars import Bars
from atlas_core.model.events import FundingDue
from atlas_core.model.instrument import Instrument
from atlas_core.model.session import TradingSession, usual_session
from atlas_core.model.timeframe import HOUR, Timeframe, parse_timeframe

PAGE_BARS = 20_000
_ATTEMPTS = 4
_MOST_WAIT_SECONDS = 60.0
_USUAL_FUNDING = parse_timeframe("8h")
_RATE_STEP = Decimal("1E-10")

Answer = TypeVar("Answer")
Sleep = Callable[[float], Awaitable[None]]
Watch = Callable[[str, float], None]
"""Told what is being read, and how much of it is there (0 to 1)."""


@frozen(kw_only=True)
class DownloadPlan:
    """What is to be read from where; times are nanoseconds UTC, None for as far as there is.

    `now` is the present, written down with the bars and the end of a market that goes on. With `fill_gaps` what is
    missing inside the kept bars is asked for again. `sessions` are those that a profile names.
    """

    source: str
    symbols: tuple[str, ...]
    timeframes: tuple[Timeframe, ...]
    now: int
    start: int | None = None
    end: int | None = None
    fill_gaps: bool = False
    is_synthetic: bool = False
    sessions: Mapping[str, TradingSession] = field(factory=dict)


@define
class Downloaded:
    """What became of one series: how many bars were added, and why it is not complete, None when it is."""

    key: SeriesKey
    added: int = 0
    manifest: Manifest | None = None
    fault: Exception | None = None


async def download(
    plan: DownloadPlan, provider: Provider, store: BarStore, watch: Watch, sleep: Sleep = asyncio.sleep
) -> list[Downloaded]:
    """Read every series of a plan and keep it; `provider` is open.

    A series that the provider does not have is reported and left; a venue that fails ends the work after some tries,
    with what was kept so far and its fault in the last series.
    """
    work = _Work(plan, provider, store, watch, sleep)
    done: list[Downloaded] = []
    for symbol in plan.symbols:
        for timeframe in plan.timeframes:
            done.append(await work.bars(SeriesKey(plan.source, symbol, timeframe)))
            if isinstance(done[-1].fault, VenueError):
                return done
        rates = await work.funding(symbol)
        done += [rates] if rates is not None else []
        if rates is not None and isinstance(rates.fault, VenueError):
            return done
    return done


@define
class _Work:
    plan: DownloadPlan
    provider: Provider
    store: BarStore
    watch: Watch
    sleep: Sleep
    _instruments: dict[str, Instrument] = field(factory=dict)

    async def bars(self, key: SeriesKey) -> Downloaded:
        """Read one series: what is missing before, inside and after what is kept."""
        done = Downloaded(key)
        try:
            await self._learn(key.symbol)
            kept = self._kept(key)
            if kept is not None and kept.rows:
                await self._read_before(kept, done)
                await self._read_gaps(kept, done)
            await self._read_on(key, kept, done)
        except (VenueError, DataError) as fault:
            done.fault = fault
        done.manifest = self._kept(key)
        return done

    async def funding(self, symbol: str) -> Downloaded | None:
        """Read the funding rates of a symbol, None where there are none to read."""
        if not isinstance(self.provider, FundingProvider):
            return None
        provider, done = (
            self.provider,
            Downloaded(SeriesKey(self.plan.source, symbol, _USUAL_FUNDING, PriceKind.FUNDING)),
        )
        try:
            await self._learn(symbol)
            request = self._request(symbol, self.plan.timeframes[0], self._funding_from(symbol), self.plan.end)
            due = await self._asked(lambda: provider.funding(request))
            if not due:
                return None
            rates = _as_bars(symbol, due)
            done.key = SeriesKey(self.plan.source, symbol, rates.timeframe, PriceKind.FUNDING)
            self._keep(done, [rates])
        except (VenueError, DataError) as fault:
            done.fault = fault
        done.manifest = self._kept(done.key)
        return done

    def _funding_from(self, symbol: str) -> int | None:
        """Return from when on rates are missing, None for all there are."""
        kept = self.store.find(symbol, source=self.plan.source, price=PriceKind.FUNDING)
        if not kept or self.plan.start is None or self.plan.start < kept[0].manifest.first_opened_at:
            return self.plan.start
        return int(kept[0].bars().opened_at[-1]) + 1

    async def _read_on(self, key: SeriesKey, kept: Manifest | None, done: Downloaded) -> None:
        """Read what follows the kept bars, and keep every page."""
        # A made market is short and ends: made again as a whole, it must agree with what is kept.
        is_made_again = self.plan.is_synthetic and self.plan.end is None
        goes_on = kept is not None and kept.rows > 0 and not is_made_again
        start = kept.last_available_at if kept is not None and goes_on else self.plan.start
        for first, last, share in self._pages(key.timeframe, start):
            self.watch(str(key), share)
            page = await self._page(key, first, last)
            self._keep(done, [page])
        self.watch(str(key), 1.0)

    async def _read_before(self, kept: Manifest, done: Downloaded) -> None:
        """Read what lies before the kept bars, the newest page first: whatever comes, there is no hole before them."""
        start = self.plan.start
        if start is None or start >= kept.first_opened_at:
            return
        pages = list(self._pages(kept.key.timeframe, start, kept.first_opened_at))
        found: list[Bars] = []
        try:
            for first, last, share in reversed(pages):
                self.watch(f"{kept.key}, before", 1.0 - share)
                found.append(await self._page(kept.key, first, last))
        finally:
            self._keep(done, found[::-1])

    async def _read_gaps(self, kept: Manifest, done: Downloaded) -> None:
        if not self.plan.fill_gaps:
            return
        gaps = find_gaps(self.store.bars(kept.key), grid_of(kept.session))
        found: list[Bars] = []
        try:
            for number, gap in enumerate(gaps):
                self.watch(f"{kept.key}, gaps", number / len(gaps))
                found.append(await self._page(kept.key, gap.begins, gap.ends))
        finally:
            self._keep(done, found)

    def _pages(
        self, timeframe: Timeframe, start: int | None, end: int | None = None
    ) -> list[tuple[int | None, int | None, float]]:
        """Return the spans of the pages with the share of the work before each; one page where the span is open."""
        end = end or self.plan.end or (None if self.plan.is_synthetic else self.plan.now)
        if start is None or end is None:
            return [(start, end, 0.0)]
        step = PAGE_BARS * timeframe.duration
        firsts = range(start, end, step)
        return [(first, min(first + step, end), number / len(firsts)) for number, first in enumerate(firsts)]

    async def _page(self, key: SeriesKey, first: int | None, last: int | None) -> Bars:
        request = self._request(key.symbol, key.timeframe, first, last)
        delivered = await self._asked(lambda: self.provider.history(request))
        bars = delivered.get(key.symbol)
        if bars is None:
            delivered_text = ", ".join(delivered) or "nothing"
            raise DataError(f"{key}: expected bars of {key.symbol} from the provider, was {delivered_text}")
        if bars.timeframe != key.timeframe:
            raise DataError(f"{key}: expected bars of {key.timeframe} from the provider, was {bars.timeframe}")
        return bars.within(first, last)

    def _request(self, symbol: str, timeframe: Timeframe, first: int | None, last: int | None) -> HistoryRequest:
        sessions = {symbol: self._session(symbol)}
        return HistoryRequest(symbols=(symbol,), timeframe=timeframe, start=first, end=last, sessions=sessions)

    def _session(self, symbol: str) -> TradingSession:
        return self.plan.sessions.get(symbol) or usual_session(self._instruments[symbol])

    async def _learn(self, symbol: str) -> None:
        if symbol not in self._instruments:
            known = await self._asked(lambda: self.provider.instruments([symbol]))
            self._instruments[symbol] = known[symbol]

    def _keep(self, done: Downloaded, pages: Sequence[Bars]) -> None:
        """Keep pages in their order; nothing is done for pages without bars."""
        filled = [page for page in pages if len(page)]
        if not filled:
            return
        new = NewBars(
            key=done.key,
            pieces=lambda: filled,
            first_opened_at=int(filled[0].opened_at[0]),
            origin=Origin(name=self.plan.source, rows=0, written_at=self.plan.now),
            session=self._session(done.key.symbol),
            instrument=_facts(self._instruments[done.key.symbol]),
        )
        done.added += add(self.store, new).added

    def _kept(self, key: SeriesKey) -> Manifest | None:
        try:
            return self.store.series(key).manifest
        except NotFound:
            return None

    async def _asked(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """Ask a provider; one that is not ready or wants fewer requests is given time, and asked again."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await ask()
            except (NotReady, Throttled) as fault:
                if attempt == _ATTEMPTS:
                    raise
                wanted = fault.retry_after if isinstance(fault, Throttled) else 0.0
                await self.sleep(min(wanted or 2.0 ** (attempt - 1), _MOST_WAIT_SECONDS))
        raise AssertionError


def _facts(instrument: Instrument) -> dict[str, str]:
    """Return what is known of an instrument beside its symbol and tick, which the series has already."""
    names = [each.name for each in fields(Instrument) if each.init and each.name not in ("symbol", "tick_size")]
    return {name: str(getattr(instrument, name)) for name in names}


def _as_bars(symbol: str, due: Sequence[FundingDue]) -> Bars:
    """Return funding rates as flat bars, each until the next one; the usual distance is their timeframe."""
    ts = np.array([event.ts for event in due], dtype=np.int64)
    rates = np.array([float(event.rate) for event in due])
    spacings, counts = np.unique(np.diff(ts), return_counts=True) if len(ts) > 1 else (np.array([8 * HOUR]), [1])
    hours = max(1, round(int(spacings[int(np.argmax(counts))]) / HOUR))
    ends = ts + hours * HOUR
    ends[:-1] = np.minimum(ends[:-1], ts[1:])
    return Bars(symbol, parse_timeframe(f"{hours}h"), ts, ends, rates, rates, rates, rates, rates * 0, _RATE_STEP)
