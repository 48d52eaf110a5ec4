"""CSV as columns: one quick pass, and a careful one that knows the line when the quick one stumbles."""

from __future__ import annotations

import csv
import re
import warnings
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from atlas_core import DataError
from atlas_sim.files.columns import Columns, find_columns
from atlas_sim.files.table import NUMBERS, PRICES, Table

_TIME_BYTES = 40
_SEPARATORS = (",", ";", "\t")
_WHOLE_NUMBER = re.compile(r"\d{1,19}")


def read_text(file: str, text: str, mapping: Mapping[str, str]) -> Table:
    """Return the columns of a CSV text; raises DataError when it has no rows or no usable header."""
    lines = text.replace("\r\n", "\n").split("\n")
    numbers = [number for number, line in enumerate(lines, 1) if line.strip()]
    rows = [lines[number - 1] for number in numbers]
    if not rows:
        raise DataError(f"{file}: expected a header and rows, was empty")
    separator = max(_SEPARATORS, key=rows[0].count)
    first_row = _fields(rows[0], separator)
    columns = find_columns(file, first_row, mapping)
    first = 1 if columns.has_header else 0
    if len(rows) <= first:
        raise DataError(f"{file}: expected rows below the header, was none")
    places = np.array(numbers[first:], dtype=np.int64)
    quick = _read_quickly(file, rows[first:], separator, len(first_row), columns, places)
    return quick or _read_carefully(file, rows[first:], separator, len(first_row), columns, places)


def _read_quickly(
    file: str, rows: Sequence[str], separator: str, width: int, columns: Columns, lines: NDArray[np.int64]
) -> Table | None:
    if any(row.count(separator) != width - 1 for row in rows):
        return None
    time_type = (
        "i8" if _WHOLE_NUMBER.fullmatch(_fields(rows[0], separator)[columns.time].strip()) else f"S{_TIME_BYTES}"
    )
    names = ["time", *PRICES] + ([] if columns.volume is None else ["volume"])
    places = [columns.time, *columns.prices()] + ([] if columns.volume is None else [columns.volume])
    kinds = np.dtype([(name, time_type if name == "time" else "f8") for name in names])
    try:
        with warnings.catch_warnings():
            # Old numpy reads 1.5 as a whole number with a warning; here that is not a whole number.
            warnings.simplefilter("error")
            read = np.loadtxt(
                rows, dtype=kinds, delimiter=separator, usecols=places, comments=None, quotechar='"', ndmin=1
            )
    except (ValueError, Warning):
        return None
    if len(read) != len(rows):
        return None
    numbers = {name: np.ascontiguousarray(read[name]) for name in names[1:]}
    return Table(file, read["time"], {"volume": np.zeros(len(read)), **numbers}, lines)


def _read_carefully(
    file: str, rows: Sequence[str], separator: str, width: int, columns: Columns, lines: NDArray[np.int64]
) -> Table:
    notes: dict[int, str] = {}
    times: list[bytes] = []
    numbers = {name: np.full(len(rows), np.nan) for name in NUMBERS}
    wanted = tuple(zip(NUMBERS, (*columns.prices(), columns.volume), strict=True))
    for row, line in enumerate(rows):
        fields = _fields(line, separator)
        if len(fields) != width:
            notes[row] = f"expected {width} fields, was {len(fields)}"
            times.append(b"")
            continue
        times.append(fields[columns.time].strip().encode()[: _TIME_BYTES * 2])
        for name, column in wanted:
            number = 0.0 if column is None else _number(fields[column])
            if number is None:
                notes.setdefault(row, f"{name}: expected a number, was {_shown(fields[column or 0])}")
            else:
                numbers[name][row] = number
    return Table(file, np.array(times, dtype=bytes), numbers, lines, notes=notes)


def _fields(line: str, separator: str) -> list[str]:
    if '"' not in line:
        return line.split(separator)
    try:
        return next(csv.reader([line], delimiter=separator))
    except csv.Error:
        return [line]


def _number(text: str) -> float | None:
    try:
        # Python alone would read 1_000 as a thousand.
        return None if "_" in text else float(text)
    except ValueError:
        return None


def _shown(text: str) -> str:
    return f'"{text.strip()[:40]}"' if text.strip() else "blank"
