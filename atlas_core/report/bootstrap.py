"""How sure a mean is: intervals from resampling the trades that there were, with an injected generator.

Trades that are open at the same time share a market, so their results are no independent draws: they are drawn in
blocks of neighbours (circular block bootstrap, Politis and Romano 1992). Trades that follow one another are drawn one
by one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlas_core.report.metrics import Numbers

SAMPLES = 2000
MOST_BLOCKS = 1000
NORMAL_95 = 1.959963984540054
LEAST_BLOCKS = 4


@frozen
class Interval:
    """The 95 % interval of a mean."""

    low: float
    high: float

    @property
    def shows_an_edge(self) -> bool:
        """Tell whether the whole interval is above zero."""
        return self.low > 0

    @property
    def shows_a_loss(self) -> bool:
        """Tell whether the whole interval is below zero."""
        return self.high < 0

    @property
    def verdict(self) -> str:
        """Return in words what a sample with this interval shows."""
        if self.shows_an_edge:
            return "an edge is shown on this sample"
        return "a loss is shown on this sample" if self.shows_a_loss else "an edge is not shown"


def expectancy_interval(results: Numbers, random: np.random.Generator, *, block: int = 1) -> Interval | None:
    """Return the 95 % interval of the mean of results that are drawn in blocks of `block`; None below two results.

    Up to 1,000 blocks: percentile bootstrap with 2,000 samples from `random`; above, where both agree, the normal
    interval from the spread of the block sums.
    """
    values = np.asarray(results, dtype=np.float64)
    count = len(values)
    if count < 2:
        return None
    sums = block_sums(values, block)
    if count > MOST_BLOCKS * block:
        half = NORMAL_95 * float(sums.std(ddof=1)) / math.sqrt(count * block)
        return Interval(float(values.mean()) - half, float(values.mean()) + half)
    blocks = math.ceil(count / block)
    means = sums[random.integers(0, count, (SAMPLES, blocks))].mean(axis=1) / block
    low, high = np.percentile(means, (2.5, 97.5))
    return Interval(float(low), float(high))


def block_sums(values: NDArray[np.float64], block: int) -> NDArray[np.float64]:
    """Return for each place the sum of the `block` values from there on; after the last value comes the first."""
    if block == 1:
        return values
    total = np.concatenate(([0.0], np.cumsum(np.concatenate((values, values[: block - 1])))))
    return total[block:] - total[:-block]


def block_length(opened_at: NDArray[np.int64], closed_at: NDArray[np.int64]) -> int:
    """Return how many neighbours are drawn together: 1 where no two trades are open at once.

    Otherwise the cube root of their number, or how many are open on average when one opens where that is more, and at
    most a quarter of them. Trades are in the order of opening, times in nanoseconds UTC.
    """
    count = len(opened_at)
    open_now = np.arange(1, count + 1) - np.searchsorted(np.sort(closed_at), opened_at, side="right")
    if count < 2 or int(open_now.max()) <= 1:
        return 1
    wanted = max(math.ceil(count ** (1 / 3)), math.ceil(float(open_now.mean())))
    return int(max(1, min(wanted, count // LEAST_BLOCKS)))
