"""Where the bars of a timeframe begin and end: the seam at which a session calendar takes the place of UTC."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Protocol

import numpy as np

from atlas_core.model.bars import Times, as_times

if TYPE_CHECKING:
    from atlas_core.model.bars import Bars
    from atlas_core.model.timeframe import Timeframe


class BucketGrid(Protocol):
    """Lays the buckets of a timeframe over time; buckets never overlap. Times are nanoseconds UTC."""

    @abstractmethod
    def start(self, timeframe: Timeframe, ts: int) -> int:
        """Return the start of the bucket that contains `ts`, or of the next one where no bucket does."""

    @abstractmethod
    def end(self, timeframe: Timeframe, ts: int) -> int:
        """Return the end of the bucket that begins at `start(timeframe, ts)`."""

    @abstractmethod
    def before(self, timeframe: Timeframe, ts: int, count: int) -> int:
        """Return the start of the bucket that is `count` buckets before the one of `ts`."""

    @abstractmethod
    def ends(self, timeframe: Timeframe, times: Times) -> Times:
        """Return `end` of each of many times."""

    @abstractmethod
    def buckets(self, timeframe: Timeframe, first: int, last: int) -> tuple[Times, Times]:
        """Return the starts and ends of all buckets from the one of `first` to the one of `last`, oldest first."""

    @abstractmethod
    def can_make(self, base: Timeframe, timeframe: Timeframe) -> bool:
        """Tell whether bars of `timeframe` can be built from bars of `base` on this grid."""

    @abstractmethod
    def place(self, timeframe: Timeframe, opened_at: int, available_at: int) -> tuple[int, int] | None:
        """Return where a bar of `timeframe` lies on this grid, None when it lies outside.

        Raises DataError for a bar that begins between two places.
        """

    @abstractmethod
    def fitted(self, bars: Bars) -> Bars:
        """Return the bars that have a place on this grid, at their places; the same object when nothing changes.

        Raises DataError for bars that begin between two places.
        """


class UtcGrid(BucketGrid):
    """The grid of markets that never close: days from 00:00 UTC, weeks from Monday, months by the calendar."""

    def start(self, timeframe: Timeframe, ts: int) -> int:
        """Return the start of the bucket that contains `ts`."""
        return timeframe.bucket_start(ts)

    def end(self, timeframe: Timeframe, ts: int) -> int:
        """Return the end of the bucket that contains `ts`."""
        return timeframe.bucket_end(ts)

    def before(self, timeframe: Timeframe, ts: int, count: int) -> int:
        """Return the start of the bucket that is `count` buckets before the one of `ts`."""
        start = timeframe.bucket_start(ts)
        if not timeframe.is_calendar_month:
            return start - count * timeframe.duration
        for _ in range(count):
            start = timeframe.bucket_start(start - 1)
        return start

    def ends(self, timeframe: Timeframe, times: Times) -> Times:
        """Return the end of the bucket of each of many times."""
        if timeframe.is_calendar_month:
            return as_times([timeframe.bucket_end(ts) for ts in times.tolist()])
        return as_times(times - (times - timeframe.bucket_offset) % timeframe.duration + timeframe.duration)

    def buckets(self, timeframe: Timeframe, first: int, last: int) -> tuple[Times, Times]:
        """Return the starts and ends of all buckets from the one of `first` to the one of `last`."""
        begin, end = timeframe.bucket_start(first), timeframe.bucket_end(last)
        edges = _month_edges(timeframe, begin, end) if timeframe.is_calendar_month else _edges(timeframe, begin, end)
        return as_times(edges[:-1]), as_times(edges[1:])

    def can_make(self, base: Timeframe, timeframe: Timeframe) -> bool:
        """Tell whether `timeframe` is a multiple of `base`."""
        return timeframe.is_multiple_of(base)

    def place(self, timeframe: Timeframe, opened_at: int, available_at: int) -> tuple[int, int]:  # noqa: ARG002
        """Return the bar's own times: nothing lies outside."""
        return opened_at, available_at

    def fitted(self, bars: Bars) -> Bars:
        """Return the bars as they are: nothing lies outside."""
        return bars


def _edges(timeframe: Timeframe, begin: int, end: int) -> Times:
    # Counted in whole buckets: numpy computes the length of a range in floats, too coarse for nanoseconds.
    count = (end - begin) // timeframe.duration
    return begin + timeframe.duration * np.arange(count + 1, dtype=np.int64)


def _month_edges(timeframe: Timeframe, begin: int, end: int) -> Times:
    first, last = (np.datetime64(ts, "ns").astype("datetime64[M]") for ts in (begin, end))
    month, step = np.timedelta64(1, "M"), np.timedelta64(timeframe.count, "M")
    return np.arange(first, last + month, step).astype("datetime64[ns]").astype(np.int64)


UTC_GRID = UtcGrid()
