"""What is in a file: its form is told by its first bytes, not by its name, and it is read in pieces."""

from __future__ import annotations

import gzip
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator, Mapping
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import IO, Any

from attrs import frozen

from atlas_core.barfiles.table import Table
from atlas_core.barfiles.text import read_text
from atlas_core.errors import DataError

_GZIP, _ZIP, _PARQUET, _FEATHER = b"\x1f\x8b", b"PK\x03\x04", b"PAR1", (b"ARROW1", b"FEA1")
_TAR_MARK, _TAR_PLACE = b"ustar", 257
_HEAD_BYTES = 512

Progress = Callable[[int], None]
"""Told how many bytes of the file have been read."""


@frozen(eq=False)
class Part:
    """One file of rows: the file itself, or a member of an archive. Its tables are read once, before the next part."""

    name: str
    tables: Iterator[Table]


def parts_of(path: Path, mapping: Mapping[str, str], progress: Progress | None = None) -> Generator[Part]:
    """Yield what a file holds: one part, or those of a zip or tar archive in their order.

    Raises DataError when it cannot be read or has no bars, MissingExtra for Parquet and Feather without pyarrow.
    """
    try:
        with path.open("rb") as raw:
            for part in _parts(path, raw, mapping):
                yield Part(part.name, _watched(path, raw, part.tables, progress))
    except _BROKEN as error:
        raise _unreadable(path, error) from None


def form_of(path: Path) -> str:
    """Return csv, parquet or feather, as the first bytes tell; packed files are taken for csv. Raises DataError."""
    try:
        with path.open("rb") as raw:
            head = raw.read(_HEAD_BYTES)
    except OSError as error:
        raise _unreadable(path, error) from None
    return "parquet" if head.startswith(_PARQUET) else "feather" if head.startswith(_FEATHER) else "csv"


def _parts(path: Path, raw: BufferedReader, mapping: Mapping[str, str]) -> Iterator[Part]:
    head = raw.peek(_HEAD_BYTES)[:_HEAD_BYTES]
    if head.startswith(_ZIP):
        yield from _zipped(path, raw, mapping)
    elif head.startswith(_GZIP):
        unpacked = gzip.GzipFile(fileobj=raw)
        yield from _plain(path, unpacked, unpacked.peek(_HEAD_BYTES)[:_HEAD_BYTES], mapping, path)
    else:
        yield from _plain(path, raw, head, mapping, path)


def _plain(
    path: Path, stream: IO[bytes] | gzip.GzipFile, head: bytes, mapping: Mapping[str, str], name: Path
) -> Iterator[Part]:
    if head[_TAR_PLACE:].startswith(_TAR_MARK):
        yield from _tarred(path, stream, mapping)
        return
    if not head.startswith((_PARQUET, *_FEATHER)):
        yield Part(str(name), read_text(str(name), stream, mapping))
        return
    from atlas_core.barfiles.arrow import read_arrow

    is_the_file_itself = isinstance(stream, BufferedReader) and name == path
    yield Part(str(name), read_arrow(str(name), path if is_the_file_itself else BytesIO(stream.read()), head, mapping))


def _zipped(path: Path, raw: IO[bytes], mapping: Mapping[str, str]) -> Iterator[Part]:
    with zipfile.ZipFile(raw) as archive:
        members = [member for member in archive.infolist() if not member.is_dir() and _is_meant(member.filename)]
        if not members:
            raise DataError(f"{path}: expected a file of bars in the archive, was none")
        for member in members:
            with archive.open(member) as stream:
                head = stream.peek(_HEAD_BYTES)[:_HEAD_BYTES]  # type: ignore[attr-defined]
                yield from _plain(path, stream, head, mapping, path / member.filename)


def _tarred(path: Path, stream: IO[bytes] | gzip.GzipFile, mapping: Mapping[str, str]) -> Iterator[Part]:
    found = False
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() and _is_meant(member.name) else None
            if content is not None:
                found = True
                reader: Any = content
                buffered = BufferedReader(reader)
                head = buffered.peek(_HEAD_BYTES)[:_HEAD_BYTES]
                yield from _plain(path, buffered, head, mapping, path / member.name)
    if not found:
        raise DataError(f"{path}: expected a file of bars in the archive, was none")


def _is_meant(name: str) -> bool:
    """Leave out what file managers put into archives."""
    return not any(part.startswith((".", "__MACOSX")) for part in Path(name).parts)


def _watched(path: Path, raw: IO[bytes], tables: Iterator[Table], progress: Progress | None) -> Iterator[Table]:
    try:
        for table in tables:
            yield table
            if progress is not None:
                progress(raw.tell())
    except _BROKEN as error:
        raise _unreadable(path, error) from None


_BROKEN = (EOFError, zlib.error, zipfile.BadZipFile, tarfile.TarError, OSError, RuntimeError, NotImplementedError)


def _unreadable(path: Path, error: Exception) -> DataError:
    if isinstance(error, OSError) and not isinstance(error, gzip.BadGzipFile):
        return DataError(f"{path}: expected a readable file, was not: {error.strerror or error}")
    if isinstance(error, RuntimeError):
        return DataError(f"{path}: expected an archive that can be read, was not: {error}; unpack it first")
    kind = "zip" if isinstance(error, zipfile.BadZipFile) else "tar" if isinstance(error, tarfile.TarError) else "gzip"
    return DataError(f"{path}: expected a whole {kind} file, was damaged or cut off ({error}); fetch it again")
