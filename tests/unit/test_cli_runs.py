"""Runs from the command line: what an interruption leaves, what a damaged home does, what a terminal shows."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from attrs import define, field

from atlas_core.backtest.driver import PROGRESS_EVERY, run_backtest
from atlas_core.cli.main import run_command_line
from atlas_core.control.beat import read_heartbeat
from atlas_core.journal import Journal, JournalReader
from atlas_core.model.records import Record, RunFinished
from atlas_core.runs import Mode
from atlas_core.runstore import RunStore
from atlas_core.statedir import StateDirectory
from atlas_core.watching import Watch
from tests.systems import CONFIGS, system_of

Output = pytest.CaptureFixture[str]


@define
class Impatient(Watch):
    """Presses Ctrl-C as soon as it hears of progress."""

    done: list[int] = field(factory=list)
    kept: list[Record] = field(factory=list)

    def progress(self, done: int, total: int, now: int) -> None:
        self.done.append(done)
        signal.raise_signal(signal.SIGINT)

    def records(self, records: Sequence[Record]) -> None:
        self.kept.extend(records)


def test_ctrl_c_ends_a_back_test_where_it_is_and_not_at_its_end() -> None:
    watch = Impatient()
    with Journal.in_memory() as journal:
        with pytest.raises(KeyboardInterrupt):
            run_backtest(system_of(CONFIGS / "demo.toml", Mode.BACKTEST), journal, watch)
        journal.verify(projections=True)
    assert len(watch.done) == 1
    assert watch.done[0] >= PROGRESS_EVERY
    assert not any(isinstance(record, RunFinished) for record in watch.kept)


def interrupted(own_home: Path, *signals: signal.Signals) -> tuple[int, str, str]:
    """Run the demonstration, send it signals after its first entry; return its exit code, output and logs."""
    call = [sys.executable, "-m", "atlas_core", "run", "demo", "--speed", "6000x"]
    path = os.pathsep.join(entry for entry in sys.path if entry)
    with subprocess.Popen(
        call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
    ) as process:
        assert process.stdout is not None
        assert any("ENTRY" in line for line in process.stdout)  # reads up to the first entry
        for number in signals:
            process.send_signal(number)
        out, logs = process.communicate(timeout=60)
    assert "Traceback" not in logs
    with JournalReader.open(RunStore(own_home).find().directory / "journal.db") as journal:
        journal.verify(projections=True)
    return process.returncode, out, logs


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_session_that_is_interrupted_ends_in_good_order_with_its_report(
    own_home: Path, number: signal.Signals
) -> None:
    code, out, _logs = interrupted(own_home, number)
    assert code == 0
    assert "Key figures" in out
    with JournalReader.open(RunStore(own_home).find().directory / "journal.db") as journal:
        assert journal.run().finish_reason == number.name
    beat = read_heartbeat(StateDirectory.of(own_home, "demo", Mode.PAPER).heartbeat)
    assert beat is not None
    assert beat.ended == number.name


def test_a_run_whose_facts_are_damaged_is_left_out_with_a_warning(own_home: Path, capsys: Output) -> None:
    store = RunStore(own_home)
    damaged, sound = (store.create("demo", Mode.PAPER, True) for _ in range(2))
    (damaged.directory / "run.json").write_text("{")
    assert run_command_line(["runs", "--json"]) == 0
    out, err = capsys.readouterr()
    assert [row["run_id"] for row in json.loads(out)] == [sound.run_id]
    assert f"run {damaged.run_id} is left out" in err


def test_a_damaged_manifest_is_no_crash(own_home: Path, capsys: Output) -> None:
    run = RunStore(own_home).create("demo", Mode.PAPER, True)
    (run.directory / "manifest.json").write_text("{")
    assert run_command_line(["runs"]) == 0
    assert "manifest damaged" in capsys.readouterr().out
    assert run_command_line(["runs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["net"] is None


def test_run_without_a_profile_lists_them_as_json_too(capsys: Output) -> None:
    assert run_command_line(["run", "--json"]) == 2
    rows = json.loads(capsys.readouterr().out)
    assert ("demo", "paper") in [(row["profile"], row["mode"]) for row in rows]


def test_a_scan_says_by_how_much_each_signal_was_refused(capsys: Output) -> None:
    assert run_command_line(["scan", "demo", "--json"]) == 0
    refused = [row for row in json.loads(capsys.readouterr().out)["signals"] if row["value"] is not None]
    assert run_command_line(["scan", "demo"]) == 0
    out = capsys.readouterr().out
    assert refused
    assert all(f"{row['value']:.6g} against {row['threshold']:.6g})" in out for row in refused)
