"""Times of a file as nanoseconds UTC: their unit is recognised by magnitude and refused when it is not certain."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
from attrs import define, field, frozen

from atlas_core.clock import from_datetime
from atlas_core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from atlas_core.barfiles.table import Table

UNKNOWN = np.iinfo(np.int64).min  # stands for the time of a row whose time could not be read

_SCALES: Mapping[str, int] = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
_WORDS: Mapping[str, str] = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
# 1990 to 2100 in seconds: so far apart from the same span in milliseconds that a number can be only one of them.
_FIRST, _LAST = 631_152_000, 4_102_444_800
_HOUR = 3_600_000_000_000
_NUMBER = re.compile(rb"[-+]?\d{1,30}(\.\d{0,30})?")
_DATE_BYTES = 10
_UTC_ENDS = (b"Z", b"+00:00")
_ISO_ZONED, _ISO_LOCAL = "ISO 8601 with a zone", "ISO 8601 without a zone"
_FORM = "0000-00-00T00:00:00.000000000"


@frozen(eq=False)
class Times:
    """Nanoseconds UTC per row (UNKNOWN where `notes` says why), and whether each time names a whole day.

    `form` says how the times are written.
    """

    ts: NDArray[np.int64]
    notes: Mapping[int, str]
    whole_days: bool = False
    form: str = ""


@define
class TimeReader:
    """Reads the times of one file piece by piece: all of them are written in one form, or the file is refused."""

    unit: str
    zone: str
    whole_days: bool = True
    _form: str = field(default="", init=False)
    _first_line: int = field(default=0, init=False)

    def read(self, table: Table) -> Times:
        """Return the times of the next rows; raises DataError as `read_times` does, and for a form that changes."""
        times = read_times(table, self.unit, self.zone)
        self.whole_days &= times.whole_days
        if not self._form:
            self._form, self._first_line = times.form, int(table.lines[0])
        elif times.form != self._form:
            raise DataError(
                f"{table.file}: expected times of one form, was {self._form} from line {self._first_line} and "
                f"{times.form} from line {table.lines[0]}; repair the file"
            )
        return times


def read_times(table: Table, unit: str, zone: str) -> Times:
    """Return the times of a table.

    Raises DataError when their unit is ambiguous or mixed, or when they are neither numbers nor ISO 8601.
    """
    kind = table.time.dtype.kind
    if kind == "M":
        ts = table.time.astype("datetime64[ns]").astype(np.int64)
        form = "timestamps with a zone" if table.zoned else "timestamps without a zone"
        return Times(ts if table.zoned else _from_local(ts, zone), {}, table.whole_days, form)
    if kind in "iu":
        _refuse_numbers_as_iso(table, unit, str(table.time[0]))
        return _from_numbers(table, table.time.astype(np.int64), unit)
    return _from_texts(table, unit, zone)


def _from_texts(table: Table, unit: str, zone: str) -> Times:
    column = np.char.strip(table.time.astype(bytes))
    texts: list[bytes] = column.tolist()
    first = next((text for text in texts if text), b"")
    if unit in _SCALES or (_NUMBER.fullmatch(first) and unit == "auto"):
        return _from_number_texts(table, texts, unit)
    _refuse_numbers_as_iso(table, unit, first.decode(errors="replace"))
    if not _looks_iso(first):
        raise DataError(
            f"{table.file}: expected times as ISO 8601 (2026-01-05T14:30:00Z) or as a number since 1970, "
            f"was {_shown(first)}; convert the column first, because other forms can be read in two ways"
        )
    whole_days = all(len(text) == _DATE_BYTES for text in texts if text)
    quick = _from_plain_iso(column, first, zone)
    if quick is None:
        return _from_any_iso(table, texts, zone, whole_days)
    return Times(quick, {}, whole_days, _ISO_ZONED if first.endswith(_UTC_ENDS) else _ISO_LOCAL)


def _refuse_numbers_as_iso(table: Table, unit: str, first: str) -> None:
    if unit == "iso" and _NUMBER.fullmatch(first.encode()):
        raise DataError(f'{table.file}: expected ISO 8601 times (time_unit = "iso"), was the number {first}')


def _from_number_texts(table: Table, texts: list[bytes], unit: str) -> Times:
    values = [_decimal(text) for text in texts]
    notes = {
        row: f"time: expected a number, was {_shown(texts[row])}" for row, value in enumerate(values) if value is None
    }
    numbers = np.array([float(value or 0) for value in values])
    unit, plausible = _unit_of(table, numbers, unit, notes)
    scale = _SCALES[unit]
    ts = [int((value or 0) * scale) if fits else UNKNOWN for value, fits in zip(values, plausible, strict=True)]
    return Times(np.array(ts, dtype=np.int64), notes, form=_WORDS[unit])


def _from_numbers(table: Table, numbers: NDArray[np.int64], unit: str) -> Times:
    notes: dict[int, str] = {}
    unit, plausible = _unit_of(table, numbers, unit, notes)
    return Times(
        np.where(plausible, np.where(plausible, numbers, 0) * _SCALES[unit], UNKNOWN), notes, form=_WORDS[unit]
    )


def _unit_of(
    table: Table, numbers: NDArray[np.int64] | NDArray[np.float64], unit: str, notes: dict[int, str]
) -> tuple[str, NDArray[np.bool_]]:
    """Return the unit and which rows have it; adds a note for each row that has none."""
    fits = {name: _plausible(numbers, name) for name in _SCALES}
    found = [name for name in _SCALES if fits[name].any()]
    if len(found) > 1:
        where = ", ".join(f"{_WORDS[name]} from line {table.lines[int(np.argmax(fits[name]))]}" for name in found)
        raise DataError(f"{table.file}: expected times of one unit, was {where}; repair the file")
    if not found or unit not in ("auto", *found):
        wanted = "seconds, milliseconds, microseconds or nanoseconds" if unit == "auto" else _WORDS[unit]
        shown = next((number for row, number in enumerate(numbers.tolist()) if row not in notes), "nothing readable")
        hint = f", which are {_WORDS[found[0]]}" if found else ""
        raise DataError(
            f"{table.file}: expected times in {wanted} since 1970, between 1990 and 2100, was {shown}{hint}; "
            "write them as ISO 8601 (2026-01-05T14:30:00Z) or correct time_unit"
        )
    mask = fits[found[0]]
    for row in np.flatnonzero(~mask).tolist():
        notes.setdefault(row, f"time: expected {_WORDS[found[0]]} between 1990 and 2100, was {numbers[row]}")
    return found[0], mask


def _plausible(numbers: NDArray[np.int64] | NDArray[np.float64], unit: str) -> NDArray[np.bool_]:
    per_second = _SCALES["s"] // _SCALES[unit]
    mask: NDArray[np.bool_] = (numbers >= _FIRST * per_second) & (numbers < _LAST * per_second)
    return mask


def _decimal(text: bytes) -> Decimal | None:
    return Decimal(text.decode()) if _NUMBER.fullmatch(text) else None


def _from_plain_iso(texts: NDArray[np.bytes_], first: bytes, zone: str) -> NDArray[np.int64] | None:
    """Return what numpy reads of times that all have one form, or None when they need a closer look."""
    suffix = next((end for end in _UTC_ENDS if first.endswith(end)), b"")
    body = np.asarray(texts, dtype=f"S{len(first)}")
    same_length = np.all(np.char.str_len(texts) == len(first))
    # Nanoseconds overflow silently before 1678 and after 2262.
    near = np.isin(body.astype("S2"), (b"19", b"20")).all()
    if not same_length or not near or not np.all(np.char.endswith(body, suffix)):
        return None
    letters = body.view(np.uint8).reshape(len(body), len(first))[:, : len(first) - len(suffix)]
    if not _has_form(letters):
        return None
    try:
        moments = np.ascontiguousarray(letters).view(f"S{letters.shape[1]}").ravel().astype("datetime64[ns]")
    except ValueError:
        return None
    return moments.astype(np.int64) if suffix else _from_local(moments.astype(np.int64), zone)


def _has_form(letters: NDArray[np.uint8]) -> bool:
    """Tell whether every row is digits and marks in the places of `_FORM`: numpy alone would read `today`."""
    if letters.shape[1] > len(_FORM):
        return False
    for column, expected in zip(letters.T, _FORM, strict=False):
        allowed = b"0123456789" if expected == "0" else b"T " if expected == "T" else expected.encode()
        if not np.isin(column, np.frombuffer(allowed, dtype=np.uint8)).all():
            return False
    return True


def _from_any_iso(table: Table, texts: list[bytes], zone: str, whole_days: bool) -> Times:
    notes: dict[int, str] = {}
    zoned: dict[bool, int] = {}
    ts = np.full(len(texts), UNKNOWN, dtype=np.int64)
    local = ZoneInfo(zone)
    for row, text in enumerate(texts):
        moment = _moment(text)
        if moment is None:
            notes[row] = f"time: expected ISO 8601, was {_shown(text)}"
            continue
        zoned.setdefault(moment.tzinfo is not None, row)
        ts[row] = from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=local))
    if len(zoned) > 1:
        lines = f"line {table.lines[zoned[True]]} has one and line {table.lines[zoned[False]]} has none"
        raise DataError(f"{table.file}: expected all times with a zone or all without, was mixed: {lines}")
    return Times(ts, notes, whole_days, _ISO_ZONED if True in zoned else _ISO_LOCAL)


def _moment(text: bytes) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text.decode()) if _looks_iso(text) else None
    except (ValueError, UnicodeDecodeError):
        return None
    return moment if moment is not None and 1900 <= moment.year < 2100 else None


def _looks_iso(text: bytes) -> bool:
    return re.match(rb"\d{4}-\d\d-\d\d", text) is not None


def _from_local(moments: NDArray[np.int64], zone: str) -> NDArray[np.int64]:
    """Return local wall-clock nanoseconds as UTC; a time that a zone has twice is taken as the first of the two."""
    if zone == "UTC":
        return moments
    local = ZoneInfo(zone)
    hours, place = np.unique(moments // _HOUR, return_inverse=True)
    naive = [datetime(1970, 1, 1) + timedelta(hours=hour) for hour in hours.tolist()]  # noqa: DTZ001 (wall clock)
    offsets = [
        from_datetime(moment.replace(tzinfo=local)) - from_datetime(moment.replace(tzinfo=UTC)) for moment in naive
    ]
    shifted: NDArray[np.int64] = moments + np.array(offsets, dtype=np.int64)[place]
    return shifted


def _shown(text: bytes) -> str:
    return f'"{text[:40].decode(errors="replace")}"' if text else "blank"
