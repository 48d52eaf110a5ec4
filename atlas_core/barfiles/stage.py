"""Rows on their way: columns that grow piece by piece, in memory or in files without a name, then seen as a whole."""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import numpy as np
from attrs import define
from numpy.typing import NDArray

from atlas_core.barfiles.table import NUMBERS

COLUMNS: Mapping[str, type] = {
    "ts": np.int64,
    "ends": np.int64,
    "line": np.int64,
    **dict.fromkeys(NUMBERS, np.float64),
}
_ITEM_BYTES = 8


class Stage:
    """Takes columns in pieces; with a folder they lie in nameless files there, which vanish with the process."""

    def __init__(self, folder: Path | None = None) -> None:
        self._pieces: dict[str, list[NDArray[Any]]] = {name: [] for name in COLUMNS}
        self._rows = 0
        self._names: tuple[str, ...] = ()
        self._files: dict[str, IO[bytes]] = {}
        with ExitStack() as opening:
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
                self._files = {name: opening.enter_context(tempfile.TemporaryFile(dir=folder)) for name in COLUMNS}
            self._open = opening.pop_all()

    def __len__(self) -> int:
        return self._rows

    def add(self, columns: Mapping[str, NDArray[Any]]) -> None:
        """Append rows; every piece has the same columns."""
        self._names = tuple(columns)
        for name, column in columns.items():
            whole: NDArray[Any] = np.ascontiguousarray(column, dtype=COLUMNS[name])
            if self._files:
                self._files[name].write(whole.data)
            else:
                self._pieces[name].append(whole)
        self._rows += len(next(iter(columns.values())))

    def columns(self) -> dict[str, Any]:
        """Return all rows as columns: arrays, or what reads like one where they lie in files."""
        return {name: self._whole(name) for name in self._names}

    def close(self) -> None:
        """Let the files go, and with them what they hold."""
        self._open.close()

    def _whole(self, name: str) -> Any:
        if not self._files:
            return _joined(self._pieces.pop(name))
        self._files[name].flush()
        return FileColumn(self._files[name], COLUMNS[name], self._rows)


@define
class FileColumn:
    """A column in a file: a part of it is read when it is asked for, so that nothing of its size lies in memory."""

    _file: IO[bytes]
    _kind: type
    _rows: int
    _mapped: NDArray[Any] | None = None

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, at: slice | NDArray[Any]) -> NDArray[Any]:
        """Return the rows of a slice without steps, read, or chosen rows, from the mapped file."""
        if isinstance(at, slice):
            first, last, _ = at.indices(self._rows)
            size = max(0, last - first) * _ITEM_BYTES
            return np.frombuffer(os.pread(self._file.fileno(), size, first * _ITEM_BYTES), dtype=self._kind)
        if self._mapped is None:
            mapped = mmap.mmap(self._file.fileno(), self._rows * _ITEM_BYTES, access=mmap.ACCESS_READ)
            self._mapped = np.frombuffer(mapped, dtype=self._kind)
        chosen: NDArray[Any] = self._mapped[at]
        return chosen


def _joined(pieces: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
