"""The lock that makes one process the only writer of a journal."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from atlas_core.errors import JournalError


class WriterLock:
    """Held from its making until `release`; the kernel frees it when the process dies, however it dies.

    The lock is on a file of its own beside the journal: closing any handle of the journal itself would drop the
    locks that SQLite holds on it. The number in the file only tells a person who the holder is.
    """

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._is_held = False
        path = journal.with_name(journal.name + ".lock")
        try:
            self._handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as error:
            raise JournalError(f"cannot open the lock {path}: {error.strerror}") from error
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(self._handle, 32).decode(errors="replace").strip() or "unknown"
            os.close(self._handle)
            raise JournalError(
                f"expected to be the only writer of {journal}, process {holder} is one already; stop it first"
            ) from None
        self._is_held = True
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, f"{os.getpid()}\n".encode(), 0)

    def expect_held(self, journal: Path) -> None:
        """Raise JournalError unless this lock is held, and on this journal."""
        if not self._is_held or self._journal != journal:
            raise JournalError(f"expected to hold the lock of {journal} before writing to it")

    def release(self) -> None:
        """Let others write."""
        self._is_held = False
        os.close(self._handle)
