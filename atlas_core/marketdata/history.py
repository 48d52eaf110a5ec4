"""The two views of market data that deciders receive: the whole history, and the past up to now."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Protocol, TypeVar

from attrs import define, frozen

from atlas_core.contracts import MarketHistory, MarketNow
from atlas_core.errors import DataError, EngineError
from atlas_core.marketdata.align import align
from atlas_core.marketdata.forming import extend, formed, forming_columns, grow
from atlas_core.marketdata.grid import UTC_GRID
from atlas_core.marketdata.resample import all_valid, complete_bars
from atlas_core.model.timeframe import parse_timeframe

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    import numpy as np
    from numpy.typing import NDArray

    from atlas_core.marketdata.forming import Forming
    from atlas_core.marketdata.grid import BucketGrid
    from atlas_core.model.bars import Bars, FormingBar, FormingColumns, Times
    from atlas_core.model.instrument import Instrument
    from atlas_core.model.waiting import PassedOver


T = TypeVar("T")
_NEVER = -(2**63)
_STEPS = 16  # so many base bars are added one by one sooner than a bar is formed anew


class BarSource(Protocol):
    """What `PastMarket` reads: bars, forming bars and instruments, by symbol."""

    def instrument(self, symbol: str) -> Instrument:
        """Return the tick, lot and kind of a symbol."""

    def bars(self, symbol: str, timeframe: str) -> Bars:
        """Return closed bars, oldest first."""

    def formed_until(self, symbol: str, timeframe: str, at: int) -> Forming:
        """Return the current bar of a timeframe from the base bars that were available at `at`; the caller's own."""


def of_symbol(table: Mapping[str, T], symbol: str) -> T:
    """Return what `table` holds for `symbol`; raises DataError that names the symbols it has."""
    if symbol not in table:
        raise DataError(f"expected one of the symbols {', '.join(table) or '(none)'}, was {symbol}")
    return table[symbol]


class MarketData(MarketHistory):
    """Base bars of every symbol, resampled to each timeframe when it is first asked for.

    `grids` names the grid of each symbol whose bars do not lie in UTC; the base bars are at their places on it. `until`
    says that no bar that opens before it is still to come (nanoseconds UTC): the last bucket of a symbol whose
    bars end earlier is complete then. Raises DataError for a symbol without an instrument or without bars, and for a
    timeframe that the base cannot make.
    """

    def __init__(
        self,
        base: Mapping[str, Bars],
        instruments: Mapping[str, Instrument],
        grids: Mapping[str, BucketGrid] | None = None,
        *,
        until: int = 0,
    ) -> None:
        missing = [symbol for symbol in base if symbol not in instruments]
        if missing:
            raise DataError(f"expected an instrument for every symbol with bars, none for {', '.join(missing)}")
        self._base = dict(base)
        self._instruments = dict(instruments)
        self._grids = dict(grids or {})
        self._until = until
        self._valid: dict[str, bool] = {}
        self._bars: dict[tuple[str, str], Bars] = {}
        self._aligned: dict[tuple[str, str, str], NDArray[np.int64]] = {}
        self._columns: dict[tuple[str, str, str], FormingColumns] = {}
        self._formed: dict[tuple[str, str], tuple[int, Forming]] = {}

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
            self._bars[key] = complete_bars(
                base, parse_timeframe(timeframe), self.grid(symbol), known_valid=valid, until=self._until
            )
        return self._bars[key]

    def aligned(self, symbol: str, base: str, higher: str) -> NDArray[np.int64]:
        """Return for each base bar the index of the last `higher` bar that was available then, -1 for none."""
        key = symbol, base, higher
        if key not in self._aligned:
            self._aligned[key] = align(self.bars(symbol, base), self.bars(symbol, higher))
        return self._aligned[key]

    def forming(self, symbol: str, base: str, higher: str) -> FormingColumns:
        """Return for each base bar the `higher` bar in which it lies, as it was known when the base bar closed."""
        key = symbol, base, higher
        if key not in self._columns:
            bars, timeframe = self.bars(symbol, base), parse_timeframe(higher)
            self._columns[key] = forming_columns(bars, timeframe, self.grid(symbol))
        return self._columns[key]

    def next_ends(self, symbol: str, timeframe: str, times: Times) -> Times:
        """Return for each time the end of the bar of `timeframe` that is forming then, or else of the next one."""
        return self.grid(symbol).ends(parse_timeframe(timeframe), times)

    def grid(self, symbol: str) -> BucketGrid:
        """Return the grid on which a symbol's bars lie."""
        return self._grids.get(symbol, UTC_GRID)

    def formed_until(self, symbol: str, timeframe: str, at: int) -> Forming:
        """Return the current bar of a timeframe from the base bars that were available at `at`; the caller's own."""
        base, key = self.base(symbol), (symbol, timeframe)
        count = base.count_available(at)
        seen, forming = self._formed.get(key, (-1, None))
        valid = self._is_valid(symbol, base)
        if forming is not None and seen <= count <= seen + _STEPS:
            grow(forming, base, seen, count)
        elif forming is not None and valid and seen < count and base.opened_at.item(count - 1) < forming.ends_at:
            extend(forming, base, seen, count)
        else:
            parsed, grid = parse_timeframe(timeframe), self.grid(symbol)
            forming = formed(base, parsed, grid, count=count, known_valid=valid)
        self._formed[key] = count, forming
        return copy(forming)

    def _is_valid(self, symbol: str, base: Bars) -> bool:
        if symbol not in self._valid:
            self._valid[symbol] = all_valid(base)
        return self._valid[symbol]


class PastMarket(MarketNow):
    """A source seen from one moment: bars that were available at `now`, and the last price that was seen."""

    def __init__(self, source: BarSource, now: int = 0) -> None:
        self._source = source
        self._now = now
        self._seen: dict[str, _Seen] = {}
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

    def see(self, symbol: str, price: Decimal, *, is_close: bool = False) -> None:
        """Remember `price` as the last one of `symbol`, and the one before this moment.

        `is_close` says that it is the close of a base bar: the prices seen since that bar opened are part of it.
        """
        seen = self._seen.get(symbol)
        if seen is None:
            opened_at = _NEVER if is_close else self._now
            self._seen[symbol] = _Seen(self._now, price, None, opened_at, price, price, price, is_over=is_close)
            return
        if seen.at != self._now:
            seen.at, seen.before = self._now, seen.price
        seen.price = price
        if is_close:
            seen.is_over = True
        elif seen.is_over:
            seen.opened_at, seen.first, seen.high, seen.low, seen.is_over = self._now, price, price, price, False
        else:
            seen.high, seen.low = max(seen.high, price), min(seen.low, price)

    def pass_over(self, passed: PassedOver) -> None:
        """Remember what two prices a bar would have left behind, had each of them been seen."""
        exact, bars, row = self.instrument(passed.symbol).exact, passed.bars, passed.last
        if not passed.is_opened:
            row -= 1
            first, opened_at = exact(bars.open.item(row)), bars.opened_at.item(row)
            close, at = exact(bars.close.item(row)), bars.available_at.item(row)
            self._seen[passed.symbol] = _Seen(at, close, first, opened_at, first, first, first, is_over=True)
            return
        first, opened_at = exact(bars.open.item(row)), bars.opened_at.item(row)
        before = None
        if row:
            is_next = bars.available_at.item(row - 1) == opened_at
            before = exact(bars.open.item(row - 1) if is_next else bars.close.item(row - 1))
        self._seen[passed.symbol] = _Seen(opened_at, first, before, opened_at, first, first, first)

    def settle(self) -> None:
        """Do nothing: here every price is told when it is seen."""

    def instrument(self, symbol: str) -> Instrument:
        """Return the tick, lot and kind of a symbol."""
        return self._source.instrument(symbol)

    def last_price(self, symbol: str) -> Decimal | None:
        """Return the last price seen, or None before the first one."""
        seen = self._seen.get(symbol)
        return None if seen is None else seen.price

    def glimpse(self, at: int, symbol: str, price: Decimal) -> MarketNow:
        """Return the market as it was at `at`, when `symbol` traded at `price`."""
        return _Glimpse(self, at, symbol, price)

    def price_at(self, symbol: str, at: int) -> Decimal | None:
        """Return the last price that was seen no later than `at`, as far back as two prices reach."""
        seen = self._seen.get(symbol)
        if seen is None:
            return None
        return seen.price if seen.at <= at else seen.before

    def bars_at(self, symbol: str, timeframe: str, at: int) -> Bars:
        """Return the bars that were available at `at`."""
        everything = self._source.bars(symbol, timeframe)
        return everything.between(0, everything.count_available(at))

    def forming(self, symbol: str, timeframe: str) -> FormingBar | None:
        """Return the current bar of a timeframe as known at `now`, None when its beginning is not."""
        forming, seen = self._source.formed_until(symbol, timeframe, self._now), self._seen.get(symbol)
        if seen is not None and not seen.is_over:
            first, high, low, last = map(float, (seen.first, seen.high, seen.low, seen.price))
            forming.add(seen.opened_at, first, high, low, last, 0.0)
        return forming.bar(symbol)

    def forming_at(self, symbol: str, timeframe: str, at: int, price: float | None) -> FormingBar | None:
        """Return the current bar as it was at `at`, when a base bar opened; `price` traded after its first price."""
        forming, seen = self._source.formed_until(symbol, timeframe, at), self._seen.get(symbol)
        if seen is not None and (seen.opened_at == at or (seen.opened_at < at and not seen.is_over)):
            forming.note(seen.opened_at, float(seen.first))
        if price is not None:
            forming.note(at, price)
        return forming.bar(symbol)

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


@define
class _Seen:
    """The last price of a symbol, the one before that moment, and what traded since a base bar opened.

    `is_over` once that bar has closed. Changed in place: a back-test sees two prices a bar.
    """

    at: int
    price: Decimal
    before: Decimal | None
    opened_at: int
    first: Decimal
    high: Decimal
    low: Decimal
    is_over: bool = False


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

    def forming(self, symbol: str, timeframe: str) -> FormingBar | None:
        price = float(self._price) if symbol == self._symbol else None
        return self._market.forming_at(symbol, timeframe, self._at, price)
