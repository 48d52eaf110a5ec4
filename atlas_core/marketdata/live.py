"""The market as a live scanner sees it: the trailing window of every feed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlas_core.contracts import MarketHistory
from atlas_core.errors import DataError
from atlas_core.marketdata.align import align
from atlas_core.marketdata.forming import forming_columns
from atlas_core.marketdata.history import of_symbol
from atlas_core.model.timeframe import parse_timeframe

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from atlas_core.marketdata.feed import BarFeed
    from atlas_core.marketdata.forming import Forming
    from atlas_core.marketdata.grid import BucketGrid
    from atlas_core.model.bars import Bars, FormingColumns, Times
    from atlas_core.model.instrument import Instrument
    from atlas_core.model.timeframe import Timeframe


class LiveMarket(MarketHistory):
    """The trailing window of every symbol's feed; a scanner cannot tell it from a short history.

    `window_bars` says per timeframe how many of its bars are shown; one that is not named shows all.
    """

    def __init__(
        self,
        feeds: Mapping[str, BarFeed],
        instruments: Mapping[str, Instrument],
        window_bars: Mapping[str, int] | None = None,
    ) -> None:
        self._feeds = dict(feeds)
        self._instruments = dict(instruments)
        self._window_bars = dict(window_bars or {})

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols, in the order in which they were given."""
        return tuple(self._feeds)

    def instrument(self, symbol: str) -> Instrument:
        """Return the tick, lot and kind of a symbol; raises DataError for one that is not here."""
        return of_symbol(self._instruments, symbol)

    def bars(self, symbol: str, timeframe: str) -> Bars:
        """Return the complete bars of the window, oldest first (maybe none)."""
        feed = of_symbol(self._feeds, symbol)
        return feed.bars(parse_timeframe(timeframe), self._window_bars.get(timeframe))

    def aligned(self, symbol: str, base: str, higher: str) -> NDArray[np.int64]:
        """Return for each base bar the index of the last `higher` bar that was available then, -1 for none."""
        return align(self.bars(symbol, base), self.bars(symbol, higher))

    def forming(self, symbol: str, base: str, higher: str) -> FormingColumns:
        """Return for each base bar of the window the `higher` bar in which it lies, as it was known at its close."""
        feed = of_symbol(self._feeds, symbol)
        everything = feed.bars(parse_timeframe(base))
        return _forming_in(len(self.bars(symbol, base)), everything, parse_timeframe(higher), feed.grid)

    def next_ends(self, symbol: str, timeframe: str, times: Times) -> Times:
        """Return for each time the end of the bar of `timeframe` that is forming then, or else of the next one."""
        return of_symbol(self._feeds, symbol).grid.ends(parse_timeframe(timeframe), times)

    def formed_until(self, symbol: str, timeframe: str, at: int) -> Forming:
        """Return the current bar of a timeframe from the base bars that were available at `at`; the caller's own."""
        return of_symbol(self._feeds, symbol).formed_until(parse_timeframe(timeframe), at)

    def frozen(self, timeframes: Iterable[str]) -> FrozenMarket:
        """Return the window as it is now: a market that does not change while the feeds go on."""
        bars = {
            (symbol, timeframe): (feed.bars(parse_timeframe(timeframe)), len(self.bars(symbol, timeframe)))
            for timeframe in timeframes
            for symbol, feed in self._feeds.items()
        }
        return FrozenMarket(self.symbols, self._instruments, bars, {s: feed.grid for s, feed in self._feeds.items()})


class FrozenMarket(MarketHistory):
    """The window of one moment, with the timeframes that a scanner needs and no others."""

    def __init__(
        self,
        symbols: tuple[str, ...],
        instruments: Mapping[str, Instrument],
        bars: Mapping[tuple[str, str], tuple[Bars, int]],
        grids: Mapping[str, BucketGrid],
    ) -> None:
        self._symbols = symbols
        self._instruments = instruments
        self._bars = bars
        self._grids = grids

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols, in the order in which they were given."""
        return self._symbols

    def instrument(self, symbol: str) -> Instrument:
        """Return the tick, lot and kind of a symbol; raises DataError for one that is not here."""
        return of_symbol(self._instruments, symbol)

    def bars(self, symbol: str, timeframe: str) -> Bars:
        """Return the complete bars of the window, oldest first; raises DataError for a timeframe that is no need."""
        everything, shown = self._known(symbol, timeframe)
        return everything.between(len(everything) - shown, len(everything))

    def aligned(self, symbol: str, base: str, higher: str) -> NDArray[np.int64]:
        """Return for each base bar the index of the last `higher` bar that was available then, -1 for none."""
        return align(self.bars(symbol, base), self.bars(symbol, higher))

    def forming(self, symbol: str, base: str, higher: str) -> FormingColumns:
        """Return for each base bar of the window the `higher` bar in which it lies, as it was known at its close."""
        everything, shown = self._known(symbol, base)
        return _forming_in(shown, everything, parse_timeframe(higher), self._grids[symbol])

    def next_ends(self, symbol: str, timeframe: str, times: Times) -> Times:
        """Return for each time the end of the bar of `timeframe` that is forming then, or else of the next one."""
        return of_symbol(self._grids, symbol).ends(parse_timeframe(timeframe), times)

    def _known(self, symbol: str, timeframe: str) -> tuple[Bars, int]:
        """Return all bars of a timeframe, and how many of the last ones are shown."""
        known = self._bars.get((symbol, timeframe))
        if known is None:
            shown = ", ".join(sorted({f"{s} {t}" for s, t in self._bars}))
            raise DataError(f"expected one of the bars that the scanner needs ({shown}), was {symbol} {timeframe}")
        return known


def _forming_in(shown: int, everything: Bars, timeframe: Timeframe, grid: BucketGrid) -> FormingColumns:
    """Return the forming columns of the last `shown` bars; the bar in which they begin may have begun before them."""
    first = len(everything) - shown
    if not shown:
        return forming_columns(everything.between(first, first), timeframe, grid)
    begins = grid.start(timeframe, int(everything.opened_at[first]))
    start = int(np.searchsorted(everything.opened_at, begins))
    columns = forming_columns(everything.between(start, len(everything)), timeframe, grid, int(everything.opened_at[0]))
    return columns.from_row(first - start)
