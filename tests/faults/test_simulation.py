"""Whole sessions in virtual time against a venue that loses, delays and repeats, and that die at any moment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Executor
from pathlib import Path

import pytest
from attrs import evolve

from tests.faults import host
from tests.faults.campaign import Tally, processes, results
from tests.faults.hunting import deaths, known
from tests.faults.mutants import MUTANTS, NEEDS
from tests.faults.setup import Setup
from tests.faults.shrink import snippet
from tests.faults.simulation import simulate
from tests.faults.weather import Plan

HERE = Path(__file__).parent
WORKERS = 2
DEFAULT_SEEDS, DEFAULT_HOURS = 300, 6.0
MOST_MUTANTS, MOST_HIDING = 60, 4
OFTEN = (
    "unknown resolved to working", "unknown proven dead", "partial then cancelled", "stop filled", "exit filled",
    "exit waited for its stop", "position adjusted", "foreign position", "unprotected, told", "protected again",
    "fill while down", "restart with a position", "restart with an unanswered order", "halted",
)  # fmt: skip


@pytest.fixture(scope="module")
def pool() -> Iterator[Executor]:
    """Return the processes that run what the tests of this module ask for."""
    with processes(WORKERS) as pool:
        yield pool


def regression_setups(hours: range) -> list[Setup]:
    """Return the setups of the seeds that are kept and last for so many hours."""
    lines = (HERE / "seeds.txt").read_text(encoding="utf-8").splitlines()
    fields = [line.split(maxsplit=3) for line in lines if line and not line.startswith("#")]
    return [
        Setup.drawn(int(seed), float(length), feed) for seed, length, feed, _ in fields if int(float(length)) in hours
    ]


@pytest.mark.timeout(600)
def test_seeds_that_failed_once_hold_every_invariant(pool: Executor) -> None:
    assert {r.seed: r.breaches for r in results(regression_setups(range(4)), pool) if r.breaches} == {}


@pytest.mark.campaign
@pytest.mark.timeout(600)
def test_long_seeds_that_failed_once_hold_every_invariant(pool: Executor) -> None:
    assert {r.seed: r.breaches for r in results(regression_setups(range(4, 100)), pool) if r.breaches} == {}


@pytest.mark.timeout(1_800)
def test_sessions_hold_every_invariant_whatever_the_venue_does(pool: Executor) -> None:
    tally = Tally()
    for result in results([Setup.drawn(seed, DEFAULT_HOURS) for seed in range(1, DEFAULT_SEEDS + 1)], pool):
        tally.add(result)
    assert {failed.seed: failed.breaches[0] for failed in tally.failed} == {}
    assert [name for name in OFTEN if not tally.covered[name]] == []
    assert tally.crashes > DEFAULT_SEEDS / 4


def test_without_faults_books_and_venue_agree_exactly() -> None:
    outcome = simulate(evolve(Setup.drawn(4, 2.0), plan=Plan({})))
    assert outcome.breaches == []
    assert outcome.covered["stop filled"] + outcome.covered["target filled"] > 0
    assert any(entry.kind == "settled" for entry in outcome.trace)


PROGRAM = """
from tests.faults.setup import Setup
from tests.faults.simulation import simulate
print(*(simulate(Setup.drawn(seed, 0.5)).digest for seed in (3, 179)))
"""


def test_the_same_seed_gives_the_same_trace_in_every_process() -> None:
    root = HERE.parents[1]
    digests = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM], cwd=root, env={**os.environ, "PYTHONHASHSEED": seed}, check=True,
            capture_output=True, text=True, timeout=100,
        ).stdout.strip()
        for seed in ("1", "2")
    }  # fmt: skip
    outcomes = [simulate(Setup.drawn(seed, 0.5)) for seed in (3, 179)]
    assert outcomes[1].crashes > 0
    assert digests == {" ".join(outcome.digest for outcome in outcomes)}


def test_a_journal_that_is_written_late_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    late = simulate(Setup.drawn(9, 0.7))
    monkeypatch.setattr(host, "THOROUGH_EVERY", 1)
    at_once = simulate(Setup.drawn(9, 0.7))
    assert at_once.digest == late.digest
    assert late.crashes > 0
    assert late.breaches == []


@pytest.mark.timeout(600)
def test_known_faults_are_found(pool: Executor) -> None:
    """A change of the client shifts what a seed brings about, so a few that need rare weather may hide for a while.

    `python -m tests.faults --mutants NAME --note` looks for other seeds of them.
    """
    found = list(deaths(known(), range(1, 301), 1.0, pool, most=12))
    alive = [death for death in found if death.place is None]
    assert [death.row() for death in alive if death.name not in NEEDS] == []
    assert len(alive) <= MOST_HIDING, [death.row() for death in alive]
    assert len(found) - len(alive) >= MOST_MUTANTS
    assert [death.row() for death in found if "TypeError" in death.breach or "AttributeError" in death.breach] == []


@pytest.mark.campaign
@pytest.mark.timeout(0)
@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_every_known_fault_is_found(name: str) -> None:
    assert [death.row() for death in deaths([name], range(1, 301), 2.0, 1) if death.place is None] == []


def test_a_failure_is_told_as_a_test_that_repeats_it() -> None:
    outcome = simulate(Setup.drawn(3, 0.2).only(["crash", "gap"]))
    text = snippet(outcome)
    assert "Setup.drawn(3, 0.2000).only([" in text
    compile(text, "snippet", "exec")
