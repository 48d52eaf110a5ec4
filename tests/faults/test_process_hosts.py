"""What a host does to the real daemon: full disks, locked files, clocks, suspension, second processes and signals.

All of it runs with `pytest -n 0 -m campaign tests/faults/test_process_hosts.py`; the suite runs the quick ones.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from resource import RLIM_INFINITY, RLIMIT_FSIZE, prlimit
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM
from time import sleep

import numpy as np
import pytest

from atlas_core.journal import JournalReader
from atlas_core.model.orders import OrderRole
from atlas_core.model.records import AccountReconciled, AlertRaised, OrderIntended, SessionPaused
from tests.faults.process_daemon import Daemon, Lab, Nursery, tail_of, wait_until
from tests.faults.process_oracle import Life, differences, judge, market_seconds, uncovered

FAILED, REFUSED, ABORTED = 1, 9, 130
BOTHERED = 1.5
"""Seconds of the machine, three quarters of a minute of the market, for which a fault lasts."""


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    nursery = Nursery.begin(tmp_path_factory.mktemp("nursery"))
    yield nursery
    nursery.end()


@pytest.fixture
def lab(nursery: Nursery, tmp_path: Path) -> Iterator[Lab]:
    with Lab(tmp_path, seed=5, nursery=nursery) as lab:
        yield lab


def holding(lab: Lab, **plan: object) -> Daemon:
    """Start a daemon and wait until it has a position."""
    daemon = lab.start(**plan)
    daemon.wait_reconciled()
    wait_until(lambda: daemon.has_committed("position_opened") or not daemon.is_running, 30, "it has a position")
    return daemon


def settled(lab: Lab, *daemons: Daemon) -> None:
    """Bring the books and the venue together with the last daemon, or a new one, and hold everything that must."""
    everyone = list(daemons)
    lab.calm(frozen=True)
    lab.state.kill_file.touch()
    if not everyone[-1].is_running:
        everyone.append(lab.start())
        everyone[-1].wait_reconciled()
    daemon = everyone[-1]
    wait_until(lambda: not differences(lab, lab.admin()), 40, "the books equal the venue")
    daemon.signal(SIGTERM)
    assert daemon.wait(45) == 0, tail_of(lab.folder / "daemon.out")
    assert judge(lab, [life_of(lab, each) for each in everyone]).wrong == []


def life_of(lab: Lab, daemon: Daemon) -> Life:
    up = daemon.reconciled_at()
    begun, ended = (market_seconds(lab, lab.pace.at(at)) for at in (daemon.begun, daemon.ended))
    return Life(begun, None if up is None else market_seconds(lab, lab.pace.at(up)), ended)


@pytest.mark.campaign
def test_a_full_disk_stops_what_is_new_and_when_there_is_room_the_session_goes_on(lab: Lab) -> None:
    daemon = holding(lab)
    prlimit(daemon.process.pid, RLIMIT_FSIZE, (1, RLIM_INFINITY))
    sleep(BOTHERED)
    posts = lab.venue_log.read_bytes().count(b'"kind":"post"')
    prlimit(daemon.process.pid, RLIMIT_FSIZE, (RLIM_INFINITY, RLIM_INFINITY))
    assert daemon.is_running, tail_of(lab.folder / "daemon.out")
    wait_until(lambda: lab.venue_log.read_bytes().count(b'"kind":"post"') > posts, 30, "orders are sent again")
    settled(lab, daemon)


@pytest.mark.campaign
def test_a_journal_that_another_program_locks_stops_what_is_new_until_it_is_free(lab: Lab) -> None:
    daemon = holding(lab)
    with closing(sqlite3.connect(lab.state.journal, isolation_level=None)) as stranger:
        stranger.execute("BEGIN EXCLUSIVE")
        sleep(BOTHERED)
        seq = max(note["seq"] for note in daemon.notes("commit"))
        stranger.execute("ROLLBACK")
    assert daemon.is_running, tail_of(lab.folder / "daemon.out")
    wait_until(lambda: max(note["seq"] for note in daemon.notes("commit")) > seq, 30, "it commits again")
    settled(lab, daemon)


@pytest.mark.campaign
def test_a_disk_that_stays_full_ends_the_session_and_the_next_start_recovers(lab: Lab) -> None:
    daemon = holding(lab)
    prlimit(daemon.process.pid, RLIMIT_FSIZE, (1, RLIM_INFINITY))
    assert daemon.wait(30) == FAILED, tail_of(lab.folder / "daemon.out")
    settled(lab, daemon)


@pytest.mark.campaign
@pytest.mark.parametrize("step", [-300.0, -2.0, 2.0, 300.0, 90_000.0])
def test_a_clock_that_is_set_harms_nothing_and_people_are_told(lab: Lab, step: float) -> None:
    daemon = holding(lab, steps=[(4.0, step), (8.0, -step)])
    sleep(10)
    with JournalReader.open(lab.state.journal) as journal:
        told = [record.text for record in journal.records(kinds=["alert_raised"]) if isinstance(record, AlertRaised)]
    assert any("was set by" in text for text in told), told
    settled(lab, daemon)


@pytest.mark.campaign
def test_after_a_suspension_the_account_is_read_first_and_old_signals_are_over(lab: Lab) -> None:
    daemon = holding(lab)
    daemon.signal(SIGSTOP)
    sleep(4 * BOTHERED)
    woken = lab.pace.now()
    daemon.signal(SIGCONT)
    wait_until(lambda: any(note["ts"] > woken for note in daemon.notes("commit")), 30, "it commits again")
    sleep(2 * BOTHERED)
    with JournalReader.open(lab.state.journal) as journal:
        later = [record for record in journal.records() if record.ts > woken]
    first_read = next(place for place, record in enumerate(later) if isinstance(record, AccountReconciled))
    entered = [r for r in later[:first_read] if isinstance(r, OrderIntended) and r.role is OrderRole.ENTRY]
    assert entered == []
    settled(lab, daemon)


def test_of_many_daemons_at_once_one_runs_and_after_its_death_the_next_one_does(lab: Lab) -> None:
    many = [lab.start() for _ in range(8)]
    wait_until(lambda: sum(not each.is_running for each in many) == len(many) - 1, 60, "all but one have ended")
    [winner] = [each for each in many if each.is_running]
    assert {each.process.returncode for each in many if each is not winner} == {REFUSED}
    winner.wait_reconciled()
    winner.signal(SIGKILL)
    winner.wait(30)
    heir = lab.start()
    heir.wait_reconciled()
    settled(lab, winner, heir)


@pytest.mark.campaign
def test_sigterm_at_any_moment_ends_in_good_order_with_the_stops_in_place(lab: Lab) -> None:
    random = np.random.default_rng(11)
    daemons = []
    for moment in random.uniform(0.0, 3.0, 40):
        daemon = lab.start()
        sleep(moment)
        has_begun = any(daemon.notes("commit"))
        daemon.signal(SIGTERM)
        code = daemon.wait(45)
        assert code in ((0,) if has_begun else (0, ABORTED, -SIGTERM)), tail_of(lab.folder / "daemon.out")
        if code == 0:
            with JournalReader.open(lab.state.journal) as journal:
                assert isinstance(list(journal.records())[-1], SessionPaused)
            assert uncovered(lab.admin()) == []
        daemons.append(daemon)
    settled(lab, *daemons)


def test_a_second_sigterm_ends_it_at_once_and_the_next_start_recovers(lab: Lab) -> None:
    daemon = lab.start()
    daemon.wait_reconciled()
    lab.admin(faults={"rates": {"submit": 1.0}, "only": ["silent-before"]})
    wait_until(lambda: daemon.has_committed("order_intended"), 30, "an order is on its way")
    daemon.signal(SIGTERM)
    sleep(0.05)
    daemon.signal(SIGTERM)
    assert daemon.wait(45) == ABORTED, tail_of(lab.folder / "daemon.out")
    heir = lab.start()
    heir.wait_reconciled()
    settled(lab, daemon, heir)
