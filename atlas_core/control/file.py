"""The small database beside a session's journal: commands, starts of processes, runs of the schedule.

It holds nothing that trading depends on. Several processes write to it, so it keeps SQLite's rollback journal: WAL
files with several writers and checkpoints are not safe in every version of SQLite.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from loguru import logger

from atlas_core.errors import AtlasError

APPLICATION_ID = 0x41544C43
PERSON_WAITS_SECONDS = 5.0
SESSION_WAITS_SECONDS = 0.05
"""A stranger that holds the file must not hold up exits: the session tries again at its next look."""

_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS command (
        id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, name TEXT NOT NULL, arguments TEXT NOT NULL,
        actor TEXT NOT NULL, written_at INTEGER NOT NULL, taken_at INTEGER, answered_at INTEGER,
        status TEXT NOT NULL DEFAULT 'waiting', answer TEXT NOT NULL DEFAULT ''
    ) STRICT""",
    """CREATE TABLE IF NOT EXISTS start (
        id INTEGER PRIMARY KEY, began_at INTEGER NOT NULL, pid INTEGER NOT NULL, ended_at INTEGER,
        how TEXT NOT NULL DEFAULT ''
    ) STRICT""",
    """CREATE TABLE IF NOT EXISTS schedule_run (
        job TEXT NOT NULL, date TEXT NOT NULL, slot TEXT NOT NULL, due INTEGER NOT NULL, began_at INTEGER NOT NULL,
        ended_at INTEGER, status TEXT NOT NULL, PRIMARY KEY (job, date, slot)
    ) STRICT""",
)


class ControlFile:
    """A connection to the control file of a state directory; a context manager.

    Every method raises AtlasError when the file cannot be used, and Busy when another process holds it just now.
    """

    def __init__(self, path: Path, *, waits: float = PERSON_WAITS_SECONDS) -> None:
        self.path = path
        with self._faults():
            if not path.exists():
                os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._connection = sqlite3.connect(path, isolation_level=None, timeout=PERSON_WAITS_SECONDS)
            try:
                self._prepare()
                self._connection.execute(f"PRAGMA busy_timeout = {int(waits * 1000)}")
            except BaseException:
                self._connection.close()
                raise

    def _prepare(self) -> None:
        for setting in ("journal_mode = DELETE", "synchronous = FULL", "trusted_schema = OFF", "mmap_size = 0"):
            self._connection.execute(f"PRAGMA {setting}")
        if self._connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID:
            return
        with self._transaction():
            for statement in _SCHEMA:
                self._connection.execute(statement)
            self._connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")

    @classmethod
    def mended(cls, path: Path, now: int, *, waits: float = PERSON_WAITS_SECONDS) -> Self:
        """Open the file; one that is damaged is put aside under another name, and a new one takes its place.

        A session must start also without it: its positions wait. Raises AtlasError when not even that is possible.
        """
        try:
            return cls(path, waits=waits)
        except Busy:
            raise
        except AtlasError as fault:
            aside = path.with_name(f"{path.name}.damaged-{now}")
            logger.error("{}; it was moved to {}", fault, aside.name)
            with suppress(OSError):
                path.replace(aside)
            return cls(path, waits=waits)

    def close(self) -> None:
        """Close the file; closing twice does nothing."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def read(self, sql: str, values: Sequence[object] = ()) -> list[Any]:
        """Return the rows of a question."""
        with self._faults():
            return self._connection.execute(sql, tuple(values)).fetchall()

    def write(self, sql: str, values: Sequence[object] = ()) -> int:
        """Change rows in one transaction that is on disk when this returns; return how many."""
        with self._faults(), self._transaction():
            return self._connection.execute(sql, tuple(values)).rowcount

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # also where a reader held the commit up: nothing stays half done
                self._connection.execute("ROLLBACK")
            raise

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            name = getattr(error, "sqlite_errorname", None) or ""
            if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
                raise Busy(f"{self.path} is held by another process; try again") from error
            remedy = "free space" if name == "SQLITE_FULL" else "move it away, a new one is made"
            raise AtlasError(f"{self.path} cannot be used: {error}; {remedy}") from error
        except OSError as error:
            raise AtlasError(f"{self.path} cannot be used: {error.strerror}") from error


class Busy(AtlasError):
    """Another process holds the control file just now."""
