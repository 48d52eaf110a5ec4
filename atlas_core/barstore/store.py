"""The bar store: series below one folder, opened by mapping their columns, never by reading them."""

from __future__ import annotations

from collections.abc import Iterator
from glob import escape
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING

from attrs import frozen

from atlas_core.barstore.columns import BLOCK_ROWS, ITEM_BYTES, TYPES, column_path, map_column, wrong_blocks
from atlas_core.barstore.keys import PriceKind, SeriesKey, file_name
from atlas_core.barstore.manifest import FILE_NAME, Manifest, read_manifest
from atlas_core.barstore.writing import SeriesLock, SeriesWriter
from atlas_core.errors import DataError, NotFound
from atlas_core.model.bars import Bars
from atlas_core.runstore import default_home
from atlas_core.statedir import remove_durably

if TYPE_CHECKING:
    from atlas_core.model.timeframe import Timeframe

_TRIES = 3


@frozen
class StoredSeries:
    """One series of the store: its manifest, and its bars when they are asked for."""

    manifest: Manifest
    folder: Path

    @property
    def key(self) -> SeriesKey:
        """Return what names the series."""
        return self.manifest.key

    def bars(self) -> Bars:
        """Return the bars as mapped columns, shared by all who map them; it takes the same time for any length.

        Raises DataError for columns that are missing, cut off, or whose ends are not those of the manifest.
        """
        manifest = self.manifest
        try:
            columns = [map_column(self.folder, name, manifest.rows) for name in TYPES]
        except FileNotFoundError as fault:
            raise DataError(f"{self.key}: expected the column {fault.filename}, was missing; {_REMEDY}") from None
        bars = Bars.trusted(self.key.symbol, self.key.timeframe, manifest.tick_size, columns)
        if len(bars):
            ends = (int(bars.opened_at[0]), int(bars.available_at[-1]))
            if ends != (manifest.first_opened_at, manifest.last_available_at):
                raise DataError(f"{self.key}: expected the times of its manifest, was damaged; {_REMEDY}")
        return bars

    def verified_bars(self) -> Bars:
        """Return the bars after every column was read; raises DataError where one is not what was written."""
        for _, faults in self.verify():
            if faults:
                raise DataError(f"{self.key}: {faults[0]}; {_REMEDY}")
        return self.bars()

    def verify(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Read every column; yield its name and what is wrong with it, nothing for a sound one."""
        for name in TYPES:
            yield name, tuple(self._faults(name))

    def _faults(self, name: str) -> Iterator[str]:
        manifest, path = self.manifest, column_path(self.folder, name)
        blocks = manifest.blocks.get(name, ())
        expected = -(-manifest.rows // BLOCK_ROWS)
        if len(blocks) != expected:
            yield f"expected {expected} hashes in the manifest, was {len(blocks)}"
        try:
            held = path.stat().st_size
            if held < manifest.rows * ITEM_BYTES:
                yield f"{path}: expected {manifest.rows * ITEM_BYTES:,} bytes, was {held:,}"
            for block in wrong_blocks(self.folder, name, manifest.rows, blocks):
                first, last = block * BLOCK_ROWS + 1, min(manifest.rows, (block + 1) * BLOCK_ROWS)
                yield f"{path}: rows {first:,} to {last:,} are not what was written"
        except OSError as fault:
            yield f"{path}: {fault.strerror}"


_REMEDY = "see atlas data verify, then remove the series and import it again"


@frozen
class BarStore:
    """The series below one folder: `SOURCE/SYMBOL/TIMEFRAME`, each with a manifest and a folder of columns.

    Any number of processes read; of each series one process writes at a time, and readers see it before or after.
    """

    root: Path

    @classmethod
    def at(cls, home: Path | None = None) -> BarStore:
        """Return the store below an Atlas home, the default one without it."""
        return cls((home or default_home()) / "data")

    def series(self, key: SeriesKey) -> StoredSeries:
        """Return a series; raises NotFound when there is none, DataError when its manifest is damaged."""
        path = self.root / key.path
        try:
            manifest = read_manifest(path / FILE_NAME)
        except FileNotFoundError:
            raise NotFound(f"expected {key} in {self.root}, was nothing; see atlas data list") from None
        if manifest.key != key:
            raise DataError(f"{path}: expected {key}, was {manifest.key}: this file system takes both names for one")
        return StoredSeries(manifest, path / manifest.folder)

    def bars(self, key: SeriesKey) -> Bars:
        """Return the bars of a series, also while another process replaces it; raises NotFound or DataError."""
        for attempt in range(_TRIES):
            series = self.series(key)
            try:
                return series.bars()
            except DataError:
                is_same = self.series(key).manifest == series.manifest
                if is_same or attempt == _TRIES - 1:
                    raise
        raise AssertionError

    def manifests(self, source: str | None = None, symbol: str | None = None) -> list[Path]:
        """Return the paths of the manifests of a source and a symbol, None for all, damaged ones too."""
        folders = "/".join("*" if name is None else escape(file_name(name)) for name in (source, symbol))
        return sorted(self.root.glob(f"{folders}/*/{FILE_NAME}"))

    def read(self, path: Path) -> StoredSeries | None:
        """Return the series of a manifest, None when it was removed meanwhile; raises DataError when it is damaged."""
        try:
            manifest = read_manifest(path)
        except FileNotFoundError:
            return None
        return StoredSeries(manifest, path.parent / manifest.folder)

    def all(self) -> tuple[StoredSeries, ...]:
        """Return every series, by source, symbol and timeframe; raises DataError for a damaged manifest."""
        return self.find()

    def find(
        self,
        symbol: str | None = None,
        timeframe: Timeframe | None = None,
        source: str | None = None,
        price: PriceKind | None = None,
    ) -> tuple[StoredSeries, ...]:
        """Return the series that fit what is said, None fitting everything; raises DataError for a damaged manifest."""
        found = (series for path in self.manifests(source, symbol) if (series := self.read(path)) is not None)
        wanted = [
            series
            for series in found
            if symbol in (None, series.key.symbol)
            and timeframe in (None, series.key.timeframe)
            and source in (None, series.key.source)
            and price in (None, series.key.price)
        ]
        return tuple(sorted(wanted, key=_order))

    def writer(self, key: SeriesKey, *, append: bool) -> SeriesWriter:
        """Begin to write a series; see `SeriesWriter`."""
        return SeriesWriter(self.root, key, append=append)

    def remove(self, key: SeriesKey) -> None:
        """Remove a series, also one that is damaged; raises NotFound when there is none."""
        path = self.root / key.path
        if not (path / FILE_NAME).exists():
            raise NotFound(f"expected {key} in {self.root}, was nothing; see atlas data list")
        self.remove_at(path)

    def remove_at(self, path: Path) -> None:
        """Remove the series in a folder of the store, whatever its manifest says."""
        lock = SeriesLock(self.root, path)
        try:
            remove_durably(path / FILE_NAME)  # from here on the series is gone, whatever else is still there
            rmtree(path, ignore_errors=True)
        finally:
            lock.release()


def _order(series: StoredSeries) -> tuple[str, str, int, str]:
    key = series.key
    return key.source, key.symbol, key.timeframe.duration, key.price
