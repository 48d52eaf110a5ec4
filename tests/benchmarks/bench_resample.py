"""Measure higher timeframes of minute bars: `python tests/benchmarks/bench_resample.py`.

One million minute bars to 15m, 1h, 4h, 1d and 1w with every bar labelled; one new minute bar of 211 symbols on the same
five timeframes with the label of each bar that is forming; and what each bar knew of the higher ones. Prints medians
and hashes of the results, so that speed never changes an answer; beside them plain numpy, and pandas where it is
installed, which know neither gaps nor invalid rows nor a partial first bar here.
"""

from __future__ import annotations

import hashlib
import importlib.util
import statistics
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from atlas_core.clock import Stopwatch
from atlas_core.marketdata.feed import BarFeed
from atlas_core.marketdata.forming import forming_columns
from atlas_core.marketdata.grid import UTC_GRID, BucketGrid
from atlas_core.marketdata.history import MarketData
from atlas_core.marketdata.sessions import grid_of
from atlas_core.model.bars import Bars
from atlas_core.model.instrument import Instrument
from atlas_core.model.session import TradingSession
from atlas_core.model.timeframe import DAY, MINUTE, parse_timeframe
from atlas_strat.continuity import forming_label
from atlas_strat.labels import classify

if TYPE_CHECKING:
    from numpy.typing import NDArray

BAR_COUNT = 1_000_000
SYMBOLS = 211
LIVE_MINUTES = 120
WARM_MINUTES = 16 * 1440  # two Mondays, so that every bar has one before it
ROUNDS = 9
TIMEFRAMES = tuple(parse_timeframe(text) for text in ("15m", "1h", "4h", "1d", "1w"))
FIRST_MONDAY = 4 * DAY
_ROWS_PER_BAR = tuple(timeframe.duration // MINUTE for timeframe in TIMEFRAMES)


def minute_bars(*, gaps: bool) -> Bars:
    """Return a seeded random walk, with one row in two hundred missing when `gaps`."""
    opened = np.arange(BAR_COUNT, dtype=np.int64) * MINUTE
    random = np.random.default_rng(7)
    columns = _walk(random)
    kept = random.random(BAR_COUNT) > 0.005 if gaps else np.ones(BAR_COUNT, dtype=bool)
    rows = np.flatnonzero(kept)
    prices = (column[rows] for column in columns)
    return Bars("TEST", parse_timeframe("1m"), opened[rows], opened[rows] + MINUTE, *prices, random.random(len(rows)))


def session_bars() -> Bars:
    """Return the walk laid on the minutes of US sessions, oldest first."""
    days = grid_of(TradingSession.US_EQUITIES).buckets(TIMEFRAMES[3], 8_500 * DAY, 12_600 * DAY)
    opened = np.concatenate([np.arange(begin, end, MINUTE) for begin, end in zip(*days, strict=True)])[:BAR_COUNT]
    random = np.random.default_rng(7)
    return Bars("TEST", parse_timeframe("1m"), opened, opened + MINUTE, *_walk(random), random.random(BAR_COUNT))


def _walk(random: np.random.Generator) -> tuple[NDArray[np.float64], ...]:
    close = 1000.0 + np.cumsum(random.normal(size=BAR_COUNT)) * 0.05
    open_ = np.concatenate(([1000.0], close[:-1]))
    high, low = np.maximum(open_, close) + random.random(BAR_COUNT), np.minimum(open_, close) - random.random(BAR_COUNT)
    return open_, high, low, close


def digest(columns: Sequence[NDArray[np.generic]]) -> str:
    """Return a short hash of columns."""
    total = hashlib.sha256()
    for column in columns:
        total.update(np.ascontiguousarray(column).tobytes())
    return total.hexdigest()[:16]


def columns_of(bars: Bars) -> list[NDArray[np.generic]]:
    """Return the seven columns of bars."""
    return [bars.opened_at, bars.available_at, *bars.prices(), bars.volume]


def median_of(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the median of some rounds in milliseconds, and the last result."""
    times, result = [], None
    for _ in range(ROUNDS):
        watch = Stopwatch()
        result = work()
        times.append(watch.seconds() * 1000)
    return statistics.median(times), result


def resampled_and_labelled(bars: Bars, grid: BucketGrid) -> list[tuple[Bars, NDArray[np.int8]]]:
    """Return the bars of each timeframe with their labels."""
    market = MarketData({"TEST": bars}, {"TEST": Instrument("TEST")}, {"TEST": grid})
    made = [market.bars("TEST", timeframe.text) for timeframe in TIMEFRAMES]
    return [(each, classify(each)) for each in made]


def numpy_resampled_and_labelled(bars: Bars) -> list[NDArray[np.generic]]:
    """Fold rows by counting them, and label on raw floats: right only without any gap."""
    found: list[NDArray[np.generic]] = []
    for rows in _ROWS_PER_BAR:
        firsts = np.arange(0, len(bars) // rows * rows, rows)
        high, low = np.maximum.reduceat(bars.high, firsts), np.minimum.reduceat(bars.low, firsts)
        codes = np.zeros(len(firsts), dtype=np.int8)
        codes[1:] = 1 + (high[1:] > high[:-1]) + 2 * (low[1:] < low[:-1]).astype(np.int8)
        found += [
            bars.open[firsts],
            high,
            low,
            bars.close[firsts + rows - 1],
            np.add.reduceat(bars.volume, firsts),
            codes,
        ]
    return found


def pandas_resampled_and_labelled(bars: Bars) -> Any:
    """Resample with pandas and label on raw floats."""
    import pandas as pd

    index = pd.DatetimeIndex(bars.opened_at.view("datetime64[ns]"))
    names = ("open", "high", "low", "close", "volume")
    frame = pd.DataFrame(dict(zip(names, (*bars.prices(), bars.volume), strict=True)), index=index, copy=False)
    rules = dict(zip(names, ("first", "max", "min", "last", "sum"), strict=True))
    found = []
    for rule in ("15min", "1h", "4h", "1D", "W-MON"):
        closed = {"label": "left", "closed": "left"} if rule == "W-MON" else {}
        made = frame.resample(rule, **closed).agg(rules)  # type: ignore[call-overload]
        before = made.shift(1)
        codes = 1 + (made["high"] > before["high"]) + 2 * (made["low"] < before["low"])
        found.append((made, codes))
    return found


def measure_batch(name: str, bars: Bars, grid: BucketGrid) -> None:
    """Print the median and the hash for one set of base bars."""
    median, made = median_of(lambda: resampled_and_labelled(bars, grid))
    columns = [column for each, codes in made for column in (*columns_of(each), codes)]
    print(f"{name:<34} {median:8.2f} ms, {sum(len(codes) for _, codes in made):,} bars, result {digest(columns)}")


def measure_forming(bars: Bars) -> None:
    """Print the median of what a million bars knew of the bars in which they lie."""
    for timeframe in TIMEFRAMES:
        median, columns = median_of(lambda timeframe=timeframe: forming_columns(bars, timeframe, UTC_GRID))  # type: ignore[misc]
        print(f"{f'forming {timeframe} at every minute':<34} {median:8.2f} ms, result {digest(columns)}")


def live_feeds() -> list[BarFeed]:
    """Return warm feeds of many symbols that watch all timeframes."""
    feeds = []
    for number in range(SYMBOLS):
        feed = BarFeed(f"S{number}", parse_timeframe("1m"))
        for minute in range(WARM_MINUTES):
            feed.append(*live_row(number, minute))
        for timeframe in TIMEFRAMES:
            feed.forming(timeframe)
        feeds.append(feed)
    return feeds


def live_row(number: int, minute: int) -> tuple[int, int, float, float, float, float, float]:
    """Return a bar that depends on the symbol and the minute alone."""
    opened_at = FIRST_MONDAY + minute * MINUTE
    price = 100.0 + (number * 7 + minute * 13 + minute // 64 * 29) % 97 / 10
    return opened_at, opened_at + MINUTE, price, price + 0.5, price - 0.5, price + 0.2, 10.0


def labels_after(feed: BarFeed, row: tuple[int, int, float, float, float, float, float]) -> list[int]:
    """Let a bar arrive; return the label that the bar of each timeframe has now."""
    feed.append(*row)
    forming = map(feed.forming, TIMEFRAMES)
    return [0 if bar is None else forming_label(bar, 0.01) for bar in forming]


def measure_live() -> None:
    """Print what one minute costs for all symbols on all timeframes, labels included."""
    feeds, inside, closing, total = live_feeds(), [], [], hashlib.sha256()
    for minute in range(WARM_MINUTES, WARM_MINUTES + LIVE_MINUTES):
        rows = [live_row(number, minute) for number in range(SYMBOLS)]
        watch = Stopwatch()
        codes = [label for feed, row in zip(feeds, rows, strict=True) for label in labels_after(feed, row)]
        (inside if minute % 15 else closing).append(watch.seconds() * 1000)
        total.update(bytes(codes))
    for name, times in (("inside all bars", inside), ("as bars begin", closing)):
        print(f"{f'{SYMBOLS} symbols x 5, {name}':<34} {statistics.median(times):8.2f} ms a minute")
    print(f"{'':<34} result {total.hexdigest()[:16]}")


def main() -> None:
    """Print every figure."""
    regular = minute_bars(gaps=False)
    measure_batch("regular minutes", regular, UTC_GRID)
    measure_batch("minutes with gaps", minute_bars(gaps=True), UTC_GRID)
    measure_batch("minutes of US sessions", session_bars(), grid_of(TradingSession.US_EQUITIES))
    median, found = median_of(lambda: numpy_resampled_and_labelled(regular))
    print(f"{'numpy, regular minutes only':<34} {median:8.2f} ms, result {digest(found)}")
    if importlib.util.find_spec("pandas"):
        print(f"{'pandas':<34} {median_of(lambda: pandas_resampled_and_labelled(regular))[0]:8.2f} ms")
    measure_forming(regular)
    measure_live()


if __name__ == "__main__":
    main()
