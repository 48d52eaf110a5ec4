"""The column files: raw little-endian numbers, hashed in blocks, mapped for reading, grown at their end only."""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from atlas_core.errors import DataError

BLOCK_ROWS = 1 << 18
ITEM_BYTES = 8
TYPES: Mapping[str, str] = {
    "opened_at": "<i8",
    "available_at": "<i8",
    "open": "<f8",
    "high": "<f8",
    "low": "<f8",
    "close": "<f8",
    "volume": "<f8",
}
_READ_BYTES = BLOCK_ROWS * ITEM_BYTES
_PRIVATE = 0o600


def column_path(folder: Path, name: str) -> Path:
    """Return the file of a column: its name says the type."""
    return folder / f"{name}.{TYPES[name].lstrip('<')}"


def map_column(folder: Path, name: str, rows: int) -> NDArray[np.generic]:
    """Return the first `rows` numbers of a column, read-only and unread: pages come from disk when they are touched.

    Raises FileNotFoundError for a column that is not there, DataError for one that is too short.
    """
    kind = np.dtype(TYPES[name])
    if not rows:
        return np.frombuffer(b"", dtype=kind)
    path = column_path(folder, name)
    with path.open("rb") as file:
        held = os.fstat(file.fileno()).st_size
        if held < rows * ITEM_BYTES:
            raise DataError(
                f"{path}: expected {rows * ITEM_BYTES:,} bytes or more, was {held:,}: the file was cut off; "
                "remove the series and import it again"
            )
        return np.frombuffer(mmap.mmap(file.fileno(), rows * ITEM_BYTES, access=mmap.ACCESS_READ), dtype=kind)


def wrong_blocks(folder: Path, name: str, rows: int, blocks: Sequence[str]) -> list[int]:
    """Read a column and return the numbers of the blocks whose hash is not the one that was written down."""
    with column_path(folder, name).open("rb") as file:
        left, wrong = rows * ITEM_BYTES, []
        for number, expected in enumerate(blocks):
            content = file.read(min(left, _READ_BYTES))
            left -= len(content)
            if hashlib.sha256(content).hexdigest() != expected:
                wrong.append(number)
        return wrong


class ColumnWriter:
    """Appends to one column file and hashes what it writes; nothing is durable before `finish`."""

    def __init__(self, folder: Path, name: str, rows: int = 0, blocks: Sequence[str] = ()) -> None:
        """Go on after `rows` numbers whose blocks have the hashes `blocks`; whatever lies behind them is cut off.

        Raises DataError when the last block is not what was written down: a new hash would hide that.
        """
        self._name = name
        self._path = column_path(folder, name)
        self._whole = list(blocks[: rows // BLOCK_ROWS])
        self._hasher = hashlib.sha256()
        self._in_block = rows % BLOCK_ROWS
        self._handle = os.open(self._path, os.O_CREAT | os.O_RDWR, _PRIVATE)
        try:
            if os.fstat(self._handle).st_size < rows * ITEM_BYTES:  # cutting it off there would fill it up with zeros
                raise DataError(f"{self._path}: expected {rows:,} rows, was cut off; see atlas data verify")
            os.ftruncate(self._handle, rows * ITEM_BYTES)
            if self._in_block:
                self._take_up(rows, blocks[-1])
            os.lseek(self._handle, 0, os.SEEK_END)
        except BaseException:
            os.close(self._handle)
            raise

    def write(self, column: NDArray[np.generic]) -> None:
        """Append numbers; raises OSError when the disk takes no more."""
        content = np.ascontiguousarray(column, dtype=TYPES[self._name]).data.cast("B")
        while content:
            part = content[: (BLOCK_ROWS - self._in_block) * ITEM_BYTES]
            _write_all(self._handle, part)
            self._hasher.update(part)
            self._in_block += len(part) // ITEM_BYTES
            if self._in_block == BLOCK_ROWS:
                self._whole.append(self._hasher.hexdigest())
                self._hasher, self._in_block = hashlib.sha256(), 0
            content = content[len(part) :]

    def finish(self) -> tuple[str, ...]:
        """Make the column durable; return the hashes of its blocks."""
        os.fsync(self._handle)
        return (*self._whole, self._hasher.hexdigest()) if self._in_block else tuple(self._whole)

    def close(self) -> None:
        """Let the file go."""
        os.close(self._handle)

    def _take_up(self, rows: int, expected: str) -> None:
        first = (rows - self._in_block) * ITEM_BYTES
        content = os.pread(self._handle, self._in_block * ITEM_BYTES, first)
        self._hasher.update(content)
        if self._hasher.hexdigest() != expected:
            raise DataError(f"{self._path}: expected what was written before, was damaged; see atlas data verify")


def _write_all(handle: int, content: memoryview) -> None:
    while content:
        content = content[os.write(handle, content) :]
