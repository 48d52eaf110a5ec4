"""Measure labels and patterns with levels of one million bars: `python tests/benchmarks/bench_strat.py`.

Prints medians and a hash of the result, so that speed never changes an answer; beside them what plain numpy needs for
the labels alone, and, where pandas is installed, labels and two-bar patterns as they are usually written with it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import statistics
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from atlas_core.clock import Stopwatch
from atlas_core.model.bars import Bars
from atlas_core.model.timeframe import parse_timeframe
from atlas_strat.labels import label_bars
from atlas_strat.options import StratOptions
from atlas_strat.scanner import wanted_codes
from atlas_strat.setups import Setups, arm, complete
from atlas_strat.vocabulary import StopMode
from tests.benchmarks.bench_resample import minute_bars

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROUNDS = 9
WANTED = wanted_codes(StratOptions(timeframes=(parse_timeframe("1m"),)))


def completed(bars: Bars) -> Setups:
    """Label all bars; name what each completed, with trigger, stop and magnitude."""
    return complete(label_bars(bars))


def armed(bars: Bars) -> Setups:
    """Label all bars; arm what the scanner trades by default, with its levels."""
    return arm(label_bars(bars), StopMode.SETUP_BAR, WANTED)


def everything_armed(bars: Bars) -> Setups:
    """Label all bars; arm both sides of every one."""
    return arm(label_bars(bars), StopMode.SETUP_BAR)


def digest(setups: Setups) -> str:
    """Return a short hash of every column."""
    levels, total = setups.levels, hashlib.sha256()
    columns = (setups.row, setups.side, levels.trigger, levels.stop, levels.magnitude * levels.has_magnitude)
    for column in columns:
        total.update(np.ascontiguousarray(column, dtype=np.int64).tobytes())
    total.update("".join(setups.pattern.tolist()).encode())
    return total.hexdigest()[:16]


def numpy_labels(bars: Bars) -> NDArray[np.int8]:
    """Label bars on raw floats: no ticks, no invalid rows, no patterns and no levels."""
    codes = np.zeros(len(bars), dtype=np.int8)
    high, low = bars.high, bars.low
    codes[1:] = 1 + (high[1:] > high[:-1]) + 2 * (low[1:] < low[:-1]).astype(np.int8)
    return codes


def pandas_labels_and_patterns(bars: Bars) -> Any:
    """Label bars and name two-bar patterns with trigger and stop, column by column, on raw floats."""
    import pandas as pd

    frame = pd.DataFrame({"open": bars.open, "high": bars.high, "low": bars.low, "close": bars.close})
    before = frame.shift(1)
    up, down = frame["high"] > before["high"], frame["low"] < before["low"]
    frame["label"] = np.select([up & down, up, down], ["3", "2U", "2D"], default="1")
    frame["pattern"] = frame["label"].shift(1) + "-" + frame["label"]
    long = frame["label"] == "2U"
    frame["trigger"] = before["high"].where(long, before["low"])
    frame["stop"] = before["low"].where(long, before["high"])
    return frame


def measure(name: str, work: Callable[[Bars], Any], bars: Bars) -> None:
    """Print the median in milliseconds; every round starts from bars without anything remembered."""
    times, result = [], None
    for _ in range(ROUNDS):
        fresh = bars.between(0, len(bars))
        result = None  # the memory of the round before is given back outside the measurement
        watch = Stopwatch()
        result = work(fresh)
        times.append(watch.seconds() * 1000)
    found = f", {len(result)} rows, result {digest(result)}" if isinstance(result, Setups) else ""
    print(f"{name:<34} {statistics.median(times):7.2f} ms (best {min(times):.2f}){found}")


if __name__ == "__main__":
    for title, million in (("regular", minute_bars(gaps=False)), ("with gaps", minute_bars(gaps=True))):
        print(f"{title}: {len(million)} bars")
        measure("labels, patterns, levels", completed, million)
        measure("labels, setups of the scanner", armed, million)
        measure("labels, all setups", everything_armed, million)
        measure("reference: numpy, labels only", numpy_labels, million)
        if importlib.util.find_spec("pandas") is not None:
            measure("reference: pandas, two-bar patterns", pandas_labels_and_patterns, million)
