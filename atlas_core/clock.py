"""The only module that may read the machine's time."""

from __future__ import annotations

import time
from abc import abstractmethod
from datetime import UTC, datetime
from typing import Protocol, runtime_checkable

NANOSECONDS_PER_SECOND = 1_000_000_000


class Clock(Protocol):
    """Tells the time of a run."""

    @abstractmethod
    def now(self) -> int:
        """Return the time in nanoseconds since 1970, UTC."""


@runtime_checkable
class ElapsingClock(Clock, Protocol):
    """A clock that tells also how much time has passed, whatever becomes of its date."""

    @abstractmethod
    def elapsed_seconds(self) -> float:
        """Return seconds that only ever grow, also while the machine sleeps."""


class SimClock:
    """A clock that moves only when the runner moves it."""

    def __init__(self, start: int = 0) -> None:
        self._now = start

    def now(self) -> int:
        """Return the simulated time in nanoseconds, UTC."""
        return self._now

    def advance_to(self, ts: int) -> None:
        """Move to `ts`; a simulated clock never moves backwards."""
        self._now = max(self._now, ts)


class LiveClock:
    """The machine's time."""

    def now(self) -> int:
        """Return the machine's time in nanoseconds, UTC."""
        return time.time_ns()

    def elapsed_seconds(self) -> float:
        """Return the seconds since the machine was started, with those that it slept where it tells them."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


def monotonic_seconds() -> float:
    """Return seconds that only ever grow, whatever becomes of the machine's date: what durations are measured in."""
    return time.monotonic()


class Stopwatch:
    """Seconds since it was made, for what a person is told; never used in a decision."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def seconds(self) -> float:
        """Return the seconds passed."""
        return time.perf_counter() - self._start


def to_datetime(ts: int) -> datetime:
    """Return nanoseconds since 1970 as an aware UTC datetime (microseconds kept)."""
    seconds, rest = divmod(ts, NANOSECONDS_PER_SECOND)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)


def from_datetime(moment: datetime) -> int:
    """Return an aware datetime as nanoseconds since 1970.

    Raises ValueError for a naive datetime: its zone would be a guess.
    """
    if moment.tzinfo is None:
        raise ValueError(f"expected a time with a zone, was {moment.isoformat()}")
    moment = moment.astimezone(UTC)
    days_and_seconds = int((moment.replace(microsecond=0) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    return days_and_seconds * NANOSECONDS_PER_SECOND + moment.microsecond * 1000
