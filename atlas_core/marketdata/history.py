"""The two views of market data that deciders receive: the whole history, and the past up to now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from attrs import frozen

from atlas_core.contracts import MarketHistory, MarketNow
from atlas_core.errors import DataError, EngineError
from atlas_core.marketdata.align import align
from atlas_core.marketdata.grid import UTC_GRID
from atlas_core.marketdata.resample import all_valid, resample
from atlas_core.model.timeframe import parse_timeframe

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    import numpy as np
    from numpy.typing import NDArray

    from atlas_core.marketdata.grid import BucketGrid
    from atlas_core.model.bars import Bars
    from atlas_core.model.instrument import Instrument


T = TypeVar("T")


class BarSource(Protocol):
    """What `PastMarket` reads: bars and instruments, by symbol."""

    def instrument(self, symbol: str) -> Instrument:
        """Return the tick, lot and kind of a symbol."""

    def bars(self, symbol: str, timeframe: str) -> Bars:
        """Return closed bars, oldest first."""


def of_symbol(table: Mapping[str, T], symbol: str) -> T:
    """Return what `table` holds for `symbol`; raises DataError that names the symbols it has."""
    if symbol not in table:
        raise DataError(f"expected one of the symbols {', '.join(table) or '(none)'}, was {symbol}")
    return table[symbol]


class MarketData(MarketHistory):
    """Base bars of every symbol, resampled to each timeframe when it is first asked for.

    `until` says that no bar that opens before it is still to come (nanoseconds UTC): the last bucket of a symbol whose
    bars end earlier is complete then. Raises DataError for a symbol without an instrument or without bars, and for a
    timeframe that the base cannot make.
    """

    def __init__(
        self,
        base: Mapping[str, Bars],
        instruments: Mapping[str, Instrument],
        grid: BucketGrid = UTC_GRID,
        *,
        until: int = 0,
    ) -> None:
        missing = [symbol for symbol in base if symbol not in instruments]
        if missing:
            raise DataError(f"expected an instrument for every symbol with bars, none for {', '.join(missing)}")
        self._base = dict(base)
        self._instruments = dict(instruments)
        self._grid = grid
        self._until = until
        self._valid: dict[str, bool] = {}
        self._bars: dict[tuple[str, str], Bars] = {}
        self._aligned: dict[tuple[str, str, str], NDArray[np.int64]] = {}

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols, in the order in which they were given."""
        return tuple(self._base)

    def instrument(self, symbol: str) -> Instrument:
        """Return the tick, lot and kind of a symbol; raises DataError for one that is not here."""
        return of_symbol(self._instruments, symbol)

    def base(self, symbol: str) -> Bars:
        """Return the base bars of a symbol."""
        return of_symbol(self._base, symbol)

    def bars(self, symbol: str, timeframe: str) -> Bars:
        """Return the complete bars of a timeframe, oldest first; repeated calls return the same object."""
        key = symbol, timeframe
        if key not in self._bars:
            base = self.base(symbol)
            valid = self._is_valid(symbol, base)
            self._bars[key] = resample(
                base, parse_timeframe(timeframe), self._grid, known_valid=valid, until=self._until
            )
        return self._bars[key]

    def aligned(self, symbol: str, base: str, higher: str) -> NDArray[np.int64]:
        """Return for each base bar the index of the last `higher` bar that was available then, -1 for none."""
        key = symbol, base, higher
        if key not in self._aligned:
            self._aligned[key] = align(self.bars(symbol, base), self.bars(symbol, higher))
        return self._aligned[key]

    def _is_valid(self, symbol: str, base: Bars) -> bool:
        if symbol not in self._valid:
            self._valid[symbol] = all_valid(base)
        return self._valid[symbol]


class PastMarket(MarketNow):
    """A source seen from one moment: bars that were available at `now`, and the last price that was seen."""

    def __init__(self, source: BarSource, now: int = 0) -> None:
        self._source = source
        self._now = now
        self._prices: dict[str, _Seen] = {}
        self._views: dict[tuple[str, str], tuple[Bars, Bars]] = {}

    @property
    def now(self) -> int:
        """The present, nanoseconds UTC."""
        return self._now

    def advance(self, now: int) -> None:
        """Move the present to `now`; raises EngineError when that is in the past."""
        if now < self._now:
            raise EngineError(f"expected the market to move forward from {self._now}, was sent back to {now}")
        self._now = now

    def see(self, symbol: str, price: Decimal) -> None:
        """Remember `price` as the last one of `symbol`, and the one before this moment."""
        last = self._prices.get(symbol)
        if last is None:
            self._prices[symbol] = _Seen(self._now, price, None)
        else:
            before = last.before if last.at == self._now else last.price
            self._prices[symbol] = _Seen(self._now, price, before)

    def instrument(self, symbol: str) -> Instrument:
        """Return the tick, lot and kind of a symbol."""
        return self._source.instrument(symbol)

    def last_price(self, symbol: str) -> Decimal | None:
        """Return the last price seen, or None before the first one."""
        last = self._prices.get(symbol)
        return None if last is None else last.price

    def glimpse(self, at: int, symbol: str, price: Decimal) -> MarketNow:
        """Return the market as it was at `at`, when `symbol` traded at `price`."""
        return _Glimpse(self, at, symbol, price)

    def price_at(self, symbol: str, at: int) -> Decimal | None:
        """Return the last price that was seen no later than `at`, as far back as two prices reach."""
        last = self._prices.get(symbol)
        if last is None or last.at <= at:
            return None if last is None else last.price
        return last.before

    def bars_at(self, symbol: str, timeframe: str, at: int) -> Bars:
        """Return the bars that were available at `at`."""
        everything = self._source.bars(symbol, timeframe)
        return everything.between(0, everything.count_available(at))

    def bars(self, symbol: str, timeframe: str) -> Bars:
        """Return the bars that were available at `now`, oldest first (maybe none)."""
        everything = self._source.bars(symbol, timeframe)
        count = everything.count_available(self._now)
        if count == len(everything):
            return everything
        seen_from, view = self._views.get((symbol, timeframe), (None, everything))
        if seen_from is not everything or len(view) != count:
            view = everything.between(0, count)
            self._views[symbol, timeframe] = everything, view
        return view


@frozen
class _Seen:
    at: int
    price: Decimal
    before: Decimal | None


@frozen
class _Glimpse(MarketNow):
    """The market inside a bar: what was known when the bar opened, and the price of the moment."""

    _market: PastMarket
    _at: int
    _symbol: str
    _price: Decimal

    @property
    def now(self) -> int:
        return self._at

    def instrument(self, symbol: str) -> Instrument:
        return self._market.instrument(symbol)

    def last_price(self, symbol: str) -> Decimal | None:
        return self._price if symbol == self._symbol else self._market.price_at(symbol, self._at)

    def bars(self, symbol: str, timeframe: str) -> Bars:
        return self._market.bars_at(symbol, timeframe, self._at)
