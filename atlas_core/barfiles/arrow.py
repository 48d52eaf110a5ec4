"""Parquet and Feather as columns, batch by batch; needs pyarrow (extra `data`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlas_core.barfiles.columns import Columns, find_columns
from atlas_core.barfiles.table import NUMBERS, Table
from atlas_core.errors import DataError, MissingExtra

PARQUET, FEATHER = b"PAR1", (b"ARROW1", b"FEA1")
_BATCH_ROWS = 1 << 17
_LABEL_BYTES = 40


def import_arrow(what: str) -> Any:
    """Return pyarrow; raises MissingExtra saying what needs it."""
    try:
        import pyarrow
    except ImportError:
        raise MissingExtra(what, ["pyarrow"], "pip install 'atlas-trading[data]'") from None
    return pyarrow


def read_arrow(file: str, source: Path | BytesIO, first_bytes: bytes, mapping: Mapping[str, str]) -> Iterator[Table]:
    """Yield the rows of a Parquet or Feather file in tables; rows are numbered from 1.

    Raises MissingExtra without pyarrow, DataError for a damaged file or columns that are no numbers.
    """
    pa = import_arrow(f"reading {file}")
    rows, columns = 0, None
    try:
        for batch in _batches(pa, source, first_bytes):
            columns = columns or find_columns(file, batch.column_names, mapping)
            if batch.num_rows:
                yield _table(pa, file, batch, columns, rows)
                rows += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{file}: expected a whole Parquet or Feather file, was damaged ({error})") from None
    if not rows:
        raise DataError(f"{file}: expected rows, was none")


def told_by_parquet(path: Path) -> Mapping[bytes, bytes]:
    """Return the notes that the writer of a Parquet file left in it; raises MissingExtra or DataError."""
    pa = import_arrow(f"reading {path}")
    from pyarrow import parquet

    try:
        return parquet.read_schema(path).metadata or {}
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: expected a whole Parquet file, was damaged ({error})") from None


def _batches(pa: Any, source: Path | BytesIO, first_bytes: bytes) -> Iterator[Any]:
    """Yield the batches of a file as tables; the first one may be empty."""
    from pyarrow import feather, ipc, parquet

    if first_bytes.startswith(PARQUET):
        file = parquet.ParquetFile(source)
        yield file.schema_arrow.empty_table()
        for batch in file.iter_batches(batch_size=_BATCH_ROWS):
            yield pa.Table.from_batches([batch])
    elif first_bytes.startswith(FEATHER[0]):
        reader = ipc.open_file(pa.memory_map(str(source)) if isinstance(source, Path) else source)
        yield reader.schema.empty_table()
        for number in range(reader.num_record_batches):
            yield pa.Table.from_batches([reader.get_batch(number)])
    else:
        yield feather.read_table(source)


def _table(pa: Any, file: str, batch: Any, columns: Columns, before: int) -> Table:
    time, zoned, whole_days, notes = _time(pa, batch.column(columns.time))
    wanted = zip(NUMBERS, (*columns.prices(), columns.volume), strict=True)
    numbers = {name: _numbers(pa, file, batch, place) for name, place in wanted}
    lines = np.arange(before + 1, before + batch.num_rows + 1)
    ends = None if columns.ends is None else _time(pa, batch.column(columns.ends))[0]
    labels = {name: _label(batch.column(place)) for name, place in columns.labels.items()}
    return Table(file, time, numbers, lines, zoned=zoned, whole_days=whole_days, notes=notes, ends=ends, labels=labels)


def _label(column: Any) -> NDArray[np.bytes_]:
    return np.array([str(value).encode()[:_LABEL_BYTES] for value in column.to_pylist()], dtype=f"S{_LABEL_BYTES}")


def _time(pa: Any, column: Any) -> tuple[NDArray[np.generic], bool, bool, dict[int, str]]:
    missing = np.flatnonzero(column.is_null().to_numpy()).tolist()
    notes = dict.fromkeys(missing, "time: expected a time, was blank")
    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        moments = column.cast(pa.timestamp("ns")).to_numpy().astype("datetime64[ns]")
        return np.where(np.isnat(moments), np.datetime64(0, "ns"), moments), _has_zone(kind), _is_day(pa, kind), notes
    if pa.types.is_integer(kind):
        return column.fill_null(0).cast(pa.int64()).to_numpy(), False, False, notes
    texts = [b"" if text is None else str(text).encode() for text in column.to_pylist()]
    return np.array(texts, dtype=bytes), False, False, notes


def _has_zone(kind: Any) -> bool:
    return getattr(kind, "tz", None) is not None


def _is_day(pa: Any, kind: Any) -> bool:
    return bool(pa.types.is_date(kind))


def _numbers(pa: Any, file: str, table: Any, place: int | None) -> NDArray[np.float64]:
    if place is None:
        return np.zeros(table.num_rows)
    column = table.column(place)
    try:
        numbers: NDArray[np.float64] = column.cast(pa.float64()).to_numpy().astype(np.float64)
    except pa.ArrowException:
        raise DataError(f"{file}: expected numbers in {table.column_names[place]}, was {column.type}") from None
    return numbers
