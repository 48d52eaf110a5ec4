"""One process of a session: what it holds, how the process before it ended, and what it tells people."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from atlas_core.cli.run_session import SessionFlags
from atlas_core.clock import LiveClock, SimClock
from atlas_core.compose import System
from atlas_core.contracts import Capability
from atlas_core.control.beat import Heartbeat, read_heartbeat
from atlas_core.control.file import ControlFile
from atlas_core.control.kill_switch import KillSwitch
from atlas_core.errors import AlreadyRunning, AtlasError, SafetyStop, UsageError
from atlas_core.journal import Journal
from atlas_core.model.records import ComponentFailed, OrderIntended, Record, RunFinished, TradingStateChanged
from atlas_core.model.timeframe import HOUR, MINUTE
from atlas_core.runs import Mode, RunSummary
from atlas_core.runtime.ending import Ending
from atlas_core.runtime.pacing import PacedClock, Speed
from atlas_core.runtime.process import ProcessOptions, SessionProcess, clock_of
from atlas_core.runtime.session import SessionPlan
from atlas_core.statedir import StateDirectory
from tests.memory import START, MemoryProvider, at, flat, found, memory, profile_of, registry, script, system_of

REAL_TIME = (Capability.HISTORY, Capability.STREAM, Capability.REAL_TIME)


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    return StateDirectory.of(tmp_path, "memory", Mode.PAPER)


def system(*abilities: Capability, minutes: int = 30, broken: bool = False, more: str = "") -> System:
    """Compose a market of half an hour with an entry at its fifth minute."""
    bars = flat(range(minutes))
    streamed = [*bars[:3], SafetyStop("the line is cut")] if broken else None
    provider = MemoryProvider(bars, streamed=streamed, goes_on=Capability.REAL_TIME in abilities)
    return evolve(system_of(memory(provider, *abilities), script((5, "X", 1)), more=more), clock=SimClock(START))


def ran(
    state: StateDirectory,
    made: System,
    options: ProcessOptions | None = None,
    wall: int = START,
    fault: type[BaseException] | None = None,
    meanwhile: Callable[[SessionProcess], None] = lambda _process: None,
) -> tuple[list[Record], RunSummary | None]:
    """Run one process of a session; return what it journalled and its summary."""
    summary = None
    with Journal.in_memory() as journal:
        try:
            with SessionProcess(state, made, options or lasting(made), SimClock(wall)) as process:
                meanwhile(process)
                summary = process.run(journal, "run-1", SessionPlan())
        except BaseException as error:
            if fault is None or not isinstance(error, fault):
                raise
        return list(journal.records()), summary


def lasting(made: System) -> ProcessOptions:
    """Return options with which a session ends: soon where its market goes on."""
    return ProcessOptions(ending=Ending(seconds=0.2 if made.is_real_time else None))


def last_beat(state: StateDirectory) -> Heartbeat:
    beat = read_heartbeat(state.heartbeat)
    assert beat is not None
    return beat


def test_a_session_runs_under_its_lock_and_leaves_a_last_sign_of_life(state: StateDirectory) -> None:
    def second(_first: SessionProcess) -> None:
        with pytest.raises(AlreadyRunning, match="already running: profile memory"):
            ran(state, system())

    records, summary = ran(state, system(), meanwhile=second)
    assert summary is not None
    assert summary.reason == "end of data"
    beat = last_beat(state)
    assert (beat.state, beat.ended, beat.run_id, beat.speed) == ("ended", "end of data", "run-1", "max")
    assert (beat.open_positions, beat.as_of["bar"], beat.marks) == (1, at(30), {"X": "100.00"})
    assert isinstance(records[-1], RunFinished)
    ran(state, system())  # the lock is free again


@pytest.mark.parametrize(("minute", "reason"), [(12, "the time to end has come"), (40, "end of data")])
def test_a_market_of_the_past_ends_at_the_time_it_is_given(state: StateDirectory, minute: int, reason: str) -> None:
    records, summary = ran(state, system(), ProcessOptions(ending=Ending(at=at(minute))))
    assert records[-1].ts == at(min(minute, 30))
    assert summary is not None
    assert summary.reason == reason


def test_once_ends_a_market_of_the_past_at_its_first_scan_however_fast_it_goes(state: StateDirectory) -> None:
    records, summary = ran(state, system(), ProcessOptions(ending=Ending(once=True)))
    assert records[-1].ts == at(1)
    assert summary is not None
    assert summary.reason == "once"


def test_a_session_that_is_killed_before_it_begins_enters_nothing_and_says_why(state: StateDirectory) -> None:
    state.make()
    KillSwitch(state.kill_file).engage("cli:ann", "smoke", START)
    told: list[str] = []
    records, _ = ran(state, system(), meanwhile=lambda process: told.append(process.held_back()))
    assert told[0].startswith("kill switch: killed by cli:ann")
    [halted] = found(records, TradingStateChanged)
    assert (halted.state, halted.reason, halted.ts) == ("halted", "kill switch: smoke", START)
    assert found(records, OrderIntended) == []
    KillSwitch(state.kill_file).clear()
    assert found(ran(state, system())[0], OrderIntended) != []


def test_the_sign_of_life_tells_of_a_maintenance_window(state: StateDirectory) -> None:
    window = '[schedule]\nmaintenance = [{ weekday = "sun", start = "00:10", end = "00:40" }]'
    ran(state, system(more=window))
    assert last_beat(state).entries_stopped == "a maintenance window"
    ran(state, system(more=window, minutes=50))
    assert last_beat(state).entries_stopped == ""


def test_the_next_process_tells_what_the_last_one_could_not(state: StateDirectory) -> None:
    ran(state, system(*REAL_TIME, broken=True), fault=SafetyStop)
    assert last_beat(state).ended == "SafetyStop: the line is cut"
    records, _ = ran(state, system(*REAL_TIME))
    [told] = found(records, ComponentFailed)
    assert told.component == "the process before"
    assert told.error.endswith("SafetyStop: the line is cut")
    assert found(ran(state, system(*REAL_TIME))[0], ComponentFailed) == []


def crash(state: StateDirectory, wall: int) -> None:
    """Leave a start without an end, as a process that is killed does."""
    state.make()
    with ControlFile(state.control) as file:
        file.write("INSERT INTO start (began_at, pid) VALUES (?, 1)", (wall,))


def test_a_process_that_went_down_without_a_word_is_told_too(state: StateDirectory) -> None:
    crash(state, START - MINUTE)
    [told] = found(ran(state, system(*REAL_TIME))[0], ComponentFailed)
    assert told.error == "went down without a word: killed, out of memory, or without power"


def test_after_five_crashes_in_ten_minutes_a_real_market_is_met_without_entries(state: StateDirectory) -> None:
    for number in range(5):
        crash(state, START + number * MINUTE)
        with ControlFile(state.control) as file:
            file.write("UPDATE start SET ended_at = began_at, how = 'crashed' WHERE ended_at IS NULL")
    records, _ = ran(state, system(*REAL_TIME), wall=START + 6 * MINUTE)
    assert found(records, TradingStateChanged)[0].reason.startswith("5 crashes within 10 minutes")
    assert found(records, OrderIntended) == []


def test_crashes_of_a_market_of_the_past_change_nothing(state: StateDirectory) -> None:
    for _ in range(7):
        ran(state, system(broken=True), fault=SafetyStop)
    assert found(ran(state, system())[0], OrderIntended) != []


def test_the_clock_follows_the_kind_of_market() -> None:
    assert isinstance(clock_of(True, Speed()), LiveClock)
    assert isinstance(clock_of(False, Speed(60.0)), PacedClock)
    assert clock_of(False, Speed()) is None


LIVE = '[live]\naccount = "A-1"'


def flagged(mode: Mode = Mode.PAPER, *, universe: str = "", more: str = "", **flags: Any) -> ProcessOptions:
    parts = registry(memory(MemoryProvider([])), script())
    profile = profile_of(parts, universe=universe, more=more)
    return SessionFlags(**flags).options(profile, mode, None)


def test_the_options_of_a_session_are_read() -> None:
    assert flagged(lasting="10m", speed="60x") == ProcessOptions(speed=Speed(60.0), ending=Ending(seconds=600))
    assert flagged(once=True).ending == Ending(once=True)
    start = 'start = "2026-04-05T00:00:00Z"'
    zone = '[schedule]\nzone = "America/New_York"'
    assert flagged(universe=start, more=zone, until="16:00").ending.at == START + 20 * HOUR


@pytest.mark.parametrize(
    ("mode", "flags", "said"),
    [
        (Mode.PAPER, {"lasting": "10m", "once": True}, "--for, --until and --once contradict each other"),
        (Mode.PAPER, {"arm": True}, "--arm and --take-account are for live sessions, was paper"),
        (Mode.LIVE, {}, "a live session trades on account A-1; say that you mean it: --arm"),
        (Mode.PAPER, {"until": "16:00"}, "expected a date with --until 16:00"),
        (Mode.PAPER, {"speed": "fast"}, "expected a speed such as"),
    ],
)
def test_options_that_make_no_sense_are_refused(mode: Mode, flags: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said.replace("(", r"\(")):
        flagged(mode, more=LIVE, **flags)


def test_a_back_test_has_none_of_these_options() -> None:
    SessionFlags().forbid(Mode.BACKTEST)
    with pytest.raises(UsageError, match="are for sessions, was backtest"):
        SessionFlags(speed="1x").forbid(Mode.BACKTEST)


def test_the_service_manager_is_told_that_the_session_is_up(
    state: StateDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "n"))
        manager.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "n"))
        ran(state, system())
        assert manager.recv(1000).decode().startswith("READY=1\nSTATUS=running, 0 positions")


def test_a_start_that_cannot_be_noted_keeps_no_session_from_starting(
    state: StateDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object) -> int:
        raise AtlasError("the disk is full")

    monkeypatch.setattr(ControlFile, "write", full)
    _records, summary = ran(state, system())
    assert summary is not None
