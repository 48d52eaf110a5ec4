"""Holds back what a live market tells where its prices cannot be believed yet."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import define, field

from atlas_core.clock import to_datetime
from atlas_core.errors import DataError
from atlas_core.marketdata.feed import BarFeed
from atlas_core.model.events import BarClosed, Quote
from atlas_core.model.timeframe import DAY

FARTHEST_JUMP = 0.25
"""The part of the last close by which a price may depart from it; a farther one must be followed by others like it."""

QUOTES_THAT_CONFIRM = 2
"""Wild quotes come close together, and a stop that trails one of them stays there for good: one more is no proof."""

FARTHEST_AHEAD = DAY
"""How far a time that we are told may lie ahead of our clock: the machine's may be set wrong, but not by more."""


@define
class PlausiblePrices:
    """Lets a jump pass when the next bar, or the next two quotes, confirm it: a wild print is gone by then."""

    feeds: Mapping[str, BarFeed]
    _suspects: dict[str, BarClosed] = field(factory=dict)
    _suspect_quotes: dict[str, tuple[float, int]] = field(factory=dict)
    _quoted: dict[str, float] = field(factory=dict)

    def require(self, bar: BarClosed) -> None:
        """Raise DataError for prices that are not above zero, and for a jump that nothing has confirmed."""
        prices = (bar.open, bar.high, bar.low, bar.close)
        if min(prices) <= 0:
            raise DataError(f"provider's stream: expected prices above 0, {_named(bar)} has {min(prices)}")
        known = self._last(bar.symbol)
        last = bar.close if known is None else known  # the first bar of a symbol has to agree with itself
        suspect = self._suspects.pop(bar.symbol, None)
        if _is_near(prices, last) or (suspect is not None and _is_near(prices, suspect.close) and bar.ts > suspect.ts):
            return
        if _is_near(prices, min(last, bar.close), max(last, bar.close)):
            self._suspects[bar.symbol] = bar  # with prices elsewhere it does not agree with itself, and proves nothing
        raise DataError(
            f"provider's stream: expected prices near {last}, {_named(bar)} closes at {bar.close}; it counts when the "
            "next bar confirms it"
        )

    def believes(self, quote: Quote) -> bool:
        """Tell whether the price of a quote is near the last close, or confirms those of the quotes before it."""
        prices = (quote.bid, quote.ask, quote.last or quote.bid)
        last = self._last(quote.symbol)
        before, count = self._suspect_quotes.pop(quote.symbol, (0.0, 0))
        if last is not None and not _is_near(prices, last):
            count = count + 1 if count and _is_near(prices, before) else 1
            self._suspect_quotes[quote.symbol] = prices[-1], count
            if count <= QUOTES_THAT_CONFIRM:
                return False
        self._quoted[quote.symbol] = prices[-1]
        return True

    def _last(self, symbol: str) -> float | None:
        """Return the last close, or what was quoted before there was a bar."""
        close = self.feeds[symbol].last_close
        return self._quoted.get(symbol) if close is None else close


def require_no_future(bar: BarClosed, now: int) -> None:
    """Raise DataError for a bar that lies far ahead of our clock: it would take the session's time with it."""
    if bar.ts > now + FARTHEST_AHEAD:
        raise DataError(
            f"provider's stream: expected bars until now, {_named(bar)} is {(bar.ts - now) // DAY:,} days ahead of our "
            "clock; correct the clock of this machine if it is wrong"
        )


def _named(bar: BarClosed) -> str:
    return f"the bar of {bar.symbol} that ends at {to_datetime(bar.ts):%Y-%m-%d %H:%M}Z"


def _is_near(prices: tuple[float, ...], low: float, high: float | None = None) -> bool:
    """Tell whether all prices lie around one price, or between two, with the farthest jump below and above."""
    lowest, highest = low * (1 - FARTHEST_JUMP), (high or low) * (1 + FARTHEST_JUMP)
    return all(lowest <= price <= highest for price in prices)
