"""A sweep that is killed, at chosen and at random moments, completes without making a finished trial again."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from atlas_core.search.ledger import Ledger, Trial
from atlas_core.search.plan import SweepStore
from tests.search_profile import crossing, plan_of, sweeping

CHANGES = ("scanner.0.fast=2:5:1", "exit.time.max_hours=6,24")
MANY = ("scanner.0.fast=2:16:1", "exit.time.max_hours=6,12,24,36")
NEVER = 10**6

PROCESS = """
import os, signal, sys
from pathlib import Path
from atlas_core.search.ledger import Ledger
from tests.search_profile import Notes, crossing, plan_of, sweeping

class Fatal(Notes):
    def made(self, trial):
        super().made(trial)
        print(trial.number, flush=True)
        if len(self.trials) == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    home = Path(sys.argv[1])
    with Ledger.at(home) as ledger:
        plan = plan_of(str(home / "crossing.toml"), *sys.argv[4:])
        sweeping(home, ledger, plan, Fatal(), processes=int(sys.argv[3])).run()
"""


def table(trials: tuple[Trial, ...]) -> list[object]:
    return [(t.number, t.settings, t.status, t.reason, t.data, t.system, t.figures) for t in trials]


def process(home: Path, die_after: int, workers: int, changes: tuple[str, ...]) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROCESS, str(home), str(die_after), str(workers), *changes]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def kept(home: Path) -> tuple[Trial, ...]:
    with Ledger.at(home) as ledger:
        return ledger.trials("crossing-sweep-0001")


def expect_whole(home: Path, changes: tuple[str, ...], reported: list[int]) -> None:
    """Hold a sweep that was killed to one that was not."""
    assert len(reported) == len(set(reported)), "a finished trial was made again"
    assert [sweep.is_complete for sweep in SweepStore(home).all()] == [True]
    other = home / "other"
    with Ledger.at(other) as ledger:
        trials = sweeping(other, ledger, plan_of(str(home / "crossing.toml"), *changes), processes=1).run().trials
    assert table(kept(home)) == table(trials)


def test_a_sweep_whose_process_and_pool_are_killed_completes(tmp_path: Path) -> None:
    crossing(tmp_path)
    reported: list[int] = []
    for die_after, workers in ((3, 2), (NEVER, 1)):
        running = process(tmp_path, die_after, workers, CHANGES)
        text, _ = running.communicate(timeout=100)
        assert running.returncode == (0 if die_after == NEVER else -signal.SIGKILL)
        reported += map(int, text.split())
    expect_whole(tmp_path, CHANGES, reported)


@pytest.mark.campaign
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", range(10))
def test_a_sweep_that_is_killed_at_random_moments_completes(tmp_path: Path, seed: int) -> None:
    crossing(tmp_path)
    random = np.random.default_rng(seed)
    reported: list[int] = []
    kills = 0
    while True:
        running = process(tmp_path, NEVER, 1 + seed % 2, MANY)
        try:
            text, _ = running.communicate(timeout=float(random.uniform(0.2, 6.0)))
            assert running.returncode == 0
            reported += map(int, text.split())
            break
        except subprocess.TimeoutExpired:
            running.kill()
            kills += 1
            text, _ = running.communicate()
            whole = text[: text.rfind("\n") + 1]
            reported += map(int, whole.split())
    print(f"seed {seed}: {kills} kills, {len(kept(tmp_path))} trials")
    expect_whole(tmp_path, MANY, reported)
