"""Lets a synthetic or replayed market run at a speed: `1x` is its own pace, `60x` an hour in a minute, `max` no pace.

The bars, and with them every decision and the journal, are the same at every speed; only the moments at which they
arrive differ.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable

from attrs import define, frozen

from atlas_core.clock import NANOSECONDS_PER_SECOND, Clock
from atlas_core.errors import UsageError
from atlas_core.model.events import BarClosed

_SPEED = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)x")


@frozen
class Speed:
    """How many seconds of the market pass in one second; None: as fast as they come."""

    factor: float | None = None

    def __str__(self) -> str:
        return "max" if self.factor is None else f"{self.factor:g}x"


def read_speed(text: str) -> Speed:
    """Return the speed that `1x`, `60x`, `0.5x` or `max` says; raises UsageError."""
    match = _SPEED.fullmatch(text)
    if text == "max":
        return Speed()
    if match is None or not float(match.group(1)):
        raise UsageError(f"expected a speed such as 1x, 60x, 0.5x or max, was {text!r}")
    return Speed(float(match.group(1)))


@define
class PacedClock(Clock):
    """The time of a market that runs at a speed: it stands still until `start`, then follows the monotonic clock."""

    factor: float
    monotonic: Callable[[], float]
    _market_start: int = 0
    _started_at: float | None = None

    def start(self, market_time: int) -> None:
        """Begin at this time of the market; only the first call counts."""
        if self._started_at is None:
            self._market_start, self._started_at = market_time, self.monotonic()

    def now(self) -> int:
        """Return the market's time in nanoseconds, UTC."""
        if self._started_at is None:
            return self._market_start
        passed = (self.monotonic() - self._started_at) * self.factor
        return self._market_start + round(passed * NANOSECONDS_PER_SECOND)

    def seconds_until(self, market_time: int) -> float:
        """Return how many real seconds it takes until that time of the market, at least 0."""
        return max(0.0, (market_time - self.now()) / NANOSECONDS_PER_SECOND / self.factor)


async def paced(
    stream: AsyncIterator[BarClosed], clock: PacedClock, start: int | None = None
) -> AsyncGenerator[BarClosed, None]:
    """Yield each bar of a stream when the clock reaches its end.

    The clock begins at `start`, or when the first bar opened. A reader that is slower than the market gets the late
    bars at once and loses none. Closing this closes the stream.
    """
    if start is not None:
        clock.start(start)
    try:
        async for bar in stream:
            clock.start(bar.opened_at)
            await asyncio.sleep(clock.seconds_until(bar.ts))
            yield bar
    finally:
        if isinstance(stream, AsyncGenerator):
            await stream.aclose()


async def until(stream: AsyncIterator[BarClosed], end: int, cut: Callable[[], None]) -> AsyncGenerator[BarClosed, None]:
    """Yield the bars of a stream that are known by `end`; tell `cut` when there are more. Closing this closes it."""
    try:
        async for bar in stream:
            if bar.ts > end:
                cut()
                return
            yield bar
    finally:
        if isinstance(stream, AsyncGenerator):
            await stream.aclose()
