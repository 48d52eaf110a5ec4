"""Where the bars of a timeframe begin and end: the seam at which a session calendar takes the place of UTC."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Protocol

import numpy as np

from atlas_core.model.bars import Times, as_times

if TYPE_CHECKING:
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
    def buckets(self, timeframe: Timeframe, first: int, last: int) -> tuple[Times, Times]:
        """Return the starts and ends of all buckets from the one of `first` to the one of `last`, oldest first."""


class UtcGrid:
    """The grid of markets that never close: days from 00:00 UTC, weeks from Monday, months by the calendar."""

    def start(self, timeframe: Timeframe, ts: int) -> int:
        """Return the start of the bucket that contains `ts`."""
        return timeframe.bucket_start(ts)

    def end(self, timeframe: Timeframe, ts: int) -> int:
        """Return the end of the bucket that contains `ts`."""
        return timeframe.bucket_end(ts)

    def buckets(self, timeframe: Timeframe, first: int, last: int) -> tuple[Times, Times]:
        """Return the starts and ends of all buckets from the one of `first` to the one of `last`."""
        begin, end = timeframe.bucket_start(first), timeframe.bucket_end(last)
        edges = _month_edges(timeframe, begin, end) if timeframe.is_calendar_month else _edges(timeframe, begin, end)
        return as_times(edges[:-1]), as_times(edges[1:])


def _edges(timeframe: Timeframe, begin: int, end: int) -> Times:
    # Counted in whole buckets: numpy computes the length of a range in floats, too coarse for nanoseconds.
    count = (end - begin) // timeframe.duration
    return begin + timeframe.duration * np.arange(count + 1, dtype=np.int64)


def _month_edges(timeframe: Timeframe, begin: int, end: int) -> Times:
    first, last = (np.datetime64(ts, "ns").astype("datetime64[M]") for ts in (begin, end))
    month, step = np.timedelta64(1, "M"), np.timedelta64(timeframe.count, "M")
    return np.arange(first, last + month, step).astype("datetime64[ns]").astype(np.int64)


UTC_GRID = UtcGrid()
