from __future__ import annotations

import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from atlas_core.errors import JournalError, JournalTooNew
from atlas_core.journal import Journal, JournalReader
from atlas_core.journal.files import connect_reader
from atlas_core.journal.migrations import expect_current
from atlas_core.journal.schema import STEPS, Step
from tests.journal_samples import short_run

_HEAD = STEPS[-1].version
_NOTE = Step(_HEAD + 1, "note", ("ALTER TABLE meta ADD COLUMN note TEXT", "UPDATE meta SET note = 'old'"))
_PLACE = Step(_HEAD + 2, "place", ("CREATE TABLE place (name TEXT) STRICT",))
_FAILING = Step(_HEAD + 2, "place", ("CREATE TABLE place (name TEXT) STRICT", "INSERT INTO nowhere VALUES (1)"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "journal.db"
    with Journal.create(path) as journal:
        journal.append(short_run())
    return path


def _ask(path: Path, sql: str) -> object:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(sql).fetchone()[0]
    finally:
        connection.close()


def test_the_steps_are_the_ones_that_were_released() -> None:
    assert [(step.version, step.checksum[:16]) for step in STEPS] == [
        (1, "51805358cc34f49b"),
        (2, "a638589c2e106a85"),
    ]


def test_an_older_file_is_backed_up_and_brought_forward(path: Path) -> None:
    before = Journal.open(path)
    digest, dump = before.digest(), before.projection_dump()
    before.close()
    with Journal.open(path, steps=(*STEPS, _NOTE, _PLACE)) as journal:
        assert (journal.digest(), journal.projection_dump()) == (digest, dump)
        journal.append(short_run())
        journal.verify(projections=True)
    assert _ask(path, "PRAGMA user_version") == _HEAD + 2
    assert _ask(path, "SELECT note FROM meta") == "old"
    backup = path.with_name(f"journal.db.v{_HEAD}-backup")
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    with JournalReader.open(backup) as reader:
        reader.verify(projections=True)
        assert reader.digest() == digest


def test_projections_are_rebuilt_after_the_last_step(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("DROP TABLE trade")
    connection.close()
    with Journal.open(path, steps=(*STEPS, _NOTE)) as journal:
        assert len(journal.trades()) == 1


def test_a_current_file_is_not_backed_up(path: Path) -> None:
    Journal.open(path).close()
    assert not path.with_name(f"journal.db.v{_HEAD}-backup").exists()


def test_a_step_that_fails_leaves_the_last_whole_version(path: Path) -> None:
    with pytest.raises(
        JournalError, match=rf"migration {_HEAD + 2} \(place\) failed and was taken back: no such table: nowhere"
    ):
        Journal.open(path, steps=(*STEPS, _NOTE, _FAILING))
    assert _ask(path, "PRAGMA user_version") == _HEAD + 1
    assert _ask(path, "SELECT count(*) FROM sqlite_schema WHERE name = 'place'") == 0
    with Journal.open(path, steps=(*STEPS, _NOTE)) as journal:
        journal.verify(projections=True)
    with Journal.open(path, steps=(*STEPS, _NOTE, _PLACE)) as journal:
        assert list(journal.records()) == short_run()


def test_a_first_migration_that_fails_leaves_the_file_usable_as_before(path: Path) -> None:
    failing = Step(_HEAD + 1, "bad", ("CREATE TABLE place (name TEXT) STRICT", "no statement"))
    with pytest.raises(JournalError, match=f"migration {_HEAD + 1}"):
        Journal.open(path, steps=(*STEPS, failing))
    with Journal.open(path) as journal:
        journal.append(short_run())
        journal.verify(projections=True)


@pytest.mark.parametrize("open_it", [Journal.open, JournalReader.open])
def test_a_newer_file_is_refused_with_what_to_do(path: Path, open_it: Callable[[Path], JournalReader]) -> None:
    Journal.open(path, steps=(*STEPS, _NOTE)).close()
    expected = f"expected schema version {_HEAD} or lower, was {_HEAD + 1}; use the Atlas that wrote it"
    with pytest.raises(JournalTooNew, match=expected):
        open_it(path)


def test_a_reader_refuses_an_older_file_and_says_how_to_migrate_it(path: Path) -> None:
    connection = connect_reader(path)
    expected = f"expected schema version {_HEAD + 1}, was {_HEAD}; migrate it: atlas audit migrate "
    with pytest.raises(JournalError, match=expected):
        expect_current(connection, path, (*STEPS, _NOTE))
    connection.close()


def test_a_step_that_was_edited_after_its_release_is_noticed(path: Path) -> None:
    Journal.open(path, steps=(*STEPS, _NOTE)).close()
    edited = Step(_HEAD + 1, "note", ("ALTER TABLE meta ADD COLUMN remark TEXT",))
    with pytest.raises(JournalError, match=rf"expected migration {_HEAD + 1} with checksum .* another build"):
        Journal.open(path, steps=(*STEPS, edited))
