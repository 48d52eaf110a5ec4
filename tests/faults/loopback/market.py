"""The venue's market: a seeded random walk of every symbol, told as prices and as bars of one minute."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random  # noqa: TID251  (the venue shares nothing with Atlas, and is given its seed)
from typing import Any

from tests.faults.loopback.book import TICK

MINUTE = 60_000_000_000
STEP = 0.0015
"""Standard deviation of one step of a price; there are about twelve in a minute."""


@dataclass
class Bar:
    """The bar of a symbol that forms, in ticks."""

    opened_at: int
    open: int
    high: int
    low: int
    close: int

    def see(self, ticks: int) -> None:
        """Take a price in."""
        self.high, self.low, self.close = max(self.high, ticks), min(self.low, ticks), ticks

    def facts(self, symbol: str) -> dict[str, Any]:
        """Return it in words of the wire."""
        prices = {name: str(getattr(self, name) * TICK) for name in ("open", "high", "low", "close")}
        return {"symbol": symbol, "opened_at": self.opened_at, "ts": self.opened_at + MINUTE, **prices}


@dataclass
class Market:
    """Prices that move when they are told to, and the bars that they made."""

    symbols: tuple[str, ...]
    random: Random
    now: int
    is_frozen: bool = False
    bars: list[dict[str, Any]] = field(default_factory=list)
    _forming: dict[str, Bar] = field(default_factory=dict)

    def __post_init__(self) -> None:
        first = self.now // MINUTE * MINUTE
        for number, symbol in enumerate(self.symbols):
            ticks = 10_000 * (number + 1)
            self._forming[symbol] = Bar(first, ticks, ticks, ticks, ticks)

    def price(self, symbol: str) -> Decimal:
        """Return the present price."""
        return self._forming[symbol].close * TICK

    def step(self, now: int) -> Iterator[dict[str, Any]]:
        """Let time pass up to `now` and every price take a step; yield the bars that closed."""
        while now >= self._forming[self.symbols[0]].opened_at + MINUTE:
            for symbol, bar in self._forming.items():
                self.bars.append(bar.facts(symbol))
                yield self.bars[-1]
                self._forming[symbol] = Bar(bar.opened_at + MINUTE, bar.close, bar.close, bar.close, bar.close)
        for bar in self._forming.values() if not self.is_frozen else ():
            bar.see(max(100, round(bar.close * (1 + self.random.gauss(0, STEP)))))
