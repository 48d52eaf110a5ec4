"""The whole command of `bench_year.py`, from the shell to the report: `python -m tests.benchmarks.bench_year_whole`.

The same bars are written to a bar store, then `atlas backtest` runs as a process of its own with the same profile, its
compiled modules present. Prints wall and CPU seconds and peak memory of that process, of which mapped bars are a part,
its trades, and the hash of each table: speed never changes an answer. `--home FOLDER` keeps the bars and the runs, so
that two versions can be compared.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from atlas_core.barstore.store import BarStore
from atlas_core.model.timeframe import parse_timeframe
from tests.benchmarks import data
from tests.benchmarks.bench_year import PROFILE, bars_of
from tests.benchmarks.fresh import fresh

KEPT = {(10, 365): "7c0996cb02e388a2", (3, 45): "f759ecadfe913207"}
"""The trades of this version, by symbols and days; a change of speed must leave them alone."""

_STORED = """use = "store"
folder = {folder}
instrument = {{ kind = "perp", lot_size = 0.001, max_leverage = 10, maintenance_margin_pct = 5 }}"""


def symbols_of(count: int) -> list[str]:
    """Return the names of so many symbols."""
    return [f"C{number}" for number in range(count)]


def write_bars(store: Path, symbols: int, days: int) -> None:
    """Write the bars of the year to a store."""
    for number, symbol in enumerate(symbols_of(symbols)):
        data.write(BarStore(store), bars_of(number, symbol, days, parse_timeframe("1m")))


def write_profile(home: Path, store: Path, symbols: int) -> Path:
    """Write the profile of `bench_year.py` on the bars of a store."""
    stored = _STORED.format(folder=json.dumps(str(store)))
    text = PROFILE.read_text(encoding="utf-8").replace('use = "made"', stored)
    path = home / "year.toml"
    path.write_text(text.replace('["C0"]', json.dumps(symbols_of(symbols))), encoding="utf-8")
    return path


def measure(home: Path, symbols: int, days: int, driver: Sequence[str]) -> None:
    """Run the command once and print what it took and what it made."""
    store = home / f"bars-{symbols}-{days}"
    if not store.exists():  # by a process of its own: the peak of a process begins with that of its parent
        made = [sys.executable, "-m", "tests.benchmarks.bench_year_whole", "--symbols", str(symbols)]
        fresh([*made, "--days", str(days), "--write", str(store)])
    profile = write_profile(home, store, symbols)
    command = [sys.executable, "-m", "atlas_core", "backtest", str(profile), *driver]
    before = os.getloadavg()[0]
    ended = fresh(command, {"ATLAS_HOME": str(home)})
    print(f"{ended.seconds:.2f} s, {ended.cpu:.2f} s of CPU, {ended.peak_mib:.0f} MiB, at a load of {before:.1f}")
    run = max((home / "runs").glob("**/manifest.json"), key=lambda path: path.stat().st_mtime).parent
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    trades, kept = manifest["trades_digest"][:16], KEPT.get((symbols, days), "nothing")
    print(
        f"{manifest['signals']:,} signals, {manifest['trades']:,} trades {trades}, kept {kept}, by {manifest['driver']}"
    )
    for table in sorted(run.glob("*.csv")):
        print(f"{hashlib.sha256(table.read_bytes()).hexdigest()[:16]} {table.stat().st_size:>12,} {table.name}")


def main() -> None:
    """Run the work and print what it took."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--symbols", type=int, default=10)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--home", type=Path, help="where bars and runs stay; a folder that is taken away without it")
    parser.add_argument("--columns", action="store_true", help="ask for columns, also for few signals")
    parser.add_argument("--write", type=Path, help="only write the bars there")
    asked = parser.parse_args()
    if asked.write is not None:
        write_bars(asked.write, asked.symbols, asked.days)
        return
    with TemporaryDirectory() as folder:
        home = folder if asked.home is None else asked.home
        measure(Path(home), asked.symbols, asked.days, ["--driver", "columns"] if asked.columns else [])


if __name__ == "__main__":
    main()
