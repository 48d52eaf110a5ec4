"""Room on the disk that is given up when there is none left, so that exits can still be written down."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from attrs import frozen
from loguru import logger

BALLAST_BYTES = 16 * 2**20
"""Some ten thousand events: the exits of every position, with all that belongs to them."""


@frozen
class Ballast:
    """A file of no content beside the journal.

    On JournalFull a session stops its entries, releases the ballast and appends the same records once more: exits,
    cancels and protection go on. It lays the ballast again when there is room; a person allows entries.
    """

    path: Path
    size: int = BALLAST_BYTES

    @classmethod
    def beside(cls, journal: Path) -> Ballast:
        """Return the ballast of a journal; it may not be laid yet."""
        return cls(journal.with_name(journal.name + ".ballast"))

    @property
    def is_laid(self) -> bool:
        """Tell whether it holds its whole room."""
        try:
            return self.path.stat().st_size >= self.size
        except OSError:
            return False

    def lay(self) -> bool:
        """Take the room on the disk; return whether it is held. Never raises: without it a session is less safe."""
        if self.is_laid:
            return True
        try:
            handle = os.open(self.path, os.O_CREAT | os.O_WRONLY, 0o600)
            try:
                _reserve(handle, self.size)
            finally:
                os.close(handle)
        except OSError as fault:
            logger.warning("the ballast {} cannot be laid: {}", self.path, fault.strerror)
            self.release()
            return False
        return True

    def release(self) -> bool:
        """Give the room back; return whether there was any."""
        was_there = self.path.exists()
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
        return was_there


def _reserve(handle: int, size: int) -> None:
    """Take real blocks: a file of holes would hold nothing."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(handle, 0, size)
        return
    for _ in range(0, size, 2**20):
        os.write(handle, bytes(2**20))
    os.fsync(handle)
