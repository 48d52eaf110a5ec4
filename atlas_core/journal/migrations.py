"""Bringing a journal file to the version of this Atlas: forward only, backed up, each step whole or not at all."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from atlas_core.errors import JournalError, JournalTooNew
from atlas_core.journal.files import connect_reader, faults_of, sync_directory
from atlas_core.journal.schema import APPLICATION_ID, STEPS, Step
from atlas_core.journal.verification import verify_chain, verify_file


def version_of(connection: sqlite3.Connection) -> int:
    """Return the schema version of a file; 0 is a file without a schema."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def expect_current(connection: sqlite3.Connection, path: Path, steps: Sequence[Step] = STEPS) -> None:
    """Raise JournalTooNew or JournalError when the file has another version than this Atlas."""
    version, current = version_of(connection), steps[-1].version
    if version > current:
        raise _too_new(path, version, current)
    if version < current:
        raise JournalError(
            f"{path}: expected schema version {current}, was {version}; migrate it: atlas audit migrate {path}"
        )
    _expect_known_steps(connection, path, steps)


def migrate(
    connection: sqlite3.Connection,
    path: Path,
    rebuild: Callable[[sqlite3.Connection], None],
    steps: Sequence[Step] = STEPS,
) -> None:
    """Apply the steps that the file lacks, then rebuild its projections.

    Each step is one transaction together with the version it reaches; `rebuild` belongs to the last one. An older
    file is copied first, to a file named after its version. Raises JournalTooNew for a newer file and
    JournalError, leaving the last version reached intact, when a step fails.
    """
    version, current = version_of(connection), steps[-1].version
    if version > current:
        raise _too_new(path, version, current)
    if version:
        _expect_known_steps(connection, path, steps)
        if version < current:
            back_up(connection, path, path.with_name(f"{path.name}.v{version}-backup"), _expect_sound)
    for step in steps:
        if step.version > version:
            _apply(connection, path, step, rebuild if step.version == current else None)


def back_up(connection: sqlite3.Connection, path: Path, target: Path, check: Callable[[Path], None]) -> None:
    """Write a whole, compact copy of the database, let `check` look at it, and only then give it the name `target`."""
    partial = target.with_name(target.name + ".partial")
    partial.unlink(missing_ok=True)
    os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    with faults_of(path):
        is_reader = connection.execute("PRAGMA query_only").fetchone()[0]
        connection.execute("PRAGMA query_only = OFF")  # it would forbid to write the copy too
        try:
            connection.execute("VACUUM INTO ?", (str(partial),))
        finally:
            connection.execute(f"PRAGMA query_only = {is_reader}")
    with partial.open("rb") as copy:
        os.fsync(copy.fileno())
    check(partial)
    partial.replace(target)
    sync_directory(target.parent)


def _expect_sound(copy: Path) -> None:
    """Raise JournalCorrupt unless SQLite and the hash chain find the copy in order, whatever its version is."""
    connection = connect_reader(copy)
    try:
        with faults_of(copy):
            verify_file(connection, copy, indexes=True)
            verify_chain(connection)
    finally:
        connection.close()


def _apply(
    connection: sqlite3.Connection, path: Path, step: Step, rebuild: Callable[[sqlite3.Connection], None] | None
) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in step.statements:
            connection.execute(statement)
        row = (step.version, step.name, step.checksum)
        connection.execute("INSERT INTO migration VALUES (?, ?, ?)", row)
        if rebuild is not None:
            rebuild(connection)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {step.version}")
        connection.execute("COMMIT")
    except BaseException as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if isinstance(error, sqlite3.Error):
            raise JournalError(
                f"{path}: migration {step.version} ({step.name}) failed and was taken back: {error}"
            ) from error
        raise


def _expect_known_steps(connection: sqlite3.Connection, path: Path, steps: Sequence[Step]) -> None:
    known = {step.version: step.checksum for step in steps}
    with faults_of(path):
        applied = connection.execute("SELECT version, name, checksum FROM migration ORDER BY version").fetchall()
    for version, name, checksum in applied:
        if known.get(version) != checksum:
            raise JournalError(
                f"{path}: expected migration {version} with checksum {str(known.get(version))[:16]}, "
                f"was {name} with {checksum[:16]}; the file was made by another build of Atlas"
            )


def _too_new(path: Path, version: int, current: int) -> JournalTooNew:
    return JournalTooNew(
        f"{path}: expected schema version {current} or lower, was {version}; use the Atlas that wrote it or a newer "
        f"one, or go back to the copy of before, if there is one: atlas restore {path} --from "
        f"{path}.v{current}-backup"
    )
