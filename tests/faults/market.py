"""A seeded market: prices of several symbols in whole ticks, every fifteen seconds, and the bars they make."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random  # noqa: TID251  (handed in, seeded)

from attrs import define, field

from tests.faults.chance import Chance

SECOND = 1_000_000_000
STEP = 15 * SECOND
BAR = 60 * SECOND
STEPS_OF_A_BAR = BAR // STEP


@define
class Walk:
    """The price of one symbol: a walk with calm and wild times, jumps, and times in which it stands still."""

    symbol: str
    chance: Random
    ticks: int
    sigma: float = 4.0
    frozen_steps: int = 0

    def step(self) -> int:
        """Move on by one step; return the price in ticks."""
        draw = self.chance.random()
        if self.frozen_steps:
            self.frozen_steps -= 1
        elif draw < 0.001:
            self.ticks = max(1_000, round(self.ticks * self.chance.choice((0.97, 0.985, 1.015, 1.03))))
        else:
            if draw > 0.995:
                self.sigma = self.chance.choice((1.5, 4.0, 9.0))
            pull = (10_000 - self.ticks) * 0.0005
            self.ticks = max(1_000, self.ticks + round(self.chance.gauss(pull, self.sigma)))
        return self.ticks


@define
class Minute:
    """One bar in ticks; `opened_at` in nanoseconds UTC."""

    symbol: str
    opened_at: int
    open: int
    high: int
    low: int
    close: int

    @property
    def ends_at(self) -> int:
        return self.opened_at + BAR


@define
class Market:
    """All walks of a seed, step by step. Time steps are whole multiples of `STEP` after `start`."""

    start: int
    walks: dict[str, Walk]
    steps: int = 0
    bars: dict[str, list[Minute]] = field(factory=dict)
    _points: dict[str, list[int]] = field(factory=dict)

    @classmethod
    def of(cls, chance: Chance, start: int, symbols: tuple[str, ...]) -> Market:
        """Begin at a price of about 100 for each symbol."""
        walks = {s: Walk(s, r := chance.stream(f"market/{s}"), 10_000 + r.randrange(-300, 301)) for s in symbols}
        return cls(start, walks, bars={s: [] for s in symbols}, points={s: [walk.ticks] for s, walk in walks.items()})

    @property
    def now(self) -> int:
        """The time of the last step."""
        return self.start + self.steps * STEP

    @property
    def next_at(self) -> int:
        """The time of the next step."""
        return self.now + STEP

    def step(self) -> Iterator[tuple[str, int]]:
        """Move every symbol by one step, closing the bars that end with it; yield the new prices."""
        self.steps += 1
        is_end = self.steps % STEPS_OF_A_BAR == 0
        for symbol, walk in self.walks.items():
            points = self._points[symbol]
            points.append(walk.step())
            if is_end:
                bar = Minute(symbol, self.now - BAR, points[0], max(points), min(points), points[-1])
                self.bars[symbol].append(bar)
                self._points[symbol] = [points[-1]]
            yield symbol, points[-1]
