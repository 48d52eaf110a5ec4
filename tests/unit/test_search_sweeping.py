"""A whole sweep: who makes the trials never changes them, and a sweep that was cut off goes on where it was."""

from __future__ import annotations

import faulthandler
import os
import re
import signal
from pathlib import Path
from threading import Event
from typing import IO

import pytest

from atlas_core.cli.main import run_command_line
from atlas_core.errors import ContractError, DataError
from atlas_core.journal.lock import WriterLock
from atlas_core.search.conducting import Ending
from atlas_core.search.ledger import Ledger, Trial, TrialStatus
from atlas_core.search.limits import TrialLimit
from atlas_core.search.plan import SweepStore
from atlas_core.search.worker import Assignment, Task, Workbench, make_trial
from atlas_core.search.workers import ProcessPool
from tests.search_profile import Notes, crossing, plan_of, sweeping

CHANGES = ("scanner.0.fast=3,8,40", "exit.time.max_hours=6,24")


def table(trials: tuple[Trial, ...]) -> list[object]:
    return [(t.number, t.settings, t.status, t.reason, t.data, t.system, t.figures) for t in trials]


def test_the_table_is_the_same_for_any_number_of_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("atlas_core.search.conducting.WONDER_SECONDS", 0.0)
    monkeypatch.setattr("atlas_core.search.conducting.POLL_SECONDS", 0.01)
    plan = plan_of(crossing(tmp_path), *CHANGES)
    tables = []
    for processes in (1, 2):
        home, notes = tmp_path / str(processes), Notes()
        with Ledger.at(home) as ledger:
            sweep = sweeping(home, ledger, plan, notes, processes=processes)
            outcome = sweep.run()
        assert outcome.ending is Ending.COMPLETE
        assert SweepStore(home).find().is_complete
        assert not sweep.sweep.bars.exists()
        assert notes.parts == [("", 6, 0)]
        tables.append(table(outcome.trials))
    assert sum("--trial-timeout" in text for text in notes.texts) == 1  # nothing ends while the processes begin
    assert tables[0] == tables[1]
    assert [trial.status for trial in outcome.trials] == [TrialStatus.FINISHED] * 4 + [TrialStatus.INVALID] * 2


class Cut(Exception):
    """The death of a process, as far as one process can play it."""


def test_a_sweep_that_was_cut_off_repeats_no_finished_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, made = plan_of(crossing(tmp_path), *CHANGES), []
    real = Workbench.trial

    def cut_at(count: int) -> None:
        def trial(self: Workbench, task: Task) -> Trial:
            if len(made) == count:
                raise Cut
            made.append(task.number)
            return real(self, task)

        monkeypatch.setattr(Workbench, "trial", trial)

    for count in (2, 3, 9):
        cut_at(count)
        with Ledger.at(tmp_path) as ledger:
            if count < 6:
                with pytest.raises(Cut):
                    sweeping(tmp_path, ledger, plan, processes=1).run()
            else:
                notes = Notes()
                outcome = sweeping(tmp_path, ledger, plan, notes, processes=1).run()
    assert made == [0, 1, 2, 3, 4, 5]
    assert notes.parts == [("", 6, 3)]
    assert [trial.number for trial in outcome.trials] == made


def test_a_worker_that_dies_costs_no_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("atlas_core.search.workers.make_trial", deadly)
    plan, notes = plan_of(crossing(tmp_path), "scanner.0.fast=3:9:1"), Notes()
    with Ledger.at(tmp_path) as ledger:
        trials = sweeping(tmp_path, ledger, plan, notes, processes=2).run().trials
    assert {trial.number: trial.status.value for trial in trials} == {
        number: "failed" if number == 5 else "finished" for number in range(7)
    }
    assert trials[5].reason == "its worker process died twice (killed, or out of memory)"
    assert sum("a worker process died" in text for text in notes.texts) in (1, 2)


def deadly(assignment: Assignment, task: Task) -> Trial:
    """Kill the process of trial 2 once and that of trial 5 always."""
    once = Path(assignment.profile).with_name("died")
    if task.number == 5 or (task.number == 2 and not once.exists()):
        once.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return make_trial(assignment, task)


LIMIT_SECONDS = 5.0
"""Long beside any honest trial, also where others are at work on the machine."""


def test_a_trial_that_hangs_is_given_up_and_holds_up_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("atlas_core.search.workers.make_trial", hanging)
    plan, notes = plan_of(crossing(tmp_path), "scanner.0.fast=3:8:1"), Notes()
    with Ledger.at(tmp_path) as ledger:
        sweep = sweeping(tmp_path, ledger, plan, notes, processes=1, trial_seconds=LIMIT_SECONDS)
        trials = sweep.run().trials
    assert {trial.number: trial.status.value for trial in trials} == {
        number: "failed" if number == 4 else "finished" for number in range(6)
    }
    assert re.fullmatch(r"took longer than 5 s, it was in hung \(.*test_search_sweeping.py:\d+\)", trials[4].reason)
    assert [text.partition(",")[0] for text in notes.texts[1:]] == ["trial 4 took longer than 5 s"]
    assert list((sweep.sweep.directory / "hung").glob("*")) == [sweep.sweep.directory / "hung" / "trial-4.txt"]


def test_the_watch_over_a_trial_is_off_before_its_file_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files: list[IO[str]] = []
    is_open: list[bool] = []
    monkeypatch.setattr(faulthandler, "dump_traceback_later", lambda _left, file, **_: files.append(file))
    monkeypatch.setattr(
        faulthandler, "cancel_dump_traceback_later", lambda: is_open.extend(not file.closed for file in files)
    )
    with TrialLimit(seconds=60, folder=tmp_path).kept("", 1):
        assert len(files) == 1
    assert is_open == [True]
    assert files[0].closed
    assert not list(tmp_path.iterdir())


def hanging(assignment: Assignment, task: Task) -> Trial:
    """Let trial 4 hang where only its process can be ended."""
    real = Workbench.trial

    def hung(bench: Workbench, asked: Task) -> Trial:
        if asked.number == 4:
            Event().wait()
        return real(bench, asked)

    Workbench.trial = hung  # type: ignore[method-assign]
    try:
        return make_trial(assignment, task)
    finally:
        Workbench.trial = real  # type: ignore[method-assign]


def test_data_that_change_between_two_trials_end_the_sweep(tmp_path: Path) -> None:
    plan = plan_of(crossing(tmp_path), *CHANGES)
    with Ledger.at(tmp_path) as ledger:
        sweep = sweeping(tmp_path, ledger, plan, processes=1)
        sweep.conductor._identities["", sweep.bench.trial(Task(number=0, settings=())).data.origin] = "another"
        with pytest.raises(DataError, match="changed since"):
            sweep.run()


def test_the_same_sweep_is_made_by_one_process_at_a_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    profile = crossing(tmp_path)
    arguments = ["--home", str(tmp_path), "sweep", profile, "--set", "scanner.0.fast=3,8", "--workers", "1"]
    assert run_command_line([*arguments, "--timeout", "1s", "-q"]) in (0, 8)
    plan = tmp_path / "sweeps" / "crossing-sweep-0001" / "sweep.json"
    plan.write_text(plan.read_text().replace('"is_complete": true', '"is_complete": false'))
    lock = WriterLock(plan.with_name("sweep"))
    capsys.readouterr()
    assert run_command_line(arguments) == 9
    assert "crossing-sweep-0001 is at work" in capsys.readouterr().err
    lock.release()
    assert run_command_line(arguments) == 0


@pytest.mark.parametrize(("seconds", "left", "workers"), [(0.01, 100, None), (10.0, 1, None), (1.0, 100, ProcessPool)])
def test_others_are_called_only_when_that_pays(
    seconds: float, left: int, workers: type | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atlas_core.search.sweeping.usable_processors", lambda: 4)
    with Ledger.at(tmp_path) as ledger:
        sweep = sweeping(tmp_path, ledger, plan_of(crossing(tmp_path), *CHANGES))
        found = sweep.conductor.recruit(seconds, left)
        assert (found is None) if workers is None else isinstance(found, workers)
        if found is not None:
            assert found.describe() == "4 processes"
            found.close()


def test_a_time_out_hands_out_no_more_and_the_sweep_goes_on_later(tmp_path: Path) -> None:
    plan = plan_of(crossing(tmp_path), *CHANGES)
    with Ledger.at(tmp_path) as ledger:
        outcome = sweeping(tmp_path, ledger, plan, processes=1, timeout_seconds=0.0).run()
        assert (outcome.ending, outcome.trials) == (Ending.TIME_OUT, ())
        assert SweepStore(tmp_path).unfinished(plan) is not None
        assert len(sweeping(tmp_path, ledger, plan, processes=1).run().trials) == 6
        assert SweepStore(tmp_path).unfinished(plan) is None


def test_an_interruption_keeps_what_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, real = plan_of(crossing(tmp_path), *CHANGES), Workbench.trial

    def interrupted(self: Workbench, task: Task) -> Trial:
        if task.number == 2:
            raise KeyboardInterrupt
        return real(self, task)

    monkeypatch.setattr(Workbench, "trial", interrupted)
    with Ledger.at(tmp_path) as ledger:
        outcome = sweeping(tmp_path, ledger, plan, processes=1).run()
        assert outcome.ending is Ending.INTERRUPTED
        assert [trial.number for trial in ledger.trials("crossing-sweep-0001")] == [0, 1]


def test_a_component_that_fails_is_a_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_asked: object) -> object:
        raise ContractError("scanner sma-cross failed: no luck")

    monkeypatch.setattr("atlas_core.search.worker.run_trial", failing)
    with Ledger.at(tmp_path) as ledger:
        trials = sweeping(tmp_path, ledger, plan_of(crossing(tmp_path), *CHANGES), processes=1).run().trials
    assert {(trial.status, trial.reason) for trial in trials[:4]} == {
        (TrialStatus.FAILED, "scanner sma-cross failed: no luck")
    }
