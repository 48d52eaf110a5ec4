"""Rows on their way: columns that grow piece by piece, in memory or in files without a name, then seen as a whole."""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import numpy as np
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

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return all rows as columns, mapped where they lie in files."""
        return {name: self._whole(name) for name in self._names}

    def close(self) -> None:
        """Let the files go; columns that were returned stay."""
        self._open.close()

    def _whole(self, name: str) -> NDArray[Any]:
        if not self._files:
            return _joined(self._pieces.pop(name))
        file = self._files[name]
        file.flush()
        mapped = mmap.mmap(file.fileno(), self._rows * _ITEM_BYTES, access=mmap.ACCESS_READ)
        return np.frombuffer(mapped, dtype=COLUMNS[name])


def _joined(pieces: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
