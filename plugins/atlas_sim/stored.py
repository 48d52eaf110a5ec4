"""The provider `store`: bars that were imported or downloaded before, mapped from disk without a copy."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from atlas_core import (
    BarStore,
    DataError,
    FundingDue,
    FundingProvider,
    HasOwnTimeframe,
    HistoryRequest,
    Instrument,
    InstrumentKind,
    PriceKind,
    Provider,
    StoredSeries,
    Timeframe,
)
from atlas_sim.delivery import instrument_of, made_for, said_of
from atlas_sim.merging import merged

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from atlas_core import BarClosed, Bars, Context
    from atlas_sim.options import StoreOptions


class StoreProvider(Provider, HasOwnTimeframe, FundingProvider):
    """Delivers the bars of the store: those of the timeframe asked for, or the coarsest that can make them."""

    def __init__(self, options: StoreOptions, context: Context) -> None:
        self._options = options
        self._log = context.log
        self._store = BarStore.at() if options.folder is None else BarStore(options.folder.expanduser())
        self._known: dict[str, tuple[StoredSeries, ...]] = {}

    async def open(self) -> None:
        """Do nothing: series are looked up when a symbol is asked for."""

    async def close(self) -> None:
        """Forget what was looked up."""
        self._known.clear()

    async def instruments(self, symbols: Sequence[str]) -> Mapping[str, Instrument]:
        """Return the instruments: what the profile says, before what was kept with the bars.

        Raises DataError naming each symbol that is not in the store.
        """
        missing = [symbol for symbol in symbols if not self._held(symbol)]
        if missing:
            raise self._nothing(missing)
        return {symbol: self._instrument(symbol) for symbol in symbols}

    async def own_timeframe(self, symbol: str) -> Timeframe:
        """Return the finest timeframe in which a symbol is kept; raises DataError when it is not in the store."""
        return min((series.key.timeframe for series in self._require(symbol)), key=lambda held: held.duration)

    async def history(self, request: HistoryRequest) -> Mapping[str, Bars]:
        """Return the kept bars in the timeframe asked for, on the grid of each symbol's session.

        Raises DataError for a symbol that is not in the store, only in coarser bars, or whose columns are damaged.
        """
        return {symbol: self._bars(symbol, request) for symbol in request.symbols}

    async def funding(self, request: HistoryRequest) -> Sequence[FundingDue]:
        """Return the kept funding rates of the request's span, ordered by time; none where none were kept."""
        due = [event for symbol in request.symbols for event in self._funding(symbol, request)]
        return sorted(due, key=lambda event: event.ts)

    async def stream(self, request: HistoryRequest) -> AsyncIterator[BarClosed]:
        """Yield the bars of `history` as events, as fast as they are read."""
        async for bar in merged(await self.history(request)):
            yield bar

    def _held(self, symbol: str) -> tuple[StoredSeries, ...]:
        if symbol not in self._known:
            self._known[symbol] = self._store.find(symbol, source=self._options.source)
        return tuple(series for series in self._known[symbol] if series.key.price is self._options.price)

    def _require(self, symbol: str) -> tuple[StoredSeries, ...]:
        held = self._held(symbol)
        if not held:
            raise self._nothing([symbol])
        return held

    def _nothing(self, symbols: Sequence[str]) -> DataError:
        of_source = f" of source {self._options.source}" if self._options.source else ""
        return DataError(
            f"expected bars of {', '.join(symbols)}{of_source} in {self._store.root}, was nothing; "
            "see atlas data list, or put them there: atlas data import FILE, atlas data download PROFILE"
        )

    def _bars(self, symbol: str, request: HistoryRequest) -> Bars:
        series = self._chosen(symbol, request.timeframe)
        bars, left_out = made_for(self._store.bars(series.key), request)
        if left_out:
            self._log.info("left out {:,} bars of {} outside the session {}", left_out, symbol, request.session(symbol))
        return bars

    def _chosen(self, symbol: str, timeframe: Timeframe) -> StoredSeries:
        held = self._require(symbol)
        usable = [series for series in held if timeframe.is_multiple_of(series.key.timeframe)]
        if not usable:
            kept = ", ".join(dict.fromkeys(series.key.timeframe.text for series in held))
            raise DataError(
                f"expected bars of {timeframe} or of a part of it for {symbol} in {self._store.root}, was {kept}; "
                "ask for these in [universe] base_timeframe, or import finer ones"
            )
        longest = max(series.key.timeframe.duration for series in usable)
        best = [series for series in usable if series.key.timeframe.duration == longest]
        if len(best) > 1:
            sources = ", ".join(series.key.source for series in best)
            raise DataError(
                f"expected one source of {symbol} {best[0].key.timeframe}, was {sources}; "
                'say which in [provider], as in source = "' + best[0].key.source + '"'
            )
        return best[0]

    def _instrument(self, symbol: str) -> Instrument:
        held = self._require(symbol)
        kept = next((series.manifest.instrument for series in held if series.manifest.instrument), {})
        tick_size = min(series.manifest.tick_size for series in held)
        return instrument_of(symbol, tick_size, _read_facts(kept) | said_of(symbol, self._options))

    def _funding(self, symbol: str, request: HistoryRequest) -> list[FundingDue]:
        self._held(symbol)
        found = [series for series in self._known[symbol] if series.key.price is PriceKind.FUNDING]
        if not found:
            return []
        rates = self._store.bars(found[0].key)
        moments = zip(rates.opened_at.tolist(), rates.close.tolist(), strict=True)
        first, last = request.start or 0, request.end
        return [
            FundingDue(ts, symbol, Decimal(repr(rate)))
            for ts, rate in moments
            if ts >= first and (last is None or ts <= last)
        ]


def _read_facts(kept: Mapping[str, str]) -> dict[str, Any]:
    """Return the facts of an instrument as they were written down with its bars, but its tick."""
    texts = {name: text for name, text in kept.items() if name in ("quote", "group")}
    kind = {"kind": InstrumentKind(kept["kind"])} if "kind" in kept else {}
    rest = kept.keys() - texts.keys() - {"kind", "tick_size"}
    return {**texts, **kind, **{name: Decimal(kept[name]) for name in rest}}
