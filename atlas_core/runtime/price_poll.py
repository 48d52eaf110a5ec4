"""Asks the provider for prices between the bars: of what waits for its trigger, and of what is held.

It keeps its cadence on the loop's own time, whatever becomes of the machine's date; a turn that is missed is not made
up for. A price that cannot be one never reaches the engine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from math import isfinite

from attrs import define, evolve
from loguru import logger

from atlas_core.clock import Clock
from atlas_core.contracts import QuoteProvider
from atlas_core.model.events import Quote
from atlas_core.model.timeframe import SECOND

ANSWER_SECONDS = 8.0
OLDEST_QUOTE = 60 * SECOND
"""A price that is older when it arrives says nothing about now."""


@define
class PricePoll:
    """Polls the symbols that `armed` names every `entry_seconds` and those of `held` every `position_seconds`."""

    provider: QuoteProvider
    clock: Clock
    armed: Callable[[], Collection[str]]
    held: Callable[[], Collection[str]]
    tell: Callable[[Quote], Awaitable[None]]
    entry_seconds: float = 60.0
    position_seconds: float = 60.0
    polled_at: int = 0

    async def run(self) -> None:
        """Poll for ever. Raises what the provider raises, and TimeoutError; it may then be run again."""
        now = asyncio.get_running_loop().time
        entries_at = positions_at = now()
        while True:
            wanted: set[str] = set()
            if now() >= entries_at:
                wanted.update(self.armed())
                entries_at = _next(entries_at, now(), self.entry_seconds)
            if now() >= positions_at:
                wanted.update(self.held())
                positions_at = _next(positions_at, now(), self.position_seconds)
            if wanted:
                await self._poll(sorted(wanted))
            await asyncio.sleep(max(0.0, min(entries_at, positions_at) - now()))

    async def _poll(self, symbols: list[str]) -> None:
        async with asyncio.timeout(ANSWER_SECONDS):
            quotes = await self.provider.quotes(symbols)
        self.polled_at = now = self.clock.now()
        for quote in quotes:
            fault = fault_of(quote, symbols, now)
            if fault:
                logger.warning("a price of {} is left out: {}", quote.symbol, fault)
            else:
                await self.tell(evolve(quote, ts=now))  # its own time was judged; the engine counts from when it came


def fault_of(quote: Quote, symbols: Collection[str], now: int, oldest: int = OLDEST_QUOTE) -> str:
    """Return why a price is none, empty for one that may be traded on."""
    if quote.symbol not in symbols:
        return "nobody asked for it"
    if not all(map(isfinite, (quote.bid, quote.ask, quote.last))):
        return "a number that is none"
    if not 0 < quote.bid <= quote.ask or quote.last < 0:
        return f"bid {quote.bid}, ask {quote.ask}, last {quote.last}"
    if abs(now - quote.ts) > oldest:
        return f"it is {(now - quote.ts) / SECOND:.0f} s old"
    return ""


def _next(due: float, now: float, period: float) -> float:
    """Return the next turn after `now` on the grid of `due`: missed turns are left out."""
    return due + ((now - due) // period + 1) * period
