"""Bars as columns: one symbol and timeframe, oldest first."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike, NDArray

from atlas_core.errors import DataError
from atlas_core.model.timeframe import Timeframe

if TYPE_CHECKING:
    from collections.abc import Sequence

Times = NDArray[np.int64]
Prices = NDArray[np.float64]

_COLUMNS = ("opened_at", "available_at", "open", "high", "low", "close", "volume")


_WHOLE_BITS = 1.5 * 2.0**52  # a float of this size has no digits behind the point
_WHOLE_LIMIT = 2.0**51


def _whole(values: Prices) -> Times:
    """Return `values` rounded to whole numbers, half to even; their memory is used for the result."""
    if len(values) and values.min() > -_WHOLE_LIMIT and values.max() < _WHOLE_LIMIT:
        # The addition rounds, and leaves the number in the low bits: no conversion into fresh memory, which costs more.
        values += _WHOLE_BITS
        bits = values.view(np.int64)
        bits -= np.float64(_WHOLE_BITS).view(np.int64)
        return bits
    return np.rint(values).astype(np.int64)


def sealed(array: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return a view of `array` that nobody can write to."""
    if not array.flags.writeable:
        return array
    view = array.view()
    view.flags.writeable = False
    return view


def as_times(values: ArrayLike) -> Times:
    """Return `values` as a read-only int64 column."""
    return sealed(np.ascontiguousarray(values, dtype=np.int64))  # type: ignore[return-value]


def as_prices(values: ArrayLike) -> Prices:
    """Return `values` as a read-only float64 column."""
    return sealed(np.ascontiguousarray(values, dtype=np.float64))  # type: ignore[return-value]


@frozen(eq=False)
class Bars:
    """Equal-length read-only columns of closed bars.

    `opened_at` and `available_at` are int64 nanoseconds UTC (a bar covers `[opened_at, available_at)` and may be
    used from `available_at` on); prices and volume are float64; `gap_before` marks a bar whose predecessor is
    missing. Raises DataError when the columns differ in length or the times do not increase.
    """

    symbol: str
    timeframe: Timeframe
    opened_at: Times = field(converter=as_times)
    available_at: Times = field(converter=as_times)
    open: Prices = field(converter=as_prices)
    high: Prices = field(converter=as_prices)
    low: Prices = field(converter=as_prices)
    close: Prices = field(converter=as_prices)
    volume: Prices = field(converter=as_prices)
    tick_size: Decimal = Decimal("0.01")
    _ticks: dict[str, Times] = field(factory=dict, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        lengths = {len(column) for column in (self.available_at, self.volume, *self.prices())}
        if lengths != {len(self.opened_at)}:
            raise DataError(f"{self}: expected columns of one length, were {sorted(lengths | {len(self.opened_at)})}")
        if len(self) > 1 and not bool(np.all(np.diff(self.opened_at) > 0)):
            raise DataError(f"{self}: expected strictly increasing opening times")
        if bool(np.any(self.available_at <= self.opened_at)) or bool(np.any(np.diff(self.available_at) < 0)):
            raise DataError(f"{self}: expected bars to be available after they open and in their order")

    def __len__(self) -> int:
        return len(self.opened_at)

    def __str__(self) -> str:
        return f"{self.symbol} {self.timeframe} bars"

    def prices(self) -> tuple[Prices, Prices, Prices, Prices]:
        """Return the open, high, low and close columns."""
        return self.open, self.high, self.low, self.close

    def ticks(self, column: str) -> Times:
        """Return a price column as whole ticks (int64), computed once; prices compare in ticks."""
        cached = self._ticks.get(column)
        if cached is None:
            cached = self._ticks[column] = as_times(_whole(getattr(self, column) / float(self.tick_size)))
        return cached

    def ticks_before(self, column: str) -> Times:
        """Return for each row the sum of a price column in the rows before it, in ticks (int64), computed once.

        There is one more at the end: the sum of all. Two of them apart tell the sum of any window without adding it up.
        """
        name = f"before {column}"
        cached = self._ticks.get(name)
        if cached is None:
            total = np.zeros(len(self) + 1, dtype=np.int64)
            after = total[1:]  # everything happens in the memory of the result: fresh memory costs more than the work
            prices = np.divide(getattr(self, column), float(self.tick_size), out=after.view(np.float64))
            np.cumsum(_whole(prices), out=after)
            cached = self._ticks[name] = as_times(total)
        return cached

    @property
    def gap_before(self) -> NDArray[np.bool_]:
        """Mark each bar that does not begin where the one before ended."""
        marks = np.zeros(len(self), dtype=bool)
        marks[1:] = self.opened_at[1:] != self.available_at[:-1]
        return marks

    def between(self, first: int, last: int) -> Bars:
        """Return rows `first` to `last` (exclusive) without copying the columns."""
        part = slice(first, last)
        columns = [getattr(self, name)[part] for name in _COLUMNS]
        return Bars.trusted(self.symbol, self.timeframe, self.tick_size, columns)

    def within(self, start: int | None, end: int | None) -> Bars:
        """Return the bars that open at `start` or later and were available at `end` (None: all), without a copy."""
        first = 0 if start is None else int(np.searchsorted(self.opened_at, start))
        last = len(self) if end is None else self.count_available(end)
        return self.between(first, max(first, last))

    @staticmethod
    def trusted(symbol: str, timeframe: Timeframe, tick_size: Decimal, columns: Sequence[NDArray[np.generic]]) -> Bars:
        """Make bars of columns in their order that are read-only and were checked before."""
        bars = object.__new__(Bars)
        for name, column in zip(_COLUMNS, columns, strict=True):
            object.__setattr__(bars, name, column)
        object.__setattr__(bars, "symbol", symbol)
        object.__setattr__(bars, "timeframe", timeframe)
        object.__setattr__(bars, "tick_size", tick_size)
        object.__setattr__(bars, "_ticks", {})
        return bars

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Bars:
        """Return the chosen rows, in their order."""
        columns = {name: getattr(self, name)[rows] for name in _COLUMNS}
        return Bars(self.symbol, self.timeframe, **columns, tick_size=self.tick_size)

    def count_available(self, now: int) -> int:
        """Return how many bars may be used at `now`."""
        return int(self.available_at.searchsorted(now, side="right"))

    def until(self, now: int) -> Bars:
        """Return the bars that may be used at `now`: the past and nothing else."""
        return self.between(0, self.count_available(now))

    def valid(self) -> NDArray[np.bool_]:
        """Mark the rows that are bars: finite prices, high at the top and low at the bottom, compared in ticks."""
        o, h, low, c = self.prices()
        # A comparison with NaN is false, and between a finite low and a finite high there is nothing infinite.
        marks = (h >= o) & (h >= c) & (low <= o) & (low <= c) & (h < np.inf) & (low > -np.inf)
        doubtful = np.flatnonzero(~marks)
        if len(doubtful):
            marks[doubtful] = self._valid_in_ticks(doubtful)
        return marks

    def _valid_in_ticks(self, rows: Times) -> NDArray[np.bool_]:
        """Judge rows whose floats are out of order: less than a tick of it is the noise of arithmetic."""
        o, h, low, c = (np.rint(column[rows] / float(self.tick_size)) for column in self.prices())
        finite = np.isfinite(o) & np.isfinite(h) & np.isfinite(low) & np.isfinite(c)
        return finite & (h >= np.maximum(o, c)) & (low <= np.minimum(o, c))


class FormingBar(NamedTuple):
    """The current bar of a timeframe, from what had traded until now: of the bars after it nothing is known.

    It covers `[opened_at, ends_at)` (nanoseconds UTC) and is complete from `ends_at` on. `previous_high` and
    `previous_low` are those of the last whole bar before it, None when there is none.
    """

    symbol: str
    timeframe: Timeframe
    opened_at: int
    ends_at: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    previous_high: float | None = None
    previous_low: float | None = None


class FormingColumns(NamedTuple):
    """For each base bar the bar of a higher timeframe in which it lies, as it was known when the base bar closed.

    `opened_at` and `ends_at` are int64 nanoseconds UTC, the others float64, NaN where the beginning is not in the data.
    """

    opened_at: Times
    ends_at: Times
    open: Prices
    high: Prices
    low: Prices
    close: Prices
    volume: Prices

    def from_row(self, first: int) -> FormingColumns:
        """Return the rows from `first` on."""
        times = (self.opened_at[first:], self.ends_at[first:])
        prices = (self.open[first:], self.high[first:], self.low[first:], self.close[first:])
        return FormingColumns(*times, *prices, self.volume[first:])


def bars_of_rows(
    symbol: str,
    timeframe: Timeframe,
    rows: Sequence[tuple[int, float, float, float, float, float]],
    tick_size: Decimal = Decimal("0.01"),
) -> Bars:
    """Make bars from rows of (opened_at, open, high, low, close, volume); each ends where its bucket ends."""
    opened = [row[0] for row in rows]
    available = [timeframe.bucket_end(ts) for ts in opened]
    prices = np.array([row[1:] for row in rows], dtype=np.float64).reshape(len(rows), 5).T
    o, h, low, c, volume = prices
    return Bars(symbol, timeframe, opened, available, o, h, low, c, volume, tick_size)
