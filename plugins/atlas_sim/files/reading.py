"""A file of any known form as a table: the form is told by its first bytes, not by its name."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING

from atlas_core import DataError
from atlas_sim.files.text import read_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from atlas_sim.files.table import Table

_GZIP, _PARQUET, _FEATHER = b"\x1f\x8b", b"PAR1", (b"ARROW1", b"FEA1")


def read_table(path: Path, mapping: Mapping[str, str]) -> Table:
    """Return the columns of a file.

    Raises DataError when it cannot be read or has no bars, MissingExtra for Parquet and Feather without pyarrow.
    """
    try:
        content = path.read_bytes()
        if content.startswith(_GZIP):
            content = gzip.decompress(content)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"{path}: expected a whole gzip file, was damaged or cut off ({error}); fetch it again"
        ) from None
    except OSError as error:
        raise DataError(f"{path}: expected a readable file, was not: {error.strerror or error}") from None
    if content.startswith((_PARQUET, *_FEATHER)):
        from atlas_sim.files.arrow import read_arrow

        return read_arrow(str(path), content, mapping)
    try:
        return read_text(str(path), content.decode("utf-8-sig"), mapping)
    except UnicodeDecodeError:
        raise DataError(f"{path}: expected UTF-8 text, gzip, Parquet or Feather, was something else") from None
