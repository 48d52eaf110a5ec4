"""Parquet and Feather as columns; needs pyarrow (extra `data`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from atlas_core import DataError, MissingExtra
from atlas_sim.files.columns import find_columns
from atlas_sim.files.table import NUMBERS, Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


def read_arrow(file: str, content: bytes, mapping: Mapping[str, str]) -> Table:
    """Return the columns of a Parquet or Feather file; rows are numbered from 1.

    Raises MissingExtra without pyarrow, DataError for a damaged file or columns that are no numbers.
    """
    try:
        import pyarrow as pa
        from pyarrow import feather, parquet
    except ImportError:
        raise MissingExtra(f"reading {file}", ["pyarrow"], "pip install 'atlas-trading[data]'") from None
    read = parquet.read_table if content.startswith(b"PAR1") else feather.read_table
    try:
        table = read(pa.BufferReader(content))
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{file}: expected a whole Parquet or Feather file, was damaged ({error})") from None
    columns = find_columns(file, table.column_names, mapping)
    if not table.num_rows:
        raise DataError(f"{file}: expected rows, was none")
    time, zoned, whole_days, notes = _time(pa, table.column(columns.time))
    wanted = zip(NUMBERS, (*columns.prices(), columns.volume), strict=True)
    numbers = {name: _numbers(pa, file, table, place) for name, place in wanted}
    lines = np.arange(1, table.num_rows + 1)
    return Table(file, time, numbers, lines, zoned=zoned, whole_days=whole_days, notes=notes)


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
