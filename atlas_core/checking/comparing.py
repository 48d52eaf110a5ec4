"""Two tellings of the same run held against each other: signal tables row by row, records one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from math import isclose, isnan
from typing import Any

import numpy as np
from attrs import asdict, frozen
from numpy.typing import NDArray

from atlas_core.model.instrument import Instrument
from atlas_core.model.records import Record
from atlas_core.model.signals import SignalTable

RELATIVE = 1e-9
"""Floats that agree to nine digits are equal: sums over more or fewer rows may be rounded elsewhere."""

_IDENTITY = ("available_at", "symbol", "timeframe", "side", "setup_at")
_TEXTS = ("pattern", "entry")
_PRICES = ("trigger", "stop", "target", "cancel_beyond", "void_beyond")
_TIMES = ("valid_until",)


@frozen(kw_only=True)
class RowDifference:
    """The first row in which two tables differ: `one` and `other` tell it, empty where it is missing."""

    available_at: int
    setup_at: int
    symbol: str
    timeframe: str
    signal: str
    fields: tuple[str, ...]
    one: str
    other: str


def first_row_difference(
    one: SignalTable, other: SignalTable, instruments: Mapping[str, Instrument]
) -> RowDifference | None:
    """Return the first difference of two tables that are ordered by time; prices compare in ticks."""
    rows = min(len(one), len(other))
    wrong = np.zeros(rows, dtype=bool)
    for _, differs in _columns(one, other, rows, instruments):
        wrong |= differs
    if not wrong.any():
        if len(one) == len(other):
            return None
        longer, row = (one, rows) if len(one) > rows else (other, rows)
        return _missing(longer, row, is_in_one=longer is one)
    row = int(np.argmax(wrong))
    identities = [tuple(getattr(table, name)[row] for name in _IDENTITY) for table in (one, other)]
    if identities[0] != identities[1]:
        is_in_one = identities[0] not in _identities(other)
        return _missing(one if is_in_one else other, row, is_in_one=is_in_one)
    fields = tuple(name for name, differs in _columns(one, other, rows, instruments) if differs[row])
    told = (", ".join(f"{name} {_cell(table, name, row)}" for name in fields) for table in (one, other))
    return _difference(one, row, fields, *told)


def _columns(
    one: SignalTable, other: SignalTable, rows: int, instruments: Mapping[str, Instrument]
) -> list[tuple[str, NDArray[np.bool_]]]:
    """Return for each column which of the first rows differ in it."""
    found: list[tuple[str, NDArray[np.bool_]]] = [
        (name, getattr(one, name)[:rows] != getattr(other, name)[:rows]) for name in (*_IDENTITY, *_TEXTS, *_TIMES)
    ]
    ticks = np.array([float(instruments[symbol].tick_size) for symbol in one.symbol[:rows].tolist()])
    for name in _PRICES:
        first, second = (np.rint(getattr(table, name)[:rows] / ticks) for table in (one, other))
        found.append((name, ~_equal(first, second)))
    found.append(("score", ~_equal(one.score[:rows], other.score[:rows])))
    for name in sorted({*one.context, *other.context}):
        first, second = (table.context.get(name, _blank(table))[:rows] for table in (one, other))
        found.append((name, ~_equal(first, second)))
    return found


def _blank(table: SignalTable) -> NDArray[Any]:
    return np.full(len(table), np.nan)


def _equal(first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.bool_]:
    if first.dtype.kind in "fiub" and second.dtype.kind in "fiub":
        equal: NDArray[np.bool_] = np.isclose(first, second, rtol=RELATIVE, atol=0.0, equal_nan=True)
    else:
        equal = first.astype(str) == second.astype(str)
    return equal


def _identities(table: SignalTable) -> set[tuple[Any, ...]]:
    return set(zip(*(getattr(table, name).tolist() for name in _IDENTITY), strict=True))


def _missing(table: SignalTable, row: int, *, is_in_one: bool) -> RowDifference:
    told = _told(table, row)
    return _difference(table, row, (), told if is_in_one else "", "" if is_in_one else told)


def _difference(table: SignalTable, row: int, fields: tuple[str, ...], one: str, other: str) -> RowDifference:
    return RowDifference(
        available_at=int(table.available_at[row]), setup_at=int(table.setup_at[row]), symbol=str(table.symbol[row]),
        timeframe=str(table.timeframe[row]), signal=_named(table, row), fields=fields, one=one, other=other,
    )  # fmt: skip


def _named(table: SignalTable, row: int) -> str:
    side = "long" if table.side[row] > 0 else "short"
    return f"{table.pattern[row]} {side} on {table.timeframe[row]}"


def _told(table: SignalTable, row: int) -> str:
    prices = ", ".join(f"{name} {_cell(table, name, row)}" for name in ("trigger", "stop", "target"))
    return f"{_named(table, row)}: {prices}"


def _cell(table: SignalTable, name: str, row: int) -> str:
    column = getattr(table, name) if hasattr(table, name) else table.context.get(name)
    value = "nothing" if column is None else column[row]
    return f"{value:.12g}" if isinstance(value, float | np.floating) else str(value)


@frozen
class RecordDifference:
    """The first place at which two sequences of records differ; `one` or `other` is None where one has ended."""

    place: int
    one: Record | None
    other: Record | None
    fields: tuple[str, ...]


def first_record_difference(one: Sequence[Record], other: Sequence[Record]) -> RecordDifference | None:
    """Return the first difference of two sequences of records."""
    for place, (first, second) in enumerate(zip_longest(one, other)):
        if first == second:
            continue
        fields = differing_fields(first, second) if first is not None and second is not None else ()
        if fields is not None:
            return RecordDifference(place, first, second, fields)
    return None


def differing_fields(one: Record, other: Record) -> tuple[str, ...] | None:
    """Return the fields in which two records differ, none of them for records of two kinds; None when they agree."""
    if type(one) is not type(other):
        return ()
    now = asdict(other, recurse=False)
    fields = tuple(name for name, value in asdict(one, recurse=False).items() if not agree(value, now[name]))
    return fields or None


def agree(one: Any, other: Any) -> bool:
    """Tell whether two values are equal, floats to nine digits, mappings value by value."""
    if isinstance(one, float) and isinstance(other, float):
        return isclose(one, other, rel_tol=RELATIVE) or (isnan(one) and isnan(other))
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(agree(value, other[name]) for name, value in one.items())
    return bool(one == other)
