"""Passes on the prices that a provider tells between the bars, each as it comes, so that no extreme is lost.

Each is judged first: one that cannot be a price, that came late, or that is older than the one before it never reaches
the engine. What a stream does not tell is in the bars.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

from attrs import define, field
from loguru import logger

from atlas_core.clock import Clock
from atlas_core.contracts import StreamsQuotes
from atlas_core.model.events import Quote
from atlas_core.model.timeframe import SECOND
from atlas_core.runtime.price_poll import fault_of
from atlas_core.runtime.rarely import Rarely

OLDEST_STREAMED = 10 * SECOND
"""A price that was under way for longer is the backlog of a stream that hung: nobody trades there any more."""


@define
class PriceStream:
    """Reads the stream of the symbols that a session trades."""

    provider: StreamsQuotes
    symbols: Sequence[str]
    clock: Clock
    tell: Callable[[Quote], Awaitable[None]]
    _newest: dict[str, int] = field(factory=dict)
    _left_out: Rarely = field(factory=Rarely)

    async def run(self) -> None:
        """Read until the stream ends. Raises what the provider raises; it may then be run again."""
        stream = self.provider.quote_stream(self.symbols)
        try:
            async for quote in stream:
                await self._take(quote)
        finally:
            if isinstance(stream, AsyncGenerator):
                await stream.aclose()

    async def _take(self, quote: Quote) -> None:
        now = self.clock.now()
        fault = fault_of(quote, self.symbols, now, OLDEST_STREAMED) or self._disorder(quote)
        if not fault:
            self._newest[quote.symbol] = quote.ts
            await self.tell(Quote(now, quote.symbol, quote.bid, quote.ask, quote.last))
        elif self._left_out.is_told(asyncio.get_running_loop().time()):
            logger.warning(
                "a price of {} is left out (the {:,}. one): {}", quote.symbol, self._left_out.happened, fault
            )

    def _disorder(self, quote: Quote) -> str:
        before = self._newest.get(quote.symbol, 0)
        return f"it is {(before - quote.ts) / SECOND:.1f} s older than the one before" if quote.ts < before else ""
