"""Whole sessions in virtual time against a venue that loses, delays and repeats, and that die at any moment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from atlas_core.journal import Journal
from atlas_core.model.decisions import Severity
from atlas_core.model.records import AlertRaised
from atlas_core.testing import VirtualClock, VirtualLoop
from tests.faults import campaign, host
from tests.faults.__main__ import main
from tests.faults.campaign import Tally, processes, results
from tests.faults.chance import Chance
from tests.faults.host import Process, SimJournal
from tests.faults.hunting import deaths, known
from tests.faults.mutants import MUTANTS, NEEDS, planted
from tests.faults.replaying import verified
from tests.faults.setup import FEEDS, Setup
from tests.faults.shrink import shrink, snippet
from tests.faults.simulation import Outcome, simulate
from tests.faults.weather import Plan
from tests.faults.world import PERSONALITIES, START, World

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
        Setup.drawn(int(seed), float(length), "" if feed == "drawn" else feed)
        for seed, length, feed, _ in fields
        if int(float(length)) in hours
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


def test_a_late_journal_lets_an_alert_wait_for_the_alerters_that_were_known_at_its_commit() -> None:
    alert = AlertRaised(ts=1, severity=Severity.CRITICAL, title="Broken", text="", key="X")
    with closing(VirtualLoop()) as loop, Journal.in_memory() as real:
        world = World(loop, Chance(1), ("AAA",), PERSONALITIES[0], Plan({}))
        late = SimJournal.of(Process(world, 1, VirtualClock(loop, START), lambda: None), None, [])
        for journal in (late, real):
            journal.append([alert])
            journal.deliver_to(["chat"])
            journal.append([alert])
        assert [row.seq for row in late.undelivered()] == [row.seq for row in real.undelivered()] == [2]
        late.close()


def test_a_journal_that_holds_other_records_than_were_committed_is_found() -> None:
    records = [AlertRaised(ts=ts, severity=Severity.INFO, title="Well", text="", key="X") for ts in (1, 2)]
    with Journal.in_memory() as journal:
        journal.append(records)
        disk = journal._connection
        assert verified(disk, records, decodes=False) == verified(disk, records, decodes=True) == ""
        others = [evolve(records[0], title="Broken"), records[1]]
        assert verified(disk, others, decodes=True) != ""
        assert [verified(disk, wrong, decodes=False) for wrong in (records[:1], records[::-1])].count("") == 0


def test_a_fault_that_finds_nothing_to_strike_is_not_counted() -> None:
    setup = evolve(Setup.drawn(1, 0.2), plan=Plan({"liquidation": 120.0, "gap": 120.0}), personality=PERSONALITIES[4])
    outcome = simulate(setup)
    came = [entry["what"] for entry in outcome.trace if entry.kind == "fault"]
    assert "liquidation" in came
    assert outcome.struck["liquidation"] == 0
    assert outcome.struck["gap"] == came.count("gap") > 0


def test_what_is_raised_in_a_run_says_under_which_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Setup) -> Outcome:
        raise RuntimeError("the harness broke")

    monkeypatch.setattr(campaign, "simulate", broken)
    with pytest.raises(RuntimeError) as caught:
        list(results([Setup.drawn(5, 1.5, "poll")], 1))
    assert caught.value.__notes__ == ["in seed 5, 1.5 h, prices from: poll"]


def _as_test(outcome: Outcome) -> tuple[Any, dict[str, Any]]:
    """Return the test that a failure is told as, and the names that it uses."""
    names = {"Setup": Setup, "simulate": simulate}
    exec(snippet(outcome), names)
    return names[f"test_seed_{outcome.setup.seed}"], names


def test_a_failure_is_told_as_a_test_that_repeats_it() -> None:
    outcome = simulate(Setup.drawn(3, 0.2))
    for feed in ("", *FEEDS):
        setup = Setup.drawn(3, 0.123456789, feed).only(["crash", "gap", "quote-late"])
        repeat, names = _as_test(evolve(outcome, setup=setup))
        asked: list[Setup] = []
        names["simulate"] = lambda setup, asked=asked: asked.append(setup) or outcome
        repeat()
        assert asked == [setup]


def test_a_failure_is_made_small_and_fails_in_the_same_way_still() -> None:
    with planted("commands before the commit"):
        whole = simulate(Setup.drawn(27, 0.15))
        small = shrink(whole, most_runs=12)
        assert small.breaches[0].invariant == whole.breaches[0].invariant
        assert len(small.setup.plan.rates) < len(whole.setup.plan.rates)
        with pytest.raises(AssertionError):
            _as_test(small)[0]()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--seeds", "0"], "--seeds: expected a whole number of at least 1, was '0'"),
        (["--tell-every", "x"], "--tell-every: expected a whole number of at least 1, was 'x'"),
        (["--hours", "nan"], "--hours: expected a number of hours above 0, was 'nan'"),
        (["--mutants", "blind resends"], "expected the name of a known fault, such as 'blind resend'"),
        (["--note"], "expected --mutants beside it"),
    ],
)
def test_no_campaign_of_nothing_is_begun(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert told in capsys.readouterr().err
