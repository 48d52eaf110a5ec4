"""How results are spread: counts by range, streaks, and what chance does with the order of the trades."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

if TYPE_CHECKING:
    from atlas_core.report.metrics import Numbers
    from atlas_core.report.results import Floats

FEWEST_BINS, MOST_BINS = 5, 31
FAN_PATHS = 1_000
FAN_POINTS = 120
FAN_SHARES = (5, 25, 50, 75, 95)
_HIDDEN_TAIL = 0.5


@frozen
class Bin:
    """How many values lie from `low` up to `high`."""

    low: float
    high: float
    count: int


def histogram(values: Sequence[float]) -> tuple[Bin, ...]:
    """Return counts over ranges of equal, round width with a bound at zero; values beyond the outer ranges join them.

    The outer half percent at each end does not stretch the ranges, so that one outlier does not hide all others.
    """
    if not len(values):
        return ()
    data = np.asarray(values, dtype=np.float64)
    low, high = np.percentile(data, (_HIDDEN_TAIL, 100 - _HIDDEN_TAIL))
    wanted = min(MOST_BINS, max(FEWEST_BINS, round(2 * len(data) ** (1 / 3)) + 1))
    width = _round_width((high - low) / wanted)
    first, last = math.floor(low / width), max(math.floor(high / width), math.floor(low / width))
    places = np.clip(np.floor(data / width).astype(np.int64), first, last) - first
    counts = np.bincount(places, minlength=last - first + 1)
    return tuple(Bin((first + n) * width, (first + n + 1) * width, int(count)) for n, count in enumerate(counts))


def _round_width(rough: float) -> float:
    if not math.isfinite(rough) or rough <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    return float(next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * (1 - 1e-9)))


def last_streak(results: Sequence[float]) -> int:
    """Return how many trades at the end won, or lost (below zero); a flat result ends a streak."""
    current = 0
    for result in results:
        sign = (result > 0) - (result < 0)
        current = current + sign if current * sign > 0 else sign
    return current


@frozen
class Fan:
    """The account over as many trades as there were, when results are drawn from them by chance.

    `paths[i]` holds the percentile `FAN_SHARES[i]` after each of the counts of trades in `counts`.
    """

    counts: tuple[int, ...]
    paths: tuple[tuple[float, ...], ...]
    worse_than_start: float
    drawdown_median: float
    drawdown_95: float


def fan(
    results: Numbers, start: float, random: np.random.Generator, *, block: int = 1, reorders: bool = False
) -> Fan | None:
    """Return what 1,000 accounts make of results drawn with replacement; None below two results.

    They are drawn in blocks of `block` neighbours, the first following the last (see `atlas_core.report.bootstrap`);
    with `reorders` each account has every result once, in another order.
    """
    values = np.asarray(results, dtype=np.float64)
    if len(values) < 2:
        return None
    draw = _reordered if reorders else _drawn
    counts = np.unique(np.linspace(0, len(values), min(FAN_POINTS, len(values) + 1)).astype(np.int64))
    kept = np.empty((FAN_PATHS, len(counts)))
    falls = np.empty(FAN_PATHS)
    for path in range(FAN_PATHS):
        drawn = draw(values, random, block)
        account = np.concatenate(((start,), start + np.cumsum(drawn)))
        peaks = np.maximum.accumulate(account)
        falls[path] = np.max((peaks - account) / np.maximum(peaks, 1e-12))
        kept[path] = account[counts]
    shares = np.percentile(kept, FAN_SHARES, axis=0)
    return Fan(
        counts=tuple(counts.tolist()),
        paths=tuple(tuple(row) for row in shares.tolist()),
        worse_than_start=float(np.mean(kept[:, -1] < start)),
        drawdown_median=float(np.median(falls)),
        drawdown_95=float(np.percentile(falls, 95)),
    )


def _reordered(values: Floats, random: np.random.Generator, block: int) -> Floats:
    del block
    return random.permutation(values)


def _drawn(values: Floats, random: np.random.Generator, block: int) -> Floats:
    count = len(values)
    begins = random.integers(0, count, math.ceil(count / block))
    places = (begins[:, None] + np.arange(block)).ravel()[:count] % count
    drawn: Floats = values[places]
    return drawn
