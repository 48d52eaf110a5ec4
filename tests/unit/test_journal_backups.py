"""Backups that are checked, kept for a while, and brought back; and the room kept for a full disk."""

from __future__ import annotations

import shutil
import sqlite3
import stat
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_core.cli.main import run_command_line
from atlas_core.errors import JournalCorrupt, JournalError, NotFound
from atlas_core.journal import Journal, JournalReader
from atlas_core.journal.backups import (
    DAYS_KEPT,
    HOURS_KEPT,
    backups_in,
    is_due,
    kept_times,
    newest_backup,
    restore_backup,
    take_backup,
)
from atlas_core.journal.ballast import Ballast
from atlas_core.model.timeframe import DAY, HOUR, MINUTE
from tests.journal_samples import START, short_run, signal

Output = pytest.CaptureFixture[str]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "journal.db"
    with Journal.create(path) as journal:
        journal.append(short_run())
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "backups"


def digest_of(path: Path) -> str:
    with JournalReader.open(path) as reader:
        reader.verify(projections=True)
        return reader.digest()


# --- making


def test_a_backup_is_whole_private_and_made_while_the_session_writes(path: Path, folder: Path) -> None:
    with Journal.open(path) as journal:
        journal.append([signal("k")])
        taken = take_backup(path, folder, START)
        journal.append([signal("after")])
        assert (taken.events, taken.path.name) == (23, "journal-20220101T000000Z.db")
    assert digest_of(taken.path) == taken.digest
    assert taken.size == taken.path.stat().st_size
    assert stat.S_IMODE(taken.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [each.path for each in backups_in(folder)] == [taken.path]


def test_a_backup_that_cannot_be_believed_gets_no_name_and_removes_none(path: Path, folder: Path) -> None:
    good = take_backup(path, folder, START - 40 * DAY)
    with sqlite3.connect(path) as stranger:
        stranger.execute("DROP TRIGGER event_is_never_changed")
        stranger.execute("UPDATE event SET ts = ts + 1 WHERE seq = 5")
    stranger.close()
    with pytest.raises(JournalCorrupt, match="event 5: expected hash"):
        take_backup(path, folder, START)
    assert [each.path for each in backups_in(folder)] == [good.path]


def test_a_backup_is_due_once_an_hour(path: Path, folder: Path) -> None:
    assert is_due(folder, START)
    take_backup(path, folder, START + 10 * MINUTE)
    assert not is_due(folder, START + 59 * MINUTE)
    assert is_due(folder, START + HOUR)
    assert is_due(folder, START - HOUR)  # the one of START was made while the clock was ahead


# --- keeping


def test_backups_of_two_months_are_thinned_out_to_hours_and_days() -> None:
    times = [START + number * HOUR for number in range(60 * 24)]
    kept: frozenset[int] = frozenset()
    for taken in range(1, len(times) + 1):
        kept = kept_times([*kept, times[taken - 1]])
    days = {ts // DAY for ts in kept}
    assert kept >= set(times[-HOURS_KEPT:])
    assert len(days) == DAYS_KEPT
    assert len(kept) == HOURS_KEPT + DAYS_KEPT - 1  # the last day's is among the hours


@given(st.lists(st.integers(0, 400 * DAY), max_size=80, unique=True))
def test_the_newest_is_always_kept_and_keeping_twice_changes_nothing(times: Iterable[int]) -> None:
    times = list(times)
    kept = kept_times(times)
    assert kept <= set(times)
    assert len(kept) <= HOURS_KEPT + DAYS_KEPT
    assert not times or max(times) in kept
    assert kept_times(kept) == kept


def test_taking_one_removes_what_is_not_kept(path: Path, folder: Path) -> None:
    for day in range(4):
        for minute in (0, 30):
            take_backup(path, folder, START + day * DAY + minute * MINUTE)
    assert len(backups_in(folder)) == 4
    (folder / "journal-notes.db").touch()
    take_backup(path, folder, START + 5 * DAY)
    assert (folder / "journal-notes.db").exists()


# --- the way back


def test_a_backup_takes_the_place_of_a_journal_and_its_stale_log_goes(path: Path, folder: Path, tmp_path: Path) -> None:
    taken = take_backup(path, folder, START)
    with Journal.open(path) as journal:
        journal.append([signal("later")])
        for name in ("journal.db", "journal.db-wal", "journal.db-shm"):
            shutil.copy(tmp_path / name, tmp_path / f"{name}.left")
    for name in ("journal.db", "journal.db-wal", "journal.db-shm"):
        (tmp_path / f"{name}.left").replace(tmp_path / name)
    replaced = restore_backup(taken.path, path, START + DAY)
    assert not (tmp_path / "journal.db-wal").exists()
    assert not (tmp_path / "journal.db-shm").exists()
    assert digest_of(path) == taken.digest
    assert replaced is not None
    with Journal.resume(path, now=START + DAY) as journal:
        journal.append([signal("new")])
    with JournalReader.open(replaced) as old:  # with its log: nothing of it is lost
        assert old.count() == 23


def test_a_restore_is_refused_while_a_session_writes(path: Path, folder: Path) -> None:
    taken = take_backup(path, folder, START)
    with Journal.open(path) as journal:
        with pytest.raises(JournalError, match="is one already; stop it first"):
            restore_backup(taken.path, path, START)
        journal.append([signal("still")])


def test_a_damaged_backup_is_not_restored(path: Path, folder: Path) -> None:
    taken, before = take_backup(path, folder, START), digest_of(path)
    content = bytearray(taken.path.read_bytes())
    content[8192:8292] = bytes(100)
    taken.path.write_bytes(content)
    with pytest.raises(JournalError):
        restore_backup(taken.path, path, START)
    assert digest_of(path) == before


def test_a_lost_journal_is_restored_too(path: Path, folder: Path) -> None:
    taken = take_backup(path, folder, START)
    path.unlink()
    assert restore_backup(taken.path, path, START) is None
    assert digest_of(path) == taken.digest


@pytest.mark.parametrize("step", range(4))
def test_a_restore_that_is_cut_off_is_refused_until_it_was_done_again(
    path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    taken, before = take_backup(path, folder, START), digest_of(path)
    path.with_name("journal.db-wal").touch()
    moves: list[Path] = []
    replace = Path.replace

    def cut_off(source: Path, target: Path) -> Path:
        if len(moves) == step:
            raise KeyboardInterrupt
        moves.append(source)
        return replace(source, target)

    monkeypatch.setattr(Path, "replace", cut_off)
    with pytest.raises(KeyboardInterrupt):
        restore_backup(taken.path, path, START)
    monkeypatch.undo()
    if step == 0:  # nothing was moved yet: the journal is what it was
        assert digest_of(path) == before
    else:
        with pytest.raises(JournalError, match="a restore was cut off; do it again"):
            Journal.resume(path, now=START)
    restore_backup(taken.path, path, START + HOUR)
    with Journal.resume(path, now=START) as journal:
        assert journal.digest() == taken.digest


def test_backup_and_restore_from_the_command_line(path: Path, capsys: Output) -> None:
    assert run_command_line(["backup", str(path)]) == 0
    assert "22 events" in capsys.readouterr().out
    assert run_command_line(["backup", str(path), "--if-due"]) == 0
    assert capsys.readouterr().out == "there is a backup of this hour\n"
    with Journal.open(path) as journal:
        journal.append([signal("later")])
        assert run_command_line(["restore", str(path), "--yes"]) == 4
    tape = path.with_name("tape-0000000024.jsonl.gz")
    tape.touch()
    assert run_command_line(["restore", str(path), "--yes"]) == 0
    assert "is kept as journal.db.replaced-" in capsys.readouterr().out
    with JournalReader.open(path) as reader:
        assert reader.count() == 22
    assert not tape.exists()
    path.unlink()
    assert run_command_line(["restore", str(path), "--yes"]) == 0
    assert path.exists()


def test_without_a_backup_there_is_nothing_to_restore(path: Path, folder: Path) -> None:
    with pytest.raises(NotFound, match="there is no backup in"):
        newest_backup(folder)
    assert run_command_line(["restore", str(path), "--yes"]) == 5


# --- room


def test_ballast_holds_real_room_until_it_is_released(path: Path) -> None:
    ballast = Ballast(Ballast.beside(path).path, 2**20)
    assert not ballast.is_laid
    assert ballast.lay()
    assert ballast.lay()
    status = ballast.path.stat()
    assert (status.st_size, stat.S_IMODE(status.st_mode)) == (2**20, 0o600)
    assert status.st_blocks * 512 >= 2**20
    assert ballast.release()
    assert not ballast.release()
    assert not ballast.is_laid


def test_ballast_that_cannot_be_laid_leaves_nothing_and_raises_nothing(tmp_path: Path) -> None:
    assert not Ballast(tmp_path / "nowhere" / "ballast").lay()
    assert not Ballast(tmp_path / "ballast", 2**62).lay()
    assert list(tmp_path.iterdir()) == []
