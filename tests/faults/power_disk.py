"""A disk that forgets: what SQLite writes to it is durable only when it was synchronised.

Files live in memory. A write is seen at once by whoever reads, as with the page cache of an operating system, and is
pending until a sync. A power cut keeps what was synchronised and an arbitrary part of what was pending: each sector of
each write is there, missing or torn. A sync that fails loses what was pending, and the next one says yes without it, as
Linux does.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import apsw
import numpy as np
from attrs import define, field

SECTOR = 512
Image = bytes | bytearray
"""The content of a file that is durable."""
Fault = Callable[[str], Exception | None]
"""Asked with the name of each call (`xWrite`, `xSync`, …) before it is done: what it shall raise."""


class ShortRead(Exception):
    """A read that brings half of what was asked for."""


def no_fault(_: str) -> Exception | None:
    return None


@define
class StoredFile:
    """One file: what is seen, what is durable, and the changes between them."""

    seen: bytearray = field(factory=bytearray)
    durable: bytearray = field(factory=bytearray)
    is_durable: bool = False
    pending: list[tuple[int, bytes | None]] = field(factory=list)

    def write(self, offset: int, data: bytes) -> None:
        _put(self.seen, offset, data)
        self.pending.append((offset, data))

    def truncate(self, size: int) -> None:
        _resize(self.seen, size)
        self.pending.append((size, None))

    def sync(self) -> None:
        for offset, data in self.pending:
            _apply(self.durable, offset, data)
        self.is_durable = True
        self.pending.clear()

    def fail_to_sync(self) -> None:
        self.pending.clear()

    def after_cut(self, random: np.random.Generator) -> bytearray | None:
        """Return what is on the disk after a power cut, None for a file whose name never became durable."""
        if not self.is_durable and random.random() < 0.5:
            return None
        image, kept = bytearray(self.durable), float(random.choice((0.0, 0.2, 0.5, 0.9, 1.0)))
        for offset, data in self.pending:
            if data is None:
                if random.random() < kept:
                    _resize(image, offset)
                continue
            for start in range(0, len(data), SECTOR):
                sector = data[start : start + SECTOR]
                if random.random() < kept:
                    torn = int(random.integers(len(sector))) if random.random() < 0.05 else len(sector)
                    _put(image, offset + start, sector[:torn])
        return image


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        _resize(content, offset)
    else:
        _put(content, offset, data)


def _put(content: bytearray, offset: int, data: bytes) -> None:
    if offset > len(content):
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def _resize(content: bytearray, size: int) -> None:
    if size < len(content):
        del content[size:]
    else:
        content.extend(bytes(size - len(content)))


@define
class Disk:
    """The files by name, how many calls were made, and the call at which the power fails."""

    random: np.random.Generator
    files: dict[str, StoredFile] = field(factory=dict)
    calls: int = 0
    cut_at: int = 2**62
    fault: Fault = no_fault

    @classmethod
    def holding(cls, images: dict[str, Image], random: np.random.Generator) -> Disk:
        """Return a disk on which these files are durable."""
        files = {name: StoredFile(bytearray(image), bytearray(image), True) for name, image in images.items()}
        return cls(random, files)

    @property
    def is_dead(self) -> bool:
        return self.calls >= self.cut_at

    def call(self, name: str) -> None:
        """Count a call; raises the fault of the call or, from the cut on, an I/O error."""
        self.calls += 1
        if self.is_dead:
            raise _error(apsw.SQLITE_IOERR)
        error = self.fault(name)
        if error is not None:
            raise error

    def after_cut(self) -> dict[str, Image]:
        """Return the files as the next start of the machine finds them."""
        images = {name: stored.after_cut(self.random) for name, stored in sorted(self.files.items())}
        return {name: image for name, image in images.items() if image is not None}

    def forget(self) -> None:
        """Let every call succeed from now on: nobody will look at this disk again."""
        self.cut_at, self.fault = 2**62, no_fault

    def after_kill(self) -> dict[str, Image]:
        """Return the files as the next process finds them when only this one died."""
        return {name: stored.seen for name, stored in self.files.items()}


def _error(code: int) -> Exception:
    error = apsw.exception_for(code)
    error.extendedresult = code  # type: ignore[attr-defined]
    return error


def disk_error(name: str) -> Exception:
    """Return what a call raises that fails with SQLite's code of this name, such as `SQLITE_IOERR_FSYNC`."""
    return _error(getattr(apsw, name))


class ForgetfulFile:
    """An open file of a `Disk`, as SQLite uses it."""

    def __init__(self, disk: Disk, stored: StoredFile) -> None:
        self._disk, self._stored = disk, stored

    def xRead(self, amount: int, offset: int) -> bytes:
        try:
            self._disk.call("xRead")
        except ShortRead:
            amount //= 2
        return bytes(self._stored.seen[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:
        try:
            self._disk.call("xWrite")
        except apsw.Error:
            if self._disk.calls == self._disk.cut_at:  # the write during which the power fails may be there in part
                self._stored.pending.append((offset, bytes(data)))
            raise
        self._stored.write(offset, bytes(data))

    def xTruncate(self, size: int) -> None:
        self._disk.call("xTruncate")
        self._stored.truncate(size)

    def xSync(self, _: int) -> None:
        try:
            self._disk.call("xSync")
        except apsw.Error:
            if not self._disk.is_dead:
                self._stored.fail_to_sync()
            raise
        self._stored.sync()

    def xFileSize(self) -> int:
        return len(self._stored.seen)

    def xLock(self, _: int) -> None:
        """Nobody else is there."""

    def xUnlock(self, _: int) -> None:
        """Nobody else is there."""

    def xCheckReservedLock(self) -> bool:
        return False

    def xFileControl(self, *_: int) -> bool:
        return False

    def xSectorSize(self) -> int:
        return SECTOR

    def xDeviceCharacteristics(self) -> int:
        return int(apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE)

    def xClose(self) -> None:
        """Closing makes nothing durable."""


class ForgetfulSystem(apsw.VFS):
    """SQLite's door to a `Disk`."""

    _number = count()

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self.name = f"forgetful-{next(self._number)}"
        super().__init__(self.name, base="")

    def xOpen(self, name: Any, flags: list[int]) -> ForgetfulFile:  # type: ignore[override]
        label = name.filename() if isinstance(name, apsw.URIFilename) else (name or f"scratch-{len(self._disk.files)}")
        key = Path(label).name
        stored = self._disk.files.get(key)
        if stored is None:
            stored = self._disk.files[key] = StoredFile()
        flags[1] = flags[0]
        return ForgetfulFile(self._disk, stored)

    def xDelete(self, name: str, _: bool) -> None:
        self._disk.call("xDelete")
        self._disk.files.pop(Path(name).name, None)

    def xAccess(self, name: str, _: int) -> bool:
        return Path(name).name in self._disk.files

    def xFullPathname(self, name: str) -> str:
        return name

    def xRandomness(self, count: int) -> bytes:
        return self._disk.random.bytes(count)

    def xSleep(self, microseconds: int) -> int:
        return microseconds

    def xCurrentTimeInt64(self) -> int:
        return 0

    def xCurrentTime(self) -> float:
        return 0.0

    def xGetLastError(self) -> tuple[int, str]:
        return 0, ""


class Rows:
    """The rows of a statement that was run to its end."""

    def __init__(self, rows: list[Any]) -> None:
        self._rows = iter(rows)

    def __iter__(self) -> Iterator[Any]:
        return self._rows

    def fetchone(self) -> Any:
        return next(self._rows, None)

    def fetchall(self) -> list[Any]:
        return list(self._rows)


class ForgetfulConnection:
    """The part of `sqlite3.Connection` that the journal uses, on a forgetful disk, with the errors of `sqlite3`.

    The write-ahead log needs an exclusive lock here: shared memory is not simulated.
    """

    def __init__(self, system: ForgetfulSystem, name: str = "journal.db") -> None:
        self._system = system
        self._connection = apsw.Connection(name, vfs=system.name)

    @classmethod
    @contextmanager
    def on(cls, disk: Disk) -> Iterator[ForgetfulConnection]:
        """Connect to the journal of a disk; afterwards the disk is of no further use."""
        connection = cls(ForgetfulSystem(disk))
        try:
            yield connection
        finally:
            disk.forget()
            connection._connection.close(True)
            connection._system.unregister()

    @property
    def in_transaction(self) -> bool:
        return bool(self._connection.in_transaction)

    def execute(self, sql: str, values: Sequence[Any] = ()) -> Rows:
        with _as_sqlite3():
            return Rows(list(self._connection.cursor().execute(sql, tuple(values))))

    def executemany(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        with _as_sqlite3():
            self._connection.cursor().executemany(sql, [tuple(row) for row in rows])

    def close(self) -> None:
        """Leave the closing to the end of `on`: a journal that failed is closed in the middle of a power cut."""


class _as_sqlite3:
    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: Any, error: BaseException | None, _: Any) -> None:
        if isinstance(error, apsw.Error):
            code = getattr(error, "extendedresult", 0) or getattr(error, "result", 0)
            fault = sqlite3.OperationalError(str(error) or type(error).__name__)
            fault.sqlite_errorcode = code
            names = (apsw.mapping_extended_result_codes, apsw.mapping_result_codes)
            fault.sqlite_errorname = next((str(each[code]) for each in names if code in each), "SQLITE_ERROR")
            raise fault from error
