"""The market as a live scanner sees it: the trailing window of every feed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_core.contracts import MarketHistory
from atlas_core.errors import DataError
from atlas_core.marketdata.align import align
from atlas_core.marketdata.history import of_symbol
from atlas_core.model.timeframe import parse_timeframe

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from atlas_core.marketdata.feed import BarFeed
    from atlas_core.model.bars import Bars
    from atlas_core.model.instrument import Instrument


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

    def frozen(self, timeframes: Iterable[str]) -> FrozenMarket:
        """Return the window as it is now: a market that does not change while the feeds go on."""
        bars = {(s, timeframe): self.bars(s, timeframe) for timeframe in timeframes for s in self._feeds}
        return FrozenMarket(self.symbols, self._instruments, bars)


class FrozenMarket(MarketHistory):
    """The window of one moment, with the timeframes that a scanner needs and no others."""

    def __init__(
        self,
        symbols: tuple[str, ...],
        instruments: Mapping[str, Instrument],
        bars: Mapping[tuple[str, str], Bars],
    ) -> None:
        self._symbols = symbols
        self._instruments = instruments
        self._bars = bars

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols, in the order in which they were given."""
        return self._symbols

    def instrument(self, symbol: str) -> Instrument:
        """Return the tick, lot and kind of a symbol; raises DataError for one that is not here."""
        return of_symbol(self._instruments, symbol)

    def bars(self, symbol: str, timeframe: str) -> Bars:
        """Return the complete bars of the window, oldest first; raises DataError for a timeframe that is no need."""
        bars = self._bars.get((symbol, timeframe))
        if bars is None:
            shown = ", ".join(sorted({f"{s} {t}" for s, t in self._bars}))
            raise DataError(f"expected one of the bars that the scanner needs ({shown}), was {symbol} {timeframe}")
        return bars

    def aligned(self, symbol: str, base: str, higher: str) -> NDArray[np.int64]:
        """Return for each base bar the index of the last `higher` bar that was available then, -1 for none."""
        return align(self.bars(symbol, base), self.bars(symbol, higher))
