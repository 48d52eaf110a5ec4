"""A journal that several processes continue: what is checked at the start, and how the sessions show."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

import pytest

from atlas_core.errors import JournalCorrupt, JournalError
from atlas_core.journal import Journal, JournalReader, store
from atlas_core.journal.lock import WriterLock
from atlas_core.model.records import RunFinished, SessionPaused, SessionResumed
from atlas_core.model.timeframe import DAY
from tests.journal_samples import START, short_run, signal

MONDAY = START
FRIDAY = START + 4 * DAY
NEXT_WEEK = START + 8 * DAY


def resumed(ts: int, *, crashed: bool, digest: str = "abc") -> SessionResumed:
    return SessionResumed(ts=ts, crashed=crashed, profile_digest=digest, components=("scanner strat",))


def paused(ts: int) -> SessionPaused:
    return SessionPaused(ts=ts, reason="stopped by a person")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal that was checked whole on Monday."""
    path = tmp_path / "journal.db"
    with Journal.create(path) as journal:
        journal.append(short_run()[:-1])
    Journal.resume(path, now=MONDAY).close()
    return path


def _change(path: Path, *statements: str) -> None:
    with sqlite3.connect(path) as stranger:
        for statement in ("DROP TRIGGER event_is_never_changed", *statements):
            stranger.execute(statement)
    stranger.close()


def test_a_continuing_session_appends_behind_what_is_there(path: Path) -> None:
    with Journal.resume(path, now=FRIDAY) as journal:
        assert journal.append([resumed(FRIDAY, crashed=True), signal("later", FRIDAY)]) == range(22, 24)
        journal.verify(projections=True)


def test_the_end_of_the_chain_is_followed_at_every_start(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_TAIL", 5)
    _change(path, "UPDATE event SET ts = ts + 1 WHERE seq = 17")
    with pytest.raises(JournalCorrupt, match="event 17: expected hash"):
        Journal.resume(path, now=FRIDAY)
    Journal.open(path).close()  # it was closed and its lock released


def test_the_whole_chain_is_followed_once_a_week(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_TAIL", 5)
    _change(path, "UPDATE event SET ts = ts + 1 WHERE seq = 3")
    Journal.resume(path, now=FRIDAY).close()
    with pytest.raises(JournalCorrupt, match="event 3: expected hash"):
        Journal.resume(path, now=NEXT_WEEK)


def test_projections_that_are_not_what_the_events_give_are_built_again(path: Path) -> None:
    with JournalReader.open(path) as reader:
        before = reader.projection_dump()
    _change(path, "UPDATE trade SET net = '1000000'")
    with Journal.resume(path, now=NEXT_WEEK) as journal:
        assert journal.projection_dump() == before


def test_a_damaged_page_keeps_the_session_from_starting(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:4196] = bytes(100)  # the head of the second page
    path.write_bytes(content)
    with pytest.raises(JournalCorrupt):
        Journal.resume(path, now=FRIDAY)


def test_each_process_is_a_session_with_its_end(path: Path) -> None:
    with Journal.resume(path, now=MONDAY) as journal:
        journal.append([paused(MONDAY)])
        journal.append([resumed(FRIDAY, crashed=False)])
        journal.append([resumed(FRIDAY + 1, crashed=True, digest="new")])
        journal.verify(projections=True)
        first, second, third = journal.sessions()
        run = journal.run()
    assert (first.state, first.ended_at, first.reason) == ("paused", MONDAY, "stopped by a person")
    assert (second.state, second.ended_at, second.after_crash) == ("crashed", None, False)
    assert (third.number, third.seq, third.started_at, third.after_crash) == (3, 24, FRIDAY + 1, True)
    assert (third.profile_digest, third.components, third.state) == ("new", ("scanner strat",), "open")
    assert (run.sessions, run.profile_digest, run.finished_at) == (3, "new", None)
    assert (run.profile, run.started_at) == ("demo", START)


def test_a_run_that_finished_is_one_session_and_shows_its_end() -> None:
    with Journal.in_memory() as journal:
        journal.append(short_run())
        finish = short_run()[-1]
        assert isinstance(finish, RunFinished)
        (session,) = journal.sessions()
        assert (session.state, session.ended_at) == ("finished", finish.ts)
        journal.append([resumed(FRIDAY, crashed=False)])
        assert journal.run().finished_at is None


# --- one writer, its log and its files


def test_a_log_that_grew_large_is_moved_into_the_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_LARGE_LOG", 100_000)
    log = path.with_name("journal.db-wal")
    with Journal.open(path) as journal:
        sizes = []
        for number in range(60):
            journal.append([signal(f"k{number}")])
            sizes.append(log.stat().st_size)
        assert 0 < max(sizes) < 150_000
        assert sizes.count(0) > 2
        journal.verify(projections=True)


def test_a_reader_in_the_way_puts_the_move_off_and_delays_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_LARGE_LOG", 100_000)
    log = path.with_name("journal.db-wal")
    with Journal.open(path) as journal, JournalReader.open(path) as reader:
        journal.append([signal("first")])
        with reader._snapshot():
            assert reader.signal_count() == 3
            for number in range(60):
                journal.append([signal(f"k{number}")])
            assert log.stat().st_size > 300_000
        for number in range(60, 90):
            journal.append([signal(f"k{number}")])
        assert log.stat().st_size < 150_000


def test_an_idle_session_moves_a_log_that_is_worth_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = path.with_name("journal.db-wal")
    with Journal.open(path) as journal:
        journal.append([signal("k")])
        journal.rest()
        assert log.stat().st_size > 0
        monkeypatch.setattr(store, "_WORTHWHILE_LOG", 0)
        journal.append([signal("l")])
        journal.rest()
        assert log.stat().st_size == 0


def test_nobody_but_the_journal_moves_the_log(path: Path) -> None:
    with Journal.open(path) as journal, JournalReader.open(path) as reader:
        for one in (journal, reader):
            assert one._connection.execute("PRAGMA wal_autocheckpoint").fetchone()[0] == 0


def test_a_connection_that_writes_needs_the_lock(path: Path) -> None:
    lock = WriterLock(path)
    lock.expect_held(path)
    with pytest.raises(JournalError, match="expected to hold the lock of"):
        lock.expect_held(path.with_name("other.db"))
    lock.release()
    with pytest.raises(JournalError, match="expected to hold the lock of"):
        lock.expect_held(path)


def test_files_and_directories_are_private_whatever_the_umask_is(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        path = tmp_path / "state" / "demo" / "journal.db"
        with Journal.create(path) as journal:
            journal.append(short_run())
            modes = {place.name: stat.S_IMODE(place.stat().st_mode) for place in (tmp_path / "state").rglob("*")}
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    assert modes.pop("demo") == 0o700
    assert len(modes) == 4
    assert set(modes.values()) == {0o600}
