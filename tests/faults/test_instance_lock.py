"""One process for each state directory and account: many at once, dead holders, copied directories."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from atlas_core.errors import AlreadyRunning
from atlas_core.runs import Mode
from atlas_core.runtime import instance_lock
from atlas_core.runtime.instance_lock import Holder, hold_account, hold_instance, holder_of
from atlas_core.statedir import StateDirectory, read_json, write_json
from tests.memory import START

HOLD = """
import sys
from pathlib import Path
from atlas_core.errors import AlreadyRunning
from atlas_core.runs import Mode
from atlas_core.runtime.instance_lock import hold_instance
from atlas_core.statedir import StateDirectory

try:
    lock = hold_instance(StateDirectory.of(Path(sys.argv[1]), "demo", Mode.PAPER), 1)
except AlreadyRunning:
    print("refused", flush=True)
else:
    print("holds", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    state = StateDirectory.of(tmp_path, "demo", Mode.PAPER)
    state.make()
    return state


def start(home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def end(process: subprocess.Popen[str]) -> None:
    process.communicate(timeout=30)


def test_of_many_processes_at_once_exactly_one_runs_and_after_its_death_another(
    tmp_path: Path, state: StateDirectory
) -> None:
    many = [start(tmp_path) for _ in range(8)]
    answers = [said(process) for process in many]
    assert sorted(answers) == ["holds"] + ["refused"] * 7
    winner = many[answers.index("holds")]
    assert holder_of(state) == Holder(
        pid=winner.pid, host=os.uname().nodename, since=1, command=f"atlas {tmp_path}", title="profile demo (paper)"
    )
    winner.send_signal(signal.SIGKILL)
    for process in many:
        end(process)
    assert holder_of(state) is None
    successor = start(tmp_path)
    assert said(successor) == "holds"
    end(successor)


def test_the_second_one_is_told_who_the_first_is_and_how_to_stop_it(state: StateDirectory) -> None:
    with hold_instance(state, START), pytest.raises(AlreadyRunning) as told:
        hold_instance(state, START)
    text = str(told.value)
    assert text.startswith(f"already running: profile demo (paper) (pid {os.getpid()} on ")
    assert 'since 2026-04-05 00:00:00Z, "atlas' in text
    assert text.endswith("Stop it: atlas stop demo --mode paper")


def test_a_released_lock_is_free(state: StateDirectory) -> None:
    lock = hold_instance(state, START)
    lock.release()
    lock.release()
    hold_instance(state, START).release()


def test_a_lock_file_that_cannot_be_read_still_locks(state: StateDirectory) -> None:
    with hold_instance(state, START):
        state.lock.write_text("torn")
        with pytest.raises(AlreadyRunning, match=r"already running: profile demo \(paper\)\. Stop it"):
            hold_instance(state, START)
        holder = holder_of(state)
        assert holder is not None
        assert holder.pid == 0


def lease(state: StateDirectory, folder: Path, account: str = "A1", *, take_over: bool = False) -> None:
    hold_account(state, "venue", account, START, directory=folder, take_over=take_over).release()


def other_profile(home: Path) -> StateDirectory:
    state = StateDirectory.of(home, "other", Mode.LIVE)
    state.make()
    return state


def test_two_profiles_never_trade_on_one_account_at_once(tmp_path: Path, state: StateDirectory) -> None:
    folder = tmp_path / "runtime"
    with (
        hold_account(state, "venue", "A1", START, directory=folder),
        pytest.raises(AlreadyRunning, match=r"account A1 of venue is traded by profile demo \(paper\)"),
    ):
        lease(other_profile(tmp_path), folder, take_over=True)


def test_the_same_state_directory_has_its_account_again_and_again(tmp_path: Path, state: StateDirectory) -> None:
    for _ in range(3):
        lease(state, tmp_path)


def test_a_process_that_dies_while_it_writes_its_lease_has_its_account_again(
    tmp_path: Path, state: StateDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = StateDirectory(tmp_path / "copy", "demo", Mode.PAPER)
    lease(state, tmp_path)
    shutil.copytree(state.path, copy.path)
    for written in (0, 1, 1, 0):
        with monkeypatch.context() as dying:
            dying.setattr(instance_lock, "write_json", only_the_first(written))
            with pytest.raises(KeyboardInterrupt):
                lease(state, tmp_path)
    lease(state, tmp_path)
    with pytest.raises(AlreadyRunning, match="from another state directory"):
        lease(copy, tmp_path)


def only_the_first(written: int) -> Callable[[Path, Any], None]:
    """Write so many files and die at the next one."""
    left = iter(range(written))

    def write(path: Path, facts: Any) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt
        write_json(path, facts)

    return write


def test_another_account_or_venue_is_another_lease(tmp_path: Path, state: StateDirectory) -> None:
    lease(state, tmp_path, "A1")
    lease(other_profile(tmp_path), tmp_path, "A2")


def test_a_copied_state_directory_is_refused_until_a_person_says_that_it_is_meant(
    tmp_path: Path, state: StateDirectory
) -> None:
    folder = tmp_path / "runtime"
    lease(state, folder)
    copy = StateDirectory(tmp_path / "copy", "demo", Mode.PAPER)
    shutil.copytree(state.path, copy.path)
    lease(state, folder)
    with pytest.raises(AlreadyRunning, match=r"was last traded by profile demo .* --take-account"):
        lease(copy, folder)
    lease(copy, folder, take_over=True)
    with pytest.raises(AlreadyRunning, match="from another state directory"):
        lease(state, folder)


def test_a_state_directory_of_another_machine_is_refused(tmp_path: Path, state: StateDirectory) -> None:
    lease(state, tmp_path)
    write_json(state.lease, read_json(state.lease) | {"machine": "elsewhere"})
    with pytest.raises(AlreadyRunning, match="was copied from another machine"):
        lease(state, tmp_path)


def test_a_refused_lease_is_not_kept(tmp_path: Path, state: StateDirectory) -> None:
    lease(state, tmp_path)
    with pytest.raises(AlreadyRunning):
        lease(other_profile(tmp_path), tmp_path)
    lease(state, tmp_path)
