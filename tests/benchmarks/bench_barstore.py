"""Measure the bar store: `python tests/benchmarks/bench_barstore.py [ROWS]`, a million without a number.

A CSV file of seeded minute bars goes into a store, is verified, and comes out as Parquet and CSV, each by a process of
its own: wall and processor seconds, and peak memory, of which mapped columns are a part that all processes share. Then
the series is opened in this process. The identity of the bars is printed, so that speed never changes an answer.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from atlas_core import BarStore, SeriesKey, parse_timeframe
from atlas_core.clock import Stopwatch

ROWS = 1_000_000
ROUNDS = 9
PIECE = 1 << 17
KEY = SeriesKey("files", "TEST", parse_timeframe("1m"))
FIRST_SECOND, MINUTE_SECONDS = 946_684_800, 60


def write_csv(path: Path, rows: int) -> None:
    """Write a seeded random walk."""
    random, last = np.random.default_rng(1), 50_000.0
    with path.open("w") as out:
        out.write("ts,open,high,low,close,volume\n")
        for first in range(0, rows, PIECE):
            count = min(PIECE, rows - first)
            close = np.round(last * np.exp(np.cumsum(random.normal(0, 1e-4, count))), 2)
            opened = np.concatenate([[last], close[:-1]])
            columns = (opened, np.maximum(opened, close) + 5, np.minimum(opened, close) - 5, close)
            times = (FIRST_SECOND + MINUTE_SECONDS * np.arange(first, first + count)).tolist()
            prices = zip(*(column.tolist() for column in columns), strict=True)
            lines = (
                f"{ts},{o:.2f},{h:.2f},{low:.2f},{c:.2f},1\n" for ts, (o, h, low, c) in zip(times, prices, strict=True)
            )
            out.write("".join(lines))
            last = float(close[-1])


def measured(home: Path, *arguments: object) -> str:
    """Run `atlas data` and return what it took."""
    watch = Stopwatch()
    command = [sys.executable, "-m", "atlas_core", "data", *map(str, arguments)]
    process = subprocess.Popen(command, env={**os.environ, "ATLAS_HOME": str(home)}, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    seconds = used.ru_utime + used.ru_stime
    return f"{watch.seconds():8.2f} s wall {seconds:8.2f} s processor {used.ru_maxrss / 1024:8.0f} MiB at most"


def opening(store: BarStore) -> str:
    """Return the median time of opening the series."""
    times = []
    for _ in range(ROUNDS):
        watch = Stopwatch()
        store.bars(KEY)
        times.append(watch.seconds())
    return f"{1000 * statistics.median(times):8.2f} ms, first {1000 * times[0]:.2f} ms"


def main() -> None:
    """Print the table."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        write_csv(home / "bars.csv", rows)
        print(f"{rows:,} bars, {(home / 'bars.csv').stat().st_size / 1e6:.0f} MB of CSV")
        print("import ", measured(home, "import", home / "bars.csv", "--symbol", "TEST"))
        print("verify ", measured(home, "verify"))
        for form in ("parquet", "csv"):
            print(f"{form:<7}", measured(home, "export", "--format", form, "--to", home))
        store = BarStore.at(home)
        print("open   ", opening(store))
        print("identity", store.series(KEY).manifest.identity)


if __name__ == "__main__":
    main()
