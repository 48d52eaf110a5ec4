"""A process that is killed at any statement of a migration leaves a journal that the next one brings to the end."""

from __future__ import annotations

import os
import signal as signals
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from atlas_core.errors import JournalTooNew
from atlas_core.journal import Journal, JournalReader, store
from atlas_core.journal.codec import CODEC
from atlas_core.journal.files import connect_writer
from atlas_core.journal.schema import STEPS, Step
from tests.journal_samples import short_run

_MORE = (
    *STEPS,
    Step(STEPS[-1].version + 1, "places", ("CREATE TABLE place (name TEXT) STRICT", "ALTER TABLE meta ADD note TEXT")),
)


def first_version(path: Path) -> str:
    """Write a journal as the first version of Atlas did; return its digest."""
    path.touch(0o600)
    journal = Journal._open(path, CODEC, STEPS[:1], may_be_blank=True)
    with journal:
        journal._note({"run_id": "old"})
        journal.append(short_run())
        return journal.digest()


def in_a_child(work: Callable[[], None]) -> int:
    """Do the work in a process of its own; return its exit status, negative for the signal that killed it."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def migrated(path: Path, before_each: Callable[[str], None]) -> None:
    """Bring the journal to the newest version and tell each statement before it is carried out."""

    def connect(*arguments: object, **options: object) -> sqlite3.Connection:
        connection = connect_writer(*arguments, **options)  # type: ignore[arg-type]
        connection.set_trace_callback(before_each)
        return connection

    store.connect_writer = connect  # type: ignore[assignment]
    try:
        Journal.open(path, steps=_MORE).close()
    finally:
        store.connect_writer = connect_writer


def statements_of_a_migration(path: Path) -> list[str]:
    found: list[str] = []
    migrated(path, found.append)
    return found


def test_a_kill_at_any_statement_loses_nothing_and_the_next_start_ends_the_migration(tmp_path: Path) -> None:
    digest = first_version(tmp_path / "counted.db")
    old = (tmp_path / "counted.db").read_bytes()
    points = statements_of_a_migration(tmp_path / "counted.db")
    assert len([point for point in points if point.startswith("COMMIT")]) == 2
    assert any(point.startswith("VACUUM") for point in points)
    versions = set()
    for number, point in enumerate(points):
        path = tmp_path / f"{number}.db"
        path.write_bytes(old)
        left = iter(range(number, -1, -1))

        def die_there(_: str, left: object = left) -> None:
            if next(left) == 0:  # type: ignore[call-overload]
                os.kill(os.getpid(), signals.SIGKILL)

        assert in_a_child(lambda: migrated(path, die_there)) == -signals.SIGKILL, point  # noqa: B023
        versions.add(_version(path))
        with Journal.open(path, steps=_MORE) as journal:
            assert journal.digest() == digest, point
            journal.verify(projections=True)
            assert journal.meta()["run_id"] == "old"
            assert len(list(journal._connection.execute("SELECT name FROM place"))) == 0
        backups = list(tmp_path.glob(f"{number}.db.v*-backup"))
        assert backups, point
        for backup in backups:
            _check_backup(backup, digest)
    assert versions == {1, 2, 3}


def _version(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])
    finally:
        connection.close()


def _check_backup(backup: Path, digest: str) -> None:
    connection = sqlite3.connect(backup)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert connection.execute("SELECT hash FROM event ORDER BY seq DESC").fetchone()[0].hex() == digest
    finally:
        connection.close()


@pytest.mark.parametrize("open_it", [Journal.open, JournalReader.open])
def test_an_older_atlas_refuses_and_names_the_command_that_restores_the_backup(
    tmp_path: Path, open_it: Callable[[Path], JournalReader]
) -> None:
    path = tmp_path / "journal.db"
    with Journal.create(path) as journal:
        journal.append(short_run())
    Journal.open(path, steps=_MORE).close()
    command = rf"atlas restore \S+journal.db --from \S+journal.db.v{STEPS[-1].version}-backup"
    with pytest.raises(JournalTooNew, match=command):
        open_it(path)
