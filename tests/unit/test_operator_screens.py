"""The commands that ask a session and tell it: screens with their age, answers, and what is done without a session."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from click.testing import CliRunner, Result

from atlas_core.cli import operate, sessions, tables
from atlas_core.cli.main import atlas, run_command_line
from atlas_core.clock import SimClock
from atlas_core.control import kill_switch
from atlas_core.control.beat import Heartbeat, read_heartbeat
from atlas_core.control.file import ControlFile
from atlas_core.control.inbox import DONE, REFUSED, Inbox
from atlas_core.control.kill_switch import KillSwitch
from atlas_core.control.ledger import ScheduleLedger
from atlas_core.errors import AtlasError
from atlas_core.journal import Journal
from atlas_core.model.decisions import Severity
from atlas_core.model.orders import Action, OrderKind, OrderRole
from atlas_core.model.records import AlertRaised, ComponentFailed
from atlas_core.model.timeframe import DAY, HOUR, MINUTE, SECOND
from atlas_core.runs import Mode
from atlas_core.runtime.instance_lock import HeldLock, hold_instance
from atlas_core.statedir import StateDirectory
from tests.sample_run import START, intended, sample_run

NOW = START + DAY + 12 * SECOND
MARKS = {"BTC-PERP": "60560.7"}


class Ticking(SimClock):
    """No two commands are given at the same nanosecond."""

    def now(self) -> int:
        self._now += 1
        return self._now


@pytest.fixture(autouse=True)
def moment(monkeypatch: pytest.MonkeyPatch) -> SimClock:
    """Let it be twelve seconds after the last heartbeat."""
    clock = Ticking(NOW)
    for module in (sessions, operate):
        monkeypatch.setattr(module, "LiveClock", lambda: clock)
    return clock


def session_of(home: Path, profile: str = "demo", mode: Mode = Mode.PAPER, **changes: Any) -> StateDirectory:
    """Lay out a session whose journal is the sample run, with a working stop and something that failed."""
    state = StateDirectory.of(home, profile, mode)
    state.make()
    with Journal.create(state.path / "run.db") as journal:
        journal.append(sample_run())
        stop: dict[str, Any] = {"action": Action.SELL, "order_kind": OrderKind.STOP, "stop_price": None}
        journal.append([intended("o-3", "sig-6666ffff", START + 12 * HOUR, OrderRole.STOP, **stop)])
        journal.append([ComponentFailed(ts=START + HOUR, component="scanner strat", error="x", policy="left out")])
        for severity in Severity:
            journal.append([AlertRaised(ts=START, severity=severity, title=f"a {severity} one", text="t", key="k")])
    beat = Heartbeat(
        sequence=7, written_at=START + DAY, began_at=START, pid=41, host="h", profile=profile, mode=mode.value,
        state="running", run_id="demo-paper-0001", journal=str(state.path / "run.db"), synthetic=True, speed="1x",
        market_time=START + DAY, as_of={"bar": START + DAY - MINUTE}, open_positions=1, open_orders=1,
        equity="10135.21", marks=MARKS, state_hash="0123456789abcdef0123", next_jobs={"scan": START + 2 * DAY},
    )  # fmt: skip
    evolve(beat, **changes).write(state.heartbeat)
    return state


@pytest.fixture
def state(own_home: Path) -> StateDirectory:
    return session_of(own_home)


@pytest.fixture
def running(state: StateDirectory) -> Iterator[AbstractContextManager[HeldLock]]:
    with hold_instance(state, START) as lock:
        yield lock


def call(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(atlas, list(arguments), catch_exceptions=code != 0)
    assert (result.exit_code == 0) == (code == 0), result.output
    return result


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Call a command that fails; return its exit code and what it says."""
    code = run_command_line(arguments)
    return code, capsys.readouterr().err


@pytest.mark.usefixtures("running")
def test_status_says_how_a_running_session_is_and_how_old_that_news_is() -> None:
    text = call("status", "demo").stdout
    assert "profile demo · PAPER · synthetic market · run demo-paper-0001 · as of 12s ago" in text
    for name, value in (("Health", "ok"), ("Open positions", "1"), ("Equity", "10,135.21"), ("Entries", "allowed")):
        assert any(line.split()[: len(name.split())] == name.split() and value in line for line in text.splitlines())
    assert "2026-04-05 23:59Z (1m ago)" in text


def test_status_of_a_session_that_does_not_run_never_looks_alive(state: StateDirectory) -> None:
    text = call("status", "demo").stdout
    assert "the session is not running; as of 12s ago" in text
    assert "bad: it went down without saying so" in text
    lines = [line.split() for line in text.splitlines()]
    assert ["State", "was", "running"] in lines
    assert ["Entries", "none", "any", "more"] in lines
    facts = json.loads(call("status", "demo", "--json").stdout)
    assert (facts["running"], facts["health"], facts["age_seconds"]) == (False, "bad", 12)
    assert facts["state"] == str(state.path)


@pytest.mark.usefixtures("running")
def test_a_session_that_hangs_is_told_by_the_age_of_its_heartbeat(moment: SimClock) -> None:
    moment.advance_to(NOW + HOUR)
    assert "bad: its last sign of life is 3612 s old" in call("status").stdout


def test_status_names_the_kill_switch_at_once_and_also_while_nothing_runs(state: StateDirectory) -> None:
    KillSwitch(state.kill_file).engage("cli:ann", "smoke", START)
    said = "no entries: kill switch: killed by cli:ann at 2026-04-05 00:00:00Z: smoke"
    with hold_instance(state, START):
        running = call("status", "demo").stdout
        assert f"warn: {said}" in running
        assert ["Entries", "stopped"] in [line.split() for line in running.splitlines()]
    assert f"bad: it went down without saying so; {said}" in call("status", "demo").stdout


@pytest.mark.parametrize(("symbols", "shown"), [(["BTC-PERP"], "not in BTC-PERP"), (list("abcd"), "not in 4 symbols")])
def test_status_says_in_which_symbols_nothing_is_entered(own_home: Path, symbols: list[str], shown: str) -> None:
    why = "books and venue differ in this symbol"
    state = session_of(own_home, blocked=dict.fromkeys(symbols, why))
    with hold_instance(state, START):
        lines = call("status", "demo").stdout.splitlines()
    assert f"warn: no entries in {', '.join(symbols)}: {why}" in lines[1]
    assert ["Entries", "allowed,", *shown.split()] in [line.split() for line in lines]
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(("how", "level"), [("benched", "warn"), ("given up", "bad")])
def test_status_names_a_task_that_does_nothing_and_allows_no_entries(own_home: Path, how: str, level: str) -> None:
    state = session_of(own_home, benched={"provider stream": how})
    with hold_instance(state, START):
        lines = call("status", "demo").stdout.splitlines()
    assert f"{level}: provider stream is {how}" in lines[1]
    assert ["Health", level] in [line.split() for line in lines]
    assert ["Entries", "none", "new:", "provider", "stream", "is", *how.split()] in [line.split() for line in lines]


def test_a_market_that_has_not_begun_has_no_time(own_home: Path) -> None:
    session_of(own_home, market_time=0, as_of={})
    lines = [line.split() for line in call("status", "demo").stdout.splitlines()]
    assert ["Market", "time", "—", "at", "1x"] in lines


@pytest.mark.parametrize("command", ["status", "stop", "pause"])
def test_a_session_of_another_user_is_never_told_to_be_down(
    command: str, state: StateDirectory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    code, told = refused(capsys, command, "demo")
    assert code == 1
    assert f"expected to look into {state.path}, was refused" in told


def test_several_sessions_are_a_table_and_one_must_be_named(
    own_home: Path, state: StateDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    session_of(own_home, "other", Mode.LIVE, ended="stopped by cli:ann")
    text = call("status").stdout
    assert [line.split()[:3] for line in text.splitlines() if "it went down" in line or "ended" in line] == [
        ["demo", "paper", "bad"], ["other", "LIVE", "off"],
    ]  # fmt: skip
    code, told = refused(capsys, "positions")
    assert code == 2
    assert "expected the name of one session, these are there: demo --mode paper, other --mode live" in told
    with hold_instance(state, START):
        assert "profile demo" in call("positions").stdout


def test_without_any_session_the_way_to_start_one_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    code, told = refused(capsys, "status")
    assert code == 5
    assert "start one: atlas run demo --speed 1x" in told
    assert "there is no session of profile demo" in refused(capsys, "kill", "demo", "--reason", "x")[1]


@pytest.mark.usefixtures("state")
def test_positions_are_valued_at_the_last_price_that_the_session_knew() -> None:
    text = call("positions", "demo").stdout
    [row] = [line for line in text.splitlines() if "BTC-PERP" in line]
    assert row.split()[:8] == ["3", "BTC-PERP", "long", "0.12", "60,000", "60,560.7", "+67.28", "+0.9"]
    facts = json.loads(call("positions", "demo", "--json").stdout)
    assert facts["as_of"] == "the session is not running; as of 12s ago"
    assert [(row["trade_id"], row["unrealised"]) for row in facts["positions"]] == [(3, "67.284")]


@pytest.mark.usefixtures("state")
def test_working_orders_closed_trades_and_errors_come_from_the_journal() -> None:
    orders = json.loads(call("orders", "demo", "--json").stdout)["orders"]
    assert [order["client_order_id"] for order in orders] == ["o-3"]
    trades = json.loads(call("trades", "demo", "--json", "-n", "1").stdout)["trades"]
    assert [(trade["trade_id"], trade["net"]) for trade in trades] == [(2, "-67.28")]
    errors = json.loads(call("errors", "demo", "--json").stdout)["errors"]
    assert [error["severity"] for error in errors] == ["failed", "warning", "critical"]
    assert "scanner strat" in call("errors", "demo").stdout
    assert "stop" in call("orders", "demo").stdout
    assert "Closed trades, the latest first" in call("trades", "demo").stdout


def test_jobs_show_what_comes_while_it_runs_and_what_was(state: StateDirectory) -> None:
    with ControlFile(state.control) as file:
        ScheduleLedger(file).claim(("scan", "2026-04-05", "09:35"), START, START + 2 * SECOND)
        ScheduleLedger(file).finish(("scan", "2026-04-05", "09:35"), "done", START + 3 * SECOND)
    with hold_instance(state, START):
        running = call("jobs", "demo").stdout.splitlines()
    ended = call("jobs", "demo").stdout.splitlines()
    assert [line.split()[-1] for line in running if line.startswith("scan")] == ["next", "done"]
    assert [line.split()[-1] for line in ended if line.startswith("scan")] == ["done"]


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("command", ["status", "positions", "orders", "trades", "errors", "jobs"])
def test_every_screen_fits(command: str, width: int, state: StateDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    KillSwitch(state.kill_file).engage("cli:ann", "smoke comes out of the machine, " * 5, START)
    monkeypatch.setattr(tables, "terminal_width", lambda: width)
    text = call(command, "demo").stdout
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text


def answering(state: StateDirectory, status: str, answer: str, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Let a session answer while the command waits; return what it was asked."""
    asked: list[Any] = []

    def look() -> None:
        with ControlFile(state.control) as file:
            for request in Inbox(file).take(NOW):
                asked.append((request.name, dict(request.arguments), request.actor))
                Inbox(file).answer(request.id, status, answer, NOW)

    monkeypatch.setattr(operate, "_pause", look)
    monkeypatch.setattr(operate, "actor", lambda: "cli:ann")
    return asked


@pytest.mark.usefixtures("running")
def test_a_command_goes_through_the_inbox_and_its_answer_is_shown(
    state: StateDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answering(state, DONE, "closing BTC-PERP at the market", monkeypatch)
    assert call("close", "3", "-p", "demo").stdout == "closing BTC-PERP at the market\n"
    assert json.loads(call("pause", "--reason", "lunch", "--json").stdout)["answer"].startswith("closing")
    call("ack", "disk")
    assert asked.pop() == ("ack", {"key": "disk"}, "cli:ann")
    assert asked == [("close", {"symbol": "BTC-PERP"}, "cli:ann"), ("pause", {"reason": "lunch"}, "cli:ann")]


@pytest.mark.usefixtures("running")
def test_what_the_session_refuses_is_an_error(
    state: StateDirectory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answering(state, REFUSED, "expected a symbol with a position", monkeypatch)
    assert refused(capsys, "close", "XRP") == (1, "error: expected a symbol with a position\n")


@pytest.mark.usefixtures("running")
def test_a_session_that_does_not_answer_is_told_with_exit_code_8(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(operate, "_pause", lambda: None)
    code, told = refused(capsys, "pause")
    assert code == 8
    assert "did not answer within 10 s, the command is waiting" in told


@pytest.mark.usefixtures("running")
def test_kill_engages_the_switch_before_anybody_answers(
    state: StateDirectory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(operate, "_pause", lambda: None)
    assert refused(capsys, "kill", "--reason", "smoke")[0] == 8
    assert KillSwitch(state.kill_file).is_engaged


def test_kill_and_its_end_work_without_a_session_and_are_in_the_audit(
    state: StateDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operate, "actor", lambda: "cli:ann")
    assert "the next session enters nothing" in call("kill", "demo", "--reason", "smoke").stdout
    assert KillSwitch(state.kill_file).is_engaged
    assert "cleared: killed by cli:ann" in call("resume", "demo", "--after-kill", "--reason", "checked").stdout
    assert not KillSwitch(state.kill_file).is_engaged
    with ControlFile(state.control) as file:
        assert [(row.name, row.actor, row.status) for row in Inbox(file).latest()] == [
            ("kill", "cli:ann", DONE), ("resume", "cli:ann", DONE),
        ][::-1]  # fmt: skip


def test_who_clears_a_kill_without_the_session_is_told_that_its_journal_may_hold_a_halt(state: StateDirectory) -> None:
    for goes_on in (False, True):
        if goes_on:
            (state.path / "run.db").rename(state.journal)
        call("kill", "demo", "--reason", "smoke")
        told = call("resume", "demo", "--after-kill", "--reason", "checked").stdout
        assert ("stays halted until atlas resume" in told) == goes_on


@pytest.mark.usefixtures("running")
def test_a_full_disk_takes_an_empty_kill_file_at_least(
    state: StateDirectory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    def refuse(_inbox: Inbox, *_: object) -> None:
        raise AtlasError("control.db cannot be used: database or disk is full; free space")

    monkeypatch.setattr(kill_switch, "write_json", full)
    monkeypatch.setattr(Inbox, "send", refuse)
    code, told = refused(capsys, "kill", "--reason", "smoke")
    assert code == 1
    assert "the kill switch is engaged all the same" in told
    assert "disk is full; free space" in told
    assert KillSwitch(state.kill_file).is_engaged


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("kill", "demo"), 2, "Missing option '--reason'"),
        (("close", "-p", "demo"), 2, "close: expected a symbol or --all"),
        (("resume", "demo", "--after-kill"), 2, "expected a reason to clear the kill switch"),
        (("pause", "demo"), 5, "profile demo (paper) is not running; start it: atlas run demo"),
        (("stop", "demo"), 5, "profile demo (paper) is not running"),
    ],
)
@pytest.mark.usefixtures("state")
def test_what_cannot_be_done_is_told(
    arguments: tuple[str, ...], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given, told = refused(capsys, *arguments)
    assert given == code
    assert said in told


def test_a_live_session_is_asked_about_first(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = session_of(own_home, mode=Mode.LIVE)
    asked = answering(state, DONE, "closing", monkeypatch)
    with hold_instance(state, START):
        declined = CliRunner().invoke(atlas, ["close", "--all"], input="n\n")
        assert declined.exit_code == 1
        assert asked == []
        assert CliRunner().invoke(atlas, ["close", "--all"], input="y\n").exit_code == 0
        call("close", "--all", "--yes")
    assert len(asked) == 2


def test_stop_waits_until_the_process_is_gone(state: StateDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = hold_instance(state, START)
    looks: list[int] = []

    def look() -> None:
        looks.append(1)
        with ControlFile(state.control) as file:
            for request in Inbox(file).take(NOW):
                Inbox(file).answer(request.id, DONE, "stopping in good order", NOW)
        if len(looks) == 4:
            lock.release()

    monkeypatch.setattr(operate, "_pause", look)
    assert call("stop").stdout == "stopping in good order\n"
    assert len(looks) == 4


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("stop",), 0, "profile demo (paper) ended by itself first: end of data"),
        (("pause",), 5, "profile demo (paper) is not running"),
        (("kill", "--reason", "smoke"), 0, "the next session enters nothing"),
    ],
)
def test_a_command_to_a_session_that_ends_first_is_not_left_for_the_next_one(
    arguments: tuple[str, ...],
    code: int,
    said: str,
    state: StateDirectory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lock = hold_instance(state, START)

    def end() -> None:
        beat = read_heartbeat(state.heartbeat)
        assert beat is not None
        evolve(beat, ended="end of data").write(state.heartbeat)
        lock.release()

    monkeypatch.setattr(operate, "_pause", end)
    assert run_command_line(arguments) == code
    assert said in "".join(capsys.readouterr())
    with ControlFile(state.control) as file:
        assert Inbox(file).take(NOW) == ()


def test_a_command_that_a_session_took_with_it_is_told_as_that(
    state: StateDirectory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = hold_instance(state, START)

    def crash() -> None:
        with ControlFile(state.control) as file:
            Inbox(file).take(NOW)
        lock.release()

    monkeypatch.setattr(operate, "_pause", crash)
    code, told = refused(capsys, "pause")
    assert code == 8
    assert "ended before it answered, pause may be done" in told


@pytest.mark.usefixtures("state")
def test_a_session_is_found_by_the_file_of_its_profile_too(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[profile]\nname = "demo"\n')
    assert "profile demo" in call("positions", str(path)).stdout
