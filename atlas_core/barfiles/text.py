"""CSV as columns, piece by piece: a quick pass, and a careful one that knows the line when the quick one stumbles."""

from __future__ import annotations

import csv
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from gzip import GzipFile
from typing import IO

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from atlas_core.barfiles.columns import Columns, find_columns
from atlas_core.barfiles.table import NUMBERS, PRICES, Table
from atlas_core.errors import DataError

PIECE_BYTES = 8 << 20
_TIME_BYTES = 40
_MOST_LINE_BYTES = 1 << 20
_SEPARATORS = (",", ";", "\t")
_WHOLE_NUMBER = re.compile(r"\d{1,19}")


def read_text(
    file: str, stream: IO[bytes] | GzipFile, mapping: Mapping[str, str], piece_bytes: int = PIECE_BYTES
) -> Iterator[Table]:
    """Yield the rows of a CSV text in tables of about `piece_bytes`; raises DataError without rows or usable header."""
    form: _Form | None = None
    rows_read = 0
    for number, text in _pieces(file, stream, piece_bytes):
        lines = text.replace("\r\n", "\n").split("\n")
        numbers = [place for place, line in enumerate(lines, number) if line.strip()]
        rows = [lines[place - number] for place in numbers]
        if form is None and rows:
            form = _Form.of(file, rows[0], mapping)
            first = 1 if form.columns.has_header else 0
            rows, numbers = rows[first:], numbers[first:]
        if form is not None and rows:
            rows_read += len(rows)
            yield form.table(file, rows, np.array(numbers, dtype=np.int64))
    if form is None:
        raise DataError(f"{file}: expected a header and rows, was empty")
    if not rows_read:
        raise DataError(f"{file}: expected rows below the header, was none")


def _pieces(file: str, stream: IO[bytes] | GzipFile, piece_bytes: int) -> Iterator[tuple[int, str]]:
    """Yield whole lines with the number of the first of them."""
    number, rest = 1, b""
    while block := stream.read(piece_bytes):
        head, newline, rest = (rest + block).rpartition(b"\n")
        if newline:
            yield number, _decoded(file, head, number)
            number += head.count(b"\n") + 1
        if len(rest) > _MOST_LINE_BYTES:
            raise DataError(f"{file}: expected lines of text, was one of more than {_MOST_LINE_BYTES:,} bytes")
    if rest:
        yield number, _decoded(file, rest, number)


def _decoded(file: str, content: bytes, number: int) -> str:
    try:
        return content.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError:
        raise DataError(
            f"{file}: expected UTF-8 text, gzip, zip, tar, Parquet or Feather, was something else"
        ) from None


@frozen
class _Form:
    """What the first line tells of all others: separator, number of fields, and which column is which."""

    separator: str
    width: int
    columns: Columns

    @classmethod
    def of(cls, file: str, first_line: str, mapping: Mapping[str, str]) -> _Form:
        separator = max(_SEPARATORS, key=first_line.count)
        fields = _fields(first_line, separator)
        return cls(separator, len(fields), find_columns(file, fields, mapping))

    def table(self, file: str, rows: Sequence[str], lines: NDArray[np.int64]) -> Table:
        quick = self._read_quickly(file, rows, lines)
        return quick or self._read_carefully(file, rows, lines)

    def _read_quickly(self, file: str, rows: Sequence[str], lines: NDArray[np.int64]) -> Table | None:
        if any(row.count(self.separator) != self.width - 1 for row in rows):
            return None
        wanted = {name: place for name, place in self._places().items() if place is not None}
        sample = _fields(rows[0], self.separator)
        labels = self.columns.labels
        fields = [(name, _kind(name, sample[place])) for name, place in wanted.items()]
        kinds = np.dtype([*fields, *((f"label {name}", f"S{_TIME_BYTES}") for name in labels)])
        try:
            with warnings.catch_warnings():
                # Old numpy reads 1.5 as a whole number with a warning; here that is not a whole number.
                warnings.simplefilter("error")
                read = np.loadtxt(
                    rows,
                    dtype=kinds,
                    delimiter=self.separator,
                    usecols=[*wanted.values(), *labels.values()],
                    comments=None,
                    quotechar='"',
                    ndmin=1,
                )
        except (ValueError, Warning):
            return None
        if len(read) != len(rows):
            return None
        numbers = {name: np.ascontiguousarray(read[name]) for name in NUMBERS if name in wanted}
        numbers = {"volume": np.zeros(len(read)), **numbers}
        told = {name: np.ascontiguousarray(read[f"label {name}"]) for name in labels}
        return Table(file, read["time"], numbers, lines, ends=read["ends"] if "ends" in wanted else None, labels=told)

    def _places(self) -> dict[str, int | None]:
        columns = self.columns
        prices = dict(zip(PRICES, columns.prices(), strict=True))
        return {"time": columns.time, **prices, "volume": columns.volume, "ends": columns.ends}

    def _read_carefully(self, file: str, rows: Sequence[str], lines: NDArray[np.int64]) -> Table:
        notes: dict[int, str] = {}
        texts: dict[str, list[bytes]] = {"time": [], "ends": []}
        labels: dict[str, list[bytes]] = {name: [] for name in self.columns.labels}
        numbers = {name: np.full(len(rows), np.nan) for name in NUMBERS}
        for row, line in enumerate(rows):
            fields = _fields(line, self.separator)
            is_whole = len(fields) == self.width
            if not is_whole:
                notes[row] = f"expected {self.width} fields, was {len(fields)}"
            for name, place in self.columns.labels.items():
                labels[name].append(fields[place].strip().encode()[:_TIME_BYTES] if is_whole else b"")
            for role, where in self._places().items():
                field = fields[where] if is_whole and where is not None else ""
                if role in texts:
                    texts[role].append(field.strip().encode()[: _TIME_BYTES * 2])
                elif is_whole:
                    _take_number(role, row, field if where is not None else "0", numbers[role], notes)
        ends = np.array(texts["ends"], dtype=bytes) if self.columns.ends is not None else None
        told = {name: np.array(texts_of, dtype=f"S{_TIME_BYTES}") for name, texts_of in labels.items()}
        time = np.array(texts["time"], dtype=bytes)
        return Table(file, time, numbers, lines, notes=notes, ends=ends, labels=told)


def _kind(name: str, sample: str) -> str:
    if name not in ("time", "ends"):
        return "f8"
    return "i8" if _WHOLE_NUMBER.fullmatch(sample.strip()) else f"S{_TIME_BYTES}"


def _take_number(name: str, row: int, field: str, column: NDArray[np.float64], notes: dict[int, str]) -> None:
    number = _number(field)
    if number is None:
        notes.setdefault(row, f"{name}: expected a number, was {_shown(field)}")
    else:
        column[row] = number


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
