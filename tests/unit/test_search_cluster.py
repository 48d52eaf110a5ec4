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

from atlas_core.errors import AtlasError, MissingExtra, UsageError
from atlas_core.search.history import Histories
from atlas_core.search.ledger import Ledger
from atlas_core.search.workers import Cluster
from tests.search_profile import Notes, bench, crossing, plan_of, sweeping

CHANGES = ("scanner.0.fast=3,8,40", "exit.time.max_hours=6,24")
ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60


def started(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", *arguments], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "plugins")])},
    )  # fmt: skip


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a scheduler and two workers of one thread each; yield the scheduler's address."""
    file = tmp_path_factory.mktemp("cluster") / "scheduler.json"
    quiet = ("--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(file))
    processes = [started("distributed.cli.dask_scheduler", "--port", "0", *quiet)]
    workers = ("distributed.cli.dask_worker", "--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1")
    try:
        processes += [started(*workers, "--scheduler-file", str(file)) for _ in range(2)]
        yield _address_of_two(file)
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()


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
