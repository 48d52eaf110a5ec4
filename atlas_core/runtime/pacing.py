"""Lets a synthetic or replayed market run at a speed: `1x` is its own pace, `60x` an hour in a minute, `max` no pace.

The bars, and with them every decision and the journal, are the same at every speed; only the moments at which they
arrive differ.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import cast

from attrs import define, frozen

from atlas_core.clock import NANOSECONDS_PER_SECOND, Clock
from atlas_core.contracts import FundingProvider, HistoryRequest, Provider
from atlas_core.errors import UsageError
from atlas_core.model.bars import Bars
from atlas_core.model.events import BarClosed, FundingDue
from atlas_core.model.instrument import Instrument

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


@define
class PacedProvider(Provider, FundingProvider):
    """A provider whose stream gives each bar at its own time on a paced clock; all else is passed on."""

    provider: Provider
    clock: PacedClock

    async def open(self) -> None:
        """Open the provider."""
        await self.provider.open()

    async def close(self) -> None:
        """Close the provider."""
        await self.provider.close()

    async def instruments(self, symbols: Sequence[str]) -> Mapping[str, Instrument]:
        """Return the provider's instruments."""
        return await self.provider.instruments(symbols)

    async def history(self, request: HistoryRequest) -> Mapping[str, Bars]:
        """Return the provider's history."""
        return await self.provider.history(request)

    async def funding(self, request: HistoryRequest) -> Sequence[FundingDue]:
        """Return the provider's funding; asked only where the provider declares any."""
        return await cast(FundingProvider, self.provider).funding(request)

    async def stream(self, request: HistoryRequest) -> AsyncIterator[BarClosed]:
        """Yield each bar when the clock reaches its end; the clock begins at the request's start or the first bar."""
        if request.start is not None:
            self.clock.start(request.start)
        async with aclosing(_closable(self.provider.stream(request))) as bars:
            async for bar in bars:
                self.clock.start(bar.opened_at)
                await asyncio.sleep(self.clock.seconds_until(bar.ts))
                yield bar


async def _closable(stream: AsyncIterator[BarClosed]) -> AsyncGenerator[BarClosed, None]:
    async for bar in stream:
        yield bar
