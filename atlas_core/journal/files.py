"""Opening journal files: connections, their settings, and SQLite's faults in words."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from atlas_core.errors import JournalCorrupt, JournalError, JournalFailed, JournalFull, JournalLocked, NotFound
from atlas_core.journal.disks import expect_local_disk
from atlas_core.journal.lock import WriterLock
from atlas_core.journal.schema import APPLICATION_ID

LOCKED_MILLISECONDS = 1_000
"""Only a stranger can hold the file against the writer; waiting longer for him would hold up exits."""

_SETTINGS = (
    "foreign_keys = ON",
    "trusted_schema = OFF",
    "cell_size_check = ON",
    "mmap_size = 0",
    "recursive_triggers = ON",  # so that INSERT OR REPLACE meets the trigger that forbids deleting
)
_WRITER_SETTINGS = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "wal_autocheckpoint = 0",  # the journal decides when: never on the way of an exit
    "journal_size_limit = 67108864",
    "cache_size = -65536",
)
_FULL = ("SQLITE_FULL", "SQLITE_IOERR_WRITE")
"""A write beyond a quota or a limit of the process is the second; like the first it leaves what was there."""
_READER_SETTINGS = ("query_only = ON", "wal_autocheckpoint = 0")


def create_file(path: Path) -> None:
    """Create an empty file that only its owner may read; raises JournalError when there is one already."""
    try:
        make_private_directory(path.parent)
        expect_local_disk(path.parent)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        sync_directory(path.parent)
    except FileExistsError:
        raise JournalError(f"expected no file at {path}, was one; a journal is never overwritten") from None
    except OSError as error:
        raise JournalError(f"cannot create {path}: {error.strerror}") from error


def make_private_directory(directory: Path) -> None:
    """Make a directory and those above it that are missing, for their owner only, whatever the process's umask is."""
    for missing in reversed([place for place in (directory, *directory.parents) if not place.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)


def sync_directory(directory: Path) -> None:
    """Make a new name in a directory durable."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def restoring_path(path: Path) -> Path:
    """Return where a backup lies that is about to take the place of the journal; while it is there, nobody writes."""
    return path.with_name(path.name + ".restoring")


def expect_file(path: Path) -> None:
    """Raise NotFound when there is nothing at `path` and JournalError when it is a directory or a device."""
    if not path.exists():
        raise NotFound(f"there is no journal at {path}")
    if not path.is_file():
        raise JournalError(f"expected a journal file at {path}, was a directory or device")


def connect_writer(path: Path, lock: WriterLock, *, may_be_blank: bool = False) -> sqlite3.Connection:
    """Open a journal, or a file that `may_be_blank`, for writing.

    The lock is the proof that there is no second connection that writes: until 3.51.3 two of them can lose what was
    written when both checkpoint.
    """
    lock.expect_held(path)
    if restoring_path(path).exists():
        raise JournalError(f"{path}: a restore was cut off; do it again: atlas restore")
    expect_local_disk(path.parent)
    return _connect(path, "rw", _WRITER_SETTINGS, may_be_blank=may_be_blank)


def connect_reader(path: Path) -> sqlite3.Connection:
    """Open a journal for reading only."""
    return _connect(path, "ro", _READER_SETTINGS)


def connect_memory() -> sqlite3.Connection:
    """Open an empty database in memory."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    _set(connection, _SETTINGS)
    return connection


def connect_scratch() -> sqlite3.Connection:
    """Open an empty database that spills to a file of its own when it outgrows memory, and is gone when closed."""
    return sqlite3.connect("", isolation_level=None)


def _connect(path: Path, mode: str, settings: tuple[str, ...], *, may_be_blank: bool = False) -> sqlite3.Connection:
    expect_file(path)
    with faults_of(path):
        uri = f"{path.resolve().as_uri()}?mode={mode}"
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=LOCKED_MILLISECONDS / 1000)
    try:
        _set_up(connection, path, settings, may_be_blank=may_be_blank)
    except BaseException:
        connection.close()
        raise
    return connection


def set_up_writer(connection: sqlite3.Connection, path: Path, *, may_be_blank: bool = False) -> None:
    """Give an open connection the settings of the writer; raises JournalError when the file is no journal."""
    _set_up(connection, path, _WRITER_SETTINGS, may_be_blank=may_be_blank)


def _set_up(connection: sqlite3.Connection, path: Path, settings: tuple[str, ...], *, may_be_blank: bool) -> None:
    with faults_of(path):
        _set(connection, _SETTINGS)
        _expect_journal(connection, path, may_be_blank)
        _set(connection, settings)


def _set(connection: sqlite3.Connection, settings: tuple[str, ...]) -> None:
    for setting in settings:
        connection.execute(f"PRAGMA {setting}")


def _expect_journal(connection: sqlite3.Connection, path: Path, may_be_blank: bool) -> None:
    application_id = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if application_id == APPLICATION_ID:
        return
    if not tables and may_be_blank:
        return
    if not tables:
        raise JournalError(f"expected a journal at {path}, was an empty file; delete it")
    raise JournalError(
        f"expected a journal at {path}, was the SQLite file of another program (application id {application_id:#x})"
    )


@contextmanager
def faults_of(path: Path) -> Iterator[None]:
    """Raise SQLite's faults as JournalError, or JournalCorrupt where the file is damaged, in words."""
    try:
        yield
    except sqlite3.Error as error:
        raise _in_words(error, path) from error
    except UnicodeDecodeError as error:  # SQLite quotes damaged text in its message
        raise _damaged(path, error) from error


def _in_words(error: sqlite3.Error, path: Path) -> JournalError:
    name = getattr(error, "sqlite_errorname", None) or ""
    if name.startswith("SQLITE_CORRUPT") or "Could not decode to UTF-8" in str(error):
        return _damaged(path, error)
    if name == "SQLITE_NOTADB":
        return JournalCorrupt(f"expected a journal at {path}, was not a SQLite file")
    if name in _FULL:
        return JournalFull(f"{path}: the disk is full; nothing of this append was kept; free space and try again")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return JournalLocked(f"{path} is locked by another program; close that program and try again")
    if name.startswith("SQLITE_IOERR"):
        return JournalFailed(f"{path}: the disk failed ({error}, {name}); close the journal and verify it")
    return JournalError(f"{path}: {error}{f' ({name})' if name else ''}")


def _damaged(path: Path, error: Exception) -> JournalCorrupt:
    return JournalCorrupt(f"{path} is damaged or cut off: {error}; restore it from a backup")
