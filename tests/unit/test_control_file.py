"""The small database beside a journal: commands, starts, runs of the schedule."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_core.control.file import SESSION_WAITS_SECONDS, Busy, ControlFile
from atlas_core.control.inbox import DONE, FRESH_SECONDS, REFUSED, STALE, TAKEN, Inbox, is_fresh
from atlas_core.control.ledger import ScheduleLedger
from atlas_core.control.starts import LOOP_SECONDS, StartLog
from atlas_core.errors import AtlasError
from atlas_core.model.timeframe import MINUTE, SECOND
from tests.memory import START

KEY = ("scan", "2026-04-05", "09:35")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.db"


def test_a_command_is_taken_once_and_its_sender_reads_the_answer(path: Path) -> None:
    with ControlFile(path) as sender, ControlFile(path) as session:
        sent = Inbox(sender).send("k1", "close", {"symbol": "X"}, "cli:ann", START)
        [taken] = Inbox(session).take(START + SECOND)
        assert (taken.name, taken.arguments, taken.actor) == ("close", {"symbol": "X"}, "cli:ann")
        assert Inbox(session).take(START + 2 * SECOND) == ()
        assert not Inbox(sender).request(sent.id).is_answered
        Inbox(session).answer(taken.id, DONE, "closing X", START + 2 * SECOND)
        assert Inbox(sender).request(sent.id).answer == "closing X"


def test_the_same_key_twice_is_one_command(path: Path) -> None:
    with ControlFile(path) as file:
        inbox = Inbox(file)
        first = inbox.send("k1", "pause", {}, "chat:7", START)
        inbox.answer(first.id, REFUSED, "no", START)
        again = inbox.send("k1", "kill", {"reason": "x"}, "chat:8", START + SECOND)
        assert (again.id, again.name, again.answer) == (first.id, "pause", "no")
        assert inbox.take(START) == ()


def test_an_old_command_is_answered_as_stale_and_never_done(path: Path) -> None:
    with ControlFile(path) as file:
        inbox = Inbox(file)
        old = inbox.send("old", "close", {"all": True}, "cli:ann", START)
        new = inbox.send("new", "pause", {}, "cli:ann", START + 2 * MINUTE)
        assert [request.id for request in inbox.take(START + 2 * MINUTE)] == [new.id]
        assert inbox.request(old.id).status == STALE
        assert "120 s old" in inbox.request(old.id).answer


def test_a_command_that_a_dead_process_took_is_not_done_by_the_next_one(path: Path) -> None:
    with ControlFile(path) as file:
        sent = Inbox(file).send("k", "close", {"all": True}, "cli:ann", START)
        Inbox(file).take(START)
    with ControlFile(path) as file:
        assert Inbox(file).take(START) == ()
        assert Inbox(file).request(sent.id).status == TAKEN


@given(st.integers(-(10**12), 10**12))
def test_a_command_is_fresh_for_a_minute_and_never_from_the_future(shift: int) -> None:
    assert is_fresh(START, START + shift) == (abs(shift) <= FRESH_SECONDS * SECOND)


def test_what_was_done_without_a_session_is_in_the_audit(path: Path) -> None:
    with ControlFile(path) as file:
        Inbox(file).note("k", "kill", {"reason": "smoke"}, "cli:ann", "killed", START)
        [row] = Inbox(file).latest()
    assert (row.name, row.actor, row.status, row.answer) == ("kill", "cli:ann", DONE, "killed")


def test_a_slot_is_claimed_once_even_by_another_process(path: Path) -> None:
    with ControlFile(path) as one, ControlFile(path) as other:
        assert ScheduleLedger(one).claim(KEY, START, START)
        assert not ScheduleLedger(other).claim(KEY, START, START)
        ScheduleLedger(one).finish(KEY, DONE, START + SECOND)
        [run] = ScheduleLedger(other).latest("scan")
        assert (run.status, run.ended_at) == (DONE, START + SECOND)
        assert ScheduleLedger(other).latest("other") == ()


def test_a_start_without_an_end_is_a_crash_and_five_in_ten_minutes_are_a_loop(path: Path) -> None:
    with ControlFile(path) as file:
        log, now = StartLog(file), START
        starts = []
        for _ in range(6):
            starts.append(log.begin(41, now))
            now += MINUTE
    assert [start.previous_crashed for start in starts] == [False, True, True, True, True, True]
    assert [start.crashes for start in starts] == [0, 1, 2, 3, 4, 5]
    assert [start.is_safe_mode for start in starts] == [False] * 5 + [True]


def test_crashes_are_forgotten_after_ten_minutes_and_good_ends_are_none(path: Path) -> None:
    with ControlFile(path) as file:
        log = StartLog(file)
        first = log.begin(1, START)
        log.end(first, "crashed", START + SECOND)
        assert log.begin(2, START + MINUTE).crashes == 1
        second = log.begin(3, START + LOOP_SECONDS * SECOND + 2 * SECOND)
        assert (second.previous_crashed, second.crashes) == (True, 1)
        log.end(second, "stopped", START + LOOP_SECONDS * SECOND + 3 * SECOND)
        third = log.begin(4, START + 3 * LOOP_SECONDS * SECOND)
        assert (third.previous_crashed, third.crashes) == (False, 0)


def test_a_stranger_that_holds_the_file_delays_the_session_by_a_moment_only(path: Path) -> None:
    with ControlFile(path, waits=SESSION_WAITS_SECONDS) as session:
        stranger = sqlite3.connect(path, isolation_level=None)
        stranger.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Busy, match="held by another process"):
            Inbox(session).take(START)
        stranger.execute("ROLLBACK")
        stranger.close()
        assert Inbox(session).take(START) == ()


def test_a_file_that_is_none_is_refused_with_the_remedy(path: Path) -> None:
    path.write_text("not a database, but long enough to be read as one " * 30)
    with pytest.raises(AtlasError, match="move it away"):
        ControlFile(path)


def test_only_the_owner_may_read_the_file(path: Path) -> None:
    with ControlFile(path):
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_session_puts_a_damaged_file_aside_and_starts_with_a_new_one(path: Path) -> None:
    path.write_text("not a database, but long enough to be read as one " * 30)
    with ControlFile.mended(path, START) as file:
        assert StartLog(file).begin(1, START).crashes == 0
    assert path.with_name(f"control.db.damaged-{START}").read_text().startswith("not a database")
