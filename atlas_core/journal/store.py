"""Writing a journal."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from atlas_core import __version__
from atlas_core.errors import JournalError
from atlas_core.journal.chain import GENESIS, link
from atlas_core.journal.codec import CODEC, Codec
from atlas_core.journal.deliveries import Delivery, queue_alerts, settle
from atlas_core.journal.files import connect_memory, connect_writer, create_file, expect_file, faults_of
from atlas_core.journal.lock import WriterLock
from atlas_core.journal.migrations import migrate
from atlas_core.journal.projections import project
from atlas_core.journal.reader import JournalReader
from atlas_core.journal.schema import STEPS, Step
from atlas_core.journal.verification import rebuild_projections
from atlas_core.model.records import Record

_CHUNK = 10_000
"""Records encoded and folded at a time, which bounds the memory of a large transaction."""

_LASTING_FAULTS = ("SQLITE_IOERR", "SQLITE_CORRUPT", "SQLITE_NOTADB")
"""After these the connection's view of the disk is not to be trusted; a failed fsync must never be tried again."""


class Journal(JournalReader):
    """A journal to append to: one at a time for each file, in one thread; a context manager.

    When `append` has returned, its records survive the death of the process and of the machine. After a failure of
    the disk other than being full, nothing more can be appended: what is on disk must be read again first.
    """

    def __init__(
        self, connection: sqlite3.Connection, path: Path, codec: Codec = CODEC, lock: WriterLock | None = None
    ) -> None:
        super().__init__(connection, path, codec)
        self._lock = lock
        self._failure = ""
        self._tail: tuple[int, bytes] | None = None
        self._alerters: tuple[str, ...] = ()

    @classmethod
    def create(cls, path: Path | str, *, about: Mapping[str, str] | None = None, codec: Codec = CODEC) -> Self:
        """Create a journal file that only its owner may read, and open it for writing.

        `about` is kept beside the chain (the run's name, say) and may differ between equal runs. Raises JournalError
        when the file exists or cannot be created.
        """
        path = Path(path)
        create_file(path)
        try:
            journal = cls._open(path, codec, STEPS, new=True)
        except BaseException:
            path.unlink()
            raise
        journal._note({"created_by": f"atlas {__version__}", **(about or {})})
        return journal

    @classmethod
    def open(cls, path: Path | str, *, codec: Codec = CODEC, steps: Sequence[Step] = STEPS) -> Self:
        """Open an existing journal file to append to it, migrating one of an older version after a backup.

        Raises NotFound when there is no file and JournalError when it is not a journal, too new, damaged, or when
        another process writes to it. The chain is not checked here: `verify` does.
        """
        path = Path(path)
        expect_file(path)
        return cls._open(path, codec, steps, new=False)

    @classmethod
    def in_memory(cls, *, codec: Codec = CODEC) -> Self:
        """Return an empty journal that lives in memory, for tests and for runs that nobody will ask about."""
        connection = connect_memory()
        journal = cls(connection, Path(":memory:"), codec)
        migrate(connection, journal.path, journal._rebuild)
        return journal

    @classmethod
    def _open(cls, path: Path, codec: Codec, steps: Sequence[Step], *, new: bool) -> Self:
        lock = WriterLock(path)
        try:
            connection = connect_writer(path, new=new)
        except BaseException:
            lock.release()
            raise
        journal = cls(connection, path, codec, lock)
        try:
            with faults_of(path):
                migrate(connection, path, journal._rebuild, steps)
        except BaseException:
            journal.close()
            raise
        return journal

    def append(self, records: Sequence[Record]) -> range:
        """Append records in one transaction: events, chain, projections and outbox, all or nothing.

        Returns the numbers of their events. Raises JournalError, leaving the journal as it was, when a record cannot
        be written, the disk is full or fails, or another program holds the file.
        """
        self._expect_no_failure()
        tail, self._tail = self._tail or self._read_tail(), None
        first = tail[0] + 1
        if not records:
            self._tail = tail
            return range(first, first)
        with self._transaction():
            for start in range(0, len(records), _CHUNK):
                chunk = records[start : start + _CHUNK]
                events = link(self._codec.encode(chunk), *tail)
                self._connection.executemany("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?)", events)
                project(self._connection, tail[0] + 1, chunk)
                queue_alerts(self._connection, self._alerters, tail[0] + 1, chunk)
                tail = events[-1][0], events[-1][-1]
        self._tail = tail
        return range(first, tail[0] + 1)

    def deliver_to(self, alerters: Sequence[str]) -> None:
        """From now on let each alert that is appended wait for these alerters (labels), until it is settled."""
        self._alerters = tuple(alerters)

    def settle_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        """Note what became of alerts on their way, in one transaction; a pair without a note before gets one.

        Raises JournalError as `append` does; nothing is noted then.
        """
        self._expect_no_failure()
        with self._transaction():
            settle(self._connection, deliveries)

    def rebuild(self) -> None:
        """Drop all projections and build them again from the events, in one transaction."""
        with self._transaction():
            self._rebuild(self._connection)

    def close(self) -> None:
        """Move everything into the one file, close it and let others write; closing twice does nothing."""
        if self._lock is not None:
            try:
                if not self._failure:
                    with faults_of(self.path):
                        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                self._connection.close()
                self._lock.release()
                self._lock = None
        super().close()

    def _expect_no_failure(self) -> None:
        if self._failure:
            raise JournalError(
                f"{self.path}: the disk failed before ({self._failure}); close the journal and verify it"
            )

    def _note(self, about: Mapping[str, str]) -> None:
        with self._transaction():
            self._connection.executemany("INSERT INTO meta VALUES (?, ?)", list(about.items()))

    def _read_tail(self) -> tuple[int, bytes]:
        rows = self._all("SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1")
        return tuple(rows[0]) if rows else (0, GENESIS)

    def _rebuild(self, target: sqlite3.Connection) -> None:
        rebuild_projections(self._connection, target, self._codec)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with faults_of(self.path):
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield
                self._connection.execute("COMMIT")
            except BaseException as error:
                if getattr(error, "sqlite_errorname", "").startswith(_LASTING_FAULTS):
                    self._failure = str(error)
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
