"""Which column of a file is which, by its header or by what the profile says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from attrs import field, frozen

from atlas_core.errors import DataError

_NAMES: Mapping[str, tuple[str, ...]] = {
    "time": (
        *("ts", "time", "timestamp", "date", "datetime", "date_time", "opened_at", "open_time", "opentime"),
        *("unix", "unix_time", "unix_timestamp", "epoch", "t"),
    ),
    "open": ("open", "o", "open_price", "opening_price"),
    "high": ("high", "h", "high_price", "highest"),
    "low": ("low", "l", "low_price", "lowest"),
    "close": ("close", "c", "close_price", "closing_price", "last"),
    "volume": ("volume", "vol", "v", "base_volume", "tick_volume"),
    "ends": ("available_at",),
}
_OPTIONAL = ("volume", "ends")
# Columns that say whose bar a row is: a file with several of them holds several series.
_LABELS = ("symbol", "ticker", "pair", "name", "instrument", "isin", "code", "timeframe", "interval")
_NUMBER = re.compile(r"[-+]?\d[\d.,eE+-]*")
_PLACE = re.compile(r"#([1-9]\d*)")
EXAMPLE = (
    'columns = { time = "#1", open = "#2", high = "#3", low = "#4", close = "#5", volume = "#6" } in a profile, '
    "--columns time=#1,open=#2,high=#3,low=#4,close=#5,volume=#6 in an import"
)


@frozen
class Columns:
    """The places of the columns (0 is the first), and whether there is a header.

    `volume` may be missing; `ends` is where a file tells until when each bar lasts, `labels` where it tells whose bar
    a row is, by header.
    """

    time: int
    open: int
    high: int
    low: int
    close: int
    volume: int | None
    has_header: bool
    ends: int | None = None
    labels: Mapping[str, int] = field(factory=dict)

    def prices(self) -> tuple[int, int, int, int]:
        """Return the places of the four prices."""
        return self.open, self.high, self.low, self.close


def find_columns(file: str, first_row: Sequence[str], mapping: Mapping[str, str]) -> Columns:
    """Return the places of the columns.

    `mapping` names headers or places (`#1` is the first) and goes before what is recognised.
    Raises DataError when a column is missing or could be two, or when the first row is not a header.
    """
    headerless = all(_NUMBER.fullmatch(field.strip()) for field in first_row[1:]) and len(first_row) > 1
    if headerless and not all(not name or _PLACE.fullmatch(name) for name in [*mapping.values()] or ["?"]):
        raise DataError(
            f"{file}: expected a header in the first line, was {','.join(first_row)[:80]!r}; "
            f"add a header, or say the places: {EXAMPLE}"
        )
    places = {role: _place(file, role, first_row, mapping, headerless) for role in _NAMES}
    missing = [role for role, place in places.items() if place is None and role not in _OPTIONAL]
    if missing:
        raise DataError(
            f"{file}: expected columns for {', '.join(missing)}, was {', '.join(first_row)}; "
            f'name them: columns = {{ {missing[0]} = "HEADER" }} in a profile, '
            f"--columns {missing[0]}=HEADER in an import"
        )
    taken = [place for place in places.values() if place is not None]
    if len(set(taken)) < len(taken):
        raise DataError(f"{file}: expected different columns, was one for two of them; correct what names them")
    labels = {} if headerless else _labels(first_row, taken)
    return Columns(**places, has_header=not headerless, labels=labels)  # type: ignore[arg-type]


def _labels(first_row: Sequence[str], taken: Sequence[int]) -> dict[str, int]:
    found = enumerate(header.strip() for header in first_row)
    return {header: place for place, header in found if place not in taken and _plain(header) in _LABELS}


def _place(file: str, role: str, first_row: Sequence[str], mapping: Mapping[str, str], headerless: bool) -> int | None:
    if role in mapping:
        return _mapped(file, role, first_row, mapping[role])
    if headerless:
        return None
    found = [place for place, header in enumerate(first_row) if _plain(header) in _NAMES[role]]
    if len(found) > 1:
        headers = ", ".join(first_row[place] for place in found)
        raise DataError(
            f"{file}: expected one column for {role}, was {headers}; "
            f'choose, as in columns = {{ {role} = "{first_row[found[0]]}" }}'
        )
    return found[0] if found else None


def _mapped(file: str, role: str, first_row: Sequence[str], name: str) -> int | None:
    if not name:
        return None
    number = _PLACE.fullmatch(name)
    if number and int(number.group(1)) <= len(first_row):
        return int(number.group(1)) - 1
    for place, header in enumerate(first_row):
        if header.strip() == name or _plain(header) == _plain(name):
            return place
    raise DataError(f'{file}: expected a column "{name}" for {role}, was {", ".join(first_row)}')


def _plain(header: str) -> str:
    return re.sub(r"[\s-]+", "_", header.strip().strip("<>\"'").lower())
