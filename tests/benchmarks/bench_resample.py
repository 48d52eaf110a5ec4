"""Measure resampling of one million minute bars: `python tests/benchmarks/bench_resample.py`.

Prints the median of each timeframe and a hash of the result, so that speed never changes an answer.
"""

from __future__ import annotations

import hashlib
import statistics

import numpy as np

from atlas_core.clock import Stopwatch
from atlas_core.marketdata.align import align
from atlas_core.marketdata.feed import BarFeed
from atlas_core.marketdata.history import MarketData
from atlas_core.marketdata.resample import resample
from atlas_core.model.bars import Bars
from atlas_core.model.instrument import Instrument
from atlas_core.model.timeframe import MINUTE, parse_timeframe

BAR_COUNT = 1_000_000
FEED_BARS = 20_000
ROUNDS = 9
TIMEFRAMES = tuple(parse_timeframe(text) for text in ("15m", "1h", "4h", "1d", "1w"))


def minute_bars(*, gaps: bool) -> Bars:
    """Return a seeded random walk, with one row in two hundred missing when `gaps`."""
    random = np.random.default_rng(7)
    opened = np.arange(BAR_COUNT, dtype=np.int64) * MINUTE
    close = 1000.0 + np.cumsum(random.normal(size=BAR_COUNT)) * 0.05
    open_ = np.concatenate(([1000.0], close[:-1]))
    high, low = np.maximum(open_, close) + random.random(BAR_COUNT), np.minimum(open_, close) - random.random(BAR_COUNT)
    kept = random.random(BAR_COUNT) > 0.005 if gaps else np.ones(BAR_COUNT, dtype=bool)
    rows = np.flatnonzero(kept)
    return Bars(
        "TEST", parse_timeframe("1m"), opened[rows], opened[rows] + MINUTE,
        open_[rows], high[rows], low[rows], close[rows], random.random(len(rows)),
    )  # fmt: skip


def digest(results: list[Bars]) -> str:
    """Return a short hash of every column of the results."""
    total = hashlib.sha256()
    for bars in results:
        for column in (bars.opened_at, bars.available_at, *bars.prices(), bars.volume):
            total.update(column.tobytes())
    return total.hexdigest()[:16]


def measure(name: str, bars: Bars) -> None:
    """Print the medians in milliseconds for one set of base bars."""
    seconds: dict[str, list[float]] = {str(timeframe): [] for timeframe in TIMEFRAMES}
    results: list[Bars] = []
    for _ in range(ROUNDS):
        market = MarketData({"TEST": bars}, {"TEST": Instrument("TEST")})
        results = []
        for text, values in seconds.items():
            watch = Stopwatch()
            results.append(market.bars("TEST", text))
            values.append(watch.seconds())
    medians = {text: statistics.median(values) * 1000 for text, values in seconds.items()}
    parts = " ".join(f"{text} {value:.2f}" for text, value in medians.items())
    print(f"{name:<10} {parts} total {sum(medians.values()):.2f} ms, result {digest(results)}")


def measure_align(bars: Bars) -> None:
    """Print the median of aligning one million bars with hours."""
    higher, times = resample(bars, TIMEFRAMES[1]), []
    for _ in range(ROUNDS):
        watch = Stopwatch()
        align(bars, higher)
        times.append(watch.seconds() * 1000)
    print(f"{'align 1h':<10} {statistics.median(times):.2f} ms")


def measure_feed(bars: Bars) -> None:
    """Print the mean cost of one arriving bar with all timeframes asked for."""
    feed = BarFeed("TEST", bars.timeframe)
    rows = list(zip(*(column[:FEED_BARS].tolist() for column in (
        bars.opened_at, bars.available_at, *bars.prices(), bars.volume
    )), strict=True))  # fmt: skip
    watch = Stopwatch()
    for row in rows:
        feed.append(*row)
        for timeframe in TIMEFRAMES:
            feed.bars(timeframe, last=500)
    print(f"{'feed':<10} {watch.seconds() / FEED_BARS * 1e6:.1f} us a bar with {len(TIMEFRAMES)} timeframes")


if __name__ == "__main__":
    regular = minute_bars(gaps=False)
    measure("regular", regular)
    measure("with gaps", minute_bars(gaps=True))
    measure_align(regular)
    measure_feed(regular)
