"""How time and memory grow: from ten thousand to ten million bars, and from 1 to 500 symbols."""

from __future__ import annotations

import sys
from pathlib import Path

from attrs import evolve

from atlas_core.barstore.store import BarStore
from tests.benchmarks.data import minutes_of, write
from tests.benchmarks.fresh import measured
from tests.benchmarks.workloads import W1, W3, Workload

BARS = (10_000, 100_000, 1_000_000, 10_000_000)
SYMBOLS = (1, 10, 50, 200, 500)
BARS_EACH = 5_000


def growth(folder: Path) -> None:
    """Measure and print one line for each size."""
    measured("tests.benchmarks.growth", str(folder))  # elsewhere: a child begins with the peak memory of its parent
    for rows in BARS:
        _tell(f"{rows:>10,} bars of one symbol", W1, _of_bars(folder, rows), ())
    for count in SYMBOLS:
        workload = evolve(W3, data=W1.data)
        _tell(f"{count:>10} symbols of {BARS_EACH:,} bars", workload, _of_symbols(folder, count), _names(count))


def make(folder: Path) -> None:
    """Make the data of every size."""
    for rows in BARS:
        _made(_of_bars(folder, rows), rows, ("M1",))
    for count in SYMBOLS:
        _made(_of_symbols(folder, count), BARS_EACH, _names(count))


def _of_bars(folder: Path, rows: int) -> Path:
    return folder / f"growth-{rows}"


def _of_symbols(folder: Path, count: int) -> Path:
    return folder / f"symbols-{count}"


def _names(count: int) -> tuple[str, ...]:
    return tuple(f"H{number:03d}" for number in range(count))


def _made(root: Path, rows: int, symbols: tuple[str, ...]) -> None:
    if root.exists():
        return
    store, bars = BarStore(root), minutes_of(rows)
    for symbol in symbols:
        write(store, evolve(bars, symbol=symbol))


def _tell(what: str, workload: Workload, root: Path, symbols: tuple[str, ...]) -> None:
    ended = measured("tests.benchmarks.subject", workload.name, str(root), "3", "columns", ",".join(symbols))
    answer = ended.answer()
    print(
        f"{what}: first call {answer['first']:.3f} s, CPU {answer['cpu']:.3f} s, {ended.peak_mib:,.0f} MiB", flush=True
    )


if __name__ == "__main__":
    make(Path(sys.argv[1]))
