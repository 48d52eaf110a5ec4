"""Processes of a live session: the account, the journal that goes on, and what a wrong key may not do."""

from __future__ import annotations

import asyncio
import json
import sys
from io import StringIO
from pathlib import Path

import pytest
from attrs import define, evolve

from atlas_core import components as offer
from atlas_core.cli.run import Launch, Showing
from atlas_core.cli.run_session import SessionFlags, run_in_process
from atlas_core.cli.viewing import View
from atlas_core.clock import LiveClock
from atlas_core.compose import System, compose
from atlas_core.contracts import HistoryRequest
from atlas_core.control.beat import read_heartbeat
from atlas_core.control.file import ControlFile
from atlas_core.control.kill_switch import KillSwitch
from atlas_core.control.starts import StartLog
from atlas_core.errors import AlreadyRunning, ProfileError, SafetyStop, UsageError
from atlas_core.journal import Journal, JournalReader
from atlas_core.model.records import SessionPaused, SessionResumed
from atlas_core.model.venue import VenueSnapshot
from atlas_core.runs import Mode, RunSummary
from atlas_core.runstore import RunStore, is_continuing
from atlas_core.runtime.ending import Ending
from atlas_core.runtime.process import ProcessOptions, SessionProcess
from atlas_core.runtime.session import SessionPlan
from atlas_core.statedir import StateDirectory
from tests.live_scene import REAL, Venue
from tests.memory import MemoryProvider, made, memory, profile_of, registry, script

LIVE = '[live]\naccount = "A-1"'
MOMENT = 0.2


@define
class Named(Venue):
    """A venue that says whose account it is."""

    account: str = "A-1"

    async def snapshot(self) -> VenueSnapshot:
        return evolve(self.venue.snapshot(), account_id=self.account)


class Silent(MemoryProvider):
    """A market that goes on for ever and says nothing."""

    async def stream(self, request: HistoryRequest):  # type: ignore[no-untyped-def,override]
        await asyncio.Event().wait()
        yield


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    return StateDirectory.of(tmp_path, "memory", Mode.LIVE)


def live(account: str = "A-1", more: str = LIVE) -> System:
    broker = made(offer.broker, "real", Named(account=account), *REAL)
    parts = registry(memory(Silent([])), broker, script())
    return compose(profile_of(parts, broker='use = "real"', mode="live", more=more), Mode.LIVE, LiveClock())


def ran(state: StateDirectory, system: System, *, take_account: bool = False) -> tuple[RunSummary, list[str]]:
    """Run a process for a moment of real time; return its summary and the kinds of its journal's records."""
    options = ProcessOptions(
        ending=Ending(seconds=MOMENT), runtime_directory=state.path.parents[2] / "runtime", take_account=take_account
    )
    with SessionProcess(state, system, options) as process:
        is_new = not state.journal.exists()
        with (
            Journal.create(state.journal) if is_new else Journal.resume(state.journal, now=LiveClock().now())
        ) as journal:
            summary = process.run(journal, "memory-live", SessionPlan())
            return summary, [record.kind for record in journal.records()]


def test_a_live_session_goes_on_with_its_journal_from_process_to_process(state: StateDirectory) -> None:
    summary, kinds = ran(state, live())
    assert summary.reason == "the time of the session is over"
    assert kinds[-1] == SessionPaused.kind
    _summary, kinds = ran(state, live())
    assert kinds.count(SessionPaused.kind) == 2
    assert kinds.count(SessionResumed.kind) == 1
    beat = read_heartbeat(state.heartbeat)
    assert beat is not None
    assert (beat.ended, beat.speed) == ("the time of the session is over", "")
    assert beat.as_of["reconcile"] > 0


def test_the_keys_of_another_account_end_the_session_before_it_can_trade(state: StateDirectory) -> None:
    with pytest.raises(SafetyStop, match=r"expected account 'A-1', .* of 'B-2'"):
        ran(state, live("B-2"))


def test_another_state_directory_on_the_same_account_is_refused(tmp_path: Path, state: StateDirectory) -> None:
    ran(state, live())
    other = StateDirectory.of(tmp_path, "other", Mode.LIVE)
    with pytest.raises(AlreadyRunning, match="account A-1 of real was last traded by profile memory"):
        ran(other, live())
    ran(other, live(), take_account=True)
    with pytest.raises(AlreadyRunning, match="was last traded by profile other"):
        ran(state, live())


def test_a_live_profile_without_its_account_has_a_problem_with_an_address() -> None:
    with pytest.raises(ProfileError) as told:
        live(more="")
    assert "[live] account: expected the account that a live session may trade on, was missing" in str(told.value)


def test_the_command_line_begins_a_live_session_and_goes_on_with_it(
    own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ATLAS_RUNTIME_DIR", str(tmp_path))
    store = RunStore(own_home)
    for _ in range(2):
        broker = made(offer.broker, "real", Named(), *REAL)
        parts = registry(memory(Silent([])), broker, script())
        profile = profile_of(parts, broker='use = "real"', mode="live", more=LIVE)
        launch = Launch(profile, parts, Mode.LIVE, store, (), Showing(quiet=True, as_json=True, view=View()))
        run_in_process(launch, SessionFlags(arm=True, lasting="1s"))
        said = json.loads(capsys.readouterr().out)
        assert (said["run_id"], said["reason"]) == ("memory-live", "the time of the session is over")
    [run] = store.all()
    assert is_continuing(run)
    with JournalReader.open(run.directory / "journal.db") as journal:
        assert [session.state for session in journal.sessions()] == ["paused", "paused"]
    with pytest.raises(UsageError, match="a live session trades on account A-1"):
        run_in_process(launch, SessionFlags())
    with pytest.raises(UsageError, match="--speed is for markets of the past"):
        run_in_process(launch, SessionFlags(arm=True, speed="1x"))


class Full(StringIO):
    """A file on a disk that takes nothing."""

    def write(self, _text: str) -> int:
        raise OSError(28, "No space left on device")


def test_a_session_runs_and_ends_in_good_order_where_neither_screen_nor_log_takes_anything(
    own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATLAS_RUNTIME_DIR", str(tmp_path))
    broker = made(offer.broker, "real", Named(), *REAL)
    parts = registry(memory(Silent([])), broker, script())
    profile = profile_of(parts, broker='use = "real"', mode="live", more=LIVE)
    launch = Launch(profile, parts, Mode.LIVE, RunStore(own_home), (), Showing(quiet=False, as_json=False, view=View()))
    state = StateDirectory.of(own_home, "memory", Mode.LIVE)
    state.make()
    KillSwitch(state.kill_file).engage("cli:ann", "smoke", 0)
    for stream in ("stdout", "stderr"):
        monkeypatch.setattr(sys, stream, Full())
    with pytest.raises(OSError, match="No space left"):  # the last words of the screen, after the session
        run_in_process(launch, SessionFlags(arm=True, lasting="1s"))
    with JournalReader.open(state.journal) as journal:
        assert [session.state for session in journal.sessions()] == ["paused"]
    with ControlFile(state.control) as file:
        assert not StartLog(file).begin(1, LiveClock().now()).previous_crashed
