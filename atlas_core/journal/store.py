"""Writing a journal."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from loguru import logger

from atlas_core import __version__
from atlas_core.errors import JournalCorrupt, JournalError, JournalFailed, JournalFull, JournalLocked
from atlas_core.journal import verification
from atlas_core.journal.chain import GENESIS, link
from atlas_core.journal.codec import CODEC, Codec
from atlas_core.journal.deliveries import Delivery, queue_alerts, settle
from atlas_core.journal.files import (
    LOCKED_MILLISECONDS,
    connect_memory,
    connect_writer,
    create_file,
    expect_file,
    faults_of,
)
from atlas_core.journal.lock import WriterLock
from atlas_core.journal.migrations import migrate
from atlas_core.journal.projections import project
from atlas_core.journal.reader import JournalReader
from atlas_core.journal.schema import STEPS, Step
from atlas_core.model.records import Record
from atlas_core.model.timeframe import DAY

_CHUNK = 10_000
"""Records encoded and folded at a time, which bounds the memory of a large transaction."""

_CHECKED_AT = "checked_at"
_FULL_CHECK_EVERY = 7 * DAY
_TAIL = 500_000
"""Events at the end of the chain that are followed at every start."""

_LARGE_LOG = 16 * 2**20
"""Bytes of the log from which on it is moved into the file even while there is work."""

_WORTHWHILE_LOG = 2**20
"""Bytes of the log from which on an idle session moves it into the file."""


class Journal(JournalReader):
    """A journal to append to: one at a time for each file, in one thread; a context manager.

    When `append` has returned, its records survive the death of the process and of the machine. What it raises tells
    what to do: after JournalFull and JournalLocked nothing was kept and the same call may be tried again; after
    JournalFailed and JournalCorrupt nothing more is accepted, and what is on disk must be read again first, because a
    disk that once failed to confirm a write must not be asked a second time.
    """

    def __init__(
        self, connection: sqlite3.Connection, path: Path, codec: Codec = CODEC, lock: WriterLock | None = None
    ) -> None:
        super().__init__(connection, path, codec)
        self._lock = lock
        self._failure = ""
        self._tail: tuple[int, bytes] | None = None
        self._alerters: tuple[str, ...] = ()
        self._log = path.with_name(path.name + "-wal") if lock is not None else None
        self._log_limit = _LARGE_LOG
        self._has_grown = True

    @classmethod
    def create(cls, path: Path | str, *, about: Mapping[str, str] | None = None, codec: Codec = CODEC) -> Self:
        """Create a journal file that only its owner may read, and open it for writing.

        `about` is kept beside the chain (the run's name, say) and may differ between equal runs. Raises JournalError
        when the file exists or cannot be created.
        """
        path = Path(path)
        create_file(path)
        try:
            journal = cls._open(path, codec, STEPS, may_be_blank=True)
        except BaseException:
            path.unlink()
            raise
        journal._note({**_made_by(), **(about or {})})
        return journal

    @classmethod
    def open(cls, path: Path | str, *, codec: Codec = CODEC, steps: Sequence[Step] = STEPS) -> Self:
        """Open an existing journal file to append to it, migrating one of an older version after a backup.

        Raises NotFound when there is no file and JournalError when it is not a journal, too new, damaged, or when
        another process writes to it. The chain is not checked here: `verify` does.
        """
        path = Path(path)
        expect_file(path)
        return cls._open(path, codec, steps)

    @classmethod
    def resume(cls, path: Path | str, *, now: int, codec: Codec = CODEC, steps: Sequence[Step] = STEPS) -> Self:
        """Open the journal of a continuing session, and believe nothing in it that was not checked.

        Where there is none, or one whose making was cut off, it is made. The file is checked by SQLite, and so is the
        end of the hash chain; once a week (by `now`, nanoseconds UTC) the whole chain and the projections are, which
        are built again when they are not what the events give. Raises JournalCorrupt with the first thing that is
        wrong, and what `open` does.
        """
        path = Path(path)
        if not path.exists():
            create_file(path)
        expect_file(path)
        journal = cls._open(path, codec, steps, may_be_blank=True)
        try:
            if not journal.meta():
                journal._note(_made_by())
            journal._check_before_use(now)
        except BaseException:
            journal.close()
            raise
        return journal

    @classmethod
    def in_memory(cls, *, codec: Codec = CODEC) -> Self:
        """Return an empty journal that lives in memory, for tests and for runs that nobody will ask about."""
        connection = connect_memory()
        journal = cls(connection, Path(":memory:"), codec)
        migrate(connection, journal.path, journal._rebuild)
        return journal

    @classmethod
    def _open(cls, path: Path, codec: Codec, steps: Sequence[Step], *, may_be_blank: bool = False) -> Self:
        lock = WriterLock(path)
        try:
            connection = connect_writer(path, lock, may_be_blank=may_be_blank)
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

        Returns the numbers of their events. Raises JournalFull when the disk takes no more and JournalLocked when
        another program holds the file (nothing was kept, the same may be tried again), JournalFailed when the disk
        failed (see the class) and JournalError for a record that cannot be written.
        """
        self._expect_no_failure()
        if not records:
            return range(self.count() + 1, self.count() + 1)
        known, self._tail = self._tail, None
        with self._transaction():
            tail = known or self._read_tail()
            first = tail[0] + 1
            for start in range(0, len(records), _CHUNK):
                chunk = records[start : start + _CHUNK]
                events = link(self._codec.encode(chunk), *tail)
                self._connection.executemany("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?)", events)
                project(self._connection, tail[0] + 1, chunk)
                queue_alerts(self._connection, self._alerters, tail[0] + 1, chunk)
                tail = events[-1][0], events[-1][-1]
        self._tail = tail
        if self._log_bytes() > self._log_limit:
            self._checkpoint()
        return range(first, tail[0] + 1)

    def rest(self) -> None:
        """Use a moment without work to move what the log holds into the file; never needed, and never raises."""
        if self._failure or not self._has_grown:
            return
        self._has_grown = self._log_bytes() > _WORTHWHILE_LOG
        if self._has_grown:
            self._checkpoint()

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
        """Move everything into the one file, close it and let others write; closing twice does nothing.

        Raises JournalFailed, after closing, when the disk failed at that; what was appended is in the log then.
        """
        if self._lock is not None:
            failed_before = self._failure
            try:
                if not self._failure:
                    self._checkpoint()
            finally:
                self._connection.close()
                self._lock.release()
                self._lock = None
            if self._failure and not failed_before:
                raise JournalFailed(self._failure)
        super().close()

    def _check_before_use(self, now: int) -> None:
        is_due = now - int(self.meta().get(_CHECKED_AT, 0)) >= _FULL_CHECK_EVERY
        with self._snapshot():
            verification.verify_file(self._connection, self.path, indexes=is_due)
            verification.verify_chain(self._connection, None if is_due else _TAIL)
        if is_due:
            self._mend_projections()
            self._note({_CHECKED_AT: str(now)})

    def _mend_projections(self) -> None:
        """Build the projections again when they are not what the events give; twice wrong is a fault."""
        try:
            self.verify_projections()
        except JournalCorrupt as fault:
            logger.warning("{}: {}; done now", self.path, fault)
            self.rebuild()
            self.verify_projections()

    def _expect_no_failure(self) -> None:
        if self._failure:
            raise JournalFailed(
                f"{self.path}: the disk failed before ({self._failure}); close the journal and verify it"
            )

    def _log_bytes(self) -> int:
        try:
            return self._log.stat().st_size if self._log is not None else 0
        except OSError:
            return 0

    def _checkpoint(self) -> None:
        """Move the log into the file without waiting for readers: one in the way only puts it off.

        What is in the log is safe there. So a fault here fails no append, but after one of the disk none follows.
        """
        try:
            with faults_of(self.path):
                self._connection.execute("PRAGMA busy_timeout = 0")
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                self._connection.execute(f"PRAGMA busy_timeout = {LOCKED_MILLISECONDS}")
        except (JournalFull, JournalLocked):
            pass
        except JournalError as error:
            self._failure = str(error)
        self._log_limit = self._log_bytes() + _LARGE_LOG

    def _note(self, about: Mapping[str, str]) -> None:
        with self._transaction():
            self._connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", list(about.items()))

    def _read_tail(self) -> tuple[int, bytes]:
        rows = self._all("SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1")
        return tuple(rows[0]) if rows else (0, GENESIS)

    def _rebuild(self, target: sqlite3.Connection) -> None:
        verification.rebuild_projections(self._connection, target, self._codec)

    def _take_back(self) -> None:
        if self._connection.in_transaction:
            with suppress(sqlite3.Error):  # what went wrong before is what the caller must hear of
                self._connection.execute("ROLLBACK")
            if self._connection.in_transaction:
                self._failure = "a transaction could not be taken back"

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            with faults_of(self.path):
                try:
                    self._connection.execute("BEGIN IMMEDIATE")
                    self._has_grown = True
                    yield
                    self._connection.execute("COMMIT")
                except BaseException:
                    self._take_back()
                    raise
        except (JournalFailed, JournalCorrupt) as error:
            self._failure = str(error)
            raise


def _made_by() -> dict[str, str]:
    return {"created_by": f"atlas {__version__}"}
