"""The benchmark's data: made by the script beside the benchmark's description, then written to a bar store once."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np

from atlas_core.barstore.keys import SeriesKey
from atlas_core.barstore.manifest import Origin
from atlas_core.barstore.store import BarStore
from atlas_core.model.bars import Bars
from atlas_core.model.timeframe import parse_timeframe
from tests.benchmarks.workloads import HOURLY, MINUTES, SYMBOLS
from tests.shared import shared_folder

FILES = {MINUTES: "m1.npz", HOURLY: "h1.npz"}
TICK = Decimal("0.0001")
_COLUMNS = ("o", "h", "l", "c", "v")


def made(folder: Path) -> Path:
    """Return a folder with the benchmark's files, made where they are missing; raises FileNotFoundError."""
    if not all((folder / name).exists() for name in FILES.values()):
        script = shared_folder() / "benchmark" / "make_data.py"
        if not script.exists():
            raise FileNotFoundError(f"expected {script}, which makes the benchmark's data, was missing")
        subprocess.run([sys.executable, str(script), str(folder)], check=True, stdout=subprocess.DEVNULL)
    return folder


def stored(folder: Path) -> Path:
    """Return the root of a bar store with the benchmark's bars."""
    root = made(folder) / "store"
    if not (root / "complete").exists():
        store = BarStore(root)
        minutes = np.load(folder / FILES[MINUTES])
        _write(store, "M1", "1m", minutes["ts"], [minutes[name] for name in _COLUMNS])
        hourly = np.load(folder / FILES[HOURLY])
        columns = [hourly[name] for name in _COLUMNS]
        for number, symbol in enumerate(SYMBOLS):
            _write(store, symbol, "1h", hourly["ts"], [column[number] for column in columns])
        (root / "complete").touch()
    return root


def minutes_of(rows: int) -> Bars:
    """Return so many one-minute bars of a market that is made up, for figures of growth; the same every time."""
    random = np.random.default_rng(20261126)
    close = np.round(100 * np.exp(np.cumsum(random.normal(0, 0.001, rows)) * 0.3), 4)
    first = np.concatenate([[100.0], close[:-1]])
    high = np.maximum(first, close) + np.round(np.abs(random.normal(0, 0.05, rows)), 4)
    low = np.minimum(first, close) - np.round(np.abs(random.normal(0, 0.02, rows)), 4)
    opened = np.arange(rows, dtype=np.int64) * parse_timeframe("1m").duration
    return _bars("M1", "1m", opened, [first, high, low, close, np.ones(rows)])


def write(store: BarStore, bars: Bars) -> None:
    """Write a series of the benchmark to a store."""
    key = SeriesKey("benchmark", bars.symbol, bars.timeframe)
    with store.writer(key, append=False) as writer:
        writer.write(bars)
        writer.commit(Origin(name="benchmark", rows=len(bars), written_at=0))


def _write(store: BarStore, symbol: str, timeframe: str, opened: np.ndarray, columns: list[np.ndarray]) -> None:
    write(store, _bars(symbol, timeframe, opened, columns))


def _bars(symbol: str, timeframe: str, opened: np.ndarray, columns: list[np.ndarray]) -> Bars:
    frame = parse_timeframe(timeframe)
    return Bars(symbol, frame, opened, opened + frame.duration, *columns, TICK)
