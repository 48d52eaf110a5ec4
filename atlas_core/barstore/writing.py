"""Writing a series: columns first, made durable, then the manifest that makes them count, in one rename."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from shutil import rmtree
from types import TracebackType
from typing import Self

import numpy as np
from attrs import evolve

from atlas_core.barstore.columns import TYPES, ColumnWriter
from atlas_core.barstore.keys import SeriesKey, file_name
from atlas_core.barstore.manifest import FILE_NAME, Manifest, Origin, read_manifest
from atlas_core.errors import DataError
from atlas_core.marketdata.gaps import count_missing
from atlas_core.marketdata.sessions import grid_of
from atlas_core.model.bars import Bars
from atlas_core.model.session import TradingSession
from atlas_core.statedir import sync_directory, write_text

_FOLDER = "columns-"


class SeriesLock:
    """Makes one process the only writer of a series; the system frees it when the process dies, however it dies."""

    def __init__(self, root: Path, path: Path) -> None:
        """Take the lock of the series in the folder `path`; raises DataError while another process writes it."""
        locks = root / ".locks"
        locks.mkdir(parents=True, exist_ok=True)
        name = file_name(path.relative_to(root).as_posix())
        self._handle = os.open(locks / name, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._handle)
            raise DataError(f"{path}: another process is writing it; wait until it has ended") from None

    def release(self) -> None:
        """Let others write."""
        os.close(self._handle)


class SeriesWriter:
    """Writes one series, either anew beside the old columns or at their end; without `commit` nothing has changed."""

    def __init__(self, root: Path, key: SeriesKey, *, append: bool) -> None:
        """Begin to write; with `append` after the rows that are there, else instead of them.

        Raises DataError while another process writes the series, or when what is appended to is damaged.
        """
        self._key = key
        self._path = root / key.path
        self._lock = SeriesLock(root, self._path)
        try:
            make_durable_folder(self._path, root)
            self._old = _existing(self._path)
            self._old_folder = self._old.folder if self._old else ""
            self._remove_leftovers()
            is_anew = self._old is None or not append
            self._manifest = Manifest(key=key, tick_size=Decimal(0)) if is_anew or self._old is None else self._old
            self._folder = self._new_folder() if is_anew else self._path / self._old_folder
            self._columns = self._open_columns()
        except BaseException:
            self._lock.release()
            raise
        self._written = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            for column in self._columns.values():
                column.close()
            # Read again, because a commit that failed may have come as far as the rename.
            if _existing_folder(self._path) != self._folder.name:
                rmtree(self._folder, ignore_errors=True)
        finally:
            self._lock.release()

    def write(self, bars: Bars) -> None:
        """Append bars that begin after the last one; raises DataError for rows that are not bars or not in order."""
        if not len(bars):
            return
        self._check(bars)
        gaps, missing = count_missing(bars, grid_of(self._manifest.session), self._manifest.last_available_at)
        for name, column in self._columns.items():
            column.write(getattr(bars, name))
        before = self._manifest
        self._manifest = evolve(
            before,
            rows=before.rows + len(bars),
            first_opened_at=before.first_opened_at if before.rows else int(bars.opened_at[0]),
            last_available_at=int(bars.available_at[-1]),
            gaps=before.gaps + gaps,
            missing_bars=before.missing_bars + missing,
            tick_size=min(before.tick_size or bars.tick_size, bars.tick_size),
        )
        self._written += len(bars)

    def counts_in(self, session: TradingSession) -> None:
        """Say in which session gaps are counted, before the first bar is written."""
        self._manifest = evolve(self._manifest, session=session)

    def describe(self, instrument: Mapping[str, str]) -> None:
        """Keep what is known of the instrument."""
        self._manifest = evolve(self._manifest, instrument=dict(instrument))

    def commit(self, *origins: Origin) -> Manifest:
        """Make what was written the series: durable columns, then the manifest in one rename."""
        manifest = evolve(
            self._manifest,
            folder=self._folder.name,
            blocks={name: column.finish() for name, column in self._columns.items()},
        )
        for origin in origins:
            manifest = manifest.with_origin(origin)
        sync_directory(self._folder)
        write_text(self._path / FILE_NAME, manifest.to_text())
        self._manifest = manifest
        if self._old_folder not in ("", self._folder.name):
            # Who has mapped the old columns keeps them: their pages live until the last one lets them go.
            rmtree(self._path / self._old_folder, ignore_errors=True)
        return manifest

    @property
    def before(self) -> Manifest | None:
        """Return the manifest of the series that was there when the writing began, None for none."""
        return self._old

    @property
    def rows_written(self) -> int:
        """How many rows were written so far."""
        return self._written

    def _check(self, bars: Bars) -> None:
        first, last = int(bars.opened_at[0]), self._manifest.last_available_at
        if self._manifest.rows and first < last:
            raise DataError(f"{self._key}: expected bars from {last} ns on, was {first}: they overlap what is written")
        numbers_are_finite = all(bool(np.isfinite(getattr(bars, name)).all()) for name in list(TYPES)[2:])
        if not numbers_are_finite or not bool(bars.valid().all()):
            raise DataError(f"{self._key}: expected rows that are bars: finite, high at the top and low at the bottom")

    def _open_columns(self) -> dict[str, ColumnWriter]:
        opened: dict[str, ColumnWriter] = {}
        try:
            for name in TYPES:
                blocks = self._manifest.blocks.get(name, ())
                opened[name] = ColumnWriter(self._folder, name, self._manifest.rows, blocks)
        except BaseException:
            for column in opened.values():
                column.close()
            raise
        return opened

    def _new_folder(self) -> Path:
        number = int(self._old_folder.removeprefix(_FOLDER)) if self._old_folder else 0
        folder = self._path / f"{_FOLDER}{number + 1:06}"
        folder.mkdir()
        sync_directory(self._path)
        return folder

    def _remove_leftovers(self) -> None:
        """Remove what a writer left that was killed."""
        for path in self._path.glob(f"{_FOLDER}*"):
            if path.name != self._old_folder:
                rmtree(path, ignore_errors=True)
        for path in self._path.glob(f".{FILE_NAME}.*"):
            path.unlink(missing_ok=True)


def make_durable_folder(path: Path, root: Path) -> None:
    """Make a folder below `root` whose name survives a power cut."""
    if path.is_dir():
        return
    path.mkdir(parents=True, exist_ok=True)
    for folder in (path.parent, *path.parent.parents):
        sync_directory(folder)
        if folder == root:
            return


def _existing(path: Path) -> Manifest | None:
    try:
        return read_manifest(path / FILE_NAME)
    except FileNotFoundError:
        return None


def _existing_folder(path: Path) -> str:
    manifest = _existing(path)
    return manifest.folder if manifest else ""
