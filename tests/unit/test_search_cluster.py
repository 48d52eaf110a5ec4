"""Trials on a cluster: a real scheduler and two worker processes, which see the files of the bars or do not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest
from attrs import frozen

from atlas_core.errors import AtlasError, MissingExtra, UsageError
from atlas_core.search.conducting import Ending
from atlas_core.search.history import Histories
from atlas_core.search.ledger import Ledger, Trial, TrialStatus
from atlas_core.search.worker import Assignment, Task, make_trial
from atlas_core.search.workers import Cluster
from tests.search_profile import Notes, bench, crossing, plan_of, sweeping

CHANGES = ("scanner.0.fast=3,8,40", "exit.time.max_hours=6,24")
ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60
KILLED_AFTER = 4


def started(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", *arguments], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "plugins")])},
    )  # fmt: skip


@frozen
class Running:
    """A scheduler with two workers of one thread each, which are processes of this machine."""

    address: str
    workers: list[subprocess.Popen[bytes]]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Start a cluster."""
    file = tmp_path_factory.mktemp("cluster") / "scheduler.json"
    quiet = ("--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(file))
    processes = [started("distributed.cli.dask_scheduler", "--port", "0", *quiet)]
    workers = ("distributed.cli.dask_worker", "--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1")
    try:
        processes += [started(*workers, "--scheduler-file", str(file)) for _ in range(2)]
        yield Running(_address_of_two(file), processes[1:])
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()


@pytest.fixture
def cluster(running: Running) -> str:
    return running.address


def _address_of_two(file: Path) -> str:
    from distributed import Client

    waiting = Event()
    for _ in range(START_SECONDS * 10):
        if file.exists() and file.read_text().endswith("}"):
            address = str(json.loads(file.read_text())["address"])
            client = Client(address, timeout=START_SECONDS)
            client.wait_for_workers(2, timeout=START_SECONDS)
            client.close()
            return address
        waiting.wait(0.1)
    raise AssertionError("expected a scheduler, there is none")


def test_a_cluster_finds_what_one_process_finds(cluster: str, tmp_path: Path) -> None:
    plan = plan_of(crossing(tmp_path), *CHANGES)
    tables = []
    for staff in ({"processes": 1}, {"cluster": cluster}):
        home = tmp_path / next(iter(staff))
        with Ledger.at(home) as ledger:
            sweep = sweeping(home, ledger, plan, Notes(), **staff)
            trials = sweep.run().trials
        tables.append([(t.number, t.settings, t.status, t.reason, t.data, t.figures) for t in trials])
    assert isinstance(sweep.conductor.workers, Cluster)
    assert sweep.conductor.workers.describe() == f"2 workers at {cluster}"
    assert tables[0] == tables[1]


def test_workers_that_do_not_see_the_bars_read_the_history(
    cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Histories.share

    def elsewhere(self: Histories, folder: Path) -> object:
        shared = real(self, folder)
        for columns in shared[0].columns.values():
            columns.times.unlink()
        return shared

    monkeypatch.setattr(Histories, "share", elsewhere)
    plan = plan_of(crossing(tmp_path), "scanner.0.fast=3,4,5,6")
    with Ledger.at(tmp_path) as ledger:
        trials = sweeping(tmp_path, ledger, plan, cluster=cluster).run().trials
    assert len({trial.data for trial in trials}) == 1
    assert len({trial.figures["net_profit"] for trial in trials}) == 4


@pytest.mark.parametrize(
    ("address", "fault", "says"),
    [
        ("tcp://127.0.0.1:1", AtlasError, "could not reach it"),
        ("nonsense://there", UsageError, "tcp://host:8786"),
    ],
)
def test_a_scheduler_that_is_not_there_is_told(
    address: str, fault: type[AtlasError], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atlas_core.search.workers.CONNECT_SECONDS", 0.2)
    with pytest.raises(fault, match=says):
        Cluster(bench(crossing(tmp_path)).assignment, address)


def test_without_dask_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtra, match=r"atlas-trading\[research\]"):
        Cluster(bench(crossing(tmp_path)).assignment, "tcp://127.0.0.1:1")


def test_a_worker_that_is_killed_costs_no_trial_and_nothing_that_is_kept_is_made_again(
    running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last test of this module: one worker is left."""
    monkeypatch.setattr("atlas_core.search.workers.make_trial", noted)
    made, kept_then = tmp_path / "made.txt", list[str]()

    class Killer(Notes):
        def made(self, trial: Trial) -> None:
            super().made(trial)
            if len(self.trials) == KILLED_AFTER:
                running.workers[0].kill()
                running.workers[0].wait()
                kept_then.extend(made.read_text().split())

    plan, watch = plan_of(crossing(tmp_path), "scanner.0.fast=3:14:1"), Killer()
    with Ledger.at(tmp_path) as ledger:
        outcome = sweeping(tmp_path, ledger, plan, watch, cluster=running.address).run()
    assert outcome.ending is Ending.COMPLETE
    assert [(trial.number, trial.status) for trial in outcome.trials] == [(n, TrialStatus.FINISHED) for n in range(12)]
    kept = {str(trial.number) for trial in watch.trials[:KILLED_AFTER]}
    later = made.read_text().split()[len(kept_then) :]
    assert not kept & set(later)
    assert not watch.texts[1:]


def noted(assignment: Assignment, task: Task) -> Trial:
    """Note that a trial begins, and make it."""
    with Path(assignment.profile).with_name("made.txt").open("a") as file:
        file.write(f"{task.number}\n")
    return make_trial(assignment, task)
