"""Imports that are killed for real, at random moments: the store has the old series or the new one, whole.

A campaign: `pytest -m campaign tests/unit/test_barstore_process_kills.py`. What a machine loses in a power cut is not
shown by it; that columns are synced before the manifest is, another test shows.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from atlas_core import BarStore
from tests.unit.test_barstore import KEY, bars

ROWS = 200_000
KILLS = 60
LONGEST_SECONDS = 3.0


def write_csv(path: Path, first: int, rows: int) -> None:
    made = bars(rows, first)
    columns = [getattr(made, name).tolist() for name in ("opened_at", "open", "high", "low", "close", "volume")]
    lines = [",".join(map(str, row)) for row in zip(*columns, strict=True)]
    path.write_text("\n".join(["ts,open,high,low,close,volume", *lines]))


@pytest.mark.campaign
@pytest.mark.timeout(900)
def test_an_import_that_is_killed_leaves_a_whole_series(tmp_path: Path) -> None:
    store, chance = BarStore.at(tmp_path), np.random.default_rng(7)
    kept, outcomes = 0, {"killed": 0, "ended": 0}
    for number in range(KILLS):
        first = kept if number % 3 else max(0, kept - 100)  # behind the kept bars, or woven into their end
        write_csv(tmp_path / "bars.csv", first, ROWS)
        command = [sys.executable, "-m", "atlas_core", "data", "import", str(tmp_path / "bars.csv"), "--tick", "0.5"]
        environment = {**os.environ, "ATLAS_HOME": str(tmp_path)}
        process = subprocess.Popen(
            [*command, "--symbol", KEY.symbol], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        try:
            process.communicate(timeout=float(chance.uniform(0.3, LONGEST_SECONDS)))
            assert process.returncode == 0
            outcomes["ended"] += 1
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            outcomes["killed"] += 1
        now = len(store.bars(KEY)) if store.all() else 0
        assert now in (kept, first + ROWS)
        if now:
            assert np.array_equal(store.bars(KEY).opened_at, bars(now).opened_at)
            assert not [line for _, faults in store.series(KEY).verify() for line in faults]
        kept = now
        if kept > 5 * ROWS:
            store.remove(KEY)
            kept = 0
    assert outcomes["killed"] > KILLS // 4
    assert outcomes["ended"] > 0
