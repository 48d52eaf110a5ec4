"""The proof for plugin authors: one call, and every fault in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from atlas_core import components as offer
from atlas_core.contracts import Context
from atlas_core.plugins import Registry
from atlas_core.testing import assert_profile_holds, prove
from tests.cheats import Columns, Rows, next_close, random_walk
from tests.memory import MemoryProvider, memory, profile_text, registry


def written(tmp_path: Path, scanner: Rows) -> tuple[Path, Registry]:
    def factory(_options: object, _context: Context) -> Rows:
        """Hand out the scanner."""
        return scanner

    path = tmp_path / "own.toml"
    path.write_text(profile_text(scanners=['use = "own"'], exits=['use = "stop"', 'use = "target"']))
    return path, registry(memory(MemoryProvider(random_walk())), offer.scanner("own", factory))


def test_a_profile_that_holds_raises_nothing(tmp_path: Path) -> None:
    path, parts = written(tmp_path, Rows())
    assert prove(path, parts, cuts=4, runs=1).faults == ()
    assert_profile_holds(path, parts, cuts=4, runs=1)


def test_each_fault_of_a_profile_is_told(tmp_path: Path) -> None:
    def columns(bars: object, rows: np.ndarray) -> Columns:
        counted = {"score": np.arange(len(bars), dtype=float)[rows]}  # type: ignore[arg-type]
        return next_close(bars, rows) | counted  # type: ignore[arg-type]

    path, parts = written(tmp_path, Rows(columns=columns))
    with pytest.raises(AssertionError) as caught:
        assert_profile_holds(path, parts, cuts=8, runs=1)
    text = str(caught.value)
    assert "scanner own sees the future (future cut off" in text
    assert "scanner own declares 5 bars of 1m and needs" in text
    assert "session and back-test differ (code): signal of row" in text
