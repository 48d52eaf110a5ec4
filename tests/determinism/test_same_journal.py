"""The same profile gives the same journal, however it is driven and in whatever process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import pytest

from atlas_core.journal import Journal
from atlas_core.runs import Mode, RunSummary
from tests.shared import shared_file
from tests.systems import CONFIGS, by_loop, by_pump, system_of

SHORT = (("universe.end", '"2026-04-06T18:00"'),)
BARS = "data/crypto/BTC-PERP_1m_20211231-20220201.csv.gz"


def digest_of(run: Callable[..., RunSummary], profile: Path, mode: Mode, *overrides: tuple[str, str]) -> RunSummary:
    with Journal.in_memory() as journal:
        return run(system_of(profile, mode, overrides), journal)


@lru_cache
def demo(run: Callable[..., RunSummary], mode: Mode) -> RunSummary:
    """Return how 18 hours of the demo ended, whose projections were rebuilt from its events; each is run once."""
    with Journal.in_memory() as journal:
        summary = run(system_of(CONFIGS / "demo.toml", mode, SHORT), journal)
        live = journal.projection_dump()
        journal.rebuild()
        assert journal.projection_dump() == live
        journal.verify(projections=True)
    assert live.count(b"\n") > 100
    return summary


@pytest.mark.parametrize("mode", [Mode.BACKTEST, Mode.PAPER])
def test_a_plain_loop_and_an_asyncio_pump_write_the_same_journal_whose_projections_can_be_rebuilt(mode: Mode) -> None:
    loop, pump = demo(by_loop, mode), demo(by_pump, mode)
    assert loop.trades > 5
    assert loop == pump


def test_loop_and_pump_agree_on_gates_and_exits_that_read_the_bars_that_form() -> None:
    overrides = ("universe.end", '"2026-03-03T04:00"')
    loop = digest_of(by_loop, CONFIGS / "crypto-strat.toml", Mode.PAPER, overrides)
    pump = digest_of(by_pump, CONFIGS / "crypto-strat.toml", Mode.PAPER, overrides)
    assert loop.trades > 5
    assert loop == pump


def test_loop_and_pump_agree_on_real_bars() -> None:
    overrides = (
        ("provider.path", f'"{shared_file(BARS)}"'),
        ("universe.start", '"2022-01-08"'),
        ("universe.end", '"2022-01-11T06:00"'),
    )
    loop = digest_of(by_loop, CONFIGS / "strat-files.toml", Mode.BACKTEST, *overrides)
    pump = digest_of(by_pump, CONFIGS / "strat-files.toml", Mode.BACKTEST, *overrides)
    assert loop.trades > 10
    assert loop == pump


def test_another_seed_writes_another_journal() -> None:
    one = demo(by_loop, Mode.PAPER)
    other = digest_of(by_loop, CONFIGS / "demo.toml", Mode.PAPER, *SHORT, ("profile.seed", "1"))
    assert one.digest != other.digest


def test_two_processes_with_different_hash_seeds_write_the_same_journal(tmp_path: Path) -> None:
    outputs = set()
    for hash_seed in ("1", "2"):
        home = tmp_path / hash_seed
        environment = os.environ | {"PYTHONHASHSEED": hash_seed, "ATLAS_HOME": str(home)}
        arguments = ["run", "demo", "--to", "2026-04-06T12:00", "--json"]
        done = subprocess.run(
            [sys.executable, "-m", "atlas_core", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        [trades] = home.rglob("trades.csv")
        outputs.add((done.stdout.replace(str(home), ""), trades.read_bytes()))
    [(_summary, written)] = outputs
    assert written.count(b"\n") > 3
